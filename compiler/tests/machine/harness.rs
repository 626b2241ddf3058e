//! Kernels written by hand, run by the interpreter and by the JIT on the same memories.

use std::sync::LazyLock;

use brolga_compiler::codegen::{CodegenOptions, define_kernel, isa};
use brolga_compiler::ir::{
    AxisId, DType, Expr, ExprId, Exprs, IndexId, PlaceId, Scalar, Target, VarId,
};
use brolga_compiler::loop_ir::{
    Buffer, Extent, Fold, Kernel, Local, Loop, LoopKind, Pointer, Stmt, expand_math, run_units,
    verify,
};
use brolga_compiler::program::Frame;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncId, default_libcall_names};

/// A kernel in the making: one buffer per memory, its bytes beside it.
#[derive(Default)]
pub(crate) struct Case {
    pub(crate) e: Exprs,
    pub(crate) units: Vec<AxisId>,
    pub(crate) buffers: Vec<Buffer>,
    pub(crate) locals: Vec<Local>,
    pub(crate) body: Vec<Stmt>,
    memories: Vec<Vec<u8>>,
}

impl Case {
    pub(crate) fn input(&mut self, dtype: DType, values: &[Scalar]) -> PlaceId {
        let bytes = values.iter().flat_map(|x| x.bits().to_le_bytes()[..dtype.size()].to_vec());
        self.memories.push(bytes.collect());
        self.buffer(dtype, values.len(), false)
    }

    pub(crate) fn output(&mut self, dtype: DType, len: usize) -> PlaceId {
        self.memories.push(vec![0; len * dtype.size()]);
        self.buffer(dtype, len, true)
    }

    fn buffer(&mut self, dtype: DType, len: usize, written: bool) -> PlaceId {
        let number = self.buffers.len();
        let name = format!("{}{number}", if written { "y" } else { "x" });
        self.buffers.push(Buffer { name, dtype, len, written });
        PlaceId::Buffer(number as u32)
    }

    pub(crate) fn local(&mut self, dtype: DType, len: usize) -> PlaceId {
        let number = self.locals.len();
        self.locals.push(Local { name: format!("l{number}"), dtype, len });
        PlaceId::Local(number as u32)
    }

    pub(crate) fn load(&mut self, place: PlaceId, index: IndexId) -> ExprId {
        let dtype = self.dtype(place);
        self.e.intern(Expr::Load { place, index, dtype })
    }

    pub(crate) fn var(&mut self, var: VarId, dtype: DType) -> ExprId {
        self.e.intern(Expr::Var(var, dtype))
    }

    fn dtype(&self, place: PlaceId) -> DType {
        match place {
            PlaceId::Buffer(b) => self.buffers[b as usize].dtype,
            PlaceId::Local(l) => self.locals[l as usize].dtype,
        }
    }

    fn kernel(&self) -> Kernel {
        Kernel {
            name: "case".into(),
            exprs: self.e.clone(),
            units: self.units.clone(),
            buffers: self.buffers.clone(),
            locals: self.locals.clone(),
            body: self.body.clone(),
            cost: 1,
        }
    }

    /// Expands transcendental functions.
    pub(crate) fn expand(&mut self) {
        let mut kernel = self.kernel();
        expand_math(&mut kernel, &Target::X86_64_V4);
        (self.e, self.body) = (kernel.exprs, kernel.body);
    }

    /// Runs both ways, in parts of the units; fails if any memory or the status differs.
    pub(crate) fn check(self, what: &str) {
        let kernel = self.kernel();
        if let Err(error) = verify(&kernel) {
            panic!("{what}: {error}\n{kernel}");
        }
        let (mut expected, mut status) = (self.memories.clone(), 0);
        let pointers: Vec<Pointer> =
            (0..expected.len()).map(|memory| Pointer { memory, offset: 0 }).collect();
        let (n, target) = (kernel.n_units(), &Target::X86_64_V4);
        run_units(&kernel, target, &pointers, &mut expected, 0..n, &mut status);
        let mut cuts = vec![0, n / 3, n / 2];
        cuts.dedup();
        // In Cranelift's vectors, and in the machine's longest.
        for loops in [usize::MAX, 0] {
            let code = Code::of(&kernel, loops);
            for &cut in &cuts {
                let mut found = self.memories.clone();
                let found_status = code.run(&kernel, &mut found, cut);
                let pairs = kernel.buffers.iter().zip(expected.iter().zip(&found));
                for (buffer, (want, got)) in pairs {
                    if let Some(at) = differs(buffer.dtype, want, got) {
                        let size = buffer.dtype.size();
                        let show = |bytes: &[u8]| scalar(buffer.dtype, &bytes[at * size..]);
                        panic!(
                            "{what}: {}[{at}] is {:?} instead of {:?}\n{kernel}\n{}",
                            buffer.name,
                            show(got),
                            show(want),
                            code.clif
                        );
                    }
                }
                assert_eq!(found_status != 0, status != 0, "{what}: status\n{kernel}");
            }
            code.free();
        }
    }
}

/// The first element that differs; all NaN are equal.
fn differs(dtype: DType, want: &[u8], got: &[u8]) -> Option<usize> {
    let size = dtype.size();
    let pairs = want.chunks_exact(size).zip(got.chunks_exact(size));
    let nan = |bytes: &[u8]| scalar(dtype, bytes).to_f64().is_nan();
    pairs.into_iter().position(|(a, b)| a != b && !(nan(a) && nan(b)))
}

fn scalar(dtype: DType, bytes: &[u8]) -> Scalar {
    let mut bits = [0; 8];
    bits[..dtype.size()].copy_from_slice(&bytes[..dtype.size()]);
    Scalar::from_bits(dtype, u64::from_le_bytes(bits))
}

