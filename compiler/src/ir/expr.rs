//! What an element of a result is, as an expression of elements of operands.
//!
//! Expressions and indices are interned in an [`Exprs`] pool: the same expression at the same
//! index is one id, so common subexpressions are shared from the moment they are built.
//! Indices are kept in a normal form, sums of `coefficient · term`, where a term is an axis, a
//! division or a remainder; every axis has an extent, and what its range decides is simplified.

use std::fmt;

use indexmap::IndexSet;
use rustc_hash::{FxBuildHasher, FxHashSet};
use smallvec::{SmallVec, smallvec};

use super::{BinaryFn, CompareFn, DType, OriginId, Origins, Scalar, UnaryFn};

/// A loop variable: counts from 0 up to its extent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AxisId(pub u32);

/// An interned [`Index`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IndexId(pub u32);

/// An interned [`Expr`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExprId(pub u32);

/// A value that a statement of the loop IR binds: a `Let` or the result of a fold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VarId(pub u32);

/// A memory that a kernel reads or writes: an argument of the kernel, or its scratch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PlaceId {
    /// The kernel's argument of that number.
    Buffer(u32),
    /// The kernel's local of that number, in the thread's scratch.
    Local(u32),
}

/// An atom of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Term {
    /// The value of an axis.
    Axis(AxisId),
    /// `floor(index / n)`, `n > 0`.
    Div(IndexId, i64),
    /// `index mod n`, in `0..n`, `n > 0`.
    Mod(IndexId, i64),
    /// An integer element, clamped to `0..n`; what lies outside is reported in the status word.
    Data(ExprId, i64),
}

/// Terms of an index, each with its coefficient. Few have more than four.
pub type IndexTerms = SmallVec<[(Term, i64); 4]>;

/// Indices of an element, one per dimension.
pub type Indices = SmallVec<[IndexId; 4]>;

/// A sum of terms and a constant, in normal form: terms sorted, no coefficient zero.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Index {
    /// `(term, coefficient)`.
    pub terms: IndexTerms,
    /// The constant part.
    pub constant: i64,
}

/// A value of one element.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Expr {
    /// A number, by type and bits.
    Const(DType, u64),
    /// The element of the op's operand `operand` at an index per dimension. Only in a
    /// [`Lowering`](crate::ir::Lowering); substitution replaces it.
    Element {
        /// The number of the operand.
        operand: u32,
        /// One index per dimension of the operand.
        index: Indices,
        /// The operand's element type.
        dtype: DType,
    },
    /// The element of a memory. Only in a kernel.
    Load {
        /// The memory.
        place: PlaceId,
        /// The position in elements.
        index: IndexId,
        /// The element type.
        dtype: DType,
    },
    /// A bound value. Only in a kernel.
    Var(VarId, DType),
    /// An index as a number of an integer type.
    Index(IndexId, DType),
    /// A function of one element.
    Unary(UnaryFn, ExprId),
    /// A function of two elements.
    Binary(BinaryFn, ExprId, ExprId),
    /// A comparison.
    Compare(CompareFn, ExprId, ExprId),
    /// `condition ? a : b`, both evaluated.
    Select(ExprId, ExprId, ExprId),
    /// Conversion to another element type.
    Cast(DType, ExprId),
    /// `a · b + c` with one rounding. Made by loop passes.
    Fma(ExprId, ExprId, ExprId),
    /// The same bits as another type of the same size. Made by `expand_math`, and for keys.
    Bitcast(DType, ExprId),
    /// An integer shifted left by a constant number of bits. Made by `expand_math`, and for keys.
    ShiftLeft(ExprId, u8),
    /// An integer shifted right by a constant number of bits, the sign moving in. Made by
    /// `expand_math`, and for keys.
    ShiftRightSigned(ExprId, u8),
}

impl Expr {
    /// Its own operations, without those of its operands.
    fn operations(&self) -> u32 {
        match self {
            Expr::Const(..) | Expr::Element { .. } | Expr::Load { .. } | Expr::Var(..) => 0,
            Expr::Index(..) | Expr::Cast(..) | Expr::Bitcast(..) => 0,
            Expr::Unary(f, _) => f.cost(),
            Expr::Binary(f, ..) => f.cost(),
            Expr::Compare(..) | Expr::Select(..) => 1,
            Expr::Fma(..) | Expr::ShiftLeft(..) | Expr::ShiftRightSigned(..) => 1,
        }
    }

