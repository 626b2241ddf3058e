//! What calls from Rust are given.

use brolga_compiler::ir::{DType, Dim};

use super::value::Tensor;

/// A tensor of a [`Construction`](super::Construction).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TensorRef(pub(super) Tensor);

/// An argument of a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument {
    /// A tensor; `None` stands for one that could not be made.
    Tensor(Option<TensorRef>),
    /// An integer, or a dimension.
    Dim(Dim),
    /// Any other number.
    Number(f64),
    /// A bool.
    Bool(bool),
    /// A string.
    Text(String),
    /// An element type.
    Element(DType),
    /// `step`, the number of batches that were trained.
    Step,
    /// `epoch`, the number of epochs that were trained.
    Epoch,
    /// A list.
    List(Vec<Argument>),
    /// A function: `act=relu`.
    Function(String),
    /// What a call gives: `init=normal(std=0.02)`.
    Call(Call),
}

/// A call: `dense(x, 128, name="h")`.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Call {
    /// The name of a function of the library, or of an operation.
    pub function: String,
    /// The arguments without a name.
    pub positional: Vec<Argument>,
    /// The arguments by name; any call takes `name` and `training`.
    pub named: Vec<(String, Argument)>,
}

/// Params that share an optimiser: `over PATTERN, ... with OPT(...)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Patterns of names; none stand for every param.
    pub patterns: Vec<String>,
    /// The optimiser with its arguments.
    pub optimizer: Call,
}

/// Lists what becomes which argument.
macro_rules! arguments {
    ($($from:ty, $x:ident => $argument:expr;)*) => {$(
        impl From<$from> for Argument {
            fn from($x: $from) -> Argument {
                $argument
            }
        }
    )*};
}
arguments! {
    i32, n => Argument::Dim(Dim::number(n.into()));
    i64, n => Argument::Dim(Dim::number(n));
    Dim, dim => Argument::Dim(dim);
    &Dim, dim => Argument::Dim(dim.clone());
    f64, x => Argument::Number(x);
    bool, b => Argument::Bool(b);
    &str, text => Argument::Text(text.to_owned());
    String, text => Argument::Text(text);
    DType, dtype => Argument::Element(dtype);
    TensorRef, x => Argument::Tensor(Some(x));
    Option<TensorRef>, x => Argument::Tensor(x);
    Call, call => Argument::Call(call);
}

impl<T: Into<Argument>> From<Vec<T>> for Argument {
    fn from(members: Vec<T>) -> Argument {
        Argument::List(members.into_iter().map(T::into).collect())
    }
}

impl<T: Into<Argument>, const N: usize> From<[T; N]> for Argument {
    fn from(members: [T; N]) -> Argument {
        Argument::List(members.into_iter().map(T::into).collect())
    }
}

impl<T: Clone + Into<Argument>> From<&[T]> for Argument {
    fn from(members: &[T]) -> Argument {
        Argument::List(members.iter().cloned().map(T::into).collect())
    }
}
