//! Substitution: expressions of one pool copied into another with other indices and elements, or
//! within a pool with other indices.

use rustc_hash::FxHashMap;

use super::{AxisId, DType, Expr, ExprId, Exprs, IndexId, Indices, OriginId, Term};

/// Copies expressions of one pool into another, with indices for axes and expressions for
/// elements: the substitution of producers into consumers.
pub struct Rewrite<'a, F> {
    /// The pool that is read.
    pub from: &'a Exprs,
    /// The pool that takes the copies.
    pub into: &'a mut Exprs,
    /// What stands for each axis; an axis that is not here must not occur.
    axes: FxHashMap<AxisId, IndexId>,
    /// What stands for an element: operand, index (already rewritten), type.
    element: F,
    /// The present origin of the pool that takes the copies, before any.
    present: OriginId,
    /// What stands for the numbers of origins; others are left out.
    numbers: Option<&'a FxHashMap<u32, u32>>,
    done: FxHashMap<ExprId, ExprId>,
    done_indices: FxHashMap<IndexId, IndexId>,
    done_origins: FxHashMap<OriginId, OriginId>,
}

impl<'a, F> Rewrite<'a, F>
where
    F: FnMut(&mut Exprs, u32, &[IndexId], DType) -> ExprId,
{
    /// A rewrite of expressions of `from` into `into`.
    pub fn new(
        from: &'a Exprs,
        into: &'a mut Exprs,
        axes: impl IntoIterator<Item = (AxisId, IndexId)>,
        element: F,
    ) -> Rewrite<'a, F> {
        let axes = axes.into_iter().collect();
        let present = into.origin();
        Rewrite {
            present,
            from,
            into,
            axes,
            element,
            numbers: None,
            done: FxHashMap::default(),
            done_indices: FxHashMap::default(),
            done_origins: FxHashMap::default(),
        }
    }

    /// The copies' origins are those of what is copied, with other numbers; else, or where no number
    /// is left of one, they are the present one of the pool that takes the copies.
    pub fn renumbered(mut self, numbers: &'a FxHashMap<u32, u32>) -> Rewrite<'a, F> {
        self.numbers = Some(numbers);
        self
    }

    fn origin(&mut self, id: ExprId) -> OriginId {
        let Some(numbers) = self.numbers else { return self.present };
        let (from, into) = (self.from, &mut *self.into);
        let old = from.origin_of(id);
        let renumbered = *self.done_origins.entry(old).or_insert_with(|| {
            let all = from.origins().get(old).iter();
            into.origins_mut().of(all.filter_map(|number| numbers.get(number).copied()))
        });
        if renumbered == OriginId::default() { self.present } else { renumbered }
    }

    /// The copy of an expression.
    pub fn expr(&mut self, id: ExprId) -> ExprId {
        if let Some(&done) = self.done.get(&id) {
            return done;
        }
        let from = self.from;
        let origin = self.origin(id);
        let before = self.into.set_origin(origin);
        let new = match from.expr(id) {
            Expr::Const(..) | Expr::Var(..) => self.into.intern(from.expr(id).clone()),
            Expr::Element { operand, index, dtype } => {
                let index: Indices = index.iter().map(|&i| self.index(i)).collect();
                (self.element)(self.into, *operand, &index, *dtype)
            }
            Expr::Load { place, index, dtype } => {
                let index = self.index(*index);
                self.into.intern(Expr::Load { place: *place, index, dtype: *dtype })
            }
            Expr::Index(i, dtype) => {
                let i = self.index(*i);
                self.into.intern(Expr::Index(i, *dtype))
            }
            Expr::Unary(f, x) => {
                let x = self.expr(*x);
                self.into.unary(*f, x)
            }
            Expr::Binary(f, a, b) => {
                let (a, b) = (self.expr(*a), self.expr(*b));
                self.into.binary(*f, a, b)
            }
            Expr::Compare(f, a, b) => {
                let (a, b) = (self.expr(*a), self.expr(*b));
                self.into.compare(*f, a, b)
            }
            Expr::Select(c, a, b) => {
                let (c, a, b) = (self.expr(*c), self.expr(*a), self.expr(*b));
                self.into.select(c, a, b)
            }
            Expr::Cast(dtype, x) => {
                let x = self.expr(*x);
                self.into.cast(*dtype, x)
            }
            Expr::Fma(a, b, c) => {
                let (a, b, c) = (self.expr(*a), self.expr(*b), self.expr(*c));
                self.into.intern(Expr::Fma(a, b, c))
            }
            Expr::Bitcast(dtype, x) => {
                let x = self.expr(*x);
                self.into.intern(Expr::Bitcast(*dtype, x))
            }
            Expr::ShiftLeft(x, n) => {
                let x = self.expr(*x);
                self.into.intern(Expr::ShiftLeft(x, *n))
            }
            Expr::ShiftRightSigned(x, n) => {
                let x = self.expr(*x);
                self.into.intern(Expr::ShiftRightSigned(x, *n))
            }
        };
        self.into.set_origin(before);
        self.done.insert(id, new);
        new
    }

    /// The copy of an index, brought into normal form again.
    pub fn index(&mut self, id: IndexId) -> IndexId {
        if let Some(&done) = self.done_indices.get(&id) {
            return done;
        }
        let index = self.from.index(id);
        let mut sum = self.into.index_constant(index.constant);
        for &(term, coefficient) in &index.terms {
            let term = match term {
                Term::Axis(axis) => *self.axes.get(&axis).expect("an index for every axis"),
                Term::Div(x, n) => {
                    let x = self.index(x);
                    self.into.index_div(x, n)
                }
                Term::Mod(x, n) => {
                    let x = self.index(x);
                    self.into.index_mod(x, n)
                }
                Term::Data(x, n) => {
                    let x = self.expr(x);
                    self.into.index_data(x, n as usize)
                }
            };
            sum = self.into.index_add(sum, term, coefficient);
        }
        self.done_indices.insert(id, sum);
        sum
    }
}

