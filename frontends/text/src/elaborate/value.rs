//! What an expression of the language stands for while a graph is elaborated.

use std::sync::Arc;

use brolga_compiler::ir::{DType, Dim, NodeId};

use super::number::Number;
use super::{Elaborator, Result};
use crate::ast::{Formal, Function};
use crate::source::Span;

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// A node of one of the graphs that are being made.
    Tensor(Tensor),
    /// A number or bool known at compile time, without a type.
    Bare(Bare),
    /// A string.
    Str(Arc<str>),
    /// An element type.
    Element(DType),
    /// A list.
    List(List),
    /// A function.
    Function(FunctionRef),
    /// A function of a shape and an element type whose other arguments are given: an initialiser.
    Initial(Arc<Initial>),
    /// What came of an expression in which an error has been reported.
    Poison,
}

/// A list that knows how large it is when all lists inside it are written out.
#[derive(Clone, Debug)]
pub(super) struct List {
    members: Arc<[Value]>,
    /// How many members there are, those of its lists included.
    pub(super) size: usize,
    /// How deep lists nest, itself included.
    pub(super) depth: usize,
    holds_tensor: bool,
    is_poisoned: bool,
}

impl std::ops::Deref for List {
    type Target = [Value];
    fn deref(&self) -> &[Value] {
        &self.members
    }
}

impl From<Vec<Value>> for List {
    fn from(members: Vec<Value>) -> List {
        let (mut size, mut depth) = (members.len(), 1);
        for member in &members {
            if let Value::List(inner) = member {
                size = size.saturating_add(inner.size);
                depth = depth.max(inner.depth.saturating_add(1));
            }
        }
        let holds_tensor = members.iter().any(Value::holds_tensor);
        let is_poisoned = members.iter().any(Value::is_poisoned);
        List { members: members.into(), size, depth, holds_tensor, is_poisoned }
    }
}

/// A node of one graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Tensor {
    /// The node.
    pub(super) node: NodeId,
    /// The graph that it belongs to.
    pub(super) region: RegionId,
}

/// Which of the graphs: each has a number of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct RegionId(pub(super) u32);

/// A number or bool without a type.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Bare {
    /// An integer or dimension.
    Int(Dim),
    /// Any other number.
    Float(Number),
    /// A bool.
    Bool(bool),
}

/// Which file of the program: 0 is the standard library, 1 the user's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId(pub(super) usize);

impl FileId {
    /// The standard library.
    pub(super) const STD: FileId = FileId(0);
    /// The file that is elaborated.
    pub(super) const MAIN: FileId = FileId(1);
}

/// A function.
#[derive(Clone, Debug)]
pub(super) enum FunctionRef {
    /// One that is written in the language, in this file.
    Graph(FileId, Arc<Function>),
    /// An operation.
    Builtin(&'static Builtin),
    /// One instance of a layer, by number.
    Shared(usize),
}

/// An initialiser with its arguments.
#[derive(Clone, Debug)]
pub(super) struct Initial {
    /// A function whose first arguments are `shape` and `dtype`.
    pub(super) function: FunctionRef,
    /// The others, positional ones as if they came first.
    pub(super) args: Vec<GivenArg>,
    /// Where it is called.
    pub(super) span: Span,
}

/// An evaluated argument of a call.
#[derive(Clone, Debug)]
pub(super) struct GivenArg {
    /// Its name, if it was given by name.
    pub(super) name: Option<Arc<str>>,
    /// Its value.
    pub(super) value: Value,
    /// Where it stands.
    pub(super) span: Span,
}

/// An operation.
#[derive(Debug)]
pub(super) struct Builtin {
    pub(super) name: &'static str,
    pub(super) formals: Vec<FormalSpec>,
    pub(super) run: fn(&mut Elaborator<'_>, Args) -> Result<Value>,
}

/// An argument of an operation.
#[derive(Clone, Debug)]
pub(super) struct FormalSpec {
    pub(super) name: &'static str,
    pub(super) required: bool,
    pub(super) default: &'static str,
}

/// The arguments of a call in the order of the formals.
#[derive(Debug)]
pub(super) struct Args {
    pub(super) builtin: &'static Builtin,
    pub(super) values: Vec<Option<(Value, Span)>>,
    /// Where the call stands.
    pub(super) span: Span,
    /// `name="..."`
    pub(super) name: Option<Arc<str>>,
}

impl Args {
    /// An argument that is required, with its place.
    pub(super) fn value(&self, k: usize) -> (&Value, Span) {
        let (value, span) = self.values[k].as_ref().expect("the call was refused without it");
        (value, *span)
    }