    /// The same expression with other operands; indices stay.
    pub fn map_operands(&self, f: &mut impl FnMut(ExprId) -> ExprId) -> Expr {
        match self {
            Expr::Const(..)
            | Expr::Element { .. }
            | Expr::Load { .. }
            | Expr::Var(..)
            | Expr::Index(..) => self.clone(),
            Expr::Unary(g, x) => Expr::Unary(*g, f(*x)),
            Expr::Cast(d, x) => Expr::Cast(*d, f(*x)),
            Expr::Bitcast(d, x) => Expr::Bitcast(*d, f(*x)),
            Expr::ShiftLeft(x, n) => Expr::ShiftLeft(f(*x), *n),
            Expr::ShiftRightSigned(x, n) => Expr::ShiftRightSigned(f(*x), *n),
            Expr::Binary(g, a, b) => Expr::Binary(*g, f(*a), f(*b)),
            Expr::Compare(g, a, b) => Expr::Compare(*g, f(*a), f(*b)),
            Expr::Select(a, b, c) => Expr::Select(f(*a), f(*b), f(*c)),
            Expr::Fma(a, b, c) => Expr::Fma(f(*a), f(*b), f(*c)),
        }
    }
}

/// The pool in which expressions, indices and axes are interned.
///
/// Each expression has an origin: the numbers of the nodes for which it is computed. What is interned
/// is also the pool's present origin's, which whoever makes expressions for a node sets before; so an
/// expression that two nodes share has both.
#[derive(Clone, Debug, Default)]
pub struct Exprs {
    exprs: IndexSet<Expr, FxBuildHasher>,
    indices: IndexSet<Index, FxBuildHasher>,
    /// The extent of each axis.
    extents: Vec<i64>,
    n_vars: u32,
    origins: Origins,
    /// The origin of each expression.
    of: Vec<OriginId>,
    /// The present one.
    origin: OriginId,
}

impl Exprs {
    /// A new axis that counts up to `extent`.
    pub fn axis(&mut self, extent: usize) -> AxisId {
        self.extents.push(extent as i64);
        AxisId(self.extents.len() as u32 - 1)
    }

    /// New axes, one per size.
    pub fn axes(&mut self, sizes: &[usize]) -> Vec<AxisId> {
        sizes.iter().map(|&n| self.axis(n)).collect()
    }

    /// A new variable for a `Let` or a fold.
    pub fn var(&mut self) -> VarId {
        self.n_vars += 1;
        VarId(self.n_vars - 1)
    }

    /// How many axes there are.
    pub fn n_axes(&self) -> u32 {
        self.extents.len() as u32
    }

    /// The extent of an axis.
    pub fn extent(&self, axis: AxisId) -> i64 {
        self.extents[axis.0 as usize]
    }

    /// The expression of an id of this pool.
    pub fn expr(&self, id: ExprId) -> &Expr {
        self.exprs.get_index(id.0 as usize).expect("an id of this pool")
    }

    /// The index of an id of this pool.
    pub fn index(&self, id: IndexId) -> &Index {
        self.indices.get_index(id.0 as usize).expect("an id of this pool")
    }

    /// Interns an expression as it is, for the nodes of the present origin.
    pub fn intern(&mut self, expr: Expr) -> ExprId {
        let (at, is_new) = self.exprs.insert_full(expr);
        if is_new {
            self.of.push(self.origin);
        } else {
            self.of[at] = self.origins.union(self.of[at], self.origin);
        }
        ExprId(at as u32)
    }

    /// The nodes for which an expression is computed.
    pub fn origin_of(&self, id: ExprId) -> OriginId {
        self.of[id.0 as usize]
    }

    /// The present origin.
    pub fn origin(&self) -> OriginId {
        self.origin
    }

    /// Sets the present origin; returns the one before, which is to be set again.
    pub fn set_origin(&mut self, origin: OriginId) -> OriginId {
        std::mem::replace(&mut self.origin, origin)
    }

    /// Runs something with another present origin.
    pub fn for_origin<T>(&mut self, origin: OriginId, run: impl FnOnce(&mut Exprs) -> T) -> T {
        let before = self.set_origin(origin);
        let result = run(self);
        self.origin = before;
        result
    }

