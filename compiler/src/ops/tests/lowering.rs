//! Every op's lowering, read element by element, against its `eval`.

use super::*;
use crate::ir::{
    AxisId, BinaryFn, CompareFn, Expr, ExprId, Exprs, Index, IndexId, Lowering, Monoid, Reading,
    Term, UnaryFn,
};
use crate::ops::{
    Argsort, Contract, Control, Conv, Creation, Elementwise, Indexing, LowerContext, Movement, Op,
    OpRules, Placement, PoolFn, PrefixFn, Reduce, ReduceFn,
};

/// The values of axes, and the operands.
struct Reader<'a> {
    exprs: &'a Exprs,
    axes: Vec<(AxisId, i64)>,
    operands: &'a [Literal],
}

impl Reader<'_> {
    fn index(&self, id: IndexId) -> i64 {
        let Index { terms, constant } = self.exprs.index(id);
        let value = |term: &Term| match term {
            Term::Axis(axis) => {
                self.axes.iter().find(|(a, _)| a == axis).expect("the axis has a value").1
            }
            Term::Div(x, n) => self.index(*x).div_euclid(*n),
            Term::Mod(x, n) => self.index(*x).rem_euclid(*n),
            Term::Data(x, n) => (self.value(*x).to_f64() as i64).clamp(0, n - 1),
        };
        terms.iter().map(|(t, c)| value(t) * c).sum::<i64>() + constant
    }

    fn element(&self, operand: usize, index: &[IndexId]) -> Scalar {
        let at: Vec<usize> = index.iter().map(|&i| self.index(i) as usize).collect();
        let x = &self.operands[operand];
        crate::with_array!(x, a => crate::ir::Element::scalar(a[ndarray::IxDyn(&at)]))
    }

    /// A factor of a product; `None` where it does not count.
    fn factor(&self, operand: usize, at: &[Reading]) -> Option<Scalar> {
        let sizes = self.operands[operand].sizes();
        let along = |(at, &size): (&Reading, &usize)| {
            let index = self.index(at.index);
            let counts = index % at.step == 0 && (0..size as i64).contains(&(index / at.step));
            (counts && index >= 0).then_some((index / at.step) as usize)
        };
        let at: Vec<usize> = at.iter().zip(sizes).map(along).collect::<Option<_>>()?;
        let x = &self.operands[operand];
        Some(crate::with_array!(x, a => crate::ir::Element::scalar(a[ndarray::IxDyn(&at)])))
    }

    fn value(&self, id: ExprId) -> Scalar {
        match self.exprs.expr(id) {
            Expr::Const(dtype, bits) => Scalar::from_bits(*dtype, *bits),
            Expr::Element { operand, index, .. } => self.element(*operand as usize, index),
            Expr::Index(index, dtype) => Scalar::I64(self.index(*index)).cast(*dtype),
            Expr::Unary(f, x) => f.eval(self.value(*x)),
            Expr::Binary(f, a, b) => f.eval(self.value(*a), self.value(*b)),
            Expr::Compare(f, a, b) => Scalar::Bool(f.eval(self.value(*a), self.value(*b))),
            Expr::Select(c, a, b) => {
                self.value(if self.value(*c) == Scalar::Bool(true) { *a } else { *b })
            }
            Expr::Cast(dtype, x) => self.value(*x).cast(*dtype),
            Expr::Bitcast(dtype, x) => Scalar::from_bits(*dtype, self.value(*x).bits()),
            Expr::Load { .. }
            | Expr::Var(..)
            | Expr::Fma(..)
            | Expr::ShiftLeft(..)
            | Expr::ShiftRightSigned(..) => panic!("a lowering does not hold this"),
        }
    }
}

fn fold(monoid: Monoid, values: impl Iterator<Item = Scalar>, dtype: DType) -> Scalar {
    if let Some(f) = monoid.function() {
        return values.fold(monoid.neutral(dtype), |a, b| f.eval(a, b));
    }
    let mut best: Option<(Scalar, i64)> = None;
    for (i, v) in values.enumerate() {
        if best.is_none_or(|(b, at)| monoid.replaces(b, at, v, i as i64)) {
            best = Some((v, i as i64));
        }
    }
    Scalar::I64(best.map_or(0, |(_, i)| i)).cast(DType::I32)
}

