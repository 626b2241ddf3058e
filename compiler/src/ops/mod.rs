//! The operations: a closed enum of families, one file a family, and the rules every family has.
//!
//! [`OpRules`] has no default bodies, so that an operation without a rule does not compile.

mod argsort;
mod arithmetic;
mod attributes;
pub mod build;
mod contract;
mod control;
mod conv;
mod creation;
mod einsum;
mod elements;
mod elementwise;
mod evaluate;
pub(crate) mod functions;
mod indexing;
mod leaf;
mod movement;
mod others;
mod placement;
mod pool;
mod prefix;
mod random;
mod reduce;
mod region;
mod shape;
mod table;
mod window;
#[cfg(test)]
mod tests;

pub use argsort::Argsort;
pub use attributes::Attributes;
pub use build::{Build, broadcast_shapes};
pub use contract::{Contract, Reference};
pub(crate) use control::takes_long;
pub use control::{Control, Scan};
pub use conv::{Conv, ConvResult, Strided, StridedProduct};
pub use creation::Creation;
pub use einsum::Einsum;
pub use elementwise::Elementwise;
pub use evaluate::{EvalFailure, EvalPlan, Values, evaluate};
pub use functions::{Course, Expansion, Instruction};
pub use indexing::{Indexing, Indices, indices};
pub use leaf::Leaf;
pub use movement::Movement;
pub use others::ProductOfOthers;
pub use placement::Placement;
pub use pool::{Pool, PoolFn};
pub use prefix::{Lag, Prefix, PrefixFn};
pub use random::{Random, random_words};
pub use reduce::{Reduce, ReduceFn};
pub(crate) use region::{
    captured_once, differentiable_from, differentiable_to, parameter_number, with_parameters,
};
pub(crate) use shape::types_agree;
pub use table::{build_op, signatures};
pub use window::Window;

use std::sync::Arc;

use crate::error::CompileError;
use crate::ir::{
    Binding, DType, Dim, DimError, ExprId, Exprs, Graph, IndexId, Literal, Lowering, Name, NodeId,
    Origin, Provenance, Scalar, TensorType,
};

/// What a node computes.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// Inputs, variables, constants, clocks.
    Leaf(Leaf),
    /// Functions of elements at one index.
    Elementwise(Elementwise),
    /// Elements at other indices: reshape, transpose, broadcast, slice, reverse.
    Movement(Movement),
    /// Values of indices: iota.
    Creation(Creation),
    /// A monoid over axes.
    Reduce(Reduce),
    /// The product of the others along an axis: the gradient of a product.
    ProductOfOthers(ProductOfOthers),
    /// Running values along an axis.
    Prefix(Prefix),
    /// Sums of products: matmul.
    Contract(Contract),
    /// Sums of products whose dimensions have labels.
    Einsum(Einsum),
    /// Sums of products where a filter moves over an input, and their gradients.
    Conv(Conv),
    /// Functions of what a window sees where it moves over an input, and their gradients.
    Pool(Pool),
    /// Parts put somewhere in the result: concat, pad.
    Placement(Placement),
    /// The order of elements.
    Argsort(Argsort),
    /// Indices that are data.
    Indexing(Indexing),
    /// Random bits.
    Random(Random),
    /// Loops, the choice of a result, marks.
    Control(Control),
}

/// The codes of the errors in types: each is explained where errors are rendered.
pub mod codes {
    /// The element types of operands differ.
    pub const DTYPES_DIFFER: &str = "E0201";
    /// The shapes of operands differ and do not broadcast.
    pub const SHAPES_DIFFER: &str = "E0202";
    /// These shapes cannot be multiplied.
    pub const SHAPES_CANNOT_BE_MULTIPLIED: &str = "E0203";
    /// The operation does not exist for this element type.
    pub const DTYPE_REFUSED: &str = "E0204";
    /// A reshape changes the number of elements.
    pub const RESHAPE_SIZE: &str = "E0205";
    /// There is no such axis.
    pub const NO_SUCH_AXIS: &str = "E0206";
    /// An index or a slice reaches beyond its axis.
    pub const OUT_OF_RANGE: &str = "E0207";
    /// An attribute is missing, unknown or of the wrong kind.
    pub const ATTRIBUTE: &str = "E0208";
    /// The number of operands is wrong.
    pub const OPERAND_COUNT: &str = "E0209";
    /// A dimension overflows, is divided by zero or is not bound.
    pub const DIM: &str = "E0210";
    /// A dimension is negative.
    pub const NEGATIVE_DIM: &str = "E0211";
    /// There is no operation of this name.
    pub const NO_SUCH_OPERATION: &str = "E0212";
    /// The operands of a scan do not fit its body.
    pub const SCAN: &str = "E0213";
    /// A gradient is wanted of what is no float scalar.
    pub const NOT_A_FLOAT_SCALAR: &str = "E0214";
    /// A tensor has more bytes than can be addressed.
    pub const TOO_LARGE: &str = "E0216";
}

