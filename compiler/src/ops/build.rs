//! Adding nodes as a user means them: operands are broadcast by explicit nodes, reductions can
//! keep their axes, a bare number takes the type of the tensor it meets. Used by elaboration,
//! gradients, optimisers and the Rust builder.

use super::contract::written;
use super::shape::{check_axis, dims_agree, product, same_dtype};
use super::{Contract, Elementwise, Leaf, Movement, Op, Reduce, ReduceFn, TypeError, codes};
use crate::ir::{
    BinaryFn, CompareFn, DType, Dim, Graph, NodeId, Origin, Scalar, ShapeText, TensorType, UnaryFn,
};

/// Adds nodes to a graph; all of them get the same origin.
#[derive(Debug)]
pub struct Build<'a> {
    /// The graph.
    pub graph: &'a mut Graph,
    /// Name and provenance of the nodes.
    pub origin: &'a Origin,
}

/// The shape that two shapes broadcast to, as in NumPy: aligned at their ends, only a missing
/// axis or the literal 1 takes the other's length. Errors: two dimensions that differ.
pub fn broadcast_shapes(a: &[Dim], b: &[Dim]) -> Result<Vec<Dim>, TypeError> {
    let rank = a.len().max(b.len());
    let aligned = |shape: &[Dim], axis: usize| -> Option<Dim> {
        (axis + shape.len()).checked_sub(rank).map(|k| shape[k].clone())
    };
    let mut shape = Vec::with_capacity(rank);
    for axis in 0..rank {
        shape.push(match (aligned(a, axis), aligned(b, axis)) {
            (Some(x), Some(y)) if x.is_one() => y,
            (Some(x), Some(y)) if y.is_one() || dims_agree(&x, &y) => x,
            (Some(x), Some(y)) => {
                let message = format!(
                    "the shapes {} and {} do not broadcast: {x} is not {y}",
                    ShapeText(a),
                    ShapeText(b)
                );
                return Err(TypeError::new(codes::SHAPES_DIFFER, message));
            }
            (Some(x), None) | (None, Some(x)) => x,
            (None, None) => Dim::number(1),
        });
    }
    Ok(shape)
}