/// Every value of some axes, row-major.
fn points(exprs: &Exprs, axes: &[AxisId]) -> Vec<Vec<(AxisId, i64)>> {
    let mut all = vec![vec![]];
    for &axis in axes {
        let grow = |p: &Vec<(AxisId, i64)>| {
            (0..exprs.extent(axis))
                .map(|i| [p.clone(), vec![(axis, i)]].concat())
                .collect::<Vec<_>>()
        };
        all = all.iter().flat_map(grow).collect();
    }
    all
}

fn read(
    op: &Op,
    types: &[&TensorType],
    result: &TensorType,
    operands: &[Literal],
    tiles: bool,
) -> Vec<Scalar> {
    let mut exprs = Exprs::default();
    let mut cx = LowerContext { exprs: &mut exprs, operands: types, result, tiles };
    let lowering = op.lower(&mut cx);
    let reader = |axes: Vec<(AxisId, i64)>| Reader { exprs: &exprs, axes, operands };
    match lowering {
        Lowering::Map { axes, body } => {
            points(&exprs, &axes).into_iter().map(|p| reader(p).value(body)).collect()
        }
        Lowering::Reduce { axes, reduced, monoid, body } => points(&exprs, &axes)
            .into_iter()
            .map(|p| {
                let inner = points(&exprs, &reduced).into_iter();
                let values = inner.map(|q| reader([p.clone(), q].concat()).value(body));
                fold(monoid, values, exprs.dtype(body))
            })
            .collect(),
        Lowering::Contract { axes, reduced, a, b, .. } => points(&exprs, &axes)
            .into_iter()
            .map(|p| {
                let inner = points(&exprs, &reduced).into_iter();
                let values = inner.map(|q| {
                    let r = reader([p.clone(), q].concat());
                    Some(BinaryFn::Mul.eval(r.factor(0, &a)?, r.factor(1, &b)?))
                });
                fold(Monoid::Sum, values.flatten(), result.dtype)
            })
            .collect(),
        Lowering::Placement { parts, fill } => {
            let sizes = result.sizes().expect("numbers");
            let strides = crate::ir::strides(&sizes);
            let mut all = vec![fill; sizes.iter().product()];
            for part in parts {
                for p in points(&exprs, &part.axes) {
                    let at: Vec<usize> = p.iter().map(|(_, i)| *i as usize).collect();
                    let r = reader(p);
                    let position: i64 =
                        part.index.iter().zip(&strides).map(|(&i, s)| r.index(i) * s).sum();
                    let x = &operands[part.operand as usize];
                    let value = crate::with_array!(x, a => {
                        crate::ir::Element::scalar(a[ndarray::IxDyn(&at)])
                    });
                    all[position as usize] = Some(value);
                }
            }
            all.into_iter().map(|v| v.expect("the parts cover the result")).collect()
        }
        Lowering::Scatter(part) => {
            let strides = crate::ir::strides(&result.sizes().expect("numbers"));
            let n_elements = result.n_elements().expect("numbers");
            let mut all = vec![Scalar::zero(result.dtype); n_elements];
            for p in points(&exprs, &part.axes) {
                let at: Vec<usize> = p.iter().map(|(_, i)| *i as usize).collect();
                let r = reader(p);
                let along = part.index.iter().zip(&strides).map(|(&i, s)| r.index(i) * s);
                let position = along.sum::<i64>() as usize;
                let x = &operands[part.operand as usize];
                let value = crate::with_array!(x, a => {
                    crate::ir::Element::scalar(a[ndarray::IxDyn(&at)])
                });
                all[position] = BinaryFn::Add.eval(all[position], value);
            }
            all
        }
        Lowering::Prefix(running) => {
            let sizes = result.sizes().expect("numbers");
            let strides = crate::ir::strides(&sizes);
            let mut all = vec![Scalar::zero(result.dtype); sizes.iter().product()];
            let axes = running.axes.iter().enumerate().filter(|(d, _)| *d != running.along);
            for p in points(&exprs, &axes.map(|(_, &axis)| axis).collect::<Vec<_>>()) {
                let start = reader(p.clone());
                let others = (0..sizes.len()).filter(|d| *d != running.along).zip(&p);
                let base: i64 = others.map(|(d, (_, i))| i * strides[d]).sum();
                let place = |at: i64| (base + at * strides[running.along]) as usize;
                let mut last = start.value(running.first);
                all[place(start.index(running.first_at))] = last;
                for q in points(&exprs, &[running.steps]) {
                    let r = reader([p.clone(), q].concat());
                    let scaled = running.factor.map(|f| BinaryFn::Mul.eval(r.value(f), last));
                    let scaled = scaled.unwrap_or(last);
                    let sum = running.term.map(|t| BinaryFn::Add.eval(scaled, r.value(t)));
                    last = sum.unwrap_or(scaled);
                    all[place(r.index(running.at))] = last;
                }
            }
            all
        }
        Lowering::Sort(sorted) => {
            let sizes = result.sizes().expect("numbers");
            let strides = crate::ir::strides(&sizes);
            let mut all = vec![Scalar::zero(result.dtype); sizes.iter().product()];
            let axes = sorted.axes.iter().enumerate().filter(|(d, _)| *d != sorted.along);
            for p in points(&exprs, &axes.map(|(_, &axis)| axis).collect::<Vec<_>>()) {
                let others = (0..sizes.len()).filter(|d| *d != sorted.along).zip(&p);
                let base: i64 = others.map(|(d, (_, i))| i * strides[d]).sum();
                let keys = points(&exprs, &[sorted.positions]).into_iter();
                let keys = keys.map(|q| reader([p.clone(), q].concat()).value(sorted.key));
                let keys: Vec<i64> = keys.map(|key| key.cast(DType::I64).bits() as i64).collect();
                let mut order: Vec<usize> = (0..keys.len()).collect();
                order.sort_by_key(|&i| keys[i]);
                for (at, i) in order.into_iter().take(sizes[sorted.along]).enumerate() {
                    let place = base + at as i64 * strides[sorted.along];
                    all[place as usize] = Scalar::I32(i as i32);
                }
            }
            all
        }
        Lowering::RandomBits { .. } | Lowering::Repeat | Lowering::Leaf => {
            panic!("this is not computed element by element")
        }
    }
}