/// Puts indices in the place of axes, within a pool.
pub struct Reindex<'a> {
    /// The pool.
    pub exprs: &'a mut Exprs,
    /// What takes the place of an axis; the others stay.
    axes: FxHashMap<AxisId, IndexId>,
    done: FxHashMap<ExprId, ExprId>,
    done_indices: FxHashMap<IndexId, IndexId>,
}

impl<'a> Reindex<'a> {
    /// A substitution in `exprs` of indices for axes.
    pub fn new(
        exprs: &'a mut Exprs,
        axes: impl IntoIterator<Item = (AxisId, IndexId)>,
    ) -> Reindex<'a> {
        let axes = axes.into_iter().collect();
        let (done, done_indices) = (FxHashMap::default(), FxHashMap::default());
        Reindex { exprs, axes, done, done_indices }
    }

    /// The expression with other indices.
    pub fn expr(&mut self, id: ExprId) -> ExprId {
        if let Some(&done) = self.done.get(&id) {
            return done;
        }
        let expr = self.exprs.expr(id).clone();
        let before = self.exprs.set_origin(self.exprs.origin_of(id));
        let new = match expr.clone() {
            Expr::Element { operand, index, dtype } => {
                let index = index.iter().map(|&i| self.index(i)).collect();
                Expr::Element { operand, index, dtype }
            }
            Expr::Load { place, index, dtype } => {
                Expr::Load { place, index: self.index(index), dtype }
            }
            Expr::Index(index, dtype) => Expr::Index(self.index(index), dtype),
            other => other.map_operands(&mut |x| self.expr(x)),
        };
        let new = if new == expr { id } else { self.exprs.intern(new) };
        self.exprs.set_origin(before);
        self.done.insert(id, new);
        new
    }

    /// The index with others in the place of axes, in normal form.
    pub fn index(&mut self, id: IndexId) -> IndexId {
        if let Some(&done) = self.done_indices.get(&id) {
            return done;
        }
        let index = self.exprs.index(id).clone();
        let mut sum = self.exprs.index_constant(index.constant);
        for (term, coefficient) in index.terms {
            let term = match term {
                Term::Axis(axis) => match self.axes.get(&axis) {
                    Some(&index) => index,
                    None => self.exprs.index_axis(axis),
                },
                Term::Div(x, n) => {
                    let x = self.index(x);
                    self.exprs.index_div(x, n)
                }
                Term::Mod(x, n) => {
                    let x = self.index(x);
                    self.exprs.index_mod(x, n)
                }
                Term::Data(x, n) => {
                    let x = self.expr(x);
                    self.exprs.index_data(x, n as usize)
                }
            };
            sum = self.exprs.index_add(sum, term, coefficient);
        }
        self.done_indices.insert(id, sum);
        sum
    }
}
