//! The loops of a kernel that are functions of their own, in the machine's longest vectors.
//!
//! A *run* is a sequence of statements of one body, loops above all, without calls: a function of the
//! places in memory and of what the loops around it and the statements before it have made. It is
//! taken if all of its values are of 32 bits or masks of them, if every vector of it lies in memory as
//! one piece, and if it does enough to be worth the call.

use cranelift_codegen::ir::FuncRef;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::ir::{AxisId, BinaryFn, DType, Expr, ExprId, Exprs, IndexId, PlaceId, Term, VarId};
use crate::loop_ir::{ChunkFn, Extent, Fold, Kernel, Loop, LoopKind, Stmt};

/// The fewest lanes of a vector loop that longer vectors are for.
const FEWEST_LANES: u8 = 8;

/// A run of statements.
#[derive(Clone, Debug)]
pub(super) struct Run<'k> {
    pub(super) body: &'k [Stmt],
    /// The axes around it that it reads.
    pub(super) axes: Vec<AxisId>,
    /// The values from before it that it reads.
    pub(super) vars: Vec<(VarId, DType)>,
}

/// What is called in place of runs, by their first statements.
#[derive(Debug, Default)]
pub(super) struct Outlined(FxHashMap<*const Stmt, Call>);

/// The function that a run is.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) callee: FuncRef,
    /// How many statements it stands for.
    pub(super) statements: usize,
    pub(super) axes: Vec<AxisId>,
    pub(super) vars: Vec<(VarId, DType)>,
}

impl Outlined {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn insert(&mut self, run: Run<'_>, callee: FuncRef) {
        let Run { body, axes, vars } = run;
        let call = Call { callee, statements: body.len(), axes, vars };
        self.0.insert(body.as_ptr(), call);
    }

    /// What is called from a statement of the kernel on.
    pub(super) fn at(&self, stmt: &Stmt) -> Option<Call> {
        self.0.get(&std::ptr::from_ref(stmt)).cloned()
    }
}

/// The runs of a kernel of at least so many instructions on the longest vectors.
pub(super) fn runs(kernel: &Kernel, least: usize) -> Vec<Run<'_>> {
    let mut runs = vec![];
    find(kernel, (&kernel.body, &[]), least.max(1), &mut runs);
    runs
}

/// Finds the runs in a body and in the loops that are none themselves; what the body folds is read
/// after it.
fn find<'k>(
    kernel: &'k Kernel,
    (body, folds): (&'k [Stmt], &[Fold]),
    least: usize,
    runs: &mut Vec<Run<'k>>,
) {
    let mut found: Vec<Reads> = body.iter().map(|stmt| Reads::of(kernel, stmt)).collect();
    found.push(Reads::of_folds(kernel, folds));
    let mut at = 0;
    while at < body.len() {
        let Stmt::For(l) = &body[at] else {
            at += 1;
            continue;
        };
        let n = found[at..body.len()].iter().take_while(|reads| reads.allowed).count();
        match (1..=n).rev().find(|&n| is_closed(&found, at, n)) {
            Some(n) => {
                let all = Reads::all(&found[at..at + n]);
                if all.work >= least {
                    runs.push(all.run(kernel, &body[at..at + n]));
                }
                at += n;
            }
            None => {
                if l.kind == LoopKind::Serial {
                    find(kernel, (&l.body, &l.folds), least, runs);
                }
                at += 1;
            }
        }
    }
}

/// Whether what some statements bind is read by none after them.
fn is_closed(found: &[Reads], at: usize, n: usize) -> bool {
    let bound: FxHashSet<VarId> =
        found[at..at + n].iter().flat_map(|reads| reads.bound.iter().copied()).collect();
    found[at + n..].iter().all(|reads| reads.vars.iter().all(|(var, _)| !bound.contains(var)))
}

/// What a statement reads.
#[derive(Default)]
struct Reads {
    /// Whether longer vectors have what it does.
    allowed: bool,
    axes: FxHashSet<AxisId>,
    own_axes: FxHashSet<AxisId>,
    vars: FxHashSet<(VarId, DType)>,
    bound: FxHashSet<VarId>,
    /// The instructions on the longest vectors.
    work: usize,
    seen: FxHashSet<ExprId>,
}

/// The loops around a statement.
#[derive(Clone, Copy)]
struct Around {
    vector: Option<AxisId>,
    /// How often it runs, all lanes at once.
    times: usize,
}

impl Reads {
    fn of(kernel: &Kernel, stmt: &Stmt) -> Reads {
        let mut reads = Reads { allowed: true, ..Reads::default() };
        reads.stmt(kernel, stmt, Around { vector: None, times: 1 });
        reads
    }

    /// What is folded at the end of a body.
    fn of_folds(kernel: &Kernel, folds: &[Fold]) -> Reads {
        let mut reads = Reads::default();
        let values = folds.iter().flat_map(|fold| &fold.values);
        let around = Around { vector: None, times: 1 };
        values.for_each(|&value| reads.expr(&kernel.exprs, kernel, value, around));
        reads
    }

    fn all(found: &[Reads]) -> Reads {
        let mut all = Reads { allowed: true, ..Reads::default() };
        for reads in found {
            all.axes.extend(&reads.axes);
            all.own_axes.extend(&reads.own_axes);
            all.vars.extend(&reads.vars);
            all.bound.extend(&reads.bound);
            all.work += reads.work;
        }
        all
    }