/// What the compiler knows of an operation. Every family implements all of it.
pub trait OpRules {
    /// The name, operands, attributes and documentation.
    fn signature(&self) -> &'static Signature;
    /// The values of the attributes, in the order of the signature.
    fn attributes(&self) -> Vec<Attribute>;
    /// The types of the results. Errors: what does not fit, as data.
    fn infer(&self, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError>;
    /// The same operation with every symbol in its attributes replaced by its number; a region
    /// stays as it is.
    fn specialise(&self, binding: &Binding) -> Result<Op, DimError>;
    /// The results for known operands, whose types `infer` accepts and whose sizes are numbers:
    /// the constant folder, the eager mode and the oracle.
    fn eval(&self, cx: &EvalContext<'_>, operands: &[&Literal]) -> Result<Vec<Literal>, EvalError>;
    /// Whether a cotangent of the result gives that operand one, if it is a float: whether a loss
    /// reaches a param through it.
    fn carries(&self, operand: usize) -> bool;
    /// Whether every way of computing it gives the same bits, on every machine: it is no
    /// approximation, and adds nothing up in an order that is left to a kernel. A product that is
    /// fused with a sum is another operation.
    fn is_exact(&self) -> bool;
    /// Floating-point operations for operands and a result whose dimensions are numbers: two for
    /// each term of a product, one for each element that an elementwise operation makes or a
    /// reduction reads, none for moving elements. Saturates.
    fn flops(&self, operands: &[&TensorType], result: &TensorType) -> u64;
    /// The cotangents of the operands as nodes of the graph, one per operand; `None` where there
    /// is none (integers) or it is zero.
    fn gradient(&self, cx: &mut GradientContext<'_>) -> Result<Vec<Option<NodeId>>, GradientError>;
    /// The operation of each of many: of operands of which some have one more leading axis, as nodes
    /// whose result has it too; `None` for an operation that has no sensible form of that.
    fn batch(&self, cx: &mut BatchContext<'_>) -> Result<Option<NodeId>, TypeError>;
    /// How an element of the result is computed; every dimension is a number.
    fn lower(&self, cx: &mut LowerContext<'_>) -> Lowering;
}

impl Op {
    /// The rules of the family.
    fn rules(&self) -> &dyn OpRules {
        match self {
            Op::Leaf(op) => op,
            Op::Elementwise(op) => op,
            Op::Movement(op) => op,
            Op::Creation(op) => op,
            Op::Reduce(op) => op,
            Op::ProductOfOthers(op) => op,
            Op::Prefix(op) => op,
            Op::Contract(op) => op,
            Op::Einsum(op) => op,
            Op::Conv(op) => op,
            Op::Pool(op) => op,
            Op::Placement(op) => op,
            Op::Argsort(op) => op,
            Op::Indexing(op) => op,
            Op::Random(op) => op,
            Op::Control(op) => op,
        }
    }

    /// The loop, if it is one.
    pub fn scan(&self) -> Option<&Scan> {
        if let Op::Control(Control::Scan(scan)) = self { Some(scan) } else { None }
    }

    /// The region that the op runs, if it runs one.
    pub fn region(&self) -> Option<&Graph> {
        self.scan().map(|scan| &*scan.body)
    }

    /// The same operation with another region; the operation itself if it runs none.
    pub fn with_region(&self, region: Graph) -> Op {
        match self.scan() {
            Some(scan) => Scan { body: Arc::new(region), ..scan.clone() }.into(),
            None => self.clone(),
        }
    }

    /// The number of the result that this op picks of its operand, if that is what it does: its
    /// rules see all results of the operand, those of other ops only the first.
    pub fn picked_result(&self) -> Option<usize> {
        if let Op::Control(Control::Result { index }) = self { Some(*index) } else { None }
    }

    /// Whether this op picks one of several results.
    pub fn picks_result(&self) -> bool {
        self.picked_result().is_some()
    }
}

/// The value of every element of a node, if it is a constant seen through broadcasts and reshapes.
pub fn splat_value(graph: &Graph, mut node: NodeId) -> Option<Scalar> {
    loop {
        match graph.op(node) {
            Op::Leaf(Leaf::Constant(literal)) => return literal.splat_value(),
            Op::Movement(Movement::Broadcast { .. } | Movement::Reshape { .. }) => {
                node = graph.operands(node)[0];
            }
            _ => return None,
        }
    }
}

/// Whether every operation of a graph is [exact](OpRules::is_exact).
pub fn is_exact(graph: &Graph) -> bool {
    graph.order().into_iter().all(|id| graph.op(id).is_exact())
}

/// The floating-point operations of every node of a graph whose dimensions are numbers. Saturates.
pub fn flops(graph: &Graph) -> u64 {
    let of_node = |id: NodeId| {
        let node = graph.node(id);
        node.op.flops(&graph.operand_types(&node.op, &node.operands), &node.types[0])
    };
    graph.order().into_iter().map(of_node).fold(0, u64::saturating_add)
}

/// How many elements a type has, if its dimensions are numbers.
fn elements(x: &TensorType) -> u64 {
    x.n_elements().unwrap_or(0) as u64
}

impl OpRules for Op {
    fn signature(&self) -> &'static Signature {
        self.rules().signature()
    }
    fn attributes(&self) -> Vec<Attribute> {
        self.rules().attributes()
    }
    fn infer(&self, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
        self.rules().infer(operands)
    }
    fn specialise(&self, binding: &Binding) -> Result<Op, DimError> {
        self.rules().specialise(binding)
    }
    fn eval(&self, cx: &EvalContext<'_>, operands: &[&Literal]) -> Result<Vec<Literal>, EvalError> {
        self.rules().eval(cx, operands)
    }
    fn carries(&self, operand: usize) -> bool {
        self.rules().carries(operand)
    }
    fn is_exact(&self) -> bool {
        self.rules().is_exact()
    }
    fn flops(&self, operands: &[&TensorType], result: &TensorType) -> u64 {
        self.rules().flops(operands, result)
    }
    fn gradient(&self, cx: &mut GradientContext<'_>) -> Result<Vec<Option<NodeId>>, GradientError> {
        self.rules().gradient(cx)
    }
    fn batch(&self, cx: &mut BatchContext<'_>) -> Result<Option<NodeId>, TypeError> {
        self.rules().batch(cx)
    }
    fn lower(&self, cx: &mut LowerContext<'_>) -> Lowering {
        self.rules().lower(cx)
    }
}

/// The name of an operation, its operands and attributes: drives parser, printer, builder and
/// documentation.
#[derive(Debug, PartialEq)]
pub struct Signature {
    /// The name in the language.
    pub name: &'static str,
    /// The names of the operands; a name that ends in `...` stands for any number of them.
    pub operands: &'static [&'static str],
    /// The attributes.
    pub attributes: &'static [AttributeSignature],
    /// What it computes: shapes, formula, gradient.
    pub doc: &'static str,
}

/// An attribute of an operation.
#[derive(Debug, PartialEq)]
pub struct AttributeSignature {
    /// The name.
    pub name: &'static str,
    /// The default in the language; `None` where it must be given.
    pub default: Option<&'static str>,
    /// What it means.
    pub doc: &'static str,
}

/// The value of an attribute at the boundary to a frontend.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// A switch.
    Bool(bool),
    /// A number: a dimension, an axis, a count.
    Dim(Dim),
    /// A list of numbers.
    Dims(Vec<Dim>),
    /// A list of lists of numbers (`pad`).
    DimLists(Vec<Vec<Dim>>),
    /// An element type.
    DType(DType),
    /// A typed number.
    Scalar(Scalar),
    /// A name (of an input, a variable, a random operation).
    Name(String),
    /// A constant tensor.
    Literal(Literal),
}

/// What does not fit in the operands or attributes of an operation. The user is at fault.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct TypeError {
    /// The code: `E0203`.
    pub code: &'static str,
    /// What does not fit, in words, lower case without a full stop.
    pub message: String,
    /// What to change, if that is known.
    pub help: Option<String>,
}

impl TypeError {
    /// An error without help.
    pub fn new(code: &'static str, message: impl Into<String>) -> TypeError {
        TypeError { code, message: message.into(), help: None }
    }