    /// The sets that origins are.
    pub fn origins(&self) -> &Origins {
        &self.origins
    }

    /// The same, to intern sets.
    pub fn origins_mut(&mut self) -> &mut Origins {
        &mut self.origins
    }

    /// Gives every expression another origin, of other sets; the present one is then empty.
    pub fn settle_origins(&mut self, origins: Origins, of: impl Fn(ExprId) -> OriginId) {
        self.of = (0..self.of.len() as u32).map(|id| of(ExprId(id))).collect();
        (self.origins, self.origin) = (origins, OriginId::default());
    }

    /// A number.
    pub fn constant(&mut self, value: Scalar) -> ExprId {
        self.intern(Expr::Const(value.dtype(), value.bits()))
    }

    /// The number that an expression is, if it is one.
    pub fn as_constant(&self, id: ExprId) -> Option<Scalar> {
        if let Expr::Const(dtype, bits) = self.expr(id) {
            Some(Scalar::from_bits(*dtype, *bits))
        } else {
            None
        }
    }

    /// The element of operand `operand` at `index`.
    pub fn element(&mut self, operand: usize, index: &[IndexId], dtype: DType) -> ExprId {
        self.intern(Expr::Element { operand: operand as u32, index: index.into(), dtype })
    }

    /// A function of one element.
    pub fn unary(&mut self, f: UnaryFn, x: ExprId) -> ExprId {
        self.intern(Expr::Unary(f, x))
    }

    /// A function of two elements.
    pub fn binary(&mut self, f: BinaryFn, a: ExprId, b: ExprId) -> ExprId {
        self.intern(Expr::Binary(f, a, b))
    }

    /// A comparison.
    pub fn compare(&mut self, f: CompareFn, a: ExprId, b: ExprId) -> ExprId {
        self.intern(Expr::Compare(f, a, b))
    }

    /// `condition ? a : b`.
    pub fn select(&mut self, condition: ExprId, a: ExprId, b: ExprId) -> ExprId {
        self.intern(Expr::Select(condition, a, b))
    }

    /// A conversion; none where the type is the same.
    pub fn cast(&mut self, dtype: DType, x: ExprId) -> ExprId {
        if self.dtype(x) == dtype { x } else { self.intern(Expr::Cast(dtype, x)) }
    }

    /// The element type of an expression.
    pub fn dtype(&self, id: ExprId) -> DType {
        match self.expr(id) {
            Expr::Const(d, _) | Expr::Element { dtype: d, .. } | Expr::Load { dtype: d, .. } => *d,
            Expr::Var(_, d) | Expr::Index(_, d) | Expr::Cast(d, _) | Expr::Bitcast(d, _) => *d,
            Expr::Compare(..) => DType::Bool,
            Expr::Unary(_, x) | Expr::Binary(_, x, _) | Expr::Select(_, x, _) => self.dtype(*x),
            Expr::Fma(x, _, _) | Expr::ShiftLeft(x, _) | Expr::ShiftRightSigned(x, _) => {
                self.dtype(*x)
            }
        }
    }

    /// The expressions that an expression is made of, without those inside indices.
    pub fn operands(&self, id: ExprId) -> impl Iterator<Item = ExprId> + use<> {
        let operands = match self.expr(id) {
            Expr::Const(..) | Expr::Element { .. } | Expr::Load { .. } | Expr::Var(..) => [None; 3],
            Expr::Index(..) => [None; 3],
            Expr::Unary(_, x) | Expr::Cast(_, x) | Expr::Bitcast(_, x) => [Some(*x), None, None],
            Expr::ShiftLeft(x, _) | Expr::ShiftRightSigned(x, _) => [Some(*x), None, None],
            Expr::Binary(_, a, b) | Expr::Compare(_, a, b) => [Some(*a), Some(*b), None],
            Expr::Select(a, b, c) | Expr::Fma(a, b, c) => [Some(*a), Some(*b), Some(*c)],
        };
        operands.into_iter().flatten()
    }

