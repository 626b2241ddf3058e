//! The loops of a kernel that are functions of their own, in the machine's longest vectors.
//!
//! A *run* is a sequence of statements of one body, loops above all, without calls: a function of the
//! places in memory and of what the loops around it and the statements before it have made. It is
//! taken if all of its values are of 32 bits or masks of them, if every vector of it lies in memory as
//! one piece, and if it does enough to be worth the call. Linear in the statements and expressions of
//! a kernel, for each loop around them.

use rustc_hash::FxHashSet;

use super::{ChunkFn, Extent, Fold, Kernel, Loop, LoopKind, Stmt};
use crate::ir::{AxisId, BinaryFn, DType, Expr, ExprId, Exprs, IndexId, Term, VarId};

/// The most statements of a run: what is looked at from each on must not grow with the kernel.
const LONGEST: usize = 64;

/// The fewest lanes of a vector loop that longer vectors are for.
const FEWEST_LANES: u8 = 8;

/// A run of statements.
#[derive(Clone, Debug)]
pub(crate) struct Run<'k> {
    /// The statements.
    pub(crate) body: &'k [Stmt],
    /// The axes around it that it reads.
    pub(crate) axes: Vec<AxisId>,
    /// The values from before it that it reads.
    pub(crate) vars: Vec<(VarId, DType)>,
}

/// The runs of a kernel of at least so many instructions on the longest vectors.
pub(crate) fn runs(kernel: &Kernel, least: usize) -> Vec<Run<'_>> {
    let mut runs = vec![];
    find(kernel, (&kernel.body, &[]), least.max(1), &mut runs);
    runs
}

/// Whether a vector loop can be of a run, once the functions in it are expanded.
pub(super) fn can_be_of_a_run(exprs: &Exprs, l: &Loop) -> bool {
    let mut reads = Reads::new(exprs, false);
    reads.for_loop(l, Around { vector: None, times: 1 });
    reads.allowed
}

