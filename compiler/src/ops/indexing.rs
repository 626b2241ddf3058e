//! Indexing by data: which element is read depends on values.

use ndarray::{ArcArray, ArrayD, Axis, IxDyn};
use rustc_hash::FxHashMap;

use super::arithmetic::Arithmetic;
use super::attributes::Attributes;
use super::shape::{accepts, check_axis, dims_agree, exactly, not_negative};
use super::{
    Attribute, AttributeSignature, BatchContext, Control, Elementwise, EvalContext, EvalError,
    GradientContext, GradientError, Leaf, LowerContext, Movement, Op, OpRules, Signature,
    TypeError, codes,
};
use crate::ir::{
    BinaryFn, Binding, CompareFn, DType, Dim, DimError, Element, Expr, Graph, Literal, Lowering,
    Name, NodeId, Part, Scalar, TensorType,
};
use crate::with_array;

/// An operation whose indices are data. Operand `ids` is i32, of the rank of the other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Indexing {
    /// `y[.., k, ..] = x[.., ids[.., k, ..], ..]`; the result has the shape of `ids`.
    TakeAlongAxis {
        /// The axis that the indices run along.
        axis: usize,
    },
    /// `y[.., j, ..]` is the sum over `k` of `values[.., k, ..]` where `ids[.., k, ..]` is `j`, in the
    /// order of `k`: with `values = dy` the gradient of [`Indexing::TakeAlongAxis`].
    PutAlongAxis {
        /// The axis that the indices run along.
        axis: usize,
        /// The length of the result along it.
        size: Dim,
    },
}

impl From<Indexing> for Op {
    fn from(op: Indexing) -> Op {
        Op::Indexing(op)
    }
}

const AXIS: AttributeSignature =
    AttributeSignature { name: "axis", default: None, doc: "the axis that the indices run along" };

static TAKE: Signature = Signature {
    name: "take_along_axis",
    operands: &["x", "ids"],
    attributes: &[AXIS],
    doc: "y[.., k, ..] = x[.., ids[.., k, ..], ..], of the shape of ids (i32); an index out of \
          range stops the run. dx = put_along_axis(ids, dy).",
};
static PUT: Signature = Signature {
    name: "put_along_axis",
    operands: &["ids", "values"],
    attributes: &[
        AXIS,
        AttributeSignature { name: "size", default: None, doc: "the result's length along it" },
    ],
    doc: "y[.., j, ..] = the sum of values[.., k, ..] over the k whose ids[.., k, ..] is j; \
          an index out of range stops the run. dvalues = take_along_axis(dy, ids).",
};

/// What a node indexes by, where that is an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indices {
    /// The input.
    pub input: Name,
    /// The node of the indices where they are computed of the input, each of the element in its place;
    /// `None` where they are the input's elements, in any order.
    pub computed: Option<NodeId>,
}

/// What the node of that name, which may be in a loop, indexes by: if that is an input or, outside of
/// loops, computed of one element by element.
pub fn indices(graph: &Graph, node: &Name) -> Option<Indices> {
    indices_within(graph, node, &[])
}

fn indices_within(graph: &Graph, node: &Name, parameters: &[Option<Path>]) -> Option<Indices> {
    let Some(id) = graph.find(node) else {
        let scans = graph.ids().into_iter().filter_map(|id| Some((id, graph.op(id).scan()?)));
        let mut found = scans.filter_map(|(id, scan)| {
            let operands = graph.operands(id);
            let paths = paths(graph, operands, parameters);
            let walked = |(number, operand): (usize, &NodeId)| {
                // A carry is what an earlier iteration has made.
                let path = paths.get(operand).filter(|_| number >= scan.n_carries)?;
                Some(Path { moves: true, ..path.clone() })
            };
            let inner: Vec<Option<Path>> = operands.iter().enumerate().map(walked).collect();
            indices_within(&scan.body, node, &inner)
        });
        return found.next();
    };
    let Op::Indexing(op) = graph.op(id) else { return None };
    let number = match op {
        Indexing::TakeAlongAxis { .. } => 1,
        Indexing::PutAlongAxis { .. } => 0,
    };
    let operand = graph.operands(id)[number];
    let path = paths(graph, &[operand], parameters).remove(&operand)?;
    match (path.computes, path.moves) {
        (false, _) => Some(Indices { input: path.input, computed: None }),
        (true, false) => Some(Indices { input: path.input, computed: Some(operand) }),
        (true, true) => None,
    }
}