    /// The operations of an expression, each once: movement counts nothing, a cast nothing, a
    /// division or a root 4, a transcendental function 16.
    pub fn operations(&self, of: ExprId) -> u32 {
        let mut seen = FxHashSet::default();
        let mut stack = vec![of];
        let mut size = 0;
        while let Some(id) = stack.pop() {
            if seen.insert(id) {
                size += self.expr(id).operations();
                stack.extend(self.operands(id));
            }
        }
        size
    }

    /// Interns an index that is in normal form.
    pub fn intern_index(&mut self, index: Index) -> IndexId {
        IndexId(self.indices.insert_full(index).0 as u32)
    }

    /// A constant index.
    pub fn index_constant(&mut self, n: i64) -> IndexId {
        self.intern_index(Index { terms: IndexTerms::new(), constant: n })
    }

    /// Whether the value of an expression is in any index. Linear in the indices.
    pub fn indexes_by_data(&self) -> bool {
        let is_data = |(term, _): &(Term, i64)| matches!(term, Term::Data(..));
        self.indices.iter().any(|index| index.terms.iter().any(is_data))
    }

    /// The expressions whose values an index uses, each with the size of what it indexes.
    pub fn data_terms(&self, id: IndexId) -> Vec<(ExprId, i64)> {
        let terms = self.index(id).terms.iter();
        let data = terms.map(|(term, _)| match term {
            Term::Axis(_) => vec![],
            Term::Div(x, _) | Term::Mod(x, _) => self.data_terms(*x),
            Term::Data(x, n) => vec![(*x, *n)],
        });
        data.flatten().collect()
    }

    /// The expressions whose values an index uses.
    pub fn data_of(&self, id: IndexId) -> Vec<ExprId> {
        self.data_terms(id).into_iter().map(|(x, _)| x).collect()
    }

    /// Whether an index is the sum of two axes, each so many times.
    pub fn is_sum(&self, id: IndexId, of: [(AxisId, i64); 2]) -> bool {
        let index = self.index(id);
        let has = |(axis, factor)| index.terms.contains(&(Term::Axis(axis), factor));
        index.constant == 0 && index.terms.len() == of.len() && of.into_iter().all(has)
    }

    /// The axis that an index is the value of, if it is just that.
    pub fn as_axis(&self, id: IndexId) -> Option<AxisId> {
        let index = self.index(id);
        match index.terms.as_slice() {
            [(Term::Axis(axis), 1)] if index.constant == 0 => Some(*axis),
            _ => None,
        }
    }

    /// The coefficient of an axis, if the index is a sum of axes (an affine function of them).
    pub fn coefficient(&self, id: IndexId, axis: AxisId) -> Option<i64> {
        let index = self.index(id);
        let affine = index.terms.iter().all(|(t, _)| matches!(t, Term::Axis(_)));
        let found = index.terms.iter().find(|(t, _)| *t == Term::Axis(axis));
        affine.then(|| found.map_or(0, |(_, c)| *c))
    }

    /// How far an index goes from a value of an axis to the next; `None` if that differs.
    pub fn step(&self, id: IndexId, axis: AxisId) -> Option<i64> {
        let (mut step, mut follows) = (0, false);
        for &(term, c) in &self.index(id).terms {
            match term {
                Term::Axis(own) if own == axis => step = c,
                Term::Axis(_) => {}
                Term::Div(x, _) | Term::Mod(x, _) => follows |= self.index_follows(x, axis),
                Term::Data(x, _) => follows |= self.follows(x, axis),
            }
        }
        (!follows).then_some(step)
    }

    /// Whether an axis occurs in an index, also within a division or a remainder.
    pub fn has_axis(&self, id: IndexId, axis: AxisId) -> bool {
        self.index(id).terms.iter().any(|(term, _)| match *term {
            Term::Axis(own) => own == axis,
            Term::Div(x, _) | Term::Mod(x, _) => self.has_axis(x, axis),
            Term::Data(..) => false,
        })
    }

    /// Whether an index may be another for another value of an axis.
    pub fn index_follows(&self, id: IndexId, axis: AxisId) -> bool {
        self.has_axis(id, axis) || self.data_of(id).into_iter().any(|x| self.follows(x, axis))
    }

