//! Loops, folds, indices, tiles and chunks.

use brolga_compiler::ir::{
    BinaryFn, CompareFn, DType, Expr, ExprId, IndexId, LibraryFn, Monoid, OriginId, PlaceId,
    Scalar, UnaryFn,
};
use brolga_compiler::loop_ir::{Chunk, ChunkFn, Extent, Fold, Loop, LoopKind, Stmt, Tile, View};

use super::harness::{Case, KINDS, Random, SIZES, folding, loop_over};

fn accepts(monoid: Monoid, dtype: DType) -> bool {
    monoid.function().unwrap_or(BinaryFn::Max).accepts(dtype)
}

/// A fold of `value`, at `at` for pairs, from the neutral element; and its variables.
fn fold(
    case: &mut Case,
    monoid: Monoid,
    index_dtype: DType,
    value: ExprId,
    at: IndexId,
) -> (Fold, Vec<ExprId>) {
    let dtype = case.e.dtype(value);
    let (mut dtypes, mut values) = (vec![dtype], vec![value]);
    let mut init = vec![case.e.constant(monoid.neutral(dtype))];
    if monoid.function().is_none() {
        dtypes.push(index_dtype);
        values.push(case.e.intern(Expr::Index(at, index_dtype)));
        init.push(case.e.constant(Scalar::zero(index_dtype)));
    }
    let vars: Vec<_> = dtypes.iter().map(|_| case.e.var()).collect();
    let results = vars.iter().zip(&dtypes).map(|(&v, &d)| case.var(v, d)).collect();
    (Fold { monoid, vars, init, values, origin: OriginId::default() }, results)
}

/// `out[0] = value` for each result.
fn store_each(case: &mut Case, index: IndexId, len: usize, results: &[ExprId]) -> Vec<Stmt> {
    let store = |&value: &ExprId| {
        let place = case.output(case.e.dtype(value), len);
        Stmt::Store { place, index, value, origin: OriginId::default() }
    };
    results.iter().map(store).collect()
}

#[test]
fn folds_of_everything() {
    let mut random = Random(1);
    for (monoid, dtype) in Monoid::ALL.into_iter().flat_map(|m| DType::ALL.map(|d| (m, d))) {
        if !accepts(monoid, dtype) {
            continue;
        }
        for (n, kind) in SIZES.into_iter().flat_map(|n| KINDS.map(|kind| (n, kind))) {
            for index_dtype in [DType::I32, DType::I64] {
                let mut case = Case::default();
                let values =
                    if n == 33 { random.moderate(dtype, n) } else { random.scalars(dtype, n) };
                let x = case.input(dtype, &values);
                let axis = case.e.axis(n);
                let i = case.e.index_axis(axis);
                let value = case.load(x, i);
                let (fold, results) = fold(&mut case, monoid, index_dtype, value, i);
                let zero = case.e.index_constant(0);
                case.body = vec![folding(axis, n, kind, vec![], vec![fold])];
                let stores = store_each(&mut case, zero, 1, &results);
                case.body.extend(stores);
                case.check(&format!("{} {dtype} {n} {kind:?}", monoid.name()));
            }
        }
    }
}

