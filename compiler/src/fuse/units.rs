//! Which dimensions of a group become units, and in blocks of how many.

use super::FuseContext;
use super::draft::{Along, Draft, Kept, UnitDim};
use super::values::{Value, Values, Work};
use crate::ir::{AxisId, IndexId};

/// Whether the unit dimensions that are left are enough for the work of a group with one more
/// value.
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
    let of_value = is_product(value).then(|| value.column());
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
    let turns = |k: &Kept| turns(values, value, k.along.dim) && !has_lines(k.extent(draft), cx);
    if is_tall(values, draft, value, kept, cx)
        || streams(values, draft, value, kept, cx)
        || kept.iter().any(turns)
    {
        return false;
    }
    let keeps_first = draft.dims.is_empty() || kept.first().is_some_and(|k| k.unit == 0);
    keeps_first
        && after >= costs.min_units.min(before)
        && (costs.is_cheap(value.cost) || after >= costs.min_units)
}

/// Whether a group would have columns alone for units of what does not fit into a cache: each unit
/// would go down all rows, and take a few lines of every page.
fn is_tall(
    values: &Values,
    draft: &Draft,
    value: &Value,
    kept: &[Kept],
    cx: &FuseContext<'_>,
) -> bool {
    let tall = |value: &Value, along: &Along| {
        let reduced: usize = match &value.work {
            Work::Reduce { reduced, .. } => {
                reduced.iter().map(|&axis| values.exprs.extent(axis) as usize).product()
            }
            _ => 1,
        };
        let elements = value.sizes.iter().product::<usize>().saturating_mul(reduced);
        let is_column = along.dim + 1 == value.sizes.len()
            && !is_product(value)
            && elements > value.sizes[along.dim]
            && values.reads_adjacent(value, value.axes[along.dim]);
        is_column && elements.saturating_mul(value.tensor_type.dtype.size()) > cx.target.l2
    };
    let [only] = kept else { return false };
    let members = draft.members.iter().zip(&draft.dims[only.unit].1);
    tall(value, &only.along) || members.into_iter().any(|(&m, along)| tall(&values.list[m], along))
}

/// Whether a group would have products whose large right factor every unit reads all of, for a few rows.
fn streams(
    values: &Values,
    draft: &Draft,
    value: &Value,
    kept: &[Kept],
    cx: &FuseContext<'_>,
) -> bool {
    let streams = |product: &Value, is_own: &dyn Fn(&Kept) -> usize| {
        let shared = |kept: &Kept| !right_has(values, product, is_own(kept));
        let rows = (0..product.column()).filter(|&dim| !right_has(values, product, dim));
        let rows: usize = rows.map(|dim| product.sizes[dim]).product();
        cx.costs.streams(rows, right_bytes(values, product)) && kept.iter().all(shared)
    };
    let of_draft = |(at, &m): (usize, &usize)| {
        let product = &values.list[m];
        is_product(product) && streams(product, &|kept| draft.dims[kept.unit].1[at].dim)
    };
    is_product(value) && streams(value, &|kept| kept.along.dim)
        || draft.members.iter().enumerate().any(of_draft)
}

fn is_product(value: &Value) -> bool {
    matches!(value.work, Work::Contract(_))
}

/// What a unit dimension is in a product.
struct OfProduct {
    kind: Kind,
    /// How many of its indices there are to one of the unit dimension.
    scale: usize,
    /// How many indices of the unit dimension a unit has at least, where there are units enough.
    least: usize,
    /// Whether the left factor is read across its rows.
    is_turned: bool,
    /// Whether units along it read the same right factor, each a copy of its own.
    shares_right: bool,
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
        _ if dim == value.column() => Kind::Column,
        _ if rows == Some(dim) => Kind::Row,
        _ => Kind::Outer,
    };
    let is_turned = left_is_turned(values, value);
    let is_near = right_bytes(values, value) <= cx.costs.near_factor;
    let of = |(_, members): &(usize, Vec<Along>)| {
        let Along { dim, scale } = members[at];
        let kind = kind(dim);
        let rows = if kind == Kind::Row { cx.costs.many_rows } else { cx.costs.few_rows };
        let least = indices_of(rows, values, draft, members, cx);
        let shares_right = kind != Kind::Column && !is_near && !right_has(values, value, dim);
        OfProduct { kind, scale, least, is_turned, shares_right }
    };
    Some(draft.dims.iter().map(of).collect())
}

