//! The functions of which the runtime has a kernel for many elements: those of floats that are
//! expanded to a polynomial.

use super::{BinaryFn, Expansion, UnaryFn};
use crate::ir::{DType, Expr, ExprId, Exprs, Target};

/// A function of floats that the runtime has a kernel for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LibraryFn {
    /// Of one element.
    Unary(UnaryFn),
    /// Of two elements.
    Binary(BinaryFn),
}

impl LibraryFn {
    /// Every one.
    pub fn all() -> Vec<LibraryFn> {
        let unary = UnaryFn::ALL.into_iter().map(LibraryFn::Unary);
        let binary = BinaryFn::ALL.into_iter().map(LibraryFn::Binary);
        unary.chain(binary).filter(|f| f.has_kernel()).collect()
    }

    /// The one that an expression applies, if it does.
    pub fn of(exprs: &Exprs, id: ExprId) -> Option<LibraryFn> {
        let found = match exprs.expr(id) {
            Expr::Unary(f, _) => LibraryFn::Unary(*f),
            Expr::Binary(f, ..) => LibraryFn::Binary(*f),
            Expr::Const(..)
            | Expr::Element { .. }
            | Expr::Load { .. }
            | Expr::Index(..)
            | Expr::Var(..)
            | Expr::Compare(..)
            | Expr::Select(..)
            | Expr::Cast(..)
            | Expr::Fma(..)
            | Expr::Bitcast(..)
            | Expr::ShiftLeft(..)
            | Expr::ShiftRightSigned(..) => return None,
        };
        (found.has_kernel() && exprs.dtype(id).is_float()).then_some(found)
    }

    /// Whether the runtime has a kernel for it.
    pub const fn has_kernel(self) -> bool {
        match self {
            LibraryFn::Unary(f) => f.is_transcendental(),
            LibraryFn::Binary(f) => f.is_transcendental(),
        }
    }

    /// The operations that it counts as.
    pub(crate) const fn cost(self) -> u32 {
        match self {
            LibraryFn::Unary(f) => f.cost(),
            LibraryFn::Binary(f) => f.cost(),
        }
    }

    /// The name in the language.
    pub const fn name(self) -> &'static str {
        match self {
            LibraryFn::Unary(f) => f.name(),
            LibraryFn::Binary(f) => f.name(),
        }
    }

    /// How many elements it takes.
    pub const fn n_operands(self) -> usize {
        match self {
            LibraryFn::Unary(_) => 1,
            LibraryFn::Binary(_) => 2,
        }
    }

    /// Whether few arguments of a type take far longer than the others.
    pub(crate) fn has_rare(self, dtype: DType) -> bool {
        match self {
            LibraryFn::Unary(f) => f.has_rare(dtype),
            LibraryFn::Binary(_) => false,
        }
    }

    /// The expressions that compute it; `None` where the operands are not as many as it takes, or
    /// no floats.
    pub fn expand(
        self,
        exprs: &mut Exprs,
        operands: &[ExprId],
        target: &Target,
    ) -> Option<Expansion> {
        match (self, operands) {
            (LibraryFn::Unary(f), &[x]) => f.expand(exprs, x, target),
            (LibraryFn::Binary(f), &[a, b]) => {
                let value = f.expand(exprs, [a, b], target)?;
                Some(Expansion { value, rare: None })
            }
            (LibraryFn::Unary(_) | LibraryFn::Binary(_), _) => None,
        }
    }
}