/// `y[r, i] = exp-like use of a row's sum`, with rows as units in blocks, and folds of two loops.
#[test]
fn rows_in_blocks() {
    let mut random = Random(2);
    for (rows, n, block) in [(1usize, 1, 1usize), (7, 33, 3), (8, 16, 4), (5, 10, 8)] {
        for kind in KINDS {
            for dtype in [DType::F32, DType::F64, DType::I32, DType::U8] {
                let mut case = Case::default();
                let unit = case.e.axis(rows.div_ceil(block));
                let (row, i, j) = (case.e.axis(block), case.e.axis(n), case.e.axis(n));
                case.units = vec![unit];
                let x = case.input(dtype, &random.moderate(dtype, rows * n));
                let local = case.local(dtype, n);
                let at = |case: &mut Case, column| {
                    let ids = [unit, row, column].map(|a| case.e.index_axis(a));
                    case.e.index_dot(&ids, &[(block * n) as i64, n as i64, 1])
                };
                let (at_i, at_j) = (at(&mut case, i), at(&mut case, j));
                let (local_i, local_j) = (case.e.index_axis(i), case.e.index_axis(j));
                let value = case.load(x, at_i);
                let (max, max_of) = fold(&mut case, Monoid::Max, DType::I32, value, local_i);
                let (sum, sum_of) = fold(&mut case, Monoid::Sum, DType::I32, value, local_i);
                let double = case.e.binary(BinaryFn::Add, value, value);
                let keep = Stmt::Store {
                    place: local,
                    index: local_i,
                    value: double,
                    origin: OriginId::default(),
                };
                let kept = case.load(local, local_j);
                let scaled = case.e.binary(BinaryFn::Sub, kept, max_of[0]);
                let scaled = case.e.binary(BinaryFn::Mul, scaled, sum_of[0]);
                let y = case.output(dtype, rows * n);
                let store = Stmt::Store {
                    place: y,
                    index: at_j,
                    value: scaled,
                    origin: OriginId::default(),
                };
                let body = vec![
                    folding(i, n, kind, vec![keep], vec![max, sum]),
                    loop_over(j, n, kind, vec![store]),
                ];
                let extent = Extent::Block { axis: unit, block, total: rows };
                let folds = vec![];
                case.body = vec![Stmt::For(Loop {
                    axis: row,
                    extent,
                    kind: LoopKind::Serial,
                    body,
                    folds,
                })];
                case.check(&format!("rows {dtype} {rows}x{n} by {block} {kind:?}"));
            }
        }
    }
}

/// What a row's result goes on with, each time such that rows may not be taken together but in the
/// first case.
#[derive(Clone, Copy, Debug, PartialEq)]
enum After {
    /// Its own element.
    Own,
    /// One that all rows add to.
    Shared,
    /// What every row reads.
    Read,
    /// A value of the row.
    Scaled,
}

/// `y[r] = max and sum of x[r, i] · scale[r]`, and what depends on it.
#[test]
fn results_of_short_rows() {
    let mut random = Random(11);
    let afters = [After::Own, After::Shared, After::Read, After::Scaled];
    for (dtype, n) in [DType::F32, DType::I32, DType::F64, DType::U8]
        .into_iter()
        .flat_map(|dtype| [4usize, 7, 10, 33].map(|n| (dtype, n)))
    {
        for (kind, after) in KINDS.into_iter().flat_map(|kind| afters.map(|after| (kind, after))) {
            for (rows, block) in [(3usize, 3usize), (9, 9), (11, 6)] {
                let mut case = Case::default();
                let unit = case.e.axis(rows.div_ceil(block));
                let (row, i, first) = (case.e.axis(block), case.e.axis(n), case.e.axis(rows));
                case.units = vec![unit];
                let values = if n == 7 {
                    random.scalars(dtype, rows * n)
                } else {
                    random.moderate(dtype, rows * n)
                };
                let x = case.input(dtype, &values);
                let scale = case.input(dtype, &random.moderate(dtype, rows));
                let y = case.output(dtype, rows);
                let sums = case.output(dtype, rows);
                let at_row = [unit, row].map(|a| case.e.index_axis(a));
                let at_row = case.e.index_dot(&at_row, &[block as i64, 1]);
                let column = case.e.index_axis(i);
                let at = case.e.index_add(column, at_row, n as i64);
                let at_first = case.e.index_axis(first);
                let zero = case.e.index_constant(0);
                let scale_var = case.e.var();
                let (scale_of, scaled) = (case.load(scale, at_row), case.var(scale_var, dtype));
                let element = case.load(x, at);
                let mut value = case.e.binary(BinaryFn::Mul, element, scaled);
                let shared = case.load(y, zero);
                if after == After::Read {
                    value = case.e.binary(BinaryFn::Add, value, shared);
                }
                let (max, max_of) = fold(&mut case, Monoid::Max, DType::I32, value, column);
                let (sum, sum_of) = fold(&mut case, Monoid::Sum, DType::I32, element, column);
                let mut result = case.e.binary(BinaryFn::Sub, max_of[0], scale_of);
                result = match after {
                    After::Own | After::Read => result,
                    After::Shared => case.e.binary(BinaryFn::Add, result, shared),
                    After::Scaled => case.e.binary(BinaryFn::Sub, max_of[0], scaled),
                };
                let index = if after == After::Shared { zero } else { at_row };
                let nothing = case.e.constant(Scalar::zero(dtype));
                let clear = Stmt::Store {
                    place: y,
                    index: at_first,
                    value: nothing,
                    origin: OriginId::default(),
                };
                let body = vec![
                    Stmt::Let(scale_var, scale_of),
                    folding(i, n, kind, vec![], vec![max, sum]),
                    Stmt::Store { place: y, index, value: result, origin: OriginId::default() },
                    Stmt::Store {
                        place: sums,
                        index: at_row,
                        value: sum_of[0],
                        origin: OriginId::default(),
                    },
                ];
                let extent = match rows == block {
                    true => Extent::Const(rows),
                    false => Extent::Block { axis: unit, block, total: rows },
                };
                let (kind_of_rows, folds) = (LoopKind::Serial, vec![]);
                let rows_loop = Loop { axis: row, extent, kind: kind_of_rows, body, folds };
                if rows == block || after == After::Own {
                    case.body = vec![Stmt::For(rows_loop)];
                    if rows == block {
                        case.body.insert(0, loop_over(first, rows, kind_of_rows, vec![clear]));
                    }
                    case.check(&format!("{dtype} {rows}x{n} by {block} {kind:?} {after:?}"));
                }
            }
        }
    }
}

