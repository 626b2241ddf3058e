//! The initial values of variables. They depend on the seed and on the variable's own graph alone,
//! so the order of first uses changes nothing.

use brolga_compiler::compile::compile_initial;
use brolga_compiler::ir::{Binding, Literal, Name, Scalar, Variable};
use brolga_compiler::ops::{Contraction, Leaf, Leaves, Reference, is_exact};
use brolga_compiler::specialise::specialise;

use super::feed::Clocks;
use super::interpreted::Interpreted;
use super::native::{Lent, Native};
use super::{Backend, Clock, Session};
use crate::RunError;
use crate::eager::{Evaluator, Kernels};

impl Session {
    /// Makes sure that a variable has a value of the type that it has under `binding`: its initial
    /// one, if it has none.
    pub(super) fn bind(
        &mut self,
        name: &Name,
        variable: &Variable,
        binding: &Binding,
    ) -> Result<(), RunError> {
        if self.store.bind(name, variable, binding)? {
            return Ok(());
        }
        // A compiled model begins with what its code computes, and so do the variables that its
        // code is compared with; where both ways give the same bits, nothing needs to be compiled.
        let compiles = match self.options.backend {
            Backend::Jit | Backend::Interpreter => !is_exact(&variable.initial),
            Backend::Eager | Backend::Oracle => false,
        };
        let value = match compiles {
            true => self.compiled(variable, binding)?,
            false => self.evaluated(name, variable, binding)?,
        };
        self.store.insert(name, variable.kind, value)
    }

    fn compiled(&mut self, variable: &Variable, binding: &Binding) -> Result<Literal, RunError> {
        let (target, options) = (&self.options.target, self.compiler_options());
        let program = compile_initial(variable, binding, target, &options)?;
        let clocks = self.clocks();
        if self.options.backend == Backend::Interpreter {
            let mut program = Interpreted::new(program, self.options.target.clone())?;
            program.run(&[], &mut self.store, clocks)?;
            return Ok(program.value(0));
        }
        let scratch = self.scratch_for(program.scratch_bytes);
        let mut arena = self.budget.block(program.arena_bytes, "the arena of an initial value")?;
        let mut scratch = self.budget.block(scratch, "the threads' scratch")?;
        let mut native = Native::new(program, self, &[])?;
        native.run(Lent {
            feeds: &[],
            store: &mut self.store,
            arena: &mut arena,
            scratch: &mut scratch,
            pool: self.pool.as_ref(),
            clocks,
            observer: None,
        })?;
        Ok(native.value(0))
    }

    fn evaluated(
        &self,
        name: &Name,
        variable: &Variable,
        binding: &Binding,
    ) -> Result<Literal, RunError> {
        let contraction: &dyn Contraction = match self.options.backend {
            Backend::Jit | Backend::Interpreter | Backend::Eager => {
                &Kernels { pool: self.pool.as_ref() }
            }
            Backend::Oracle => &Reference,
        };
        let graph = specialise(&variable.initial, binding)?;
        let root = graph.outputs[0].1;
        let purpose = format!("the initial value of `{name}`");
        let mut evaluator = Evaluator::new(graph.into(), &self.budget, &purpose)?;
        evaluator.run(&self.clocks(), contraction)?;
        Ok(evaluator.value(root).clone())
    }

    /// The clocks before the first batch.
    fn clocks(&self) -> Clocks {
        Clocks { seed: self.options.seed, clock: Clock::default(), batch: 0 }
    }
}

/// What initial values may read.
impl Leaves for Clocks {
    fn leaf(&self, leaf: &Leaf) -> Option<Literal> {
        let clock = |n: i64| Some(Scalar::I64(n).into());
        match leaf {
            Leaf::Seed => clock(self.seed),
            Leaf::Step => clock(self.clock.step),
            Leaf::Epoch => clock(self.clock.epoch),
            Leaf::Batch => clock(self.batch),
            Leaf::Input { .. }
            | Leaf::Variable { .. }
            | Leaf::Constant(_)
            | Leaf::Dim { .. }
            | Leaf::Parameter { .. } => None,
        }
    }
}
