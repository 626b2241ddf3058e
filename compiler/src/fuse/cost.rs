//! How long values take, by estimate.

use super::values::{ProductBox, Value, Values, Work};
use crate::ir::{AxisId, ExprId};

/// Nanoseconds on one thread: a product at 100 GFLOP/s, an operation on an element at 0.06 ns
/// (four lanes, about four a nanosecond), memory at 30 GB/s.
pub(super) fn cost(values: &Values, value: &Value) -> f64 {
    let elements = value.sizes.iter().product::<usize>() as f64;
    let extent =
        |axes: &[AxisId]| -> f64 { axes.iter().map(|&a| values.exprs.extent(a) as f64).product() };
    let per = |body: ExprId| 0.13 + 0.06 * f64::from(values.exprs.operations(body));
    match &value.work {
        Work::Map(body) => elements * per(*body),
        Work::Reduce { reduced, body, .. } => elements * extent(reduced) * per(*body),
        Work::Contract(boxes) => {
            let products = |b: &ProductBox| {
                let kept: Vec<AxisId> = b.kept.iter().map(|span| span.axis).collect();
                extent(&kept) * extent(&b.reduced)
            };
            boxes.iter().map(products).sum::<f64>() * 0.02
        }
        Work::Placement { parts, .. } => {
            elements * 0.13 + parts.iter().map(|p| extent(&p.axes) * per(p.body)).sum::<f64>()
        }
        Work::Scatter(part) => elements * 0.13 + extent(&part.axes) * (0.13 + per(part.body)),
        // An element waits for the one before it.
        Work::Prefix(running) => elements * (0.26 + running.bodies().skip(1).map(per).sum::<f64>()),
        Work::Sort(sorted) => {
            // All keys are made, and halved until what is wanted is apart; that is sorted.
            let (n, wanted) =
                (extent(&[sorted.positions]), value.sizes[sorted.along].max(1) as f64);
            let rows = elements / wanted;
            rows * (n * (per(sorted.key) + 2.4) + 1.2 * wanted * wanted.log2())
        }
        Work::Random { .. } => elements,
        Work::Repeat { length, body } => (*length).max(1) as f64 * body.fusion.values.cost(),
        Work::Result => 0.0,
    }
}

/// The operations of an element of a value; of a loop, those of its body.
pub(super) fn operations(values: &Values, value: &Value) -> u32 {
    match &value.work {
        Work::Map(body) | Work::Reduce { body, .. } => values.exprs.operations(*body),
        Work::Placement { parts, .. } => {
            parts.iter().map(|p| values.exprs.operations(p.body)).sum()
        }
        Work::Scatter(part) => values.exprs.operations(part.body),
        Work::Prefix(running) => {
            running.bodies().skip(1).map(|body| 1 + values.exprs.operations(body)).sum()
        }
        Work::Sort(sorted) => values.exprs.operations(sorted.key),
        Work::Repeat { body, .. } => body.fusion.values.list.iter().map(|v| v.operations).sum(),
        Work::Contract(_) | Work::Random { .. } | Work::Result => 0,
    }
}
