//! Products whose only reader has dimensions of size 1 more or less are computed as that reader,
//! and not copied by it: such as a convolution of which each group is one channel.
//!
//! Changes no element. Linear in the values and what they read.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::fuse::values::{ProductBox, Span, Value, Values, Work};
use crate::ir::{AxisId, Expr, Exprs, NodeId};

/// Lets the readers of products take their place, but for those of `roots`.
pub(super) fn take_products(values: &mut Values, roots: &FxHashSet<NodeId>) {
    let mut readers: FxHashMap<NodeId, usize> = FxHashMap::default();
    let reads = values.list.iter().flat_map(|value| &value.reads);
    reads.for_each(|node| *readers.entry(*node).or_default() += 1);
    let mut taken: FxHashSet<NodeId> = FxHashSet::default();
    for at in 0..values.list.len() {
        let value = &values.list[at];
        let product = copied(&values.exprs, value).and_then(|node| values.get(node));
        let product = product.filter(|p| readers[&p.node] == 1 && !roots.contains(&p.node));
        let Some(product) = product else { continue };
        if let Some(own) = computed(&values.exprs, value, product) {
            taken.insert(product.node);
            values.list[at] = own;
        }
    }
    values.list.retain(|value| !taken.contains(&value.node));
    let position = values.list.iter().enumerate().map(|(at, value)| (value.node, at));
    values.position = position.collect();
}

/// The value that a map copies, if it does nothing else.
fn copied(exprs: &Exprs, value: &Value) -> Option<NodeId> {
    let Work::Map(body) = value.work else { return None };
    match exprs.expr(body) {
        Expr::Element { operand, .. } => Some(NodeId::from_number(*operand)),
        _ => None,
    }
}

/// A map that copies a product as the product, if that only adds or drops dimensions of size 1 that
/// are not its columns.
fn computed(exprs: &Exprs, value: &Value, product: &Value) -> Option<Value> {
    let (Work::Map(body), Work::Contract(boxes)) = (&value.work, &product.work) else {
        return None;
    };
    let Expr::Element { index, .. } = exprs.expr(*body) else { return None };
    // The dimension of the product that each of the map is.
    let mut dims: Vec<Option<usize>> = vec![None; value.sizes.len()];
    let mut next = 0;
    for (of_product, &at) in index.iter().enumerate() {
        if product.sizes[of_product] == 1 && exprs.range(at) == (0, 0) {
            continue;
        }
        let axis = exprs.as_axis(at)?;
        let dim = (next..dims.len()).find(|&dim| value.axes[dim] == axis)?;
        dims[dim] = Some(of_product);
        next = dim + 1;
    }
    let is_whole = |(dim, of): (usize, &Option<usize>)| {
        value.sizes[dim] == of.map_or(1, |of| product.sizes[of])
    };
    if !dims.iter().enumerate().all(is_whole) {
        return None;
    }
    let axis =
        |(dim, of): (usize, &Option<usize>)| of.map_or(value.axes[dim], |of| product.axes[of]);
    let axes: Vec<AxisId> = dims.iter().enumerate().map(axis).collect();
    let boxes = boxes.iter().map(|b| over(exprs, b, &axes, &dims)).collect::<Option<_>>()?;
    let parts = value.parts.iter().chain(&product.parts).copied().collect();
    let (work, reads) = (Work::Contract(boxes), product.reads.clone());
    let indices = product.indices.clone();
    Some(Value { parts, axes, work, indices, reads, ..value.clone() })
}

/// A box over other axes, given with the dimension of the box that each is; `None` if it needs one
/// that is not among them.
fn over(
    exprs: &Exprs,
    of: &ProductBox,
    axes: &[AxisId],
    dims: &[Option<usize>],
) -> Option<ProductBox> {
    let span = |(&axis, dim): (&AxisId, &Option<usize>)| {
        dim.map_or(Span { axis, first: 0, step: 1 }, |dim| of.kept[dim])
    };
    let kept: Vec<Span> = axes.iter().zip(dims).map(span).collect();
    let column = dims.iter().position(|dim| *dim == Some(of.column))?;
    let is_left = |dim: &usize| !dims.contains(&Some(*dim));
    let mut left = (0..of.kept.len()).filter(is_left).map(|dim| of.kept[dim].axis);
    let has_axis = |axis: AxisId| {
        of.a.index.iter().chain(&of.b.index).any(|&index| exprs.has_axis(index, axis))
    };
    let is_read = left.any(has_axis);
    (!is_read).then(|| ProductBox { kept, column, ..of.clone() })
}
