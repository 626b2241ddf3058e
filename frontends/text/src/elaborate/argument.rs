//! What calls from Rust are given, and what it means.

use std::sync::Arc;

use brolga_compiler::ir::{DType, Dim, Name as NodeName, OptimizerArgument, OptimizerCall};

use super::calls::{CallSite, Given};
use super::regions::Clock;
use super::value::{GivenArg, Tensor, Value};
use super::{Elaborator, Result};
use crate::ast::Name;
use crate::codes::Code;
use crate::source::Span;

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
    Call(LibraryCall),
}

/// A call: `dense(x, 128, name="h")`.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct LibraryCall {
    /// The name of a function of the library, or of an operation.
    pub function: String,
    /// The arguments without a name.
    pub positional: Vec<Argument>,
    /// The arguments by name; any call takes `name` and `training`.
    pub named: Vec<(String, Argument)>,
}

/// Params that share an optimiser: `over PATTERN, ... with OPT(...)`.
#[derive(Clone, Debug, PartialEq)]
pub struct StepGroup {
    /// Patterns of names; none stand for every param.
    pub patterns: Vec<String>,
    /// The optimiser with its arguments.
    pub optimizer: LibraryCall,
}

impl Elaborator<'_> {
    /// The value of an argument.
    pub(super) fn argument(&mut self, argument: &Argument, here: Span) -> Result<Value> {
        match argument {
            Argument::Tensor(x) => self.open_tensor(*x, here).map(Value::Tensor),
            Argument::Dim(dim) => Ok(Value::dim(dim.clone())),
            Argument::Number(x) => Ok(Value::float(*x)),
            Argument::Bool(b) => Ok(Value::bool(*b)),
            Argument::Text(text) => Ok(Value::Str(text.as_str().into())),
            Argument::Element(dtype) => Ok(Value::Element(*dtype)),
            Argument::Step => self.clock(Clock::Step).map(Value::Tensor),
            Argument::Epoch => self.clock(Clock::Epoch).map(Value::Tensor),
            Argument::List(members) => {
                let values = members.iter().map(|member| self.argument(member, here));
                let values = values.collect::<Result<_>>()?;
                self.list(values, here)
            }
            Argument::Function(name) => self.function_value(name, here),
            Argument::Call(call) => self.outcome(call, here),
        }
    }

    fn function_value(&mut self, name: &str, here: Span) -> Result<Value> {
        let name = Name { text: name.into(), span: here };
        self.callee(&name.text).ok_or_else(|| self.unknown_function(&name))
    }

    /// What a call gives.
    pub(super) fn outcome(&mut self, call: &LibraryCall, here: Span) -> Result<Value> {
        let callee = self.function_value(&call.function, here)?;
        let given = self.given_to(call, here)?;
        self.at = here;
        let site = CallSite { name: &call.function, span: here, is_whole: false };
        self.call_value(callee, given, site)
    }

    fn given_to(&mut self, call: &LibraryCall, here: Span) -> Result<Given> {
        let positional = call.positional.iter().map(|argument| (None, argument));
        let named = call.named.iter().map(|(name, argument)| (Some(name.as_str()), argument));
        let mut args = Vec::new();
        for (name, argument) in positional.chain(named) {
            let value = self.argument(argument, here)?;
            args.push(GivenArg { name: name.map(Arc::from), value, span: here });
        }
        self.sorted(args)
    }

    /// An optimiser with its arguments.
    pub(super) fn optimizer_call(
        &mut self,
        call: &LibraryCall,
        here: Span,
    ) -> Result<OptimizerCall> {
        let name = Name { text: call.function.as_str().into(), span: here };
        let formals = self.optimizer_formals(&name)?;
        let positional = call.positional.iter().enumerate().map(|(k, a)| ((k, None), a));
        let named = call.named.iter().map(|(name, a)| ((0, Some(name.as_str())), a));
        let mut arguments: Vec<(NodeName, OptimizerArgument)> = Vec::new();
        for (slot, argument) in positional.chain(named) {
            let (formal, default) = self.optimizer_formal(&name, &formals, slot, here)?;
            if arguments.iter().any(|(other, _)| **other == *formal) {
                let message = format!("`{formal}` is given twice");
                return Err(self.error(Code::RepeatedArgument, message, here, ""));
            }
            let value = self.argument(argument, here)?;
            arguments
                .push((formal.into(), self.optimizer_argument(&value, default, formal, here)?));
        }
        Ok(OptimizerCall { name: name.text, arguments })
    }
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
    usize, n => Argument::Dim(Dim::from(n));
    Dim, dim => Argument::Dim(dim);
    &Dim, dim => Argument::Dim(dim.clone());
    f64, x => Argument::Number(x);
    bool, b => Argument::Bool(b);
    &str, text => Argument::Text(text.to_owned());
    String, text => Argument::Text(text);
    DType, dtype => Argument::Element(dtype);
    TensorRef, x => Argument::Tensor(Some(x));
    Option<TensorRef>, x => Argument::Tensor(x);
    LibraryCall, call => Argument::Call(call);
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
