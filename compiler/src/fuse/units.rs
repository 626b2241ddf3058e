//! Which dimensions of a group become units, and in blocks of how many.

use super::FuseContext;
use super::draft::{Along, Draft, Kept, UnitDim};
use super::values::{Value, Values, Work};
use crate::ir::IndexId;

/// Whether the unit dimensions that are left are enough for the work of a group with one more value.
pub(super) fn enough(
    values: &Values,
    draft: &Draft,
    value: &Value,
    kept: &[Kept],
    cx: &FuseContext<'_>,
) -> bool {
    let costs = cx.costs;
    if costs.is_cheap(draft.cost + value.cost) {
        return true;
    }
    let of_draft = product(values, draft, cx);
    let of_value = is_product(value).then(|| value.sizes.len() - 1);
    let is_column = |kept: &Kept| match &of_draft {
        Some(product) => product[kept.unit].kind == Kind::Column,
        None => of_value == Some(kept.along.dim),
    };
    let after = kept.iter().map(|k| (k.extent(draft), is_column(k)));
    let after = width(after, cx);
    let all = draft.dims.iter().enumerate();
    let before = all.map(|(u, d)| {
        (d.0, of_draft.as_ref().is_some_and(|product| product[u].kind == Kind::Column))
    });
    let before = width(before, cx);
    let keeps_first = draft.dims.is_empty() || kept.first().is_some_and(|k| k.unit == 0);
    keeps_first
        && after >= costs.min_units.min(before)
        && (costs.is_cheap(value.cost) || after >= costs.min_units)
}

fn is_product(value: &Value) -> bool {
    matches!(value.work, Work::Contract(_))
}

/// What a unit dimension is in a product.
struct OfProduct {
    kind: Kind,
    /// How many of its indices there are to one of the unit dimension.
    scale: usize,
}

/// What a dimension of a product is for its tile.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Each index has a tile of its own.
    Outer,
    /// Rows of the tile.
    Row,
    /// Columns of the tile.
    Column,
}

/// What each unit dimension is in the first product of a group; `None` where there is none.
fn product(values: &Values, draft: &Draft, cx: &FuseContext<'_>) -> Option<Vec<OfProduct>> {
    let at = draft.members.iter().position(|&m| is_product(&values.list[m]))?;
    let value = &values.list[draft.members[at]];
    let rows = rows(values, value, cx);
    let kind = |dim: usize| match dim {
        _ if dim + 1 == value.sizes.len() => Kind::Column,
        _ if rows == Some(dim) => Kind::Row,
        _ => Kind::Outer,
    };
    let of = |Along { dim, scale }: Along| OfProduct { kind: kind(dim), scale };
    Some(draft.dims.iter().map(|(_, members)| of(members[at])).collect())
}

/// The dimension that is the rows of a product's tile: the right factor has it not. The inner one that
/// fills a tile, else the longest.
fn rows(values: &Values, product: &Value, cx: &FuseContext<'_>) -> Option<usize> {
    let Work::Contract(boxes) = &product.work else { return None };
    let is_row = |&dim: &usize| {
        let has_it = |&i: &IndexId| values.exprs.has_axis(i, product.axes[dim]);
        !boxes.iter().any(|b| b.b.index.iter().any(has_it))
    };
    let dims: Vec<usize> = (0..product.sizes.len().saturating_sub(1)).filter(is_row).collect();
    let fills = |dim: &&usize| product.sizes[**dim] >= cx.target.tile.0;
    let longest = || dims.iter().max_by_key(|&&dim| product.sizes[dim]);
    dims.iter().rev().find(fills).or_else(longest).copied()
}

/// Into how many units dimensions can be cut, each given with whether it is columns of a product; of a
/// product either these are, where a tile ends, or others.
fn width(dims: impl Iterator<Item = (usize, bool)>, cx: &FuseContext<'_>) -> usize {
    let (columns, others): (Vec<_>, Vec<_>) = dims.partition(|(_, is_column)| *is_column);
    let tiles = columns.iter().map(|(n, _)| n.div_ceil(cx.target.tile.1));
    let others: usize = others.iter().map(|(n, _)| n).product();
    others.max(tiles.product())
}

/// The dimensions that become units, by number.
pub(super) fn choose(
    values: &Values,
    draft: &Draft,
    cx: &FuseContext<'_>,
) -> Vec<(usize, UnitDim)> {
    match product(values, draft, cx) {
        Some(product) => choose_rows(draft, &product, cx),
        None if cx.costs.is_cheap(draft.cost) => vec![],
        None => choose_map(draft, least_block(values, draft, cx), cx),
    }
}