    /// The same error with help.
    pub fn with_help(mut self, help: impl Into<String>) -> TypeError {
        self.help = Some(help.into());
        self
    }
}

impl From<DimError> for TypeError {
    fn from(error: DimError) -> TypeError {
        TypeError::new(codes::DIM, error.to_string())
    }
}

/// Why values cannot be computed from values. The data are at fault.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EvalError {
    /// An index that lies outside of what it indexes.
    #[error("the index {index} is out of range for a dimension of {size}")]
    IndexOutOfRange {
        /// The index.
        index: i64,
        /// The size of the dimension.
        size: usize,
    },
    /// A leaf without a value.
    #[error("`{0}` has no value")]
    Unfed(String),
    /// A node of a region cannot be evaluated.
    #[error(transparent)]
    InRegion(Box<RegionError>),
}

/// Which node of a region cannot be evaluated, and why.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{error}")]
pub struct RegionError {
    /// The node.
    pub node: Name,
    /// Where it came from.
    pub provenance: Provenance,
    /// Why.
    pub error: EvalError,
}

impl EvalError {
    /// The node that is at fault, its place and the reason: of the node that ran a region, what is
    /// known of the node within.
    pub fn located(self, node: &Name, provenance: &Provenance) -> (Name, Provenance, EvalError) {
        match self {
            EvalError::InRegion(inner) => inner.error.located(&inner.node, &inner.provenance),
            EvalError::IndexOutOfRange { .. } | EvalError::Unfed(_) => {
                (node.clone(), provenance.clone(), self)
            }
        }
    }
}

