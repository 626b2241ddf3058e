//! Whether a kernel may be executed. What holds afterwards, for every unit:
//!
//! - every load, store, tile and chunk is within its memory, whatever the data;
//! - what a unit reads of a local, or of a buffer that the kernel writes, an earlier statement of
//!   the same unit has written (both: [`reach`]);
//! - every value is bound before it is used, every axis within its loop, none twice at a time;
//! - the types of expressions, folds and memories agree, and no operand's element is left;
//! - vector loops are innermost but for serial loops, without tiles and chunks; those with folds have
//!   a constant extent;
//! - nothing is written to a buffer that is read only.

mod reach;
mod spans;

use rustc_hash::{FxHashMap, FxHashSet};
use thiserror::Error;

use super::text::place_names;
use super::{Chunk, ChunkFn, Extent, Fold, Kernel, Loop, LoopKind, Stmt, Tile, View};
use crate::ir::{
    AxisId, BinaryFn, DType, Expr, ExprId, IndexId, LibraryFn, Monoid, PlaceId, Term, VarId,
};

/// A kernel that breaks a rule: a bug of whoever made it.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("kernel `{kernel}`, {statement}: {problem}")]
pub struct KernelError {
    /// The kernel's name.
    pub kernel: String,
    /// The statement, by its path of numbers in the body and what it is.
    pub statement: String,
    /// The rule that is broken.
    pub problem: Problem,
}

impl KernelError {
    fn new(kernel: &Kernel, statement: &str, path: &[usize], problem: Problem) -> KernelError {
        let path = path.iter().map(usize::to_string).collect::<Vec<_>>().join(".");
        let statement = format!("{statement} {path}").trim_end().to_string();
        KernelError { kernel: kernel.name.clone(), statement, problem }
    }
}

/// A rule that a kernel breaks.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum Problem {
    /// Elements outside of a memory could be reached.
    #[error("reaches `{place}` at {first} to {last}, which has {len} elements")]
    OutOfBounds {
        /// The memory's name.
        place: String,
        /// The smallest position that could be reached.
        first: i128,
        /// The largest one.
        last: i128,
        /// The number of elements.
        len: usize,
    },
    /// Elements that no earlier statement of the unit has written.
    #[error("reads `{place}` where the unit has not written it")]
    NotWritten {
        /// The memory's name.
        place: String,
    },
    /// Columns of a tile that are not adjacent.
    #[error("has columns {0} elements apart, which must be adjacent")]
    Columns(i64),
    /// Rows of a tile that are not as far apart as the sum they shift with, or sums of both beyond those
    /// that there are: the least, and one more than the greatest.
    #[error("has rows that shift otherwise than its sum, or no terms within {0:?}")]
    Within([usize; 2]),
    /// A memory that the kernel does not declare.
    #[error("names a memory that the kernel does not have: {0:?}")]
    NoPlace(PlaceId),
    /// An operand's element was not replaced.
    #[error("holds an element of operand {0}")]
    ElementLeft(u32),
    /// A value is used where it is not bound.
    #[error("uses value {} where it is not bound", .0.0)]
    UnboundVar(VarId),
    /// A value is bound while it is bound already.
    #[error("binds value {} twice", .0.0)]
    BoundTwice(VarId),
    /// An axis is used outside of its loop, or a block's axis is none of the units'.
    #[error("uses axis {0} where it does not count")]
    UnboundAxis(AxisId),
    /// An axis counts in two loops at a time, or its extents disagree.
    #[error("counts with axis {0}, which counts already or not so far")]
    WrongAxis(AxisId),
    /// A type that does not fit.
    #[error("{what}: {found} where {wanted} is needed")]
    WrongType {
        /// What has the type.
        what: String,
        /// Its type.
        found: DType,
        /// The type that fits.
        wanted: String,
    },
    /// A buffer that is read only is written.
    #[error("writes `{0}`, which is read only")]
    ReadOnly(String),
    /// A vector loop of a wrong kind or at a wrong place.
    #[error("is not allowed in a vector loop")]
    InVector,
    /// Lanes other than 4, 8 or 16.
    #[error("has {0} lanes")]
    Lanes(u8),
    /// A vector loop with folds over as many values as a block has.
    #[error("folds lanes over no constant number of values")]
    VectorExtent,
    /// A fold with a wrong number of variables.
    #[error("folds {0} values where the function takes {1}")]
    FoldArity(usize, usize),
    /// A function that has no chunk kernel.
    #[error("applies {} to a chunk", .0.name())]
    NoChunk(LibraryFn),
}