/// Loops over the rows of a block, whose count is known at run time alone; folds one by one.
#[test]
fn loops_of_blocks() {
    let mut random = Random(3);
    for (total, block) in [(77usize, 20), (33, 33), (5, 20), (64, 16), (21, 4)] {
        for kind in KINDS {
            let mut case = Case::default();
            let unit = case.e.axis(total.div_ceil(block));
            let i = case.e.axis(block);
            case.units = vec![unit];
            let x = case.input(DType::F32, &random.moderate(DType::F32, total));
            let ids = [unit, i].map(|a| case.e.index_axis(a));
            let at = case.e.index_dot(&ids, &[block as i64, 1]);
            let value = case.load(x, at);
            let square = case.e.binary(BinaryFn::Mul, value, value);
            let y = case.output(DType::F32, total);
            let store =
                Stmt::Store { place: y, index: at, value: square, origin: OriginId::default() };
            let (sum, results) = fold(&mut case, Monoid::Sum, DType::I32, square, ids[1]);
            let (arg, args) = fold(&mut case, Monoid::ArgMax, DType::I64, value, ids[1]);
            let extent = Extent::Block { axis: unit, block, total };
            let folds = if kind == LoopKind::Serial { vec![sum, arg] } else { vec![] };
            let has_folds = !folds.is_empty();
            case.body = vec![Stmt::For(Loop { axis: i, extent, kind, body: vec![store], folds })];
            if !has_folds {
                case.check(&format!("block {total} by {block} {kind:?}"));
                continue;
            }
            let all: Vec<ExprId> = results.into_iter().chain(args).collect();
            let stores = store_each(&mut case, ids[0], total.div_ceil(block), &all);
            case.body.extend(stores);
            case.check(&format!("block {total} by {block} {kind:?}"));
        }
    }
}