/// How many indices of a unit dimension, given with where it is in each member, are so many rows of
/// every product of the group that reads a large right factor and has that dimension for rows.
fn indices_of(
    wanted: usize,
    values: &Values,
    draft: &Draft,
    along: &[Along],
    cx: &FuseContext<'_>,
) -> usize {
    let each = |(&m, along): (&usize, &Along)| {
        let value = &values.list[m];
        let is_large = right_bytes(values, value) >= cx.costs.large_factor;
        if !is_product(value) || !is_large || right_has(values, value, along.dim) {
            return 1;
        }
        let dims = 0..value.column();
        let others = dims.filter(|&dim| dim != along.dim && !right_has(values, value, dim));
        let rows = along.scale * others.map(|dim| value.sizes[dim]).product::<usize>();
        wanted.div_ceil(rows.max(1))
    };
    draft.members.iter().zip(along).map(each).max().unwrap_or(1)
}

/// Bytes of the right factor of a product that one of its tiles reads.
fn right_bytes(values: &Values, product: &Value) -> usize {
    let Work::Contract(boxes) = &product.work else { return 0 };
    let extent = |&axis: &AxisId| values.exprs.extent(axis) as usize;
    let steps = boxes.iter().map(|b| b.reduced.iter().map(extent).product::<usize>()).max();
    let columns = product.sizes.get(product.column()).copied().unwrap_or(1);
    let elements = steps.unwrap_or(0).saturating_mul(columns);
    elements.saturating_mul(product.tensor_type.dtype.size())
}

/// Whether the left factor of a product is read across its rows, as a transposed one is.
fn left_is_turned(values: &Values, product: &Value) -> bool {
    let Work::Contract(boxes) = &product.work else { return false };
    boxes.iter().any(|b| {
        let along = |i: IndexId| b.reduced.iter().any(|&axis| values.exprs.has_axis(i, axis));
        !b.a.index.last().is_some_and(|&last| along(last))
    })
}

/// Whether the right factor of a product has one of its dimensions.
fn right_has(values: &Values, product: &Value, dim: usize) -> bool {
    let Work::Contract(boxes) = &product.work else { return false };
    let has_it = |&i: &IndexId| values.exprs.has_axis(i, product.axes[dim]);
    boxes.iter().any(|b| b.b.index.iter().any(has_it))
}

/// The dimension that is the rows of a product's tile: the right factor has it not. The inner one
/// that fills a tile, with those inside of it, else the longest.
fn rows(values: &Values, product: &Value, cx: &FuseContext<'_>) -> Option<usize> {
    let is_row = |&dim: &usize| !right_has(values, product, dim);
    let dims: Vec<usize> = (0..product.column()).filter(is_row).collect();
    let mut inside = 1;
    let mut fills = |dim: &&usize| {
        inside *= product.sizes[**dim];
        inside >= cx.target.tile.0
    };
    let longest = || dims.iter().max_by_key(|&&dim| product.sizes[dim]);
    dims.iter().rev().find(&mut fills).or_else(longest).copied()
}

/// Into how many units dimensions can be cut, each given with whether it is columns of a product;
/// of a product either these are, where a tile ends, or others.
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
        None => choose_map(values, draft, cx),
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
        let unit = blocks(draft.dims[u].0, of, (cost, number(&chosen)), cx);
        chosen.push((u, unit));
        let are_plenty = number(&chosen) >= cx.costs.plenty_units;
        if unit.block > 1 || of.kind == Kind::Row || are_plenty {
            break;
        }
        cost /= unit.extent as f64;
    }
    chosen.truncate(worth_cutting(draft, product, &chosen, cx));
    let alone =
        |(u, of): (usize, &OfProduct)| (u, blocks(draft.dims[u].0, of, (draft.cost, 1), cx));
    let dim = |u: usize| (draft.dims[u].0, &product[u]);
    if let &[(u, rows)] = chosen.as_slice()
        && product[u].kind == Kind::Row
        && product[u].least > 1
        && let wanted = number(&[(u, rows)]).min(cx.costs.plenty_units).max(cx.costs.min_units)
        && let Some(v) = product.iter().position(|of| of.kind == Kind::Column)
        && let Some((rows, columns)) = grid(dim(u), dim(v), wanted, cx)
    {
        let mut grid = vec![(u, rows), (v, columns)];
        grid.retain(|(_, unit)| unit.block < unit.extent);
        return grid;
    }
    let most = product.iter().enumerate().map(alone).max_by_key(|&unit| number(&[unit]));
    match most {
        Some(one) if number(&chosen) < number(&[one]).min(cx.costs.min_units) => {
            short_rows(product, &chosen, cx).unwrap_or(vec![one])
        }
        _ => chosen,
    }
}

/// The rows that are chosen in blocks as short as makes enough units, if each still has those of a tile:
/// what follows goes through whole rows then, and not through a few columns of all.
fn short_rows(
    product: &[OfProduct],
    chosen: &[(usize, UnitDim)],
    cx: &FuseContext<'_>,
) -> Option<Vec<(usize, UnitDim)>> {
    let &[(u, UnitDim { extent, .. })] = chosen else { return None };
    let block = extent / cx.costs.min_units.max(1);
    let is_full = product[u].kind == Kind::Row && block * product[u].scale >= cx.target.tile.0;
    is_full.then(|| vec![(u, UnitDim { extent, block: extent.div_ceil(extent / block) })])
}