/// Of a group with a product: leading dimensions, until a unit is short enough or has the rows of a
/// tile; if these are too few units, the one dimension that makes most.
fn choose_rows(
    draft: &Draft,
    product: &[OfProduct],
    cx: &FuseContext<'_>,
) -> Vec<(usize, UnitDim)> {
    let mut chosen = vec![];
    let mut cost = draft.cost;
    for (u, of) in product.iter().enumerate().filter(|(_, of)| of.kind != Kind::Column) {
        let unit = blocks(draft.dims[u].0, of, cost, cx);
        chosen.push((u, unit));
        if unit.block > 1 || of.kind == Kind::Row {
            break;
        }
        cost /= unit.extent as f64;
    }
    let number = |units: &[(usize, UnitDim)]| -> usize {
        units.iter().map(|(_, unit)| unit.extent.div_ceil(unit.block)).product()
    };
    let alone = |(u, of): (usize, &OfProduct)| (u, blocks(draft.dims[u].0, of, draft.cost, cx));
    let most = product.iter().enumerate().map(alone).max_by_key(|&unit| number(&[unit]));
    match most {
        Some(one) if number(&chosen) < number(&[one]).min(cx.costs.min_units) => vec![one],
        _ => chosen,
    }
}

/// A dimension of a product in blocks: an even number of them, of at most two tiles' rows each or of
/// whole tiles of columns; or as many tiles as are long enough for a unit.
fn blocks(extent: usize, of: &OfProduct, cost: f64, cx: &FuseContext<'_>) -> UnitDim {
    let (rows, columns) = cx.target.tile;
    let all = extent * of.scale;
    let block = match of.kind {
        Kind::Outer => (f64::from(cx.costs.unit) * extent as f64 / cost).ceil().max(1.0) as usize,
        Kind::Row => extent.div_ceil(2 * all.div_ceil(2 * rows)),
        Kind::Column => extent.div_ceil(2 * all.div_ceil(4 * columns)).next_multiple_of(columns),
    };
    UnitDim { extent, block: block.min(extent) }
}

/// How many indices of the last dimension a unit has at least: of what is scattered every unit goes
/// through all indices, of a running value through its whole axis, for some adjacent elements each.
fn least_block(values: &Values, draft: &Draft, cx: &FuseContext<'_>) -> usize {
    let most = |&m: &usize| match values.list[m].work {
        Work::Scatter(_) => Some(usize::MAX),
        // What a unit runs for stays in the first-level cache.
        Work::Prefix(_) => Some(cx.costs.chunk),
        Work::Map(_) | Work::Reduce { .. } | Work::Contract(_) | Work::Placement { .. } => None,
        Work::Sort(_) | Work::Random { .. } | Work::Repeat { .. } | Work::Result => None,
    };
    let mut members = draft.members.iter().enumerate();
    let goes_through = members.find_map(|(at, member)| Some((at, most(member)?)));
    let last = goes_through.zip(draft.dims.last()).filter(|((at, _), (_, members))| {
        members[*at].dim + 1 == values.list[draft.members[*at]].sizes.len()
    });
    last.map_or(1, |((_, most), (extent, _))| {
        extent.div_ceil(cx.costs.min_units.max(1)).min(most).max(1)
    })
}

/// Leading dimensions until a unit is short enough; the last one in blocks of at least so many.
fn choose_map(draft: &Draft, least: usize, cx: &FuseContext<'_>) -> Vec<(usize, UnitDim)> {
    let unit = f64::from(cx.costs.unit);
    let mut chosen = vec![];
    let mut left = draft.cost;
    for (u, (extent, _)) in draft.dims.iter().enumerate() {
        let each = left / *extent as f64;
        let least = if u + 1 == draft.dims.len() { least } else { 1 };
        if each >= unit && least == 1 {
            chosen.push((u, UnitDim { extent: *extent, block: 1 }));
            left = each;
            continue;
        }
        let block = ((unit / each).ceil().min(*extent as f64) as usize).max(least);
        // Long blocks in multiples of 16 keep vectors whole and cache lines unshared.
        let block = if block < 16 { block } else { block.next_multiple_of(16) };
        if block < *extent {
            chosen.push((u, UnitDim { extent: *extent, block }));
        }
        break;
    }
    chosen
}
