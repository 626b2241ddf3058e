//! Values of a graph that is being built: operators and methods.

use std::ops::{Add, Div, Mul, Neg, Rem, Sub};
use std::panic::Location;

use brolga_compiler::ir::{DType, Dim, TensorType};
use brolga_text::ast::BinaryOp;
use brolga_text::{Argument, TensorRef};

use super::GraphBuilder;

/// A value of a graph that is being built.
#[derive(Clone, Copy)]
pub struct Value<'g> {
    builder: &'g GraphBuilder,
    /// None where it could not be made, which is reported already.
    tensor: Option<TensorRef>,
}

impl From<Value<'_>> for Argument {
    fn from(value: Value<'_>) -> Argument {
        Argument::Tensor(value.tensor)
    }
}

impl<'g> Value<'g> {
    pub(super) fn new(builder: &'g GraphBuilder, tensor: Option<TensorRef>) -> Value<'g> {
        Value { builder, tensor }
    }

    pub(super) fn tensor(self) -> Option<TensorRef> {
        self.tensor
    }

    /// The type; `None` where the value could not be made.
    pub fn tensor_type(self) -> Option<TensorType> {
        self.builder.construction.borrow().tensor_type(self.tensor?)
    }

    /// The product of matrices, as NumPy's `matmul`.
    #[track_caller]
    pub fn matmul(self, other: Value<'g>) -> Value<'g> {
        self.binary(BinaryOp::MatMul, self.into(), other.into())
    }

    /// The sum over axes.
    #[track_caller]
    pub fn sum(self, axes: &[usize]) -> Value<'g> {
        let axes: Vec<Dim> = axes.iter().map(|&axis| Dim::from(axis)).collect();
        self.builder.call("sum", (self, axes))
    }

    /// The mean over all axes.
    #[track_caller]
    pub fn mean(self) -> Value<'g> {
        self.builder.call("mean", (self,))
    }

    /// The first index of the largest along an axis, as i32.
    #[track_caller]
    pub fn argmax(self, axis: usize) -> Value<'g> {
        self.builder.call("argmax", (self, Dim::from(axis)))
    }

    /// The sums of the elements up to each of them along an axis.
    #[track_caller]
    pub fn cumsum(self, axis: usize) -> Value<'g> {
        self.builder.call("cumsum", (self, Dim::from(axis)))
    }

    /// The products of the elements up to each of them along an axis.
    #[track_caller]
    pub fn cumprod(self, axis: usize) -> Value<'g> {
        self.builder.call("cumprod", (self, Dim::from(axis)))
    }

    /// Of an axis, `len` elements from the place `start` on. An axis that is not there is an error.
    #[track_caller]
    pub fn slice(self, axis: usize, start: impl Into<Dim>, len: impl Into<Dim>) -> Value<'g> {
        let mut sizes = self.tensor_type().map(|t| t.shape).unwrap_or_default().to_vec();
        // A number for an axis too many is refused by the operation.
        sizes.resize(sizes.len().max(axis + 1), Dim::from(1));
        let mut starts = vec![Dim::from(0); sizes.len()];
        let steps = vec![Dim::from(1); sizes.len()];
        (starts[axis], sizes[axis]) = (start.into(), len.into());
        self.builder.call("slice", (self, starts, sizes, steps))
    }

    /// The same elements in row-major order in another shape.
    #[track_caller]
    pub fn reshape(self, shape: &[Dim]) -> Value<'g> {
        self.builder.call("reshape", (self, shape))
    }

    /// The same numbers in another element type.
    #[track_caller]
    pub fn cast(self, dtype: DType) -> Value<'g> {
        self.builder.call("cast", (self, dtype))
    }

    /// The mean cross-entropy of logits `[..., classes]` with the classes `labels: i32[...]`.
    #[track_caller]
    pub fn sparse_softmax_cross_entropy(self, labels: Value<'g>) -> Value<'g> {
        self.builder.sparse_softmax_cross_entropy(self, labels)
    }

    #[track_caller]
    fn binary(self, op: BinaryOp, a: Argument, b: Argument) -> Value<'g> {
        let at = Location::caller();
        self.builder.value_of(|c| c.binary(op, &a, &b, at))
    }
}

/// Operators that Rust has no sign for, or another meaning; the other side is a value, a number or a
/// dimension.
macro_rules! binary {
    ($($(#[$doc:meta])* $name:ident, $op:ident;)*) => {
        impl<'g> Value<'g> {$(
            $(#[$doc])*
            #[track_caller]
            pub fn $name(self, other: impl Into<Argument>) -> Value<'g> {
                self.binary(BinaryOp::$op, self.into(), other.into())
            }
        )*}
    };
}
binary! {
    /// Where the elements are equal, as bool.
    equals, Eq;
    /// Where they differ, as bool.
    not_equals, Ne;
    /// Where an element is less than the other, as bool.
    less, Lt;
    /// Where an element is less than the other or equal, as bool.
    less_equal, Le;
    /// Where an element is greater than the other, as bool.
    greater, Gt;
    /// Where an element is greater than the other or equal, as bool.
    greater_equal, Ge;
    /// Where both are true, of bools.
    and, And;
    /// Where one is true, of bools.
    or, Or;
    /// The quotient, rounded down; of integers 0 where the other is 0.
    floor_div, FloorDiv;
    /// To the power of the other.
    pow, Pow;
}

/// The functions of one value.
macro_rules! unary {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        impl<'g> Value<'g> {$(
            $(#[$doc])*
            #[track_caller]
            pub fn $name(self) -> Value<'g> {
                self.builder.call(stringify!($name), (self,))
            }
        )*}
    };
}
unary! {
    /// `|x|`.
    abs;
    /// `e^x`.
    exp;
    /// The natural logarithm.
    log;
    /// The square root.
    sqrt;
    /// `x²`.
    square;
    /// The hyperbolic tangent.
    tanh;
    /// `1 / (1 + e^-x)`.
    sigmoid;
    /// `max(x, 0)`.
    relu;
    /// `x Φ(x)` with the standard normal distribution's Φ. (Hendrycks and Gimpel 2016.)
    gelu;
    /// `e^x / Σ e^x` along the last axis.
    softmax;
    /// `x - log Σ e^x` along the last axis.
    log_softmax;
    /// The same elements with the axes after the first joined.
    flatten;
}

/// An operator between values, and between a value and a number or dimension.
macro_rules! operator {
    ($($trait:ident, $method:ident;)*) => {$(
        impl<'g, T: Into<Argument>> $trait<T> for Value<'g> {
            type Output = Value<'g>;
            #[track_caller]
            fn $method(self, other: T) -> Value<'g> {
                self.binary(BinaryOp::$trait, self.into(), other.into())
            }
        }

        impl<'g> $trait<Value<'g>> for f64 {
            type Output = Value<'g>;
            #[track_caller]
            fn $method(self, other: Value<'g>) -> Value<'g> {
                other.binary(BinaryOp::$trait, self.into(), other.into())
            }
        }
    )*};
}
operator! {
    Add, add;
    Sub, sub;
    Mul, mul;
    Div, div;
    Rem, rem;
}

impl<'g> Neg for Value<'g> {
    type Output = Value<'g>;
    #[track_caller]
    fn neg(self) -> Value<'g> {
        self.builder.call("neg", (self,))
    }
}