type Function = unsafe extern "C" fn(*mut u8, *const usize, usize, usize, *mut u8);

/// A target whose code this machine can run.
fn host() -> Target {
    match brolga_kernels::Isa::detect() {
        brolga_kernels::Isa::Avx512 => Target::X86_64_V4,
        brolga_kernels::Isa::Avx2 => Target::X86_64_V3,
        brolga_kernels::Isa::Portable if cfg!(target_arch = "aarch64") => Target::AARCH64,
        brolga_kernels::Isa::Portable => Target::X86_64,
    }
}

/// A JIT module that knows the runtime's kernels.
pub(crate) fn jit() -> JITModule {
    static ISA: LazyLock<OwnedTargetIsa> =
        LazyLock::new(|| isa(&host(), false, true).expect("this machine"));
    let mut builder = JITBuilder::with_isa(ISA.clone(), default_libcall_names());
    builder.symbols(brolga_kernels::symbols());
    JITModule::new(builder)
}

/// The machine code of a kernel.
struct Code {
    module: JITModule,
    id: FuncId,
    /// What Cranelift was given.
    clif: String,
}

impl Code {
    /// With functions of their own for loops of at least so many long vectors.
    fn of(kernel: &Kernel, loops: usize) -> Code {
        let mut module = jit();
        let options = CodegenOptions { keep_clif: true, loops, ..CodegenOptions::default() };
        let (id, functions) = match define_kernel(&mut module, "kernel", kernel, options) {
            Ok(defined) => defined,
            Err(error) => panic!("{error}: {error:?}\n{kernel}"),
        };
        module.finalize_definitions().expect("symbols of the runtime");
        let clif = functions.into_iter().map(|function| function.text.clif).collect();
        Code { module, id, clif }
    }

    /// Runs it on units `0..cut` and `cut..n`; returns the status.
    fn run(&self, kernel: &Kernel, memories: &mut [Vec<u8>], cut: usize) -> u64 {
        let mut frame = empty_frame();
        let args: Vec<usize> = memories.iter_mut().map(|m| m.as_mut_ptr() as usize).collect();
        let mut scratch = vec![0u64; kernel.scratch_layout().1 / 8 + 8];
        // SAFETY: the verifier has checked that the kernel stays within these memories.
        unsafe {
            let code: Function = std::mem::transmute(self.module.get_finalized_function(self.id));
            for (first, end) in [(0, cut), (cut, kernel.n_units())] {
                let frame = std::ptr::from_mut(&mut frame).cast();
                code(frame, args.as_ptr(), first, end, scratch.as_mut_ptr().cast());
            }
        }
        frame.status
    }

    /// Gives its memory back.
    fn free(self) {
        // SAFETY: nothing holds a pointer into it.
        unsafe { self.module.free_memory() }
    }
}

pub(crate) fn empty_frame() -> Frame {
    Frame {
        variables: std::ptr::null(),
        feeds: std::ptr::null(),
        outputs: std::ptr::null(),
        arena: std::ptr::null_mut(),
        constants: std::ptr::null(),
        scratch: std::ptr::null_mut(),
        pool: std::ptr::null(),
        seed: 0,
        step: 0,
        epoch: 0,
        batch: 0,
        status: 0,
    }
}

/// A pseudo-random sequence.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let x = self.0 ^ (self.0 >> 33);
        x.wrapping_mul(0xFF51_AFD7_ED55_8CCD) ^ (x >> 29)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// Numbers of a type: special ones, small ones and arbitrary bits.
    pub(crate) fn scalars(&mut self, dtype: DType, n: usize) -> Vec<Scalar> {
        (0..n).map(|_| self.scalar(dtype)).collect()
    }

    fn scalar(&mut self, dtype: DType) -> Scalar {
        let special = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            0.5,
            -0.5,
            1.5,
            2.5,
            -2.5,
            255.0,
            256.0,
            2147483648.0,
            1e300,
            -1e300,
            1e-40,
            -1e-40,
            5e-324,
            3.4028235e38,
            4294967296.0,
            -9.3e18,
            9.3e18,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
        ];
        match self.below(4) {
            0 => Scalar::F64(special[self.below(special.len())]).cast(dtype),
            1 => Scalar::F64((self.next() % 2000) as f64 / 100.0 - 10.0).cast(dtype),
            2 => Scalar::F64((self.next() % 9) as f64 - 4.0).cast(dtype),
            _ if dtype == DType::Bool => Scalar::Bool(self.below(2) == 1),
            _ => Scalar::from_bits(dtype, self.next()),
        }
    }

    /// Finite numbers of moderate size.
    pub(crate) fn moderate(&mut self, dtype: DType, n: usize) -> Vec<Scalar> {
        let mut one = || Scalar::F64((self.next() % 2001) as f64 / 100.0 - 10.0).cast(dtype);
        (0..n).map(|_| one()).collect()
    }
}

pub(crate) const KINDS: [LoopKind; 4] =
    [LoopKind::Serial, LoopKind::Vector(4), LoopKind::Vector(8), LoopKind::Vector(16)];

pub(crate) const SIZES: [usize; 5] = [1, 7, 16, 33, 77];

/// A loop without folds.
pub(crate) fn loop_over(axis: AxisId, n: usize, kind: LoopKind, body: Vec<Stmt>) -> Stmt {
    folding(axis, n, kind, body, vec![])
}

pub(crate) fn folding(
    axis: AxisId,
    n: usize,
    kind: LoopKind,
    body: Vec<Stmt>,
    folds: Vec<Fold>,
) -> Stmt {
    Stmt::For(Loop { axis, extent: Extent::Const(n), kind, body, folds })
}
