//! The graph and everything a node is made of.

mod costs;
mod dim;
mod dtype;
mod expr;
mod flow;
mod lowering;
mod rewrite;
mod graph;
mod literal;
mod module;
mod origins;
mod philox;
mod print;
mod provenance;
mod scalar;
mod functions;
mod target;
mod tensor_type;
mod verify;

pub use crate::ops::functions::{BinaryFn, LibraryFn, UnaryFn};
pub use costs::Costs;
pub use dim::{Agreement, Binding, Dim, DimError, Symbol};
pub use dtype::DType;
pub use expr::{
    AxisId, Expr, ExprId, Exprs, Index, IndexId, IndexTerms, Indices, PlaceId, Term, VarId, strides,
};
pub use flow::{Network, UNCUT};
pub use functions::{CompareFn, LARGEST_QUOTIENT};
pub(crate) use functions::{Float, Int};
pub use graph::{Graph, Metric, MetricKind, Name, Node, NodeId, Origin, Update};
pub use literal::{Element, Literal};
pub use lowering::{Lowering, Monoid, Part, Reading, Running, Sorted};
pub use module::{
    Module, OptimizerArgument, OptimizerCall, ParameterGroup, TrainingStep, Variable, VariableKind,
};
pub use origins::{OriginId, Origins};
pub use philox::{philox_block, philox_word, stream_key};
#[cfg(feature = "inspect")]
pub(crate) use print::JsonText;
pub use print::{Dot, GraphText, Json};
pub use provenance::{Position, Provenance, Site};
pub use rewrite::{Reindex, Rewrite};
pub use scalar::Scalar;
pub use target::Target;
pub use tensor_type::{ShapeText, TensorType};
pub use verify::{VerifyError, verify};
