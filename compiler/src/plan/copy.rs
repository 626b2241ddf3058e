//! The kernel that brings an update home that could not be written in place.

use crate::ir::{Expr, Exprs, Name, PlaceId, TensorType};
use crate::loop_ir::{Buffer, Extent, Kernel, Loop, LoopKind, Stmt, vectorise};

/// Elements that a unit of a copy covers.
const COPY_BLOCK: usize = 16_384;

/// Copies a value into a variable.
pub(super) fn copy_kernel(variable: &Name, tensor_type: &TensorType) -> Kernel {
    let len = tensor_type.n_elements().expect("sizes were checked");
    let dtype = tensor_type.dtype;
    let mut exprs = Exprs::default();
    // The update's value is the one node of the call.
    let origin = exprs.origins_mut().of([0]);
    exprs.set_origin(origin);
    let block = COPY_BLOCK.min(len.max(1));
    let unit = exprs.axis(len.div_ceil(block));
    let axis = exprs.axis(block);
    let (row, first) = (exprs.index_axis(axis), exprs.index_axis(unit));
    let index = exprs.index_add(row, first, block as i64);
    let (from, to) = (PlaceId::Buffer(0), PlaceId::Buffer(1));
    let value = exprs.intern(Expr::Load { place: from, index, dtype });
    let extent = if len.is_multiple_of(block) {
        Extent::Const(block)
    } else {
        Extent::Block { axis: unit, block, total: len }
    };
    let body = vec![Stmt::Store { place: to, index, value, origin }];
    let buffer = |name: &str, written| Buffer { name: name.to_string(), dtype, len, written };
    let kind = LoopKind::Serial;
    let mut kernel = Kernel {
        name: format!("copy {variable}"),
        exprs,
        units: vec![unit],
        buffers: vec![buffer("new", false), buffer(variable, true)],
        locals: vec![],
        body: vec![Stmt::For(Loop { axis, extent, kind, body, folds: vec![] })],
        cost: (block / 8).max(1) as u64,
    };
    vectorise(&mut kernel);
    kernel
}
