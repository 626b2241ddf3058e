//! Which dimensions of a group become units, and in blocks of how many.

use super::FuseContext;
use super::groups::{Along, Draft, Kept, UnitDim};
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
    let of_draft = product(values, draft);
    let of_value = is_product(value).then(|| value.sizes.len() - 1);
    let is_column = |kept: &Kept| match &of_draft {
        Some(product) => product[kept.unit].kind == Kind::Column,
        None => of_value == Some(kept.along.dim),
    };
    let after = kept.iter().map(|k| (k.extent(draft), is_column(k)));
    let after = width(after, of_draft.is_some() || of_value.is_some(), cx);
    let all = draft.dims.iter().enumerate();
    let before = all.map(|(u, d)| {
        (d.0, of_draft.as_ref().is_some_and(|product| product[u].kind == Kind::Column))
    });
    let before = width(before, of_draft.is_some(), cx);
    let keeps_first = draft.dims.is_empty() || kept.first().is_some_and(|k| k.unit == 0);
    keeps_first
        && after >= costs.min_units.min(before)
        && (costs.is_cheap(value.cost) || after >= costs.min_units)
}

fn is_product(value: &Value) -> bool {
    matches!(value.work, Work::Contract { .. })
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
    /// Both factors change along it: each index has a tile of its own.
    Batch,
    /// Rows of the tile.
    Row,
    /// Columns of the tile.
    Column,
}

fn kind(values: &Values, product: &Value, dim: usize) -> Kind {
    let Work::Contract { b, .. } = &product.work else { return Kind::Batch };
    let moves = |&i: &IndexId| values.exprs.coefficient(i, product.axes[dim]) != Some(0);
    if dim + 1 == product.sizes.len() {
        Kind::Column
    } else if b.index.iter().any(moves) {
        Kind::Batch
    } else {
        Kind::Row
    }
}

/// What each unit dimension is in the first product of a group; `None` where there is none.
fn product(values: &Values, draft: &Draft) -> Option<Vec<OfProduct>> {
    let at = draft.members.iter().position(|&m| is_product(&values.list[m]))?;
    let value = &values.list[draft.members[at]];
    let of = |Along { dim, scale }: Along| OfProduct { kind: kind(values, value, dim), scale };
    Some(draft.dims.iter().map(|(_, members)| of(members[at])).collect())
}

/// Into how many units dimensions can be cut, each given with whether it is columns of a product. Of a
/// product one dimension is cut, and columns only where a tile ends.
fn width(
    dims: impl Iterator<Item = (usize, bool)>,
    has_product: bool,
    cx: &FuseContext<'_>,
) -> usize {
    if !has_product {
        return dims.map(|(extent, _)| extent).product();
    }
    let each = dims.map(|(n, is_column)| if is_column { n.div_ceil(cx.target.tile.1) } else { n });
    each.max().unwrap_or(1)
}

/// The dimensions that become units, by number.
pub(super) fn choose(
    values: &Values,
    draft: &Draft,
    cx: &FuseContext<'_>,
) -> Vec<(usize, UnitDim)> {
    match product(values, draft) {
        Some(product) => choose_rows(draft, &product, cx).into_iter().collect(),
        None if cx.costs.is_cheap(draft.cost) => vec![],
        None => choose_map(draft, cx),
    }
}

/// Of a group with a product: the first dimension long enough that is rows of the tile (not columns
/// of the product), else the one that makes most units.
fn choose_rows(
    draft: &Draft,
    product: &[OfProduct],
    cx: &FuseContext<'_>,
) -> Option<(usize, UnitDim)> {
    let extents = draft.dims.iter().map(|d| d.0);
    let units = extents.zip(product).map(|(n, of)| blocks(n, of, draft.cost, cx));
    let units: Vec<UnitDim> = units.collect();
    let is_row =
        |&u: &usize| product[u].kind != Kind::Column && units[u].extent >= cx.costs.min_units;
    let most = |&u: &usize| (units[u].extent.div_ceil(units[u].block), units[u].extent);
    let u = (0..units.len()).find(is_row).or_else(|| (0..units.len()).max_by_key(most))?;
    Some((u, units[u]))
}

/// A dimension of a product in blocks: an even number of them, of at most two tiles' rows each or of
/// whole tiles of columns; or as many tiles as are long enough for a unit.
fn blocks(extent: usize, of: &OfProduct, cost: f64, cx: &FuseContext<'_>) -> UnitDim {
    let (rows, columns) = cx.target.tile;
    let all = extent * of.scale;
    let block = match of.kind {
        Kind::Batch => (f64::from(cx.costs.unit) * extent as f64 / cost).ceil().max(1.0) as usize,
        Kind::Row => extent.div_ceil(2 * all.div_ceil(2 * rows)),
        Kind::Column => extent.div_ceil(2 * all.div_ceil(4 * columns)).next_multiple_of(columns),
    };
    UnitDim { extent, block: block.min(extent) }
}

/// Leading dimensions until a unit is short enough; the last one in blocks.
fn choose_map(draft: &Draft, cx: &FuseContext<'_>) -> Vec<(usize, UnitDim)> {
    let unit = f64::from(cx.costs.unit);
    let mut chosen = vec![];
    let mut left = draft.cost;
    for (u, (extent, _)) in draft.dims.iter().enumerate() {
        let each = left / *extent as f64;
        if each >= unit {
            chosen.push((u, UnitDim { extent: *extent, block: 1 }));
            left = each;
            continue;
        }
        let block = (unit / each).ceil().min(*extent as f64) as usize;
        // Long blocks in multiples of 16 keep vectors whole and cache lines unshared.
        let block = if block < 16 { block } else { block.next_multiple_of(16) };
        if block < *extent {
            chosen.push((u, UnitDim { extent: *extent, block }));
        }
        break;
    }
    chosen
}
