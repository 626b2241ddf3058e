//! The graph and everything a node is made of.

mod dim;
mod dtype;
mod expr;
mod graph;
mod literal;
mod module;
mod philox;
mod print;
mod provenance;
mod scalar;
mod target;
mod tensor_type;
mod verify;

pub use dim::{Agreement, Binding, Dim, DimError, Symbol};
pub use dtype::DType;
pub use expr::{
    AxisId, Expr, ExprId, Exprs, Index, IndexId, Lowering, Monoid, Part, PlaceId, Rewrite, Term,
    VarId, strides,
};
pub use graph::{Graph, Metric, MetricKind, Name, Node, NodeId, Origin, Update};
pub use literal::{Element, Literal};
pub use module::{
    Module, OptimizerArgument, OptimizerCall, ParameterGroup, TrainingStep, Variable, VariableKind,
};
pub use philox::{philox_block, philox_word};
pub use print::{Dot, GraphText, Json};
pub use provenance::{Place, Position, Provenance};
pub use scalar::{BinaryFn, CompareFn, Scalar, UnaryFn, erf_f64};
pub(crate) use scalar::{Float, Int};
pub use target::Target;
pub use tensor_type::{ShapeText, TensorType};
pub use verify::{VerifyError, verify};