/// Pairs from nothing whose index rises: of ties the first, of numbers the first NaN, and the first
/// of all where there is nothing but the neutral one.
#[test]
fn pairs_whose_index_rises() {
    let mut random = Random(7);
    let monoids = [Monoid::ArgMax, Monoid::ArgMin];
    let dtypes = [DType::F32, DType::F64, DType::I32, DType::I64, DType::U8];
    for (monoid, dtype) in monoids.into_iter().flat_map(|m| dtypes.map(|d| (m, d))) {
        for (n, kind) in SIZES.into_iter().flat_map(|n| KINDS.map(|kind| (n, kind))) {
            let nothing = vec![monoid.neutral(dtype); n];
            let few: Vec<Scalar> = {
                let some = random.scalars(dtype, 3);
                (0..n).map(|_| some[random.below(3)]).collect()
            };
            for numbers in [random.scalars(dtype, n), few, nothing] {
                for index_dtype in [DType::I32, DType::I64] {
                    let mut case = Case::default();
                    let axis = case.e.axis(n);
                    let i = case.e.index_axis(axis);
                    let x = case.input(dtype, &numbers);
                    let value = case.load(x, i);
                    let (mut fold, results) = fold(&mut case, monoid, index_dtype, value, i);
                    fold.init[1] = case.e.constant(Scalar::I64(i64::MAX).cast(index_dtype));
                    case.body = vec![folding(axis, n, kind, vec![], vec![fold])];
                    let zero = case.e.index_constant(0);
                    let stores = store_each(&mut case, zero, 1, &results);
                    case.body.extend(stores);
                    case.check(&format!("{monoid:?} {dtype} {index_dtype} {n} {kind:?}"));
                }
            }
        }
    }
}

/// Numbers of a unit's axis and a loop's, where the last iterations are written out.
#[test]
fn numbers_of_indices() {
    for (n, kind) in SIZES.into_iter().flat_map(|n| KINDS.map(|kind| (n, kind))) {
        let mut case = Case::default();
        let [unit, axis] = [3, n].map(|n| case.e.axis(n));
        case.units = vec![unit];
        let ids = [unit, axis].map(|a| case.e.index_axis(a));
        let at = case.e.index_dot(&ids, &[n as i64, 1]);
        let third = case.e.index_div(at, 3);
        let mut body = vec![];
        for (index, dtype) in [(at, DType::I32), (at, DType::I64), (third, DType::I64)] {
            let value = case.e.intern(Expr::Index(index, dtype));
            let double = case.e.binary(BinaryFn::Add, value, value);
            let place = case.output(dtype, 3 * n);
            body.push(Stmt::Store { place, index: at, value: double, origin: OriginId::default() });
        }
        case.body = vec![loop_over(axis, n, kind, body)];
        case.check(&format!("numbers {n} {kind:?}"));
    }
}

/// Columns in a vector loop, rows folded by a loop within it.
#[test]
fn folds_inside_a_vector_loop() {
    let mut random = Random(4);
    for (monoid, dtype) in Monoid::ALL.into_iter().flat_map(|m| DType::ALL.map(|d| (m, d))) {
        if !accepts(monoid, dtype) {
            continue;
        }
        for kind in KINDS {
            let (rows, n) = (5, 21);
            let mut case = Case::default();
            let (row, column) = (case.e.axis(rows), case.e.axis(n));
            let ids = [row, column].map(|a| case.e.index_axis(a));
            let at = case.e.index_dot(&ids, &[n as i64, 1]);
            let x = case.input(dtype, &random.scalars(dtype, rows * n));
            let value = case.load(x, at);
            let (fold, results) = fold(&mut case, monoid, DType::I32, value, ids[0]);
            let mut body = vec![folding(row, rows, LoopKind::Serial, vec![], vec![fold])];
            body.extend(store_each(&mut case, ids[1], n, &results));
            case.body = vec![loop_over(column, n, kind, body)];
            case.check(&format!("columns {} {dtype} {kind:?}", monoid.name()));
        }
    }
}

