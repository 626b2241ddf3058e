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
    ///
    /// ```
    /// use brolga::{build_module, f32};
    ///
    /// build_module(|g| {
    ///     let x = g.input("x", f32([g.dim("batch"), 6.into()]));
    ///     let y = x.reshape(&[g.dim("batch"), 2.into(), 3.into()]);
    ///     assert_eq!(y.tensor_type(), Some(f32([g.dim("batch"), 2.into(), 3.into()])));
    ///     g.output("y", y);
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tensor_type(self) -> Option<TensorType> {
        self.builder.construction.borrow().tensor_type(self.tensor?)
    }

    /// The product of matrices, as NumPy's `matmul`.
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions};
    ///
    /// let graph = Graph::build(|g| {
    ///     let x = g.constant([[1.0, 2.0], [3.0, 4.0]]);
    ///     g.output("y", x.matmul(g.constant([1.0, 10.0])));
    /// })?;
    /// let outputs = Session::new(graph, SessionOptions::default())?.outputs([])?;
    /// assert_eq!(outputs["y"].to_string(), "[21.0, 43.0]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn matmul(self, other: Value<'g>) -> Value<'g> {
        self.binary(BinaryOp::MatMul, self.into(), other.into())
    }

    /// The sum over axes.
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions};
    ///
    /// let graph = Graph::build(|g| {
    ///     let x = g.constant([[1.0, 2.0], [3.0, 4.0]]);
    ///     g.output("columns", x.sum(&[0]));
    ///     g.output("all", x.sum(&[0, 1]));
    /// })?;
    /// let outputs = Session::new(graph, SessionOptions::default())?.outputs([])?;
    /// assert_eq!(outputs["columns"].to_string(), "[4.0, 6.0]");
    /// assert_eq!(outputs["all"].to_string(), "10.0");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn sum(self, axes: &[usize]) -> Value<'g> {
        let axes: Vec<Dim> = axes.iter().map(|&axis| Dim::from(axis)).collect();
        self.builder.call("sum", (self, axes))
    }

    /// The mean over all axes.
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions};
    ///
    /// let graph = Graph::build(|g| {
    ///     let x = g.constant([[1.0, 2.0], [3.0, 4.0]]);
    ///     g.output("mean", x.mean());
    /// })?;
    /// let outputs = Session::new(graph, SessionOptions::default())?.outputs([])?;
    /// assert_eq!(outputs["mean"].to_string(), "2.5");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn mean(self) -> Value<'g> {
        self.builder.call("mean", (self,))
    }

    /// The first index of the largest along an axis, as i32.
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions};
    ///
    /// let graph = Graph::build(|g| {
    ///     let x = g.constant([[1.0, 5.0, 5.0], [9.0, 3.0, 4.0]]);
    ///     g.output("best", x.argmax(1));
    /// })?;
    /// let outputs = Session::new(graph, SessionOptions::default())?.outputs([])?;
    /// assert_eq!(outputs["best"].to_string(), "[1, 0]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn argmax(self, axis: usize) -> Value<'g> {
        self.builder.call("argmax", (self, Dim::from(axis)))
    }

    /// The sums of the elements up to each of them along an axis.
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions};
    ///
    /// let graph = Graph::build(|g| {
    ///     g.output("sums", g.constant([1, 2, 3]).cumsum(0));
    /// })?;
    /// let outputs = Session::new(graph, SessionOptions::default())?.outputs([])?;
    /// assert_eq!(outputs["sums"].to_string(), "[1, 3, 6]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn cumsum(self, axis: usize) -> Value<'g> {
        self.builder.call("cumsum", (self, Dim::from(axis)))
    }

    /// The products of the elements up to each of them along an axis.
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions};
    ///
    /// let graph = Graph::build(|g| {
    ///     g.output("products", g.constant([2, 3, 4]).cumprod(0));
    /// })?;
    /// let outputs = Session::new(graph, SessionOptions::default())?.outputs([])?;
    /// assert_eq!(outputs["products"].to_string(), "[2, 6, 24]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn cumprod(self, axis: usize) -> Value<'g> {
        self.builder.call("cumprod", (self, Dim::from(axis)))
    }

    /// Of an axis, `len` elements from the place `start` on. An axis that is not there is an error.
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions};
    ///
    /// let graph = Graph::build(|g| {
    ///     g.output("middle", g.constant([1, 2, 3, 4]).slice(0, 1, 2));
    /// })?;
    /// let outputs = Session::new(graph, SessionOptions::default())?.outputs([])?;
    /// assert_eq!(outputs["middle"].to_string(), "[2, 3]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions};
    ///
    /// let graph = Graph::build(|g| {
    ///     let x = g.constant([1, 2, 3, 4]);
    ///     g.output("y", x.reshape(&[2.into(), 2.into()]));
    /// })?;
    /// let outputs = Session::new(graph, SessionOptions::default())?.outputs([])?;
    /// assert_eq!(outputs["y"].to_string(), "[[1, 2], [3, 4]]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn reshape(self, shape: &[Dim]) -> Value<'g> {
        self.builder.call("reshape", (self, shape))
    }

    /// The same numbers in another element type.
    ///
    /// ```
    /// use brolga::{DType, Graph, Session, SessionOptions};
    ///
    /// let graph = Graph::build(|g| {
    ///     g.output("whole", g.constant([1.5, -2.5]).cast(DType::I32));
    /// })?;
    /// let outputs = Session::new(graph, SessionOptions::default())?.outputs([])?;
    /// assert_eq!(outputs["whole"].to_string(), "[1, -2]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn cast(self, dtype: DType) -> Value<'g> {
        self.builder.call("cast", (self, dtype))
    }

    /// The mean cross-entropy of logits `[..., classes]` with the classes `labels: i32[...]`.
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions};
    ///
    /// let graph = Graph::build(|g| {
    ///     let logits = g.constant([[0.0, 0.0]]);
    ///     // Two classes that are equally likely: log 2.
    ///     let loss = logits.sparse_softmax_cross_entropy(g.constant([1]));
    ///     g.output("is_log_2", (loss - 2f64.ln()).abs().less(1e-6));
    /// })?;
    /// let outputs = Session::new(graph, SessionOptions::default())?.outputs([])?;
    /// assert_eq!(outputs["is_log_2"].to_string(), "true");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