fn check(op: impl Into<Op>, types: &[&str]) {
    let op = op.into();
    let types: Vec<TensorType> = types.iter().map(|t| typed(t)).collect();
    let types: Vec<&TensorType> = types.iter().collect();
    let result = &op.infer(&types).unwrap_or_else(|e| panic!("{op:?}: {e}"))[0];
    let mut numbers = Numbers(11);
    let operands: Vec<Literal> = types
        .iter()
        .map(|t| match numbers.literal(t) {
            Literal::I32(a) if matches!(op, Op::Indexing(_)) => {
                Literal::new(a.map(|&i| i.unsigned_abs() as i32 % 3))
            }
            other => other,
        })
        .collect();
    let cx = EvalContext::new(&(), &Reference);
    let want = op.eval(&cx, &operands.iter().collect::<Vec<_>>()).expect("in range").remove(0);
    assert_eq!(&want.tensor_type(), result, "{op:?}");
    let [by_tiles, by_sums] = [true, false].map(|t| read(&op, &types, result, &operands, t));
    let got =
        by_tiles.into_iter().zip(want.scalars()).chain(by_sums.into_iter().zip(want.scalars()));
    for (i, (got, want)) in got.enumerate() {
        let close = (got.to_f64() - want.to_f64()).abs() <= 1e-5 * (1.0 + want.to_f64().abs());
        assert!(close || got == want, "{op:?} at {i}: {got} is not {want}");
    }
}

fn dims(numbers: &[i64]) -> Vec<Dim> {
    numbers.iter().map(|&n| Dim::number(n)).collect()
}

#[test]
fn elementwise() {
    for dtype in DType::ALL {
        let x = format!("{dtype} 2 3");
        for f in UnaryFn::ALL.into_iter().filter(|f| f.accepts(dtype)) {
            check(f, &[&x]);
        }
        for f in BinaryFn::ALL.into_iter().filter(|f| f.accepts(dtype)) {
            check(f, &[&x, &x]);
        }
        for f in CompareFn::ALL {
            check(f, &[&x, &x]);
        }
        check(Elementwise::Select, &["bool 2 3", &x, &x]);
        for to in DType::ALL {
            check(Elementwise::Cast(to), &[&x]);
        }
    }
}

