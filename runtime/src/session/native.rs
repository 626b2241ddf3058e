//! A program as machine code: the frame that it is called with.

#![allow(unsafe_code)]

use brolga_compiler::ir::{DType, Element, Literal, Name, Scalar, stream_key};
use brolga_compiler::loop_ir::Kernel;
use brolga_compiler::program::{Frame, Output, Program};
use brolga_kernels::Pool;
use rustc_hash::FxHashMap;

use super::Session;
use super::feed::{Clocks, Feed, n_bytes};
use crate::RunError;
use crate::arena::Memory;
use crate::link::{Executable, Observer, Watch, Watched};
use crate::store::Store;

/// Machine code with the memories of its own and the tables of its frame.
pub(super) struct Native {
    executable: Executable,
    results: Vec<Memory>,
    constants: Memory,
    /// The tables that the frame points to, in the order of the program's lists.
    variables: Vec<*mut u8>,
    feeds: Vec<*mut u8>,
    outputs: Vec<*mut u8>,
    /// For each call of the program, how many bytes its kernel may reach in each argument.
    sizes: Vec<Vec<usize>>,
}

// SAFETY: the tables point to memories that move with the session: the store's, which are only used
// through `&mut Store` while the code runs, and those of the instance.
unsafe impl Send for Native {}

/// What the calls of a session have in common.
pub(super) struct Lent<'a> {
    /// The inputs, in the program's order. A loader may have given them other memories.
    pub(super) feeds: &'a [Feed],
    /// The variables, whose memories the frame names.
    pub(super) store: &'a mut Store,
    /// At least as large as the program's.
    pub(super) arena: &'a mut Memory,
    /// The same, for each thread.
    pub(super) scratch: &'a mut Memory,
    /// The threads.
    pub(super) pool: Option<&'a Pool>,
    pub(super) clocks: Clocks,
    pub(super) observer: Option<&'a dyn Observer>,
}

impl Native {
    /// Links the program. Its variables have memories in the session's store.
    pub(super) fn new(
        program: Program,
        session: &Session,
        feeds: &[Feed],
    ) -> Result<Native, RunError> {
        let (target, making) = (&session.options.target, session.making());
        Native::of(Executable::new(program, target, making)?, session, feeds)
    }

    /// The same of a program that is linked.
    pub(super) fn of(
        executable: Executable,
        session: &Session,
        feeds: &[Feed],
    ) -> Result<Native, RunError> {
        let (budget, program) = (&session.budget, executable.program());
        let results: Result<Vec<Memory>, RunError> = program
            .outputs
            .iter()
            .map(|o| budget.block(n_bytes(&o.tensor_type)?, &format!("the result `{}`", o.name)))
            .collect();
        let results = results?;
        let mut constants = budget.block(program.constants_bytes, "the constants")?;
        for (offset, value) in &program.constants {
            let size = value.n_elements() * value.dtype().size();
            value.write_bytes(&mut constants.bytes_mut()[*offset..offset + size]);
        }
        let variables: Result<Vec<*mut u8>, RunError> = program
            .variables
            .iter()
            .map(|(name, tensor_type)| Ok(session.store.memory(name, tensor_type)?.pointer()))
            .collect();
        let bytes = |kernel: &Kernel| {
            kernel.buffers.iter().map(|b| b.len * b.dtype.size()).collect::<Vec<usize>>()
        };
        let sizes = match session.options.observe {
            true => program.calls().map(|(call, _)| bytes(&program.kernels[call.kernel])).collect(),
            false => vec![],
        };
        Ok(Native {
            sizes,
            variables: variables?,
            feeds: feeds.iter().map(Feed::pointer).collect(),
            outputs: results.iter().map(Memory::pointer).collect(),
            results,
            constants,
            executable,
        })
    }

    pub(super) fn into_executable(self) -> Executable {
        self.executable
    }

    pub(super) fn program(&self) -> &Program {
        self.executable.program()
    }

    /// Bytes of machine code.
    pub(super) fn code_bytes(&self) -> usize {
        self.executable.bytes()
    }