impl Build<'_> {
    /// A node of any operation.
    pub fn node(&mut self, op: impl Into<Op>, operands: &[NodeId]) -> Result<NodeId, TypeError> {
        self.graph.add(op, operands, self.origin)
    }

    /// The type of a node.
    pub fn tensor_type(&self, x: NodeId) -> TensorType {
        self.graph.tensor_type(x).clone()
    }

    /// The element type of a node.
    pub fn dtype(&self, x: NodeId) -> DType {
        self.graph.tensor_type(x).dtype
    }

    /// The shape of a node.
    pub fn shape(&self, x: NodeId) -> Vec<Dim> {
        self.graph.tensor_type(x).shape.clone()
    }

    /// A scalar constant.
    pub fn scalar(&mut self, value: Scalar) -> Result<NodeId, TypeError> {
        self.node(Leaf::constant(value), &[])
    }

    /// The number in the element type of `x`, a scalar.
    pub fn scalar_like(&mut self, x: NodeId, value: f64) -> Result<NodeId, TypeError> {
        let value = Scalar::F64(value).cast(self.dtype(x));
        self.scalar(value)
    }

    /// The number in the type and shape of `x`.
    pub fn constant_like(&mut self, x: NodeId, value: f64) -> Result<NodeId, TypeError> {
        let value = Scalar::F64(value).cast(self.dtype(x));
        let shape = self.shape(x);
        self.full(value, &shape)
    }

    /// Zeros in the type and shape of `x`.
    pub fn zeros_like(&mut self, x: NodeId) -> Result<NodeId, TypeError> {
        self.constant_like(x, 0.0)
    }

    /// A tensor of one value.
    pub fn full(&mut self, value: Scalar, shape: &[Dim]) -> Result<NodeId, TypeError> {
        let value = self.scalar(value)?;
        self.broadcast_to(value, shape)
    }

    /// A dimension as a scalar of a type: a constant where it is a number.
    pub fn dim(&mut self, dim: &Dim, dtype: DType) -> Result<NodeId, TypeError> {
        match dim.as_number() {
            Some(n) => self.scalar(Scalar::I64(n).cast(dtype)),
            None => self.node(Leaf::Dim { dim: dim.clone(), dtype }, &[]),
        }
    }

    /// A function of one operand.
    pub fn unary(&mut self, f: UnaryFn, x: NodeId) -> Result<NodeId, TypeError> {
        self.node(f, &[x])
    }

    /// A function of two operands, broadcast to each other.
    pub fn binary(&mut self, f: BinaryFn, a: NodeId, b: NodeId) -> Result<NodeId, TypeError> {
        let [a, b] = self.together(f.name(), [a, b])?;
        self.node(f, &[a, b])
    }

    /// A comparison of two operands, broadcast to each other.
    pub fn compare(&mut self, f: CompareFn, a: NodeId, b: NodeId) -> Result<NodeId, TypeError> {
        let [a, b] = self.together(f.symbol(), [a, b])?;
        self.node(f, &[a, b])
    }

    /// `cond ? a : b`, all three broadcast to each other.
    pub fn select(&mut self, cond: NodeId, a: NodeId, b: NodeId) -> Result<NodeId, TypeError> {
        let [a, b] = self.together("select", [a, b])?;
        let shape = broadcast_shapes(&self.shape(cond), &self.shape(a))?;
        let cond = self.stretch(cond, &shape)?;
        let (a, b) = (self.stretch(a, &shape)?, self.stretch(b, &shape)?);
        self.node(Elementwise::Select, &[cond, a, b])
    }

    /// Two operands of one element type, broadcast to each other.
    fn together(&mut self, name: &str, [a, b]: [NodeId; 2]) -> Result<[NodeId; 2], TypeError> {
        let (of_a, of_b) = (self.graph.tensor_type(a), self.graph.tensor_type(b));
        same_dtype(name, of_a, of_b)?;
        let shape = broadcast_shapes(&of_a.shape, &of_b.shape)?;
        Ok([self.stretch(a, &shape)?, self.stretch(b, &shape)?])
    }

    /// `x` repeated to a shape that it broadcasts to; `x` itself where nothing is to be repeated,
    /// also where only bound symbols can tell that two dimensions are equal.
    fn stretch(&mut self, x: NodeId, shape: &[Dim]) -> Result<NodeId, TypeError> {
        let of_x = &self.graph.tensor_type(x).shape;
        let repeats = |(from, to): (&Dim, &Dim)| from.is_one() && !to.is_one();
        if of_x.len() == shape.len() && !of_x.iter().zip(shape).any(repeats) {
            return Ok(x);
        }
        self.broadcast_to(x, shape)
    }

    /// `a + b`.
    pub fn add(&mut self, a: NodeId, b: NodeId) -> Result<NodeId, TypeError> {
        self.binary(BinaryFn::Add, a, b)
    }

    /// `a - b`.
    pub fn sub(&mut self, a: NodeId, b: NodeId) -> Result<NodeId, TypeError> {
        self.binary(BinaryFn::Sub, a, b)
    }

    /// `a · b`.
    pub fn mul(&mut self, a: NodeId, b: NodeId) -> Result<NodeId, TypeError> {
        self.binary(BinaryFn::Mul, a, b)
    }

    /// `a / b`.
    pub fn div(&mut self, a: NodeId, b: NodeId) -> Result<NodeId, TypeError> {
        self.binary(BinaryFn::Div, a, b)
    }

    /// `-x`.
    pub fn neg(&mut self, x: NodeId) -> Result<NodeId, TypeError> {
        self.unary(UnaryFn::Neg, x)
    }

    /// `x²`.
    pub fn square(&mut self, x: NodeId) -> Result<NodeId, TypeError> {
        self.mul(x, x)
    }

    /// `x · factor`.
    pub fn scale(&mut self, x: NodeId, factor: f64) -> Result<NodeId, TypeError> {
        let factor = self.scalar_like(x, factor)?;
        self.mul(x, factor)
    }

    /// `x` in another element type; `x` itself where it has it.
    pub fn cast(&mut self, x: NodeId, dtype: DType) -> Result<NodeId, TypeError> {
        if self.dtype(x) == dtype { Ok(x) } else { self.node(Elementwise::Cast(dtype), &[x]) }
    }

    /// `x` repeated to a shape; `x` itself where it has it.
    pub fn broadcast_to(&mut self, x: NodeId, shape: &[Dim]) -> Result<NodeId, TypeError> {
        if self.graph.tensor_type(x).shape == shape {
            return Ok(x);
        }
        self.node(Movement::Broadcast { shape: shape.to_vec() }, &[x])
    }

    /// `x` in another shape, of which one dimension may be -1: what is left. `x` itself where it
    /// has the shape.
    pub fn reshape(&mut self, x: NodeId, shape: &[Dim]) -> Result<NodeId, TypeError> {
        let old = self.shape(x);
        let shape = fill_in(&old, shape)?;
        if old == shape { Ok(x) } else { self.node(Movement::Reshape { shape }, &[x]) }
    }

    /// Axis `k` of the result is axis `perm[k]` of `x`; `x` itself for the identity.
    pub fn transpose(&mut self, x: NodeId, perm: &[usize]) -> Result<NodeId, TypeError> {
        if perm.len() == self.graph.tensor_type(x).rank() && perm.is_sorted() {
            let identity = perm.iter().enumerate().all(|(k, &axis)| k == axis);
            if identity {
                return Ok(x);
            }
        }
        self.node(Movement::Transpose { perm: perm.to_vec() }, &[x])
    }

    /// `x` with an axis of length 1 put in at `axis`.
    pub fn expand_dims(&mut self, x: NodeId, axis: usize) -> Result<NodeId, TypeError> {
        let mut shape = self.shape(x);
        shape.insert(axis.min(shape.len()), Dim::number(1));
        self.reshape(x, &shape)
    }

    /// A reduction over axes, which it drops or keeps with length 1; `x` itself where there are
    /// none and the reduction of one element is the element.
    pub fn reduce(
        &mut self,
        f: ReduceFn,
        x: NodeId,
        axes: &[usize],
        keepdims: bool,
    ) -> Result<NodeId, TypeError> {
        if axes.is_empty() && !f.is_index() {
            return Ok(x);
        }
        let mut kept = self.shape(x);
        let y = self.node(Reduce::new(f, axes), &[x])?;
        if !keepdims {
            return Ok(y);
        }
        axes.iter().for_each(|&axis| kept[axis] = Dim::number(1));
        self.reshape(y, &kept)
    }

    /// The sum over axes.
    pub fn sum(&mut self, x: NodeId, axes: &[usize], keepdims: bool) -> Result<NodeId, TypeError> {
        self.reduce(ReduceFn::Sum, x, axes, keepdims)
    }

    /// The largest over axes.
    pub fn max(&mut self, x: NodeId, axes: &[usize], keepdims: bool) -> Result<NodeId, TypeError> {
        self.reduce(ReduceFn::Max, x, axes, keepdims)
    }

    /// The mean over axes, of floats.
    pub fn mean(&mut self, x: NodeId, axes: &[usize], keepdims: bool) -> Result<NodeId, TypeError> {
        let of_x = self.tensor_type(x);
        axes.iter().try_for_each(|&axis| check_axis("mean", axis, &of_x))?;
        let reduced: Vec<Dim> = axes.iter().map(|&axis| of_x.shape[axis].clone()).collect();
        let n = self.dim(&product(&reduced)?, of_x.dtype)?;
        let sum = self.sum(x, axes, keepdims)?;
        self.div(sum, n)
    }

    /// Puts axes that a reduction has dropped back into `y`, repeated to `shape`.
    pub fn spread(
        &mut self,
        y: NodeId,
        axes: &[usize],
        shape: &[Dim],
    ) -> Result<NodeId, TypeError> {
        let mut kept = shape.to_vec();
        axes.iter().for_each(|&axis| kept[axis] = Dim::number(1));
        let y = self.reshape(y, &kept)?;
        self.broadcast_to(y, shape)
    }

    /// NumPy's matmul: a vector is a row on the left and a column on the right, leading axes are
    /// broadcast. `transpose_a` and `transpose_b` swap the last two axes of a matrix.
    pub fn matmul(
        &mut self,
        a: NodeId,
        b: NodeId,
        (transpose_a, transpose_b): (bool, bool),
    ) -> Result<NodeId, TypeError> {
        let (of_a, of_b) = (self.tensor_type(a), self.tensor_type(b));
        if of_a.rank() == 0 || of_b.rank() == 0 {
            let message = format!("{of_a} @ {of_b}: a scalar is no matrix");
            let error = TypeError::new(codes::SHAPES_CANNOT_BE_MULTIPLIED, message);
            return Err(error.with_help("write `*`"));
        }
        let (is_row, is_column) = (of_a.rank() == 1, of_b.rank() == 1);
        // Told of the operands as they are written, before they become matrices of equal rank.
        let k = &of_a.shape[of_a.rank() - if transpose_a && !is_row { 2 } else { 1 }];
        let l = &of_b.shape[of_b.rank() - if transpose_b || is_column { 1 } else { 2 }];
        if !dims_agree(k, l) {
            let product = written(&of_a, &of_b, transpose_a, transpose_b);
            let message = format!("{product}: {k} is not {l}");
            return Err(TypeError::new(codes::SHAPES_CANNOT_BE_MULTIPLIED, message));
        }
        let a = if is_row { self.expand_dims(a, 0)? } else { a };
        let b = if is_column { self.expand_dims(b, 1)? } else { b };
        let (transpose_a, transpose_b) = (transpose_a && !is_row, transpose_b && !is_column);
        let y = self.matmul_of_matrices(a, b, Contract::Matmul { transpose_a, transpose_b })?;
        let mut shape = self.shape(y);
        if is_column {
            shape.pop();
        }
        if is_row {
            shape.remove(shape.len() - 1 - usize::from(!is_column));
        }
        self.reshape(y, &shape)
    }

    fn matmul_of_matrices(
        &mut self,
        a: NodeId,
        b: NodeId,
        op: Contract,
    ) -> Result<NodeId, TypeError> {
        let Contract::Matmul { transpose_a, .. } = op;
        let (mut of_a, mut of_b) = (self.shape(a), self.shape(b));
        if of_b.len() == 2 && of_a.len() > 2 && !transpose_a {
            // One matrix for all: the leading axes are more rows, in one product.
            let (rows, k) = (product(&of_a[..of_a.len() - 1])?, of_a[of_a.len() - 1].clone());
            let flat = self.reshape(a, &[rows, k])?;
            let y = self.node(op, &[flat, b])?;
            let n = self.shape(y)[1].clone();
            of_a.pop();
            of_a.push(n);
            return self.reshape(y, &of_a);
        }
        let (last_a, last_b) = (of_a.split_off(of_a.len() - 2), of_b.split_off(of_b.len() - 2));
        let leading = broadcast_shapes(&of_a, &of_b)?;
        let a = self.broadcast_to(a, &[leading.clone(), last_a].concat())?;
        let b = self.broadcast_to(b, &[leading, last_b].concat())?;
        self.node(op, &[a, b])
    }
}

/// `shape` with its -1, if it has one, replaced by what is left of `old`.
fn fill_in(old: &[Dim], shape: &[Dim]) -> Result<Vec<Dim>, TypeError> {
    let is_open = |d: &Dim| d.as_number() == Some(-1);
    let n_open = shape.iter().filter(|d| is_open(d)).count();
    if n_open > 1 {
        let message = format!("{} leaves more than one dimension open", ShapeText(shape));
        let error = TypeError::new(codes::RESHAPE_SIZE, message);
        return Err(error.with_help("write -1 once, and `dim(x, axis)` for the others"));
    }
    if n_open == 0 {
        return Ok(shape.to_vec());
    }
    let known: Vec<Dim> = shape.iter().filter(|d| !is_open(d)).cloned().collect();
    let known = product(&known)?;
    if known.as_number() == Some(0) {
        let message = format!("{} leaves -1 undetermined", ShapeText(shape));
        return Err(TypeError::new(codes::RESHAPE_SIZE, message));
    }
    let rest = product(old)?.floor_div(&known)?;
    Ok(shape.iter().map(|d| if is_open(d) { rest.clone() } else { d.clone() }).collect())
}
