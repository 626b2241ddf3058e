//! Every function on every type, in scalar and in vector loops.

use brolga_compiler::ir::{
    BinaryFn, CompareFn, DType, Expr, ExprId, Exprs, OriginId, Scalar, UnaryFn,
};
use brolga_compiler::loop_ir::Stmt;

use super::harness::{Case, KINDS, Random, SIZES, loop_over};

/// `y[i] = f(x0[i], x1[i], ...)` in all kinds of loops, a kernel each, of several sizes.
fn map(what: &str, operands: &[DType], f: impl Fn(&mut Exprs, &[ExprId]) -> ExprId) {
    let mut random = Random(what.len() as u64);
    for kind in KINDS {
        let mut case = Case::default();
        for n in SIZES {
            let axis = case.e.axis(n);
            let i = case.e.index_axis(axis);
            let inputs: Vec<_> =
                operands.iter().map(|&d| case.input(d, &random.scalars(d, n))).collect();
            let x: Vec<ExprId> = inputs.into_iter().map(|place| case.load(place, i)).collect();
            let value = f(&mut case.e, &x);
            let y = case.output(case.e.dtype(value), n);
            let store = Stmt::Store { place: y, index: i, value, origin: OriginId::default() };
            case.body.push(loop_over(axis, n, kind, vec![store]));
        }
        // Some functions of two elements are expanded.
        case.expand();
        case.check(&format!("{what} {operands:?} {kind:?}, sizes {SIZES:?}"));
    }
}

#[test]
fn unary() {
    for (f, dtype) in UnaryFn::ALL.into_iter().flat_map(|f| DType::ALL.map(|d| (f, d))) {
        if f.accepts(dtype) && !f.is_transcendental() {
            map(f.name(), &[dtype], |e, x| e.unary(f, x[0]));
        }
    }
}

/// The functions of two values with the types that they take, masks of integers among them.
fn binary_functions() -> impl Iterator<Item = (BinaryFn, DType)> {
    let all = BinaryFn::ALL.into_iter().flat_map(|f| DType::ALL.map(|dtype| (f, dtype)));
    let masks = |f| matches!(f, BinaryFn::And | BinaryFn::Or);
    all.filter(move |&(f, dtype)| f.accepts(dtype) || masks(f) && dtype.is_int())
}

/// Numbers for which there are instructions of their own.
const NUMBERS: [f64; 5] = [0.0, 1.0, 2.0, -1.0, 3.0];

#[test]
fn binary() {
    for (f, dtype) in binary_functions() {
        map(f.name(), &[dtype; 2], |e, x| e.binary(f, x[0], x[1]));
    }
}

#[test]
fn binary_of_a_number() {
    for ((f, dtype), value) in binary_functions().flat_map(|f| NUMBERS.map(|x| (f, x))) {
        map(f.name(), &[dtype], |e, x| {
            let c = e.constant(Scalar::F64(value).cast(dtype));
            e.binary(f, c, x[0])
        });
    }
}

#[test]
fn binary_with_a_number() {
    for ((f, dtype), value) in binary_functions().flat_map(|f| NUMBERS.map(|x| (f, x))) {
        map(f.name(), &[dtype], |e, x| {
            let c = e.constant(Scalar::F64(value).cast(dtype));
            e.binary(f, x[0], c)
        });
    }
}

#[test]
fn comparisons_and_choices() {
    for (f, dtype) in CompareFn::ALL.into_iter().flat_map(|f| DType::ALL.map(|d| (f, d))) {
        map(f.symbol(), &[dtype; 2], |e, x| e.compare(f, x[0], x[1]));
        for chosen in DType::ALL {
            map("select", &[dtype, dtype, chosen, chosen], |e, x| {
                let c = e.compare(f, x[0], x[1]);
                e.select(c, x[2], x[3])
            });
        }
    }
    for chosen in DType::ALL {
        map("select by a bool", &[DType::Bool, chosen, chosen], |e, x| e.select(x[0], x[1], x[2]));
        map("masks of two widths", &[DType::F64, DType::F32, chosen, chosen], |e, x| {
            let wide = e.compare(CompareFn::Lt, x[0], x[0]);
            let narrow = e.compare(CompareFn::Eq, x[1], x[1]);
            let both = e.binary(BinaryFn::Or, wide, narrow);
            let not = e.unary(UnaryFn::Not, both);
            let different = e.binary(BinaryFn::Xor, not, wide);
            e.select(different, x[2], x[3])
        });
    }
}

#[test]
fn casts_and_bits() {
    for (from, to) in DType::ALL.into_iter().flat_map(|a| DType::ALL.map(|b| (a, b))) {
        map(&format!("cast to {to}"), &[from], |e, x| e.cast(to, x[0]));
        if from.size() == to.size() && from != DType::Bool && to != DType::Bool {
            map(&format!("bits of {to}"), &[from], |e, x| e.intern(Expr::Bitcast(to, x[0])));
        }
    }
    for dtype in [DType::I32, DType::I64, DType::U8] {
        for n in [0, 1, 5, 7] {
            map("shift left", &[dtype], |e, x| e.intern(Expr::ShiftLeft(x[0], n)));
            map("shift right", &[dtype], |e, x| e.intern(Expr::ShiftRightSigned(x[0], n)));
        }
    }
}

#[test]
fn fused_products() {
    for dtype in [DType::F32, DType::F64] {
        map("fma", &[dtype; 3], |e, x| e.intern(Expr::Fma(x[0], x[1], x[2])));
        map("fma of constants", &[dtype], |e, x| {
            let numbers: Vec<ExprId> =
                (1..12).map(|i| e.constant(Scalar::F64(f64::from(i) / 7.0).cast(dtype))).collect();
            numbers.iter().fold(x[0], |sum, &c| e.intern(Expr::Fma(sum, x[0], c)))
        });
    }
}

#[test]
fn what_all_lanes_share() {
    for dtype in DType::ALL {
        let mut random = Random(3);
        for kind in KINDS {
            let n = 21;
            let mut case = Case::default();
            let axis = case.e.axis(n);
            let i = case.e.index_axis(axis);
            let zero = case.e.index_constant(0);
            let (x, c) = (
                case.input(dtype, &random.scalars(dtype, n)),
                case.input(dtype, &random.scalars(dtype, 1)),
            );
            let (x, c) = (case.load(x, i), case.load(c, zero));
            let f = if dtype == DType::Bool { BinaryFn::Or } else { BinaryFn::Max };
            let value = case.e.binary(f, x, c);
            let same = case.e.compare(CompareFn::Lt, value, c);
            let (y, z) = (case.output(dtype, n), case.output(DType::Bool, n));
            case.body = vec![loop_over(
                axis,
                n,
                kind,
                vec![
                    Stmt::Store { place: y, index: i, value, origin: OriginId::default() },
                    Stmt::Store { place: z, index: i, value: same, origin: OriginId::default() },
                ],
            )];
            case.check(&format!("shared {dtype} {kind:?}"));
        }
    }
}
