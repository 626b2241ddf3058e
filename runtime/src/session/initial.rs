//! The initial values of variables. They depend on the seed and on the variable's own graph alone,
//! so the order of first uses changes nothing.

use brolga_compiler::compile::compile_initial;
use brolga_compiler::ir::{Binding, Graph, Literal, Name, NodeId, Scalar, Variable};
use brolga_compiler::ops::{
    Contraction, Leaf, Leaves, Op, Random, Reference, is_exact, splat_value,
};
use brolga_compiler::specialise::specialise;
use rustc_hash::FxHashMap;

use super::feed::Clocks;
use super::interpreted::Interpreted;
use super::native::{Lent, Native};
use super::{Backend, Clock, Session};
use crate::RunError;
use crate::eager::{Evaluator, Kernels};
use crate::link::Executable;

/// Machine code of initial values by what it computes, apart from names: the layers of a model often begin
/// alike but for them.
pub(super) type InitialPrograms = FxHashMap<String, InitialProgram>;

/// Machine code of an initial value.
pub(super) struct InitialProgram {
    executable: Executable,
    /// The names of its streams of random numbers.
    streams: Vec<Name>,
}

impl InitialProgram {
    /// One for all variables of a text; what may fail must name its own nodes.
    fn shared(
        text: String,
        executable: Executable,
        streams: Vec<Name>,
    ) -> Option<(String, InitialProgram)> {
        let never_fails = executable.program().checks.is_empty();
        never_fails.then_some((text, InitialProgram { executable, streams }))
    }
}

/// A text that two graphs share only if they compute the same from the same streams of random numbers,
/// and the names of the streams in its order; `None` for one with a loop, whose body is no part of it.
fn apart_from_names(graph: &Graph) -> Option<(String, Vec<Name>)> {
    let (mut text, mut streams) = (String::new(), Vec::<Name>::new());
    let mut numbers: FxHashMap<NodeId, usize> = FxHashMap::default();
    for id in graph.order() {
        let node = graph.node(id);
        if node.op.scan().is_some() {
            return None;
        }
        let operands: Vec<usize> = node.operands.iter().map(|x| numbers[x]).collect();
        match &node.op {
            Op::Random(Random::Bits { name, .. }) => {
                let known = streams.iter().position(|stream| stream == name);
                let number = known.unwrap_or_else(|| {
                    streams.push(name.clone());
                    streams.len() - 1
                });
                text.push_str(&format!("stream {number}"));
            }
            // The text of a literal leaves out the middle of what is long.
            Op::Leaf(Leaf::Constant(literal)) => {
                text.push_str(&format!("{:?}", literal.to_bytes()))
            }
            op => text.push_str(&format!("{op:?}")),
        }
        text.push_str(&format!(" {operands:?} {:?}\n", node.types));
        numbers.insert(id, numbers.len());
    }
    let outputs = graph.outputs.iter().map(|(_, node)| numbers[node]);
    text.push_str(&format!("{:?}", outputs.collect::<Vec<_>>()));
    Some((text, streams))
}

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
        // Zeros are what most variables begin with: those of optimisers.
        let fill = splat_value(&variable.initial, variable.initial.outputs[0].1);
        if let Some(fill) = fill
            && self.store.fill(name, variable, binding, fill)?
        {
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
        let (target, options) = (self.options.target.clone(), self.compiler_options());
        let compile = || compile_initial(variable, binding, &target, &options);
        let clocks = self.clocks();
        if self.options.backend == Backend::Interpreter {
            let mut program = Interpreted::new(compile()?, target.clone())?;
            program.run(&[], &mut self.store, clocks)?;
            return Ok(program.value(0));
        }
        let alike = apart_from_names(&specialise(&variable.initial, binding)?);
        let known = alike.as_ref().and_then(|(text, _)| self.initial.remove(text));
        let (executable, known) = match known {
            Some(known) => (known.executable, known.streams),
            None => {
                let streams = alike.as_ref().map(|(_, streams)| streams.clone());
                (Executable::new(compile()?, &target, self.making())?, streams.unwrap_or_default())
            }
        };
        let mut native = Native::of(executable, self, &[])?;
        if let Some((_, streams)) = &alike {
            native.set_keys(known.iter().zip(streams));
        }
        let program = native.program();
        let (arena, scratch) = (program.arena_bytes, self.scratch_for(program.scratch_bytes));
        let mut arena = self.budget.block(arena, "the arena of an initial value")?;
        let mut scratch = self.budget.block(scratch, "the threads' scratch")?;
        native.run(Lent {
            feeds: &[],
            store: &mut self.store,
            arena: &mut arena,
            scratch: &mut scratch,
            pool: self.pool.as_ref(),
            clocks,
            observer: None,
        })?;
        let value = native.value(0);
        if let Some((text, _)) = alike {
            self.initial.extend(InitialProgram::shared(text, native.into_executable(), known));
        }
        Ok(value)
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