/// Checks a kernel; what holds afterwards is listed in the module's header.
///
/// # Errors
/// The first rule that is broken, in program order.
pub fn verify(kernel: &Kernel) -> Result<(), KernelError> {
    let mut verifier = Verifier {
        kernel,
        axes: FxHashMap::default(),
        vars: FxHashMap::default(),
        lanes: None,
        path: vec![],
    };
    for &axis in &kernel.units {
        let extent = Extent::Const(kernel.exprs.extent(axis).max(0) as usize);
        if verifier.axes.insert(axis, extent).is_some() {
            return Err(verifier.error("units", Problem::WrongAxis(axis)));
        }
    }
    if kernel.n_units() == 0 {
        return Ok(());
    }
    verifier.body(&kernel.body)?;
    reach::check(kernel)
}

struct Verifier<'a> {
    kernel: &'a Kernel,
    /// The axes that count here, and how far.
    axes: FxHashMap<AxisId, Extent>,
    vars: FxHashMap<VarId, DType>,
    /// The axis of the vector loop around.
    lanes: Option<AxisId>,
    path: Vec<usize>,
}

type Checked = Result<(), KernelError>;

impl Verifier<'_> {
    fn error(&self, statement: &str, problem: Problem) -> KernelError {
        KernelError::new(self.kernel, statement, &self.path, problem)
    }

    fn body(&mut self, body: &[Stmt]) -> Checked {
        let outer = self.vars.clone();
        self.path.push(0);
        for (i, stmt) in body.iter().enumerate() {
            if let Some(last) = self.path.last_mut() {
                *last = i;
            }
            self.stmt(stmt)?;
        }
        self.path.pop();
        self.vars = outer;
        Ok(())
    }

    fn stmt(&mut self, stmt: &Stmt) -> Checked {
        match stmt {
            Stmt::For(l) => self.for_loop(l),
            Stmt::Let(var, value) => {
                self.values("let", &[*value])?;
                self.bind("let", *var, self.kernel.exprs.dtype(*value))
            }
            Stmt::Store { place, index, value, .. } => {
                self.values("store", &[*value])?;
                let dtype = self.kernel.exprs.dtype(*value);
                self.write("store", *place, dtype)?;
                self.index("store", *index)
            }
            Stmt::Check { value, .. } => {
                self.values("check", &[*value])?;
                let dtype = self.kernel.exprs.dtype(*value);
                self.typed("check", "the checked value", dtype, dtype.is_int(), "an integer")
            }
            Stmt::Tile(tile) => self.tile(tile),
            Stmt::Chunk(chunk) => self.chunk(chunk),
        }
    }

    fn bind(&mut self, statement: &str, var: VarId, dtype: DType) -> Checked {
        match self.vars.insert(var, dtype) {
            None => Ok(()),
            Some(_) => Err(self.error(statement, Problem::BoundTwice(var))),
        }
    }

    fn for_loop(&mut self, l: &Loop) -> Checked {
        self.extent("for", l.extent)?;
        let far = self.kernel.exprs.extent(l.axis).max(0) as usize;
        if self.axes.contains_key(&l.axis) || l.extent.max() > far {
            return Err(self.error("for", Problem::WrongAxis(l.axis)));
        }
        match l.kind {
            LoopKind::Vector(_) if self.lanes.is_some() => {
                return Err(self.error("for", Problem::InVector));
            }
            LoopKind::Vector(_) if !l.folds.is_empty() && !matches!(l.extent, Extent::Const(_)) => {
                return Err(self.error("for", Problem::VectorExtent));
            }
            LoopKind::Vector(4 | 8 | 16) => self.lanes = Some(l.axis),
            LoopKind::Vector(lanes) => return Err(self.error("for", Problem::Lanes(lanes))),
            LoopKind::Serial => {}
        }
        for fold in &l.folds {
            self.values("for", &fold.init)?;
        }
        if l.extent.max() > 0 {
            self.axes.insert(l.axis, l.extent);
            let outer = self.vars.clone();
            self.loop_body(l)?;
            self.vars = outer;
            self.axes.remove(&l.axis);
        }
        if self.lanes == Some(l.axis) {
            self.lanes = None;
        }
        for fold in &l.folds {
            for (&var, &init) in fold.vars.iter().zip(&fold.init) {
                self.bind("for", var, self.kernel.exprs.dtype(init))?;
            }
        }
        Ok(())
    }

    /// The body of a loop and, in the scope of its values, what is folded.
    fn loop_body(&mut self, l: &Loop) -> Checked {
        self.path.push(0);
        for (i, stmt) in l.body.iter().enumerate() {
            if let Some(last) = self.path.last_mut() {
                *last = i;
            }
            self.stmt(stmt)?;
        }
        self.path.pop();
        l.folds.iter().try_for_each(|fold| self.fold(fold))
    }

    fn fold(&mut self, fold: &Fold) -> Checked {
        let pair = matches!(fold.monoid, Monoid::ArgMax | Monoid::ArgMin);
        let arity = if pair { 2 } else { 1 };
        for n in [fold.vars.len(), fold.init.len(), fold.values.len()] {
            if n != arity {
                return Err(self.error("fold", Problem::FoldArity(n, arity)));
            }
        }
        self.values("fold", &fold.values)?;
        let exprs = &self.kernel.exprs;
        for (&init, &value) in fold.init.iter().zip(&fold.values) {
            let (from, dtype) = (exprs.dtype(init), exprs.dtype(value));
            self.typed("fold", "the folded value", dtype, dtype == from, from.name())?;
        }
        let dtype = exprs.dtype(fold.values[0]);
        let fits = match fold.monoid.function() {
            Some(f) => f.accepts(dtype),
            None => BinaryFn::Max.accepts(dtype),
        };
        self.typed("fold", fold.monoid.name(), dtype, fits, "a type that it combines")?;
        match fold.values.get(1).map(|&at| exprs.dtype(at)) {
            None | Some(DType::I32 | DType::I64) => Ok(()),
            Some(dtype) => self.typed("fold", "the index", dtype, false, "i32 or i64"),
        }
    }

    fn extent(&self, statement: &str, extent: Extent) -> Checked {
        let Extent::Block { axis, block, total } = extent else { return Ok(()) };
        let Some(&Extent::Const(blocks)) = self.axes.get(&axis) else {
            return Err(self.error(statement, Problem::UnboundAxis(axis)));
        };
        let covered = block > 0 && (blocks - 1) * block < total && total <= blocks * block;
        if covered && self.lanes != Some(axis) {
            Ok(())
        } else {
            Err(self.error(statement, Problem::WrongAxis(axis)))
        }
    }

    fn typed(
        &self,
        statement: &str,
        what: &str,
        found: DType,
        fits: bool,
        wanted: &str,
    ) -> Checked {
        if fits {
            return Ok(());
        }
        let problem = Problem::WrongType { what: what.into(), found, wanted: wanted.into() };
        Err(self.error(statement, problem))
    }

    /// That a memory is there and has elements of this type.
    fn place(&self, statement: &str, place: PlaceId, dtype: DType) -> Checked {
        let found = match place {
            PlaceId::Buffer(b) => self.kernel.buffers.get(b as usize).map(|b| b.dtype),
            PlaceId::Local(l) => self.kernel.locals.get(l as usize).map(|l| l.dtype),
        };
        match found {
            None => Err(self.error(statement, Problem::NoPlace(place))),
            Some(found) => self.typed(statement, "the memory", found, found == dtype, dtype.name()),
        }
    }

    /// That a memory is there, has elements of this type and may be written.
    fn write(&self, statement: &str, place: PlaceId, dtype: DType) -> Checked {
        self.place(statement, place, dtype)?;
        match place {
            PlaceId::Buffer(b) if !self.kernel.buffers[b as usize].written => {
                let name = place_names(self.kernel).remove(&place).unwrap_or_default();
                Err(self.error(statement, Problem::ReadOnly(name)))
            }
            PlaceId::Buffer(_) | PlaceId::Local(_) => Ok(()),
        }
    }

    /// The expressions of a statement, each once.
    fn values(&self, statement: &str, values: &[ExprId]) -> Checked {
        let mut seen = FxHashSet::default();
        values.iter().try_for_each(|&v| self.expr(statement, v, &mut seen))
    }

    fn index(&self, statement: &str, index: IndexId) -> Checked {
        self.index_parts(statement, index, &mut FxHashSet::default())
    }

    fn index_parts(
        &self,
        statement: &str,
        index: IndexId,
        seen: &mut FxHashSet<ExprId>,
    ) -> Checked {
        for &(term, _) in &self.kernel.exprs.index(index).terms {
            match term {
                Term::Axis(axis) if self.axes.contains_key(&axis) => {}
                Term::Axis(axis) => {
                    return Err(self.error(statement, Problem::UnboundAxis(axis)));
                }
                Term::Div(x, _) | Term::Mod(x, _) => self.index_parts(statement, x, seen)?,
                Term::Data(value, _) => {
                    self.expr(statement, value, seen)?;
                    let dtype = self.kernel.exprs.dtype(value);
                    self.typed(statement, "an index", dtype, dtype.is_int(), "an integer")?;
                }
            }
        }
        Ok(())
    }

    fn expr(&self, statement: &str, id: ExprId, seen: &mut FxHashSet<ExprId>) -> Checked {
        if !seen.insert(id) {
            return Ok(());
        }
        let exprs = &self.kernel.exprs;
        for x in exprs.operands(id) {
            self.expr(statement, x, seen)?;
        }
        let typed = |what: &str, found, fits, wanted: &str| {
            self.typed(statement, what, found, fits, wanted)
        };
        let same = |what: &str, a: ExprId, b: ExprId| {
            let (a, b) = (exprs.dtype(a), exprs.dtype(b));
            typed(what, b, a == b, a.name())
        };
        match exprs.expr(id) {
            Expr::Const(..) => Ok(()),
            Expr::Element { operand, .. } => {
                Err(self.error(statement, Problem::ElementLeft(*operand)))
            }
            Expr::Load { place, index, dtype } => {
                self.place(statement, *place, *dtype)?;
                self.index_parts(statement, *index, seen)
            }
            Expr::Var(var, dtype) => match self.vars.get(var) {
                None => Err(self.error(statement, Problem::UnboundVar(*var))),
                Some(found) => typed("a bound value", *found, found == dtype, dtype.name()),
            },
            Expr::Index(index, dtype) => {
                self.index_parts(statement, *index, seen)?;
                typed("an index as a number", *dtype, dtype.is_int(), "an integer")
            }
            Expr::Unary(f, x) => {
                let dtype = exprs.dtype(*x);
                typed(f.name(), dtype, f.accepts(dtype), "a type that it takes")
            }
            Expr::Binary(f, a, b) => {
                let dtype = exprs.dtype(*a);
                // `expand_math` masks bits with `and` and `or` on integers.
                let masks = matches!(f, BinaryFn::And | BinaryFn::Or) && dtype.is_int();
                typed(f.name(), dtype, masks || f.accepts(dtype), "a type that it takes")?;
                same(f.name(), *a, *b)
            }
            Expr::Compare(f, a, b) => same(f.symbol(), *a, *b),
            Expr::Select(c, a, b) => {
                let dtype = exprs.dtype(*c);
                typed("the condition", dtype, dtype == DType::Bool, "bool")?;
                same("select", *a, *b)
            }
            Expr::Cast(..) => Ok(()),
            Expr::Fma(a, b, c) => {
                let dtype = exprs.dtype(*a);
                typed("fma", dtype, dtype.is_float(), "a float")?;
                same("fma", *a, *b)?;
                same("fma", *a, *c)
            }
            Expr::Bitcast(to, x) => {
                let from = exprs.dtype(*x);
                let fits = from.size() == to.size() && from != DType::Bool && *to != DType::Bool;
                typed("bits", from, fits, "a type of the same size")
            }
            Expr::ShiftLeft(x, n) | Expr::ShiftRightSigned(x, n) => {
                let dtype = exprs.dtype(*x);
                let fits = dtype.is_int() && usize::from(*n) < 8 * dtype.size();
                typed("shift", dtype, fits, "an integer that is wider than the shift")
            }
        }
    }

    fn view(&self, view: &View, dtype: DType) -> Checked {
        self.place("tile", view.place, dtype)?;
        self.index("tile", view.offset)
    }

    fn tile(&self, tile: &Tile) -> Checked {
        if self.lanes.is_some() {
            return Err(self.error("tile", Problem::InVector));
        }
        self.typed("tile", "the tile", tile.dtype, tile.dtype.is_float(), "a float")?;
        for extent in [tile.m[0], tile.m[1], tile.n] {
            self.extent("tile", extent)?;
        }
        self.write("tile", tile.c.place, tile.dtype)?;
        for (view, adjacent) in [(&tile.c, 1..=1), (&tile.b, 1..=1), (&tile.a, 0..=1)] {
            if tile.n.max() > 1 && !adjacent.contains(&view.column) {
                return Err(self.error("tile", Problem::Columns(view.column)));
            }
        }
        if let Some([first, end]) = tile.within {
            let Extent::Const(rows) = tile.m[0] else {
                return Err(self.error("tile", Problem::Within([first, end])));
            };
            let are_terms = first < end && end < rows + tile.len[2];
            if !are_terms || tile.a.row[0] != tile.a_step[2] || tile.a.column != 0 {
                return Err(self.error("tile", Problem::Within([first, end])));
            }
        }
        [tile.c, tile.a, tile.b].iter().try_for_each(|view| self.view(view, tile.dtype))
    }

    fn chunk(&self, chunk: &Chunk) -> Checked {
        if self.lanes.is_some() {
            return Err(self.error("chunk", Problem::InVector));
        }
        self.extent("chunk", chunk.n)?;
        let to = match &chunk.function {
            ChunkFn::Math { dtype, .. } => *dtype,
            ChunkFn::Philox { .. } => DType::I32,
            ChunkFn::Sort { .. } => DType::I64,
            ChunkFn::Claim => self.kernel.place_dtype(chunk.to.0),
        };
        self.write("chunk", chunk.to.0, to)?;
        self.index("chunk", chunk.to.1)?;
        match &chunk.function {
            ChunkFn::Math { function, dtype, from } => {
                self.typed("chunk", "the chunk", *dtype, dtype.is_float(), "a float")?;
                if !function.has_kernel() || from.len() != function.n_operands() {
                    return Err(self.error("chunk", Problem::NoChunk(*function)));
                }
                from.iter().try_for_each(|&(place, index)| {
                    self.place("chunk", place, *dtype)?;
                    self.index("chunk", index)
                })
            }
            ChunkFn::Philox { key, first, seed, step } => {
                self.index("chunk", *first)?;
                let places = [key, seed, step];
                places.into_iter().try_for_each(|&place| self.place("chunk", place, DType::I64))
            }
            ChunkFn::Sort { .. } | ChunkFn::Claim => Ok(()),
        }
    }
}