/// How the values that some nodes are made of come from an input, if they do. `parameters` are those
/// of the region.
fn paths(graph: &Graph, roots: &[NodeId], parameters: &[Option<Path>]) -> FxHashMap<NodeId, Path> {
    let mut paths = FxHashMap::default();
    for id in graph.order_from(roots) {
        if let Some(path) = path(graph, id, &paths, parameters) {
            paths.insert(id, path);
        }
    }
    paths
}

/// How a value comes from an input.
#[derive(Clone)]
struct Path {
    input: Name,
    /// Its elements are not those of the input.
    computes: bool,
    /// An element does not stand where that of the input does, counted in row-major order.
    moves: bool,
}

/// How the value of a node comes from an input, by the paths of its operands.
fn path(
    graph: &Graph,
    at: NodeId,
    paths: &FxHashMap<NodeId, Path>,
    parameters: &[Option<Path>],
) -> Option<Path> {
    let operand = |at: NodeId| paths.get(&graph.operands(at)[0]).cloned();
    match graph.op(at) {
        Op::Leaf(Leaf::Input { name, .. }) => {
            Some(Path { input: name.clone(), computes: false, moves: false })
        }
        Op::Leaf(Leaf::Parameter { number, .. }) => parameters.get(*number)?.clone(),
        Op::Movement(Movement::Reshape { .. })
        | Op::Elementwise(Elementwise::Cast(_))
        | Op::Control(Control::StopGradient | Control::Remat | Control::Same) => operand(at),
        Op::Movement(
            Movement::Transpose { .. } | Movement::Broadcast { .. } | Movement::Reverse { .. },
        ) => Some(Path { moves: true, ..operand(at)? }),
        Op::Elementwise(_) => {
            let of_operands = graph.operands(at).iter().filter_map(|operand| paths.get(operand));
            let together = |a: Path, b: Path| {
                (a.input == b.input).then_some(Path { moves: a.moves || b.moves, ..a })
            };
            let all = of_operands.cloned().map(Some).reduce(|a, b| together(a?, b?))??;
            Some(Path { computes: true, ..all })
        }
        Op::Leaf(_)
        | Op::Movement(Movement::Slice { .. })
        | Op::Creation(_)
        | Op::Reduce(_)
        | Op::ProductOfOthers(_)
        | Op::Prefix(_)
        | Op::Contract(_)
        | Op::Einsum(_)
        | Op::Conv(_)
        | Op::Pool(_)
        | Op::Placement(_)
        | Op::Argsort(_)
        | Op::Indexing(_)
        | Op::Random(_)
        | Op::Control(Control::Scan(_) | Control::Result { .. } | Control::Pending) => None,
    }
}

/// The signatures of the family.
pub(super) fn signatures() -> Vec<&'static Signature> {
    vec![&TAKE, &PUT]
}

/// The operation of that name, if it is one of the family.
pub(super) fn from_attributes(a: &Attributes<'_>) -> Result<Option<Op>, TypeError> {
    Ok(match a.name() {
        "take_along_axis" => Some(Indexing::TakeAlongAxis { axis: a.axis("axis")? }.into()),
        "put_along_axis" => {
            let (axis, size) = (a.axis("axis")?, a.dim("size")?);
            Some(Indexing::PutAlongAxis { axis, size }.into())
        }
        _ => None,
    })
}

fn check_ids(
    name: &str,
    x: &TensorType,
    ids: &TensorType,
    free: Option<usize>,
) -> Result<(), TypeError> {
    accepts(name, ids.dtype == DType::I32, ids).map_err(|e| e.with_help("write cast(..., i32)"))?;
    let mut dims = x.shape.iter().zip(&ids.shape).enumerate();
    let fits =
        x.rank() == ids.rank() && dims.all(|(d, (a, b))| Some(d) == free || dims_agree(a, b));
    if fits {
        return Ok(());
    }
    let message = format!("`{name}` of {x} with indices {ids}: the other dimensions must be equal");
    Err(TypeError::new(codes::SHAPES_DIFFER, message))
}