/// How many of the chosen dimensions of a product are worth cutting: fewer, if units then are enough and what
/// they copy of the right factor serves more rows.
fn worth_cutting(
    draft: &Draft,
    product: &[OfProduct],
    chosen: &[(usize, UnitDim)],
    cx: &FuseContext<'_>,
) -> usize {
    let shares = |u: &usize| product[*u].shares_right;
    let cost = |n: usize| {
        let block = |u: usize| {
            let unit = chosen[..n].iter().find(|(v, _)| *v == u);
            unit.map_or(draft.dims[u].0, |(_, unit)| unit.block) * product[u].scale
        };
        let rows: usize = (0..product.len()).filter(shares).map(block).product();
        busy(number(&chosen[..n])).saturating_mul(rows + ROWS_OF_COPY)
    };
    let is_enough = |n: &usize| {
        number(&chosen[..*n]) >= cx.costs.min_units
            && chosen[*n..].iter().all(|(u, _)| product[*u].shares_right)
    };
    (1..chosen.len()).filter(is_enough).chain([chosen.len()]).min_by_key(|&n| cost(n)).unwrap_or(0)
}

/// How many units that makes.
fn number(units: &[(usize, UnitDim)]) -> usize {
    units.iter().map(|(_, unit)| unit.extent.div_ceil(unit.block)).product()
}

/// A dimension of a product in blocks, within so many units of others: of [rows](even_rows), of whole tiles
/// of columns, an even number of them; or as many tiles as are long enough for a unit.
fn blocks(
    extent: usize,
    of: &OfProduct,
    (cost, outer): (f64, usize),
    cx: &FuseContext<'_>,
) -> UnitDim {
    let (rows, columns) = cx.target.tile;
    let all = extent * of.scale;
    let least = of.least.min(extent / cx.costs.min_units.max(1));
    let block = match of.kind {
        Kind::Outer => {
            let long = (f64::from(cx.costs.unit) * extent as f64 / cost).ceil() as usize;
            let block = long.max(least).clamp(1, extent.max(1));
            extent.div_ceil(extent.div_ceil(block).max(1))
        }
        Kind::Row => even_rows((extent, of.scale), outer, least, rows),
        Kind::Column => {
            let some = cx.costs.columns.max(2 * columns);
            extent.div_ceil(2 * all.div_ceil(2 * some)).next_multiple_of(columns)
        }
    };
    UnitDim { extent, block: block.min(extent) }
}

/// The block of rows, in each of so many outer units, by which two and four threads are busy alike and
/// tiles are full, of one to three tiles' rows, or of a quarter of all if a tile has more, where `least`
/// is no more: for fewer rows than a tile has, its time is not less by as much.
fn even_rows((extent, scale): (usize, usize), outer: usize, least: usize, tile: usize) -> usize {
    let first = tile.div_ceil(scale).min(extent.div_ceil(4)).max(least).min(extent);
    let cost = |block: usize| {
        let (rows, units) = (block * scale, outer * extent.div_ceil(block));
        let full = rows.max(rows.div_ceil(tile) * tile * 3 / 4);
        busy(units) * full
    };
    (first..=extent.min(3 * first)).min_by_key(|&block| cost(block)).unwrap_or(extent)
}

/// A copy of a panel of the right factor takes as long as so many rows of it.
const ROWS_OF_COPY: usize = 5;
/// To read rows of the left factor takes as long as so many columns of them; so many, if it is read
/// across long rows of its own, which are worth a copy.
const COLUMNS_OF_ROWS: usize = 2;
const COLUMNS_OF_COPY: usize = 8;
/// Such a row has at least so many elements.
const LONG_ROW: usize = 256;

/// Blocks of so many rows and columns of a product with a large right factor, so many units or somewhat
/// more: what all units read of both factors takes least. `None` if they would be too few.
fn grid(
    (rows, of_rows): (usize, &OfProduct),
    (columns, of_columns): (usize, &OfProduct),
    wanted: usize,
    cx: &FuseContext<'_>,
) -> Option<(UnitDim, UnitDim)> {
    let tile = cx.target.tile.1.div_ceil(of_columns.scale);
    let copies = of_rows.is_turned && rows * of_rows.scale >= LONG_ROW;
    let columns_of_rows = if copies { COLUMNS_OF_COPY } else { COLUMNS_OF_ROWS };
    let blocks = |row_parts: usize| {
        let row = rows.div_ceil(row_parts);
        let column = columns.div_ceil(wanted.div_ceil(row_parts));
        let column = column.next_multiple_of(tile).min(columns);
        (UnitDim { extent: rows, block: row }, UnitDim { extent: columns, block: column })
    };
    let units = |(row, column): &(UnitDim, UnitDim)| number(&[(0, *row), (1, *column)]);
    let cost = |grid: &(UnitDim, UnitDim)| {
        let (rows, columns) = (grid.0.block * of_rows.scale, grid.1.block * of_columns.scale);
        busy(units(grid)).saturating_mul((rows + ROWS_OF_COPY) * (columns + columns_of_rows))
    };
    (1..=wanted.min(rows)).map(blocks).filter(|grid| units(grid) >= wanted).min_by_key(cost)
}