    /// An argument that may be left out.
    pub(super) fn optional(&self, k: usize) -> Option<(&Value, Span)> {
        self.values[k].as_ref().map(|(value, span)| (value, *span))
    }
}

impl Builtin {
    /// The head as it would be written.
    pub(super) fn signature(&self) -> String {
        let formal = |formal: &FormalSpec| match formal.default {
            "" if formal.required => formal.name.to_owned(),
            "" => format!("[{}]", formal.name),
            default => format!("{}={default}", formal.name),
        };
        let formals: Vec<String> = self.formals.iter().map(formal).collect();
        format!("{}({})", self.name, formals.join(", "))
    }

    /// Whether it makes initial values.
    pub(super) fn is_initialiser(&self) -> bool {
        let names: Vec<&str> = self.formals.iter().map(|formal| formal.name).collect();
        names.starts_with(&["shape", "dtype"])
    }
}

impl Value {
    /// An integer.
    pub(super) fn int(n: i64) -> Value {
        Value::Bare(Bare::Int(Dim::number(n)))
    }

    /// A dimension.
    pub(super) fn dim(dim: Dim) -> Value {
        Value::Bare(Bare::Int(dim))
    }

    /// A number.
    pub(super) fn float(x: f64) -> Value {
        Value::Bare(Bare::Float(Number::Known(x)))
    }

    /// A bool.
    pub(super) fn bool(b: bool) -> Value {
        Value::Bare(Bare::Bool(b))
    }

    /// A list.
    pub(super) fn list(members: Vec<Value>) -> Value {
        Value::List(members.into())
    }

    /// What kind of value this is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::Tensor(_) => "a tensor",
            Value::Bare(Bare::Int(_) | Bare::Float(_)) => "a number",
            Value::Bare(Bare::Bool(_)) => "a bool",
            Value::Str(_) => "a string",
            Value::Element(_) => "an element type",
            Value::List(_) => "a list",
            Value::Function(_) => "a function",
            Value::Initial(_) => "an initialiser",
            Value::Poison => "nothing",
        }
    }

    /// Whether a tensor is in it, at any depth.
    pub(super) fn holds_tensor(&self) -> bool {
        match self {
            Value::Tensor(_) => true,
            Value::List(list) => list.holds_tensor,
            Value::Bare(_)
            | Value::Str(_)
            | Value::Element(_)
            | Value::Function(_)
            | Value::Initial(_)
            | Value::Poison => false,
        }
    }

    /// Whether an error has been reported about it or one of its members.
    pub(super) fn is_poisoned(&self) -> bool {
        match self {
            Value::Poison => true,
            Value::List(list) => list.is_poisoned,
            Value::Tensor(_)
            | Value::Bare(_)
            | Value::Str(_)
            | Value::Element(_)
            | Value::Function(_)
            | Value::Initial(_) => false,
        }
    }
}

impl FunctionRef {
    /// Its head, as it is written; an instance of a layer has none.
    pub(super) fn signature(&self) -> Option<String> {
        match self {
            FunctionRef::Graph(_, function) => Some(signature(function)),
            FunctionRef::Builtin(builtin) => Some(builtin.signature()),
            FunctionRef::Shared(_) => None,
        }
    }

    /// Whether both are the same function.
    pub(super) fn is(&self, other: &FunctionRef) -> bool {
        match (self, other) {
            (FunctionRef::Graph(_, a), FunctionRef::Graph(_, b)) => Arc::ptr_eq(a, b),
            (FunctionRef::Builtin(a), FunctionRef::Builtin(b)) => a.name == b.name,
            (FunctionRef::Shared(a), FunctionRef::Shared(b)) => a == b,
            (FunctionRef::Graph(..) | FunctionRef::Builtin(_) | FunctionRef::Shared(_), _) => false,
        }
    }
}

/// The members of a list, or the value alone.
pub(super) fn members(value: &Value) -> Vec<Value> {
    match value {
        Value::List(list) => list.to_vec(),
        other => vec![other.clone()],
    }
}

/// The head of a function as it is written.
pub(super) fn signature(function: &Function) -> String {
    let formal = |f: &Formal| match &f.default {
        Some(default) => format!("{}={default}", f.name),
        None => f.name.to_string(),
    };
    let formals: Vec<String> = function.formals.iter().map(formal).collect();
    format!("{}({})", function.name, formals.join(", "))
}