/// Refuses indices into an axis of no elements: each is out of range.
fn check_axis_has_elements(name: &str, size: &Dim, ids: &TensorType) -> Result<(), TypeError> {
    if size.as_number() == Some(0) && ids.n_elements().is_some_and(|n| n > 0) {
        let message = format!("`{name}` with indices {ids} into an axis of 0 elements");
        return Err(TypeError::new(codes::OUT_OF_RANGE, message)
            .with_help("every index is out of range there: make the axis longer, or ids empty"));
    }
    Ok(())
}

impl OpRules for Indexing {
    fn signature(&self) -> &'static Signature {
        match self {
            Indexing::TakeAlongAxis { .. } => &TAKE,
            Indexing::PutAlongAxis { .. } => &PUT,
        }
    }

    fn attributes(&self) -> Vec<Attribute> {
        match self {
            Indexing::TakeAlongAxis { axis } => vec![Attribute::Dim(Dim::from(*axis))],
            Indexing::PutAlongAxis { axis, size } => {
                vec![Attribute::Dim(Dim::from(*axis)), Attribute::Dim(size.clone())]
            }
        }
    }

    fn infer(&self, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
        let name = self.signature().name;
        match self {
            Indexing::TakeAlongAxis { axis } => {
                let [x, ids] = exactly(self.signature(), operands)?;
                check_axis(name, *axis, x)?;
                check_ids(name, x, ids, Some(*axis))?;
                check_axis_has_elements(name, &x.shape[*axis], ids)?;
                Ok(vec![TensorType::new(x.dtype, ids.shape.clone())])
            }
            Indexing::PutAlongAxis { axis, size } => {
                let [ids, values] = exactly(self.signature(), operands)?;
                check_axis(name, *axis, values)?;
                check_ids(name, values, ids, None)?;
                check_axis_has_elements(name, size, ids)?;
                accepts(name, values.dtype != DType::Bool, values)?;
                let mut shape = values.shape.clone();
                shape[*axis] = size.clone();
                not_negative(name, "a dimension", &shape)?;
                Ok(vec![TensorType::new(values.dtype, shape)])
            }
        }
    }

    fn specialise(&self, binding: &Binding) -> Result<Op, DimError> {
        Ok(Op::Indexing(match self {
            Indexing::TakeAlongAxis { axis } => Indexing::TakeAlongAxis { axis: *axis },
            Indexing::PutAlongAxis { axis, size } => {
                Indexing::PutAlongAxis { axis: *axis, size: Dim::number(size.evaluate(binding)?) }
            }
        }))
    }

    fn eval(&self, _: &EvalContext<'_>, operands: &[&Literal]) -> Result<Vec<Literal>, EvalError> {
        let ids = |k: usize| operands[k].array::<i32>().expect("infer has seen i32");
        Ok(vec![match self {
            Indexing::TakeAlongAxis { axis } => {
                with_array!(operands[0], x => take(x, ids(1), *axis)?)
            }
            Indexing::PutAlongAxis { axis, size } => {
                let size = size.as_number().expect("evaluation sees only numbers");
                with_array!(operands[1], values => put(ids(0), values, *axis, size as usize)?)
            }
        }])
    }

    fn carries(&self, operand: usize) -> bool {
        match self {
            Indexing::TakeAlongAxis { .. } => operand == 0,
            Indexing::PutAlongAxis { .. } => operand == 1,
        }
    }

    fn is_exact(&self) -> bool {
        match self {
            Indexing::TakeAlongAxis { .. } => true,
            Indexing::PutAlongAxis { .. } => false,
        }
    }

    fn flops(&self, _: &[&TensorType], _: &TensorType) -> u64 {
        0
    }

    fn gradient(&self, cx: &mut GradientContext<'_>) -> Result<Vec<Option<NodeId>>, GradientError> {
        let dy = cx.dy();
        match self {
            Indexing::TakeAlongAxis { axis } => {
                let (x, ids) = (cx.operand(0), cx.operand(1));
                let size = cx.graph.tensor_type(x).shape[*axis].clone();
                let put = Indexing::PutAlongAxis { axis: *axis, size };
                Ok(vec![Some(cx.build().node(put, &[ids, dy])?), None])
            }
            Indexing::PutAlongAxis { axis, .. } => {
                let ids = cx.operand(0);
                let take = Indexing::TakeAlongAxis { axis: *axis };
                Ok(vec![None, Some(cx.build().node(take, &[dy, ids])?)])
            }
        }
    }

    fn batch(&self, cx: &mut BatchContext<'_>) -> Result<Option<NodeId>, TypeError> {
        let operands = cx.alike()?;
        let many = match self {
            Indexing::TakeAlongAxis { axis } => Indexing::TakeAlongAxis { axis: axis + 1 },
            Indexing::PutAlongAxis { axis, size } => {
                Indexing::PutAlongAxis { axis: axis + 1, size: size.clone() }
            }
        };
        cx.build().node(many, &operands).map(Some)
    }

    fn lower(&self, cx: &mut LowerContext<'_>) -> Lowering {
        let sizes = cx.sizes();
        match self {
            Indexing::TakeAlongAxis { axis } => {
                let axes = cx.exprs.axes(&sizes);
                let mut index = cx.exprs.index_axes(&axes);
                let id = cx.element(1, &index);
                let n = cx.operand_sizes(0)[*axis];
                index[*axis] = cx.exprs.index_data(id, n);
                Lowering::Map { axes, body: cx.element(0, &index) }
            }
            Indexing::PutAlongAxis { axis, .. } => {
                let n = sizes[*axis];
                if n == 0 || cx.operand_sizes(1)[*axis] == 1 {
                    return at_one_index(cx, *axis, n);
                }
                let axes = cx.exprs.axes(&cx.operand_sizes(1));
                let mut index = cx.exprs.index_axes(&axes);
                let id = cx.element(0, &index);
                index[*axis] = cx.exprs.index_data(id, n);
                Lowering::Scatter(Part { operand: 1, axes, index })
            }
        }
    }
}