/// Finds the runs in a body and in the loops that are none themselves; what the body folds is read
/// after it.
fn find<'k>(
    kernel: &'k Kernel,
    (body, folds): (&'k [Stmt], &[Fold]),
    least: usize,
    runs: &mut Vec<Run<'k>>,
) {
    let mut found: Vec<Reads<'_>> = body.iter().map(|stmt| Reads::of(kernel, stmt)).collect();
    found.push(Reads::of_folds(kernel, folds));
    let mut at = 0;
    while at < body.len() {
        let Stmt::For(l) = &body[at] else {
            at += 1;
            continue;
        };
        let near = found[at..body.len()].iter().take(LONGEST);
        let n = near.take_while(|reads| reads.allowed).count();
        match (1..=n).rev().find(|&n| is_closed(&found, at, n)) {
            Some(n) => {
                if found[at..at + n].iter().map(|reads| reads.work).sum::<usize>() >= least {
                    runs.push(run(kernel, &body[at..at + n], &found[at..at + n]));
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
fn is_closed(found: &[Reads<'_>], at: usize, n: usize) -> bool {
    let bound: FxHashSet<VarId> =
        found[at..at + n].iter().flat_map(|reads| reads.bound.iter().copied()).collect();
    found[at + n..].iter().all(|reads| reads.vars.iter().all(|(var, _)| !bound.contains(var)))
}

/// Statements as a run, with what each reads.
fn run<'k>(kernel: &Kernel, body: &'k [Stmt], found: &[Reads<'_>]) -> Run<'k> {
    let own: FxHashSet<AxisId> = found.iter().flat_map(|reads| &reads.own_axes).copied().collect();
    let all: FxHashSet<AxisId> = found.iter().flat_map(|reads| &reads.axes).copied().collect();
    let is_one = |axis: &AxisId| kernel.units.contains(axis) && kernel.exprs.extent(*axis) <= 1;
    let mut axes: Vec<AxisId> =
        all.into_iter().filter(|axis| !own.contains(axis) && !is_one(axis)).collect();
    axes.sort_unstable();
    let bound: FxHashSet<VarId> = found.iter().flat_map(|reads| &reads.bound).copied().collect();
    let mut vars: Vec<(VarId, DType)> =
        found.iter().flat_map(|reads| &reads.vars).copied().collect();
    vars.retain(|(var, _)| !bound.contains(var));
    vars.sort_unstable_by_key(|(var, _)| *var);
    vars.dedup();
    Run { body, axes, vars }
}

/// What a statement reads.
struct Reads<'e> {
    exprs: &'e Exprs,
    /// Whether its functions are expanded.
    expanded: bool,
    /// Whether the longest vectors have what it does.
    allowed: bool,
    axes: FxHashSet<AxisId>,
    /// The axes of its own loops.
    own_axes: FxHashSet<AxisId>,
    vars: FxHashSet<(VarId, DType)>,
    /// What it binds.
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

impl<'e> Reads<'e> {
    fn new(exprs: &'e Exprs, expanded: bool) -> Reads<'e> {
        Reads {
            exprs,
            expanded,
            allowed: true,
            axes: FxHashSet::default(),
            own_axes: FxHashSet::default(),
            vars: FxHashSet::default(),
            bound: FxHashSet::default(),
            work: 0,
            seen: FxHashSet::default(),
        }
    }

    fn of(kernel: &'e Kernel, stmt: &Stmt) -> Reads<'e> {
        let mut reads = Reads::new(&kernel.exprs, true);
        reads.stmt(stmt, Around { vector: None, times: 1 });
        reads
    }

    /// What is folded at the end of a body.
    fn of_folds(kernel: &'e Kernel, folds: &[Fold]) -> Reads<'e> {
        let mut reads = Reads::new(&kernel.exprs, true);
        let values = folds.iter().flat_map(|fold| &fold.values);
        values.for_each(|&value| reads.expr(value, Around { vector: None, times: 1 }));
        reads
    }

    fn stmt(&mut self, stmt: &Stmt, around: Around) {
        match stmt {
            Stmt::For(l) => self.for_loop(l, around),
            Stmt::Let(var, value) => {
                self.expr(*value, around);
                self.bound.insert(*var);
            }
            Stmt::Store { index, value, .. } => {
                self.expr(*value, around);
                self.access(self.exprs.dtype(*value), *index, around, true);
            }
            // What they read is read after the statements before them.
            Stmt::Check { value, .. } => {
                self.expr(*value, around);
                self.allowed = false;
            }
            Stmt::Tile(tile) => {
                let views = [&tile.c, &tile.a, &tile.b];
                views.into_iter().for_each(|view| self.index(view.offset, around));
                self.allowed = false;
            }
            Stmt::Chunk(chunk) => {
                self.index(chunk.to.1, around);
                match &chunk.function {
                    ChunkFn::Math { from, .. } => {
                        from.iter().for_each(|(_, index)| self.index(*index, around));
                    }
                    ChunkFn::Philox { first, .. } => self.index(*first, around),
                    ChunkFn::Sort { .. } | ChunkFn::Claim => {}
                }
                self.allowed = false;
            }
        }
    }

    fn for_loop(&mut self, l: &Loop, around: Around) {
        let init = l.folds.iter().flat_map(|fold| &fold.init);
        init.for_each(|&value| self.expr(value, around));
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
        // The same expression counts again in other loops.
        let seen = std::mem::take(&mut self.seen);
        l.body.iter().for_each(|stmt| self.stmt(stmt, inside));
        for fold in &l.folds {
            fold.values.iter().for_each(|&value| self.expr(value, inside));
            self.bound.extend(&fold.vars);
        }
        self.seen = seen;
    }

    /// An element of a memory of a type.
    fn access(&mut self, dtype: DType, index: IndexId, around: Around, writes: bool) {
        self.allowed &= matches!(dtype, DType::F32 | DType::I32);
        if let Some(axis) = around.vector {
            let step = self.exprs.step(index, axis);
            self.allowed &= step == Some(1) || step == Some(0) && !writes;
            self.work = self.work.saturating_add(around.times);
        }
        self.index(index, around);
    }

    fn index(&mut self, index: IndexId, around: Around) {
        for &(term, _) in &self.exprs.index(index).terms {
            match term {
                Term::Axis(axis) => {
                    self.axes.insert(axis);
                }
                Term::Div(x, _) | Term::Mod(x, _) => self.index(x, around),
                Term::Data(x, _) => self.expr(x, around),
            }
        }
    }

    fn expr(&mut self, id: ExprId, around: Around) {
        if !self.seen.insert(id) {
            return;
        }
        let dtype = self.exprs.dtype(id);
        self.allowed &= matches!(dtype, DType::F32 | DType::I32 | DType::Bool);
        match self.exprs.expr(id) {
            Expr::Const(..) => return,
            Expr::Var(var, dtype) => {
                self.vars.insert((*var, *dtype));
                // A bool from outside has no register that it comes in.
                self.allowed &= *dtype != DType::Bool || self.bound.contains(var);
                return;
            }
            Expr::Load { index, dtype, .. } => return self.access(*dtype, *index, around, false),
            Expr::Index(index, dtype) => {
                let steps = around.vector.map(|axis| self.exprs.step(*index, axis));
                self.allowed &= *dtype == DType::I32 && steps.is_none_or(|step| step.is_some());
                self.index(*index, around);
            }
            Expr::Element { .. } => self.allowed = false,
            Expr::Unary(f, _) => self.allowed &= !self.expanded || f.instruction().is_some(),
            Expr::Binary(f, ..) => {
                self.allowed &= match f {
                    BinaryFn::Div => dtype == DType::F32,
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
        self.exprs.operands(id).for_each(|x| self.expr(x, around));
    }
}