/// Why an operation has no gradient. The user is at fault.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum GradientError {
    /// The operation has none.
    #[error("`{0}` has no gradient")]
    None(&'static str),
    /// A node of the operation's region has none.
    #[error(transparent)]
    InRegion(Box<CompileError>),
    /// The gradient's own types do not fit: a bug of the rule.
    #[error(transparent)]
    Type(#[from] TypeError),
}

/// What `eval` needs besides operands.
#[derive(Clone, Copy)]
pub struct EvalContext<'a> {
    /// The values of leaves.
    pub leaves: &'a dyn Leaves,
    /// How sums of products are computed.
    pub contraction: &'a dyn Contraction,
    /// The plan of the operation's region, made once for any number of evaluations; `None` where
    /// it runs none, or is evaluated by itself.
    pub region: Option<&'a EvalPlan>,
    /// Who sees what every node computes, those of regions included.
    pub watch: Option<&'a dyn Watch>,
}

impl<'a> EvalContext<'a> {
    /// Of an operation by itself.
    pub fn new(leaves: &'a dyn Leaves, contraction: &'a dyn Contraction) -> EvalContext<'a> {
        EvalContext { leaves, contraction, region: None, watch: None }
    }
}

/// Sees the values of nodes while they are computed.
pub trait Watch {
    /// A node of a graph, of these operands, is these results.
    fn computed(&self, graph: &Graph, node: NodeId, operands: &[&Literal], results: &[Literal]);
}

/// The values of the leaves of a graph.
pub trait Leaves {
    /// The value of a leaf other than a constant; `None` where there is none.
    fn leaf(&self, leaf: &Leaf) -> Option<Literal>;
}

/// No leaves but constants.
impl Leaves for () {
    fn leaf(&self, _: &Leaf) -> Option<Literal> {
        None
    }
}

/// Sums of products of one float type: the reference ones, or by the runtime's kernels.
pub trait Contraction {
    /// `a · b` for `a` of `[..., m, k]` and `b` of `[..., k, n]` with equal leading sizes: `[..., m, n]`.
    fn matmul(&self, a: &Literal, b: &Literal) -> Literal;

    /// A convolution or a gradient of one, of operands that `infer` accepts.
    fn convolve(&self, conv: &Conv, a: &Literal, b: &Literal) -> Literal;
}