/// Strided, reversed, divided and data-dependent positions, as sources and as destinations.
#[test]
fn indices() {
    let mut random = Random(5);
    for (dtype, kind) in DType::ALL.into_iter().flat_map(|d| KINDS.map(|k| (d, k))) {
        let n = 42;
        let mut case = Case::default();
        let axis = case.e.axis(n);
        let i = case.e.index_axis(axis);
        let ids: Vec<Scalar> =
            (0..n).map(|_| Scalar::I32(random.below(2 * n) as i32 - n as i32 / 2)).collect();
        let ids = case.input(DType::I32, &ids);
        let id = case.load(ids, i);
        let x = case.input(dtype, &random.scalars(dtype, 3 * n));
        let (quotient, rest) = (case.e.index_div(i, 5), case.e.index_mod(i, 7));
        let (half, odd) = (case.e.index_div(i, 2), case.e.index_mod(i, 8));
        let mixed = case.e.index_dot(&[quotient, rest, half, odd], &[3, 1, 2, 4]);
        let positions = [
            case.e.index_scale(i, 3, 1),
            case.e.index_scale(i, -1, n as i64 - 1),
            case.e.index_data(id, n),
            mixed,
            case.e.index_constant(4),
        ];
        let check =
            Stmt::Check { value: id, size: n as i64, number: 3, origin: OriginId::default() };
        let mut body = vec![];
        for position in positions {
            let value = case.load(x, position);
            let place = case.output(dtype, n);
            body.push(Stmt::Store { place, index: i, value, origin: OriginId::default() });
            let value = case.load(x, i);
            let place = case.output(dtype, 3 * n);
            body.push(Stmt::Store { place, index: position, value, origin: OriginId::default() });
            for number in [DType::I32, DType::I64, DType::U8] {
                let value = case.e.intern(Expr::Index(position, number));
                let place = case.output(number, n);
                body.push(Stmt::Store { place, index: i, value, origin: OriginId::default() });
            }
        }
        body.push(check);
        case.body = vec![loop_over(axis, n, kind, body)];
        case.check(&format!("indices {dtype} {kind:?}"));
    }
}

#[test]
fn checks_within_bounds_report_nothing() {
    for kind in KINDS {
        let mut case = Case::default();
        let axis = case.e.axis(20);
        let i = case.e.index_axis(axis);
        let ids: Vec<Scalar> = (0..20).map(|i| Scalar::U8(i % 7)).collect();
        let ids = case.input(DType::U8, &ids);
        let value = case.load(ids, i);
        let check = Stmt::Check { value, size: 7, number: 0, origin: OriginId::default() };
        case.body = vec![loop_over(axis, 20, kind, vec![check])];
        case.check(&format!("check {kind:?}"));
    }
}

/// A store is seen by the loads after it, also those of the next iteration.
#[test]
fn loads_see_stores() {
    let mut case = Case::default();
    let place = case.output(DType::F32, 2);
    let axis = case.e.axis(9);
    let [zero, one] = [0, 1].map(|n| case.e.index_constant(n));
    let (a, b) = (case.load(place, zero), case.load(place, one));
    let number = case.e.constant(Scalar::F32(1.0));
    let more = case.e.binary(BinaryFn::Add, a, number);
    let sum = case.e.binary(BinaryFn::Add, a, b);
    let (before, v) = (case.e.var(), DType::F32);
    let kept = case.var(before, v);
    let step = vec![
        Stmt::Let(before, a),
        Stmt::Store { place, index: zero, value: more, origin: OriginId::default() },
        Stmt::Store { place, index: one, value: sum, origin: OriginId::default() },
        Stmt::Store { place, index: zero, value: more, origin: OriginId::default() },
        Stmt::Store { place, index: zero, value: kept, origin: OriginId::default() },
        Stmt::Store { place, index: zero, value: more, origin: OriginId::default() },
    ];
    case.body = vec![
        Stmt::Store { place, index: zero, value: number, origin: OriginId::default() },
        Stmt::Store { place, index: one, value: number, origin: OriginId::default() },
        Stmt::Store { place, index: zero, value: sum, origin: OriginId::default() },
        loop_over(axis, 9, LoopKind::Serial, step),
        Stmt::Store { place, index: one, value: sum, origin: OriginId::default() },
    ];
    case.check("loads see stores");
}