    /// Whether a value may be another for another value of an axis, apart from variables.
    pub fn follows(&self, id: ExprId, axis: AxisId) -> bool {
        let mut seen = FxHashSet::default();
        let mut stack = vec![id];
        while let Some(id) = stack.pop() {
            if !seen.insert(id) {
                continue;
            }
            let indices = match self.expr(id) {
                Expr::Element { index, .. } => &index[..],
                Expr::Load { index, .. } | Expr::Index(index, _) => std::slice::from_ref(index),
                _ => &[],
            };
            if indices.iter().any(|&i| self.has_axis(i, axis)) {
                return true;
            }
            stack.extend(indices.iter().flat_map(|&i| self.data_of(i)));
            stack.extend(self.operands(id));
        }
        false
    }

    /// `k`, if the index always lies in `k · axis .. k · axis + k`.
    pub fn block_of(&self, id: IndexId, axis: AxisId) -> Option<i64> {
        let index = self.index(id);
        let (mut lo, mut hi, mut k) = (index.constant, index.constant, 0);
        for &(term, c) in &index.terms {
            if term == Term::Axis(axis) {
                k = c;
            } else {
                let (a, b) = self.term_range(term);
                lo += (a * c).min(b * c);
                hi += (a * c).max(b * c);
            }
        }
        (k >= 1 && lo >= 0 && hi < k).then_some(k)
    }

    /// The value of an axis; 0 where its extent is 1.
    pub fn index_axis(&mut self, axis: AxisId) -> IndexId {
        if self.extent(axis) == 1 {
            return self.index_constant(0);
        }
        self.index_term(Term::Axis(axis))
    }

    /// One index per axis.
    pub fn index_axes(&mut self, axes: &[AxisId]) -> Vec<IndexId> {
        axes.iter().map(|&a| self.index_axis(a)).collect()
    }

    fn index_term(&mut self, term: Term) -> IndexId {
        self.intern_index(Index { terms: smallvec![(term, 1)], constant: 0 })
    }

    /// An integer element as an index, clamped to `0..n`.
    pub fn index_data(&mut self, expr: ExprId, n: usize) -> IndexId {
        self.index_term(Term::Data(expr, n as i64))
    }

    /// `a + b · k`.
    pub fn index_add(&mut self, a: IndexId, b: IndexId, k: i64) -> IndexId {
        let (x, y) = (self.index(a), self.index(b));
        let scaled = y.terms.iter().map(|(t, c)| (*t, c * k));
        let terms = x.terms.iter().copied().chain(scaled).collect();
        let constant = x.constant + y.constant * k;
        self.normal(terms, constant)
    }

    /// `a · k + constant`.
    pub fn index_scale(&mut self, a: IndexId, k: i64, constant: i64) -> IndexId {
        let zero = self.index_constant(constant);
        self.index_add(zero, a, k)
    }

    /// The sum of `index · stride`: a position in row-major memory.
    pub fn index_dot(&mut self, indices: &[IndexId], strides: &[i64]) -> IndexId {
        let zero = self.index_constant(0);
        indices.iter().zip(strides).fold(zero, |sum, (&i, &s)| self.index_add(sum, i, s))
    }

    fn normal(&mut self, mut terms: IndexTerms, constant: i64) -> IndexId {
        terms.sort_unstable();
        terms.dedup_by(|(later, c), (first, sum)| {
            let alike = later == first;
            *sum += if alike { *c } else { 0 };
            alike
        });
        terms.retain(|(_, c)| *c != 0);
        self.join_division(&mut terms);
        self.intern_index(Index { terms, constant })
    }

    /// `n · (x / n) + x mod n = x`: what reshaping there and back leaves behind.
    fn join_division(&mut self, terms: &mut IndexTerms) {
        for i in 0..terms.len() {
            let (Term::Mod(x, n), c) = terms[i] else { continue };
            let Some(j) = terms.iter().position(|t| *t == (Term::Div(x, n), c * n)) else {
                continue;
            };
            let inner = self.index(x).clone();
            if inner.constant != 0 {
                continue;
            }
            let (first, second) = (i.max(j), i.min(j));
            terms.remove(first);
            terms.remove(second);
            terms.extend(inner.terms.iter().map(|(t, k)| (*t, k * c)));
            terms.sort_unstable();
            return;
        }
    }

    /// The smallest and the largest value of an index.
    pub fn range(&self, id: IndexId) -> (i64, i64) {
        let index = self.index(id);
        self.range_of(index.terms.iter(), index.constant)
    }