/// What a gradient rule may use: it adds nodes to `graph` at `origin`.
pub struct GradientContext<'a> {
    /// The graph that holds the node and takes the new ones.
    pub graph: &'a mut Graph,
    /// The node.
    pub node: NodeId,
    /// One cotangent per result; at least one is there.
    pub cotangents: &'a [Option<NodeId>],
    /// For each operand, whether its cotangent is wanted; the walk drops the others.
    pub wanted: &'a [bool],
    /// Name and provenance of the nodes that the rule adds.
    pub origin: Origin,
    /// How cotangents are pulled back through a graph: the reverse walk that calls the rule.
    pub pullback: Pullback,
}

/// What reaches a result of a node in a reverse walk: the derivative with respect to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cotangent {
    /// The node.
    pub node: NodeId,
    /// The number of its result.
    pub result: usize,
    /// The cotangent, of the type of the result.
    pub value: NodeId,
}

/// A reverse walk: the sums of what the cotangents make of each of the `xs`, as new nodes of the
/// graph; `None` where nothing reaches an `x`.
pub type Pullback =
    fn(&mut Graph, &[Cotangent], &[NodeId]) -> Result<Vec<Option<NodeId>>, CompileError>;

impl GradientContext<'_> {
    /// Pulls cotangents back through a region, a graph of its own that takes the new nodes.
    /// Errors: a node of the region has no gradient.
    pub fn pull_back(
        &self,
        region: &mut Graph,
        cotangents: &[Cotangent],
        xs: &[NodeId],
    ) -> Result<Vec<Option<NodeId>>, GradientError> {
        let error = |error| GradientError::InRegion(Box::new(error));
        (self.pullback)(region, cotangents, xs).map_err(error)
    }

    /// The operand of that number.
    pub fn operand(&self, k: usize) -> NodeId {
        self.graph.operands(self.node)[k]
    }

    /// Adds nodes at the origin.
    pub fn build(&mut self) -> Build<'_> {
        Build { graph: self.graph, origin: &self.origin }
    }

    /// The cotangent of the only result.
    pub fn dy(&self) -> NodeId {
        self.cotangents[0].expect("the walk calls a rule only with a cotangent")
    }
}

/// An operand of an operation that is done for many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batched {
    /// The node.
    pub node: NodeId,
    /// Whether it has the leading axis; else it is the same for all.
    pub varies: bool,
}

/// What a `batch` rule may use: it adds nodes to `graph` at `origin`.
pub struct BatchContext<'a> {
    /// The graph that holds the operands and takes the new nodes.
    pub graph: &'a mut Graph,
    /// The operands; at least one varies.
    pub operands: &'a [Batched],
    /// The length of the leading axis.
    pub length: Dim,
    /// Name and provenance of the nodes that the rule adds.
    pub origin: Origin,
}

impl BatchContext<'_> {
    /// Adds nodes at the origin.
    pub fn build(&mut self) -> Build<'_> {
        Build { graph: self.graph, origin: &self.origin }
    }

    /// The operands, all with the leading axis: what is the same for all is repeated along it.
    pub fn alike(&mut self) -> Result<Vec<NodeId>, TypeError> {
        let mut alike = vec![];
        for &Batched { node, varies } in self.operands {
            let mut shape = self.graph.tensor_type(node).shape.clone();
            shape.insert(0, self.length.clone());
            alike.push(if varies { node } else { self.build().broadcast_to(node, &shape)? });
        }
        Ok(alike)
    }
}

/// What `lower` may use.
pub struct LowerContext<'a> {
    /// The pool that takes the expressions.
    pub exprs: &'a mut Exprs,
    /// The types of the operands; every dimension is a number.
    pub operands: &'a [&'a TensorType],
    /// The type of the result.
    pub result: &'a TensorType,
    /// Whether there are tiles for products; else a product is a reduction.
    pub tiles: bool,
}

impl LowerContext<'_> {
    /// The sizes of an operand.
    pub fn operand_sizes(&self, k: usize) -> Vec<usize> {
        self.operands[k].sizes().expect("lowering sees only numbers")
    }

    /// The sizes of the result.
    pub fn sizes(&self) -> Vec<usize> {
        self.result.sizes().expect("lowering sees only numbers")
    }

    /// The element of operand `k` at `index`.
    pub fn element(&mut self, k: usize, index: &[IndexId]) -> ExprId {
        self.exprs.element(k, index, self.operands[k].dtype)
    }
}