/// How many units two and four threads are busy for, together: those of the last round as if it were
/// full.
fn busy(units: usize) -> usize {
    [2, 4].iter().map(|threads| units.div_ceil(*threads) * threads).sum()
}

/// Whether units along a dimension of a map go across lines of memory: its last one, along which it writes,
/// or another, along which it reads what it writes across.
fn turns(values: &Values, value: &Value, dim: usize) -> bool {
    let Some((&last, others)) = value.axes.split_last() else { return false };
    let reads_along = |&axis: &AxisId| values.reads_across(value, axis, last);
    matches!(value.work, Work::Map(_))
        && others.get(dim).map_or(others.iter().any(reads_along), reads_along)
}

/// Whether the units of a dimension are enough if each has those of whole cache lines.
fn has_lines(extent: usize, cx: &FuseContext<'_>) -> bool {
    extent / LINE >= cx.costs.min_units
}

/// How many indices of a dimension a unit has at least: the last one of a group as
/// [`least_columns`] says, another one those of a cache line where something is read or written along it.
fn least_block(values: &Values, draft: &Draft, u: usize, cx: &FuseContext<'_>) -> usize {
    let (extent, along) = &draft.dims[u];
    let members = draft.members.iter().map(|&m| &values.list[m]).zip(along);
    let turned = |(value, along): (&Value, &Along)| turns(values, value, along.dim);
    let turns = members.into_iter().any(turned) && has_lines(*extent, cx);
    let columns = if u + 1 == draft.dims.len() { least_columns(values, draft, cx) } else { 1 };
    columns.max(if turns { LINE } else { 1 })
}

/// Of the last dimension. Of what is scattered every unit goes through all indices, of a running
/// value through its whole axis, for some adjacent elements each. Of columns that are reduced a
/// unit has those of whole cache lines, several if there are units enough.
fn least_columns(values: &Values, draft: &Draft, cx: &FuseContext<'_>) -> usize {
    let Some((extent, along)) = draft.dims.last() else { return 1 };
    let each = extent.div_ceil(cx.costs.min_units.max(1));
    let members = || draft.members.iter().map(|&m| &values.list[m]).zip(along);
    let is_last = |value: &Value, along: &Along| along.dim + 1 == value.sizes.len();
    let most = |value: &Value| match value.work {
        Work::Scatter(_) => Some(usize::MAX),
        // What a unit runs for stays in the first-level cache.
        Work::Prefix(_) => Some(cx.costs.chunk),
        Work::Map(_) | Work::Reduce { .. } | Work::Contract(_) | Work::Placement { .. } => None,
        Work::Sort(_) | Work::Random { .. } | Work::Repeat { .. } | Work::Result => None,
    };
    let runs_through =
        members().find_map(|(value, along)| Some((most(value)?, is_last(value, along))));
    if let Some((most, true)) = runs_through {
        return each.min(most).max(1);
    }
    let reduces = |value: &Value| matches!(value.work, Work::Reduce { .. });
    let runs_along = |(value, along): (&Value, &Along)| {
        is_last(value, along) && values.reads_adjacent(value, value.axes[along.dim])
    };
    let are_columns = members().any(|(value, _)| reduces(value)) && members().all(runs_along);
    if are_columns { each.min(cx.costs.columns).next_multiple_of(LINE) } else { 1 }
}

/// Elements of f32 in a cache line.
const LINE: usize = 16;

/// Leading dimensions until a unit is short enough, in blocks of at least so many as each wants.
fn choose_map(values: &Values, draft: &Draft, cx: &FuseContext<'_>) -> Vec<(usize, UnitDim)> {
    let unit = f64::from(cx.costs.unit);
    let mut chosen = vec![];
    let mut left = draft.cost;
    for (u, (extent, _)) in draft.dims.iter().enumerate() {
        let each = left / *extent as f64;
        let least = least_block(values, draft, u, cx);
        let units: usize = chosen.iter().map(|(_, unit): &(usize, UnitDim)| unit.extent).product();
        if least > 1 && units >= cx.costs.plenty_units {
            break;
        }
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