#[test]
fn several_unit_axes() {
    let mut random = Random(6);
    for sizes in [[3, 5, 7], [1, 4, 1], [2, 1, 9]] {
        let mut case = Case::default();
        let axes = case.e.axes(&sizes);
        case.units = axes.clone();
        let ids = case.e.index_axes(&axes);
        let n: usize = sizes.iter().product();
        let at = case.e.index_dot(&ids, &brolga_compiler::ir::strides(&sizes));
        let turned = [sizes[2], sizes[0], sizes[1]];
        let to = [ids[2], ids[0], ids[1]];
        let to = case.e.index_dot(&to, &brolga_compiler::ir::strides(&turned));
        let x = case.input(DType::F64, &random.scalars(DType::F64, n));
        let value = case.load(x, at);
        let place = case.output(DType::F64, n);
        case.body = vec![Stmt::Store { place, index: to, value, origin: OriginId::default() }];
        case.check(&format!("units {sizes:?}"));
    }
}

/// `c = relu(a · b + c)` in blocks of rows, the product in a local.
#[test]
fn tiles() {
    let mut random = Random(7);
    for dtype in [DType::F32, DType::F64] {
        let sizes = [(1usize, 1, 1, 1), (7, 33, 10, 3), (16, 5, 40, 8)];
        let cases = sizes.into_iter().flat_map(|sizes| [(sizes, false), (sizes, true)]);
        for ((m, k, n, block), by_column) in cases {
            let mut case = Case::default();
            let unit = case.e.axis(m.div_ceil(block));
            // What is between the elements of a row of the left factor.
            let each = if by_column { n } else { 1 };
            let (i, j) = (case.e.axis(block), case.e.axis(n));
            case.units = vec![unit];
            let a = case.input(dtype, &random.moderate(dtype, m * k * each));
            let b = case.input(dtype, &random.moderate(dtype, k * n));
            let c = case.output(dtype, m * n);
            let local = case.local(dtype, block * n);
            let rows = Extent::Block { axis: unit, block, total: m };
            let [u, row, j_at] = [unit, i, j].map(|x| case.e.index_axis(x));
            let zero = case.e.index_constant(0);
            let a_at = case.e.index_scale(u, (block * k * each) as i64, 0);
            let column = i64::from(by_column);
            let tile = |place: PlaceId, offset: IndexId, accumulate: bool| Tile {
                dtype,
                c: View { place, offset, row: [0, n as i64], column: 1 },
                a: View { place: a, offset: a_at, row: [0, (k * each) as i64], column },
                b: View { place: b, offset: zero, row: [0, n as i64], column: 1 },
                m: [Extent::Const(1), rows],
                n: Extent::Const(n),
                len: [1, 1, k],
                a_step: [0, 0, each as i64],
                b_step: [0, 0, n as i64],
                accumulate,
                within: None,
                origin: OriginId::default(),
            };
            let at_local = case.e.index_dot(&[row, j_at], &[n as i64, 1]);
            let at = case.e.index_dot(&[u, row, j_at], &[(block * n) as i64, n as i64, 1]);
            let product = case.load(local, at_local);
            let value = case.e.unary(UnaryFn::Relu, product);
            let store = Stmt::Store { place: c, index: at, value, origin: OriginId::default() };
            let inner = vec![loop_over(j, n, LoopKind::Vector(4), vec![store])];
            let kind = LoopKind::Serial;
            let c_at = case.e.index_scale(u, (block * n) as i64, 0);
            case.body = vec![
                Stmt::Tile(Box::new(tile(local, zero, false))),
                Stmt::Tile(Box::new(tile(local, zero, true))),
                Stmt::For(Loop { axis: i, extent: rows, kind, body: inner, folds: vec![] }),
                Stmt::Tile(Box::new(tile(c, c_at, true))),
            ];
            case.check(&format!("tile {dtype} {m}x{k}x{n}, by column: {by_column}"));
        }
    }
}