#[test]
fn movement() {
    for dtype in DType::ALL {
        check(Movement::Reshape { shape: dims(&[5, 3, 4]) }, &[&format!("{dtype} 2 6 5")]);
        check(Movement::Reshape { shape: dims(&[4, 15]) }, &[&format!("{dtype} 2 6 5")]);
        check(Movement::Reshape { shape: dims(&[1, 6]) }, &[&format!("{dtype} 2 3")]);
        check(Movement::Transpose { perm: vec![2, 0, 1] }, &[&format!("{dtype} 2 3 4")]);
        check(Movement::Broadcast { shape: dims(&[2, 3, 4]) }, &[&format!("{dtype} 3 1")]);
        check(Movement::Reverse { axes: vec![1] }, &[&format!("{dtype} 2 3")]);
        let slice = |start: &[i64], len: &[i64], step: &[i64]| Movement::Slice {
            start: dims(start),
            len: dims(len),
            step: step.to_vec(),
        };
        check(slice(&[1, 2], &[2, 3], &[1, 3]), &[&format!("{dtype} 3 9")]);
        check(slice(&[3, 0], &[0, 1], &[1, 1]), &[&format!("{dtype} 3 9")]);
    }
}

#[test]
fn creation_and_marks() {
    for dtype in DType::ALL.into_iter().filter(|d| *d != DType::Bool) {
        for axis in 0..2 {
            check(Creation::Iota { shape: dims(&[3, 4]), axis, dtype }, &[]);
        }
    }
    check(Control::Remat, &["f32 3"]);
    check(Control::Same, &["f64 3"]);
    check(Control::StopGradient, &["i64 3"]);
}

#[test]
fn reductions() {
    for f in ReduceFn::ALL {
        for dtype in DType::ALL.into_iter().filter(|d| f.accepts(*d)) {
            for axis in 0..3 {
                check(Reduce::new(f, &[axis]), &[&format!("{dtype} 2 3 17")]);
            }
            if !f.is_index() {
                check(Reduce::new(f, &[2, 0]), &[&format!("{dtype} 2 3 17")]);
                check(Reduce::new(f, &[1]), &[&format!("{dtype} 2 0 3")]);
            }
        }
    }
}

#[test]
fn running_values() {
    for dtype in DType::ALL.into_iter().filter(|d| *d != DType::Bool) {
        for (axis, sizes) in
            [(0, "4 3"), (1, "4 3"), (1, "2 7 3"), (0, "1 3"), (0, "0 3"), (0, "2")]
        {
            let x = format!("{dtype} {sizes}");
            for op in prefixes(axis) {
                let is_recurrence = matches!(op.f, PrefixFn::Recurrence(_));
                check(op, &[&*x, &x][..1 + usize::from(is_recurrence)]);
            }
        }
    }
}

#[test]
fn orders() {
    for dtype in DType::ALL {
        for (axis, sizes) in
            [(0, "9 3"), (1, "4 17"), (1, "2 7 3"), (0, "1 3"), (0, "0 3"), (0, "2")]
        {
            for descending in [false, true] {
                let all = Argsort { axis, descending, count: None };
                check(all.clone(), &[&format!("{dtype} {sizes}")]);
                let some = Argsort { count: Some(Dim::number(2)), ..all };
                if !sizes.starts_with(['0', '1']) {
                    check(some, &[&format!("{dtype} {sizes}")]);
                }
            }
        }
    }
}

#[test]
fn contractions() {
    for dtype in DType::ALL.into_iter().filter(|d| *d != DType::Bool) {
        for (ta, tb) in [(false, false), (true, false), (false, true), (true, true)] {
            let a = if ta { format!("{dtype} 2 5 3") } else { format!("{dtype} 2 3 5") };
            let b = if tb { format!("{dtype} 2 4 5") } else { format!("{dtype} 2 5 4") };
            check(Contract::Matmul { transpose_a: ta, transpose_b: tb }, &[&a, &b]);
        }
        let plain = Contract::Matmul { transpose_a: false, transpose_b: false };
        check(plain, &[&format!("{dtype} 1 5"), &format!("{dtype} 5 1")]);
        check(plain, &[&format!("{dtype} 2 0"), &format!("{dtype} 0 3")]);
    }
}