/// The values where the one index along the axis says: a map, which other maps take in.
fn at_one_index(cx: &mut LowerContext<'_>, axis: usize, n: usize) -> Lowering {
    let axes = cx.exprs.axes(&cx.sizes());
    let zero = cx.exprs.constant(Scalar::zero(cx.result.dtype));
    if n == 0 {
        return Lowering::Map { axes, body: zero };
    }
    let mut index = cx.exprs.index_axes(&axes);
    let here = cx.exprs.intern(Expr::Index(index[axis], DType::I32));
    index[axis] = cx.exprs.index_constant(0);
    let id = cx.element(0, &index);
    let id = cx.exprs.index_data(id, n);
    let id = cx.exprs.intern(Expr::Index(id, DType::I32));
    let is_here = cx.exprs.compare(CompareFn::Eq, id, here);
    let value = cx.element(1, &index);
    Lowering::Map { axes, body: cx.exprs.select(is_here, value, zero) }
}

/// The element of `x` at each index. Errors: an index below 0 or beyond the axis.
fn take<T: Element>(
    x: &ArcArray<T, IxDyn>,
    ids: &ArcArray<i32, IxDyn>,
    axis: usize,
) -> Result<Literal, EvalError> {
    within(ids, x.len_of(Axis(axis)))?;
    let element = |at: IxDyn| {
        let mut from = at.clone();
        from[axis] = ids[&at] as usize;
        x[from]
    };
    Ok(Literal::new(ArrayD::from_shape_fn(ids.raw_dim(), element)))
}

/// The values added up where the indices say. Errors: an index below 0 or beyond the axis.
fn put<T: Arithmetic>(
    ids: &ArcArray<i32, IxDyn>,
    values: &ArcArray<T, IxDyn>,
    axis: usize,
    size: usize,
) -> Result<Literal, EvalError> {
    within(ids, size)?;
    let mut shape = values.raw_dim();
    shape[axis] = size;
    let mut y = ArrayD::from_elem(shape, T::of_scalar(Scalar::zero(T::DTYPE)));
    for (at, &value) in values.indexed_iter() {
        let mut to = at.clone();
        to[axis] = ids[at] as usize;
        y[&to] = T::binary(BinaryFn::Add, y[&to], value);
    }
    Ok(Literal::new(y))
}

/// Errors: an index below 0 or beyond an axis of that size.
fn within(ids: &ArcArray<i32, IxDyn>, size: usize) -> Result<(), EvalError> {
    let outside = |id: i32| usize::try_from(id).is_err() || id as usize >= size;
    match ids.iter().find(|&&id| outside(id)) {
        Some(&id) => Err(EvalError::IndexOutOfRange { index: i64::from(id), size }),
        None => Ok(()),
    }
}