#[test]
fn random_words() {
    let mut case = Case::default();
    let (unit, n) = (case.e.axis(3), 11);
    case.units = vec![unit];
    let u = case.e.index_axis(unit);
    let at = case.e.index_scale(u, n, 0);
    let first = case.e.index_scale(u, n, 5);
    let seed = case.input(DType::I64, &[Scalar::I64(-3)]);
    let step = case.input(DType::I64, &[Scalar::I64(17)]);
    let words = case.output(DType::I32, 3 * n as usize);
    let key = case.input(DType::I64, &[Scalar::I64(-0x0123_4567_89AB_CDF0)]);
    let function = ChunkFn::Philox { key, first, seed, step };
    let n = Extent::Const(n as usize);
    case.body =
        vec![Stmt::Chunk(Chunk { function, to: (words, at), n, origin: OriginId::default() })];
    case.check("philox");
}

#[test]
fn sorted_numbers() {
    let mut case = Case::default();
    let (unit, n) = (case.e.axis(3), 50);
    case.units = vec![unit];
    let u = case.e.index_axis(unit);
    let at = case.e.index_scale(u, n as i64, 0);
    let mixed = |i: i64| Scalar::I64((i * 7919 % 151 - 70) << 33);
    let numbers: Vec<Scalar> = (0..3 * n as i64).map(mixed).collect();
    let from = case.input(DType::I64, &numbers);
    let to = case.output(DType::I64, 3 * n);
    let axis = case.e.axis(n);
    let i = case.e.index_axis(axis);
    let index = case.e.index_add(at, i, 1);
    let value = case.load(from, index);
    let copy = vec![Stmt::Store { place: to, index, value, origin: OriginId::default() }];
    let sort = Chunk {
        function: ChunkFn::Sort { first: n },
        to: (to, at),
        n: Extent::Const(n),
        origin: OriginId::default(),
    };
    case.body = vec![loop_over(axis, n, LoopKind::Serial, copy), Stmt::Chunk(sort)];
    case.check("sort");
}

/// The expanded functions have the interpreter's bits in every kind of loop.
#[test]
fn expanded_functions() {
    let mut random = Random(8);
    for f in UnaryFn::ALL.into_iter().filter(|f| f.is_transcendental()) {
        for (dtype, kind) in
            [DType::F32, DType::F64].into_iter().flat_map(|d| KINDS.map(|k| (d, k)))
        {
            let n = 200;
            let mut case = Case::default();
            let axis = case.e.axis(n);
            let i = case.e.index_axis(axis);
            let mut values = random.scalars(dtype, n / 2);
            values.extend(random.moderate(dtype, n - n / 2));
            let x = case.input(dtype, &values);
            let x = case.load(x, i);
            let value = case.e.unary(f, x);
            let small = case.e.compare(CompareFn::Lt, value, x);
            let value = case.e.select(small, value, x);
            let place = case.output(dtype, n);
            case.body = vec![loop_over(
                axis,
                n,
                kind,
                vec![Stmt::Store { place, index: i, value, origin: OriginId::default() }],
            )];
            case.expand();
            case.check(&format!("{} {dtype} {kind:?}", f.name()));
        }
    }
}

/// The library's functions have the bits of the expanded ones, in place or not.
#[test]
fn chunks() {
    let mut random = Random(9);
    for f in LibraryFn::all() {
        for dtype in [DType::F32, DType::F64] {
            let n = 3000;
            let mut case = Case::default();
            let zero = case.e.index_constant(0);
            let mut values = || {
                let mut values = random.scalars(dtype, n / 2);
                values.extend(random.moderate(dtype, n - n / 2));
                values
            };
            let x: Vec<PlaceId> =
                (0..f.n_operands()).map(|_| case.input(dtype, &values())).collect();
            let y = case.output(dtype, n);
            let chunk = |from: &[PlaceId]| {
                let from = from.iter().map(|&x| (x, zero)).collect();
                let function = ChunkFn::Math { function: f, dtype, from };
                Stmt::Chunk(Chunk {
                    function,
                    to: (y, zero),
                    n: Extent::Const(n),
                    origin: OriginId::default(),
                })
            };
            case.body = vec![chunk(&x), chunk(&vec![y; x.len()])];
            case.check(&format!("chunk {} {dtype}", f.name()));
        }
    }
}