/// Letters of two operands and the result, and the operands' sizes.
const LETTERS: [([&str; 3], [&str; 2]); 11] = [
    (["ij", "jk", "ik"], ["2 3", "3 4"]),
    (["ij", "jk", "ki"], ["2 3", "3 4"]),
    (["bij", "bkj", "bik"], ["2 3 4", "2 5 4"]),
    (["bij", "kjb", "kib"], ["2 3 4", "5 4 2"]),
    (["ijk", "kjl", "il"], ["2 3 4", "4 3 5"]),
    (["ijkl", "jklm", "im"], ["2 3 2 3", "3 2 3 2"]),
    (["ijklm", "jklmn", "in"], ["2 2 2 2 2", "2 2 2 2 3"]),
    (["i", "j", "ij"], ["3", "4"]),
    (["i", "i", ""], ["7", "7"]),
    (["", "i", "i"], ["", "4"]),
    (["ij", "ij", "i"], ["3 0", "3 0"]),
];

#[test]
fn products_by_letters() {
    for dtype in DType::ALL.into_iter().filter(|d| *d != DType::Bool) {
        for ([a, b, y], sizes) in LETTERS {
            let types = sizes.map(|sizes| format!("{dtype} {sizes}"));
            check(einsum(a, b, y), &[&types[0], &types[1]]);
        }
    }
}

#[test]
fn convolutions() {
    // The windows, and the sizes of input, filter and output.
    let one: [([i64; 4], [usize; 3]); 9] = [
        ([1, 1, 0, 0], [5, 3, 3]),
        ([1, 1, 1, 1], [5, 3, 5]),
        ([1, 1, 2, 3], [1, 4, 3]),
        ([2, 1, 1, 0], [6, 3, 3]),
        ([3, 1, 0, 0], [9, 2, 3]),
        ([2, 2, 3, 3], [5, 3, 4]),
        ([1, 1, 0, 0], [4, 4, 1]),
        ([4, 3, 7, 2], [2, 2, 2]),
        ([2, 1, 1, 1], [0, 2, 1]),
    ];
    for dtype in [DType::F32, DType::F64] {
        for (window, [i, k, o]) in one {
            let [x, w, y] = [("2", i, "3"), ("", k, "3 2"), ("2", o, "2")]
                .map(|(before, n, after)| format!("{dtype} {before} {n} {after}"));
            check(conv(ConvResult::Output, &[window]), &[&x, &w]);
            check(conv(ConvResult::Input { size: vec![Dim::from(i)] }, &[window]), &[&y, &w]);
            check(conv(ConvResult::Filter { size: vec![Dim::from(k)] }, &[window]), &[&x, &y]);
        }
        let windows = [[2, 1, 1, 1], [1, 2, 2, 1]];
        let [x, w, y] = ["1 5 4 3", "3 2 3 2", "1 3 5 2"].map(|sizes| format!("{dtype} {sizes}"));
        check(conv(ConvResult::Output, &windows), &[&x, &w]);
        check(conv(ConvResult::Input { size: dims(&[5, 4]) }, &windows), &[&y, &w]);
        check(conv(ConvResult::Filter { size: dims(&[3, 2]) }, &windows), &[&x, &y]);
        let of_parts = |result| Conv { parts: 2, ..conv(result, &windows) };
        let [x, w, y] = ["4 5 4 3", "2 3 2 3 2", "4 3 5 2"].map(|sizes| format!("{dtype} {sizes}"));
        check(of_parts(ConvResult::Output), &[&x, &w]);
        check(of_parts(ConvResult::Input { size: dims(&[5, 4]) }), &[&y, &w]);
        check(of_parts(ConvResult::Filter { size: dims(&[3, 2]) }), &[&x, &y]);
        // Wide groups, and channels each by itself; with parts too.
        for (c, f, parts) in [(3, 4, 0), (1, 1, 0), (1, 2, 0), (4, 1, 2), (2, 5, 2)] {
            let grouped = |result| Conv { groups: 3, parts, ..conv(result, &windows) };
            let leading = if parts > 0 { "2" } else { "" };
            let x = format!("{dtype} 4 5 4 3 {c}");
            let w = format!("{dtype} {leading} 3 2 {c} 3 {f}");
            let y = format!("{dtype} 4 3 5 3 {f}");
            check(grouped(ConvResult::Output), &[&x, &w]);
            check(grouped(ConvResult::Input { size: dims(&[5, 4]) }), &[&y, &w]);
            check(grouped(ConvResult::Filter { size: dims(&[3, 2]) }), &[&x, &y]);
        }
    }
}