    /// The smallest and the largest value of a sum of terms and a constant.
    pub fn range_of<'a>(
        &self,
        terms: impl Iterator<Item = &'a (Term, i64)>,
        constant: i64,
    ) -> (i64, i64) {
        terms.fold((constant, constant), |(lo, hi), (term, c)| {
            let (a, b) = self.term_range(*term);
            (lo + (a * c).min(b * c), hi + (a * c).max(b * c))
        })
    }

    fn term_range(&self, term: Term) -> (i64, i64) {
        match term {
            Term::Axis(axis) => (0, (self.extent(axis) - 1).max(0)),
            Term::Div(x, n) => {
                let (lo, hi) = self.range(x);
                (lo.div_euclid(n), hi.div_euclid(n))
            }
            Term::Mod(_, n) | Term::Data(_, n) => (0, (n - 1).max(0)),
        }
    }

    /// Splits `index` into `n · quotient + rest`, as far as coefficients show it.
    fn split(&mut self, id: IndexId, n: i64) -> (IndexId, IndexId) {
        let index = self.index(id).clone();
        let (whole, rest): (IndexTerms, IndexTerms) =
            index.terms.into_iter().partition(|(_, c)| c % n == 0);
        let quotient = whole.into_iter().map(|(t, c)| (t, c / n)).collect();
        let q = self.normal(quotient, index.constant.div_euclid(n));
        (q, self.normal(rest, index.constant.rem_euclid(n)))
    }

    /// `floor(index / n)`.
    pub fn index_div(&mut self, id: IndexId, n: i64) -> IndexId {
        let (quotient, rest) = self.split(id, n);
        let (lo, hi) = self.range(rest);
        let (below, above) = (lo.div_euclid(n), hi.div_euclid(n));
        if below == above {
            return self.index_scale(quotient, 1, below);
        }
        let tail = self.index_term(Term::Div(rest, n));
        self.index_add(quotient, tail, 1)
    }

    /// `index mod n`.
    pub fn index_mod(&mut self, id: IndexId, n: i64) -> IndexId {
        let (_, rest) = self.split(id, n);
        let (lo, hi) = self.range(rest);
        if lo.div_euclid(n) == hi.div_euclid(n) {
            return self.index_scale(rest, 1, -lo.div_euclid(n) * n);
        }
        self.index_term(Term::Mod(rest, n))
    }

    /// The indices per dimension of the element at row-major position `position` of `sizes`.
    pub fn unflatten(&mut self, position: IndexId, sizes: &[usize]) -> Vec<IndexId> {
        let mut rest = position;
        let mut indices = vec![];
        for (d, &n) in sizes.iter().enumerate().rev() {
            // The outermost needs no remainder: the position is within the tensor.
            indices.push(if d == 0 { rest } else { self.index_mod(rest, n.max(1) as i64) });
            rest = self.index_div(rest, n.max(1) as i64);
        }
        indices.reverse();
        indices
    }
}

/// Row-major strides in elements.
pub fn strides(sizes: &[usize]) -> Vec<i64> {
    let mut strides = vec![1i64; sizes.len()];
    for d in (1..sizes.len()).rev() {
        strides[d - 1] = strides[d] * sizes[d] as i64;
    }
    strides
}

impl fmt::Display for AxisId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "i{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reshape_there_and_back_is_the_identity() {
        let mut p = Exprs::default();
        let axes = p.axes(&[7, 4, 5]);
        let indices = p.index_axes(&axes);
        let flat = p.index_dot(&indices, &strides(&[7, 4, 5]));
        let as_28_5 = p.unflatten(flat, &[28, 5]);
        assert_eq!(as_28_5[1], indices[2]);
        let back = p.index_dot(&as_28_5, &strides(&[28, 5]));
        assert_eq!(back, flat);
        assert_eq!(p.unflatten(back, &[7, 4, 5]), indices);
    }

    #[test]
    fn what_a_range_cannot_decide_stays() {
        let mut p = Exprs::default();
        let i = p.axis(10);
        let i = p.index_axis(i);
        let (q, r) = (p.index_div(i, 4), p.index_mod(i, 4));
        assert_eq!(p.range(q), (0, 2));
        assert_eq!(p.index_dot(&[q, r], &[4, 1]), i);
    }
}