    /// How long making and linking the code took, in milliseconds.
    pub(super) fn timings(&self) -> [(&'static str, f64); 2] {
        self.executable.timings()
    }

    /// How long making the code of each kernel took, in milliseconds.
    pub(super) fn kernel_ms(&self) -> &[f64] {
        self.executable.kernel_ms()
    }

    pub(super) fn outputs(&self) -> &[Output] {
        &self.program().outputs
    }

    /// Runs one step; an observer sees its calls if the code was made for it.
    pub(super) fn run(&mut self, place: Lent<'_>) -> Result<(), RunError> {
        let Lent { feeds, store, arena, scratch, pool, clocks, observer } = place;
        self.feeds.iter_mut().zip(feeds).for_each(|(place, feed)| *place = feed.pointer());
        let program = self.executable.program();
        // The borrow is what makes the variables' memories ours while the code runs.
        let _: &mut Store = store;
        assert!(arena.size() >= program.arena_bytes, "the session's arena is the largest");
        let frame = Frame {
            variables: self.variables.as_ptr(),
            feeds: self.feeds.as_ptr(),
            outputs: self.outputs.as_ptr(),
            arena: arena.pointer(),
            constants: self.constants.pointer(),
            scratch: scratch.pointer(),
            pool: pool.map_or(std::ptr::null(), |pool| std::ptr::from_ref(pool).cast()),
            seed: clocks.seed,
            step: clocks.clock.step,
            epoch: clocks.clock.epoch,
            batch: clocks.batch,
            status: 0,
        };
        let alone = pool.is_none();
        let watch = observer.map(|observer| Watch { observer, sizes: &self.sizes, alone });
        let mut watched = Watched { frame, watch: watch.as_ref() };
        if let Some(pool) = pool {
            pool.wake();
        }
        // SAFETY: the tables name memories of the sizes that the program states: the variables' in
        // the store (each of its type, in its place until the session ends), the feeds' and
        // results' of this instance, which live as long as it. Store, arena, scratch and instance
        // are borrowed exclusively; each thread of the pool has its scratch.
        unsafe { self.executable.step((&raw mut watched).cast()) };
        RunError::of_status(watched.frame.status, program)
    }

    /// Gives streams of random numbers the keys of others: of each its own name and the other's.
    pub(super) fn set_keys<'a>(&mut self, streams: impl Iterator<Item = (&'a Name, &'a Name)>) {
        let others: FxHashMap<&Name, &Name> = streams.collect();
        for (offset, stream) in &self.executable.program().keys {
            if let Some(other) = others.get(stream) {
                let key = stream_key(other).to_ne_bytes();
                self.constants.bytes_mut()[*offset..*offset + key.len()].copy_from_slice(&key);
            }
        }
    }

    /// The value of a result.
    pub(super) fn value(&self, number: usize) -> Literal {
        let t = &self.outputs()[number].tensor_type;
        let sizes = t.sizes().expect("a program has only numbers");
        Literal::from_bytes(t.dtype, &sizes, self.bytes(number)).expect("the bytes of the type")
    }

    /// The value of a result that is a scalar.
    pub(super) fn scalar(&self, number: usize) -> Option<Scalar> {
        let t = &self.outputs()[number].tensor_type;
        t.shape.is_empty().then(|| read_scalar(t.dtype, self.bytes(number)))
    }

    fn bytes(&self, number: usize) -> &[u8] {
        let t = &self.outputs()[number].tensor_type;
        &self.results[number].bytes()[..t.n_bytes().expect("its memory was allocated")]
    }
}

/// The number of a type that these bytes are, little-endian.
fn read_scalar(dtype: DType, bytes: &[u8]) -> Scalar {
    match dtype {
        DType::F32 => f32::read(bytes).scalar(),
        DType::F64 => f64::read(bytes).scalar(),
        DType::I32 => i32::read(bytes).scalar(),
        DType::I64 => i64::read(bytes).scalar(),
        DType::U8 => u8::read(bytes).scalar(),
        DType::Bool => bool::read(bytes).scalar(),
    }
}