#[test]
fn pools() {
    // Length, stride, dilation and padding of windows; sizes of input and output.
    let one: [([i64; 5], [usize; 2]); 13] = [
        ([2, 2, 1, 0, 0], [6, 3]),
        ([2, 1, 4, 1, 3], [5, 5]),
        ([3, 2, 5, 4, 0], [9, 2]),
        ([2, 3, 7, 5, 5], [6, 3]),
        ([2, 2, 1, 0, 0], [5, 2]),
        ([3, 2, 1, 1, 1], [5, 3]),
        ([3, 1, 1, 2, 0], [4, 4]),
        ([1, 1, 1, 0, 0], [3, 3]),
        ([2, 3, 1, 1, 0], [7, 3]),
        ([3, 2, 2, 3, 3], [5, 4]),
        ([4, 3, 1, 7, 2], [2, 3]),
        ([5, 1, 1, 4, 4], [1, 5]),
        ([2, 1, 1, 1, 1], [0, 1]),
    ];
    for dtype in [DType::F32, DType::F64, DType::I32, DType::I64, DType::U8] {
        for (at, &(window, [i, o])) in one.iter().enumerate() {
            let of_x = |n: usize| format!("{dtype} 2 {n} 3");
            let size = || vec![Dim::from(i)];
            for f in [PoolFn::Max, PoolFn::Argmax, PoolFn::Sum] {
                check(pool(f, &[window]), &[&of_x(i)]);
            }
            let ids = format!("i32 2 {o} 3");
            check(pool(PoolFn::Take, &[window]), &[&of_x(i), &ids]);
            check(pool(PoolFn::Spread { size: size() }, &[window]), &[&of_x(o)]);
            check(pool(PoolFn::Put { size: size() }, &[window]), &[&of_x(o), &ids]);
            let (other, [j, p]) = one[(at + 3) % one.len()];
            let both = [window, other];
            let (of_x, of_y) = (format!("{dtype} 1 {i} {j} 2"), format!("{dtype} 1 {o} {p} 2"));
            let (ids, size) = (format!("i32 1 {o} {p} 2"), || dims(&[i as i64, j as i64]));
            for f in [PoolFn::Max, PoolFn::Argmax, PoolFn::Sum] {
                check(pool(f, &both), &[&of_x]);
            }
            check(pool(PoolFn::Take, &both), &[&of_x, &ids]);
            check(pool(PoolFn::Spread { size: size() }, &both), &[&of_y]);
            check(pool(PoolFn::Put { size: size() }, &both), &[&of_y, &ids]);
        }
    }
}

#[test]
fn placements() {
    for dtype in DType::ALL {
        let (a, b) = (format!("{dtype} 2 3"), format!("{dtype} 2 1"));
        check(Placement::Concat { axis: 1 }, &[&a, &b, &a]);
        let pad = |before: &[i64], after: &[i64], interior: &[i64]| Placement::Pad {
            before: dims(before),
            after: dims(after),
            interior: dims(interior),
            value: Scalar::one(dtype),
        };
        check(pad(&[1, 0], &[0, 2], &[0, 1]), &[&a]);
        check(pad(&[1, 0], &[3, 2], &[2, 0]), &[&format!("{dtype} 0 3")]);
    }
}

#[test]
fn indexing() {
    for dtype in DType::ALL {
        check(Indexing::TakeAlongAxis { axis: 1 }, &[&format!("{dtype} 2 3"), "i32 2 4"]);
        check(Indexing::TakeAlongAxis { axis: 0 }, &[&format!("{dtype} 3 2"), "i32 1 2"]);
        if dtype != DType::Bool {
            for axis in 0..2 {
                let put = Indexing::PutAlongAxis { axis, size: Dim::number(3) };
                check(put.clone(), &["i32 1 4", &format!("{dtype} 1 4")]);
                check(put, &["i32 4 1", &format!("{dtype} 4 1")]);
            }
        }
    }
}