    fn run<'k>(self, kernel: &Kernel, body: &'k [Stmt]) -> Run<'k> {
        let is_outer = |axis: &AxisId| {
            !self.own_axes.contains(axis)
                && (!kernel.units.contains(axis) || kernel.exprs.extent(*axis) > 1)
        };
        let mut axes: Vec<AxisId> = self.axes.iter().copied().filter(is_outer).collect();
        let mut vars: Vec<(VarId, DType)> =
            self.vars.iter().copied().filter(|(var, _)| !self.bound.contains(var)).collect();
        axes.sort_unstable();
        vars.sort_unstable_by_key(|(var, _)| *var);
        Run { body, axes, vars }
    }

    fn stmt(&mut self, kernel: &Kernel, stmt: &Stmt, around: Around) {
        match stmt {
            Stmt::For(l) => self.for_loop(kernel, l, around),
            Stmt::Let(var, value) => {
                self.expr(&kernel.exprs, kernel, *value, around);
                self.bound.insert(*var);
            }
            Stmt::Store { place, index, value, .. } => {
                self.expr(&kernel.exprs, kernel, *value, around);
                self.access(kernel, *place, *index, around, true);
            }
            Stmt::Check { value, .. } => {
                self.expr(&kernel.exprs, kernel, *value, around);
                self.allowed = false;
            }
            Stmt::Tile(tile) => {
                let views = [&tile.c, &tile.a, &tile.b];
                views.into_iter().for_each(|view| self.index(kernel, view.offset, around));
                self.allowed = false;
            }
            Stmt::Chunk(chunk) => {
                self.index(kernel, chunk.to.1, around);
                match &chunk.function {
                    ChunkFn::Math { from, .. } => {
                        from.iter().for_each(|(_, index)| self.index(kernel, *index, around));
                    }
                    ChunkFn::Philox { first, .. } => self.index(kernel, *first, around),
                    ChunkFn::Sort { .. } | ChunkFn::Claim => {}
                }
                self.allowed = false;
            }
        }
    }

    fn for_loop(&mut self, kernel: &Kernel, l: &Loop, around: Around) {
        for fold in &l.folds {
            for &value in &fold.init {
                self.expr(&kernel.exprs, kernel, value, around);
            }
        }
        if let Extent::Block { axis, .. } = l.extent {
            self.axes.insert(axis);
        }
        self.own_axes.insert(l.axis);
        let n = l.extent.max();
        let inside = match l.kind {
            LoopKind::Serial => Around { times: around.times.saturating_mul(n), ..around },
            LoopKind::Vector(lanes) => {
                self.allowed &= around.vector.is_none() && lanes >= FEWEST_LANES;
                let times = around.times.saturating_mul(n.div_ceil(usize::from(lanes)));
                Around { vector: Some(l.axis), times }
            }
        };
        // Values outside are other ones inside.
        let seen = std::mem::take(&mut self.seen);
        l.body.iter().for_each(|stmt| self.stmt(kernel, stmt, inside));
        for fold in &l.folds {
            fold.values.iter().for_each(|&value| self.expr(&kernel.exprs, kernel, value, inside));
            self.bound.extend(&fold.vars);
        }
        self.seen = seen;
    }

    fn access(
        &mut self,
        kernel: &Kernel,
        place: PlaceId,
        index: IndexId,
        around: Around,
        writes: bool,
    ) {
        self.allowed &= matches!(kernel.place_dtype(place), DType::F32 | DType::I32);
        if let Some(axis) = around.vector {
            let step = kernel.exprs.step(index, axis);
            self.allowed &= step == Some(1) || step == Some(0) && !writes;
            self.work = self.work.saturating_add(around.times);
        }
        self.index(kernel, index, around);
    }

    fn index(&mut self, kernel: &Kernel, index: IndexId, around: Around) {
        for (term, _) in kernel.exprs.index(index).terms.clone() {
            match term {
                Term::Axis(axis) => {
                    self.axes.insert(axis);
                }
                Term::Div(x, _) | Term::Mod(x, _) => self.index(kernel, x, around),
                Term::Data(x, _) => self.expr(&kernel.exprs, kernel, x, around),
            }
        }
    }

    fn expr(&mut self, exprs: &Exprs, kernel: &Kernel, id: ExprId, around: Around) {
        if !self.seen.insert(id) {
            return;
        }
        self.allowed &= matches!(exprs.dtype(id), DType::F32 | DType::I32 | DType::Bool);
        let float = exprs.dtype(id) == DType::F32;
        match exprs.expr(id) {
            Expr::Const(..) => return,
            Expr::Var(var, dtype) => {
                self.vars.insert((*var, *dtype));
                self.allowed &= *dtype != DType::Bool || self.bound.contains(var);
                return;
            }
            Expr::Load { place, index, .. } => {
                return self.access(kernel, *place, *index, around, false);
            }
            Expr::Index(index, dtype) => {
                let follows = around.vector.map(|axis| exprs.step(*index, axis));
                self.allowed &= *dtype == DType::I32 && follows.is_none_or(|step| step.is_some());
                self.index(kernel, *index, around);
            }
            Expr::Element { .. } => self.allowed = false,
            Expr::Unary(f, _) => self.allowed &= f.instruction().is_some(),
            Expr::Binary(f, ..) => {
                self.allowed &= match f {
                    BinaryFn::Div => float,
                    BinaryFn::FloorDiv | BinaryFn::Mod | BinaryFn::Pow | BinaryFn::Atan2 => false,
                    _ => true,
                };
            }
            Expr::Compare(..) | Expr::Select(..) | Expr::Cast(..) | Expr::Fma(..) => {}
            Expr::Bitcast(..) | Expr::ShiftLeft(..) | Expr::ShiftRightSigned(..) => {}
        }
        if around.vector.is_some() {
            self.work = self.work.saturating_add(around.times);
        }
        for x in exprs.operands(id).collect::<Vec<_>>() {
            self.expr(exprs, kernel, x, around);
        }
    }
}
