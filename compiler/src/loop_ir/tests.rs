//! Printer, verifier and interpreter on kernels written by hand.

use super::*;
use crate::ir::{BinaryFn, Costs, OriginId, Scalar, Target, UnaryFn};

fn buffer(name: &str, dtype: DType, len: usize, written: bool) -> Buffer {
    Buffer { name: name.into(), dtype, len, written }
}

/// `y[i] = x[i] / Σ x` for each of `rows` rows of `n`, rows in blocks of `block`.
fn normalise(rows: usize, n: usize, block: usize, lanes: u8) -> Kernel {
    let mut e = Exprs::default();
    let unit = e.axis(rows.div_ceil(block));
    let (row, i, j) = (e.axis(block), e.axis(n), e.axis(n));
    let index = |e: &mut Exprs, column| {
        let ids = [unit, row, column].map(|a| e.index_axis(a));
        e.index_dot(&ids, &[(block * n) as i64, n as i64, 1])
    };
    let (at_i, at_j) = (index(&mut e, i), index(&mut e, j));
    let load = |e: &mut Exprs, index| {
        e.intern(crate::ir::Expr::Load { place: PlaceId::Buffer(0), index, dtype: DType::F32 })
    };
    let (x_i, x_j) = (load(&mut e, at_i), load(&mut e, at_j));
    let sum = e.var();
    let total = e.intern(crate::ir::Expr::Var(sum, DType::F32));
    let zero = e.constant(Scalar::F32(0.0));
    let value = e.binary(BinaryFn::Div, x_j, total);
    let kind = LoopKind::Vector(lanes);
    let fold = Fold {
        monoid: Monoid::Sum,
        vars: vec![sum],
        init: vec![zero],
        values: vec![x_i],
        origin: OriginId::default(),
    };
    let columns =
        |axis, body, folds| Stmt::For(Loop { axis, extent: Extent::Const(n), kind, body, folds });
    let store =
        Stmt::Store { place: PlaceId::Buffer(1), index: at_j, value, origin: OriginId::default() };
    let body = vec![columns(i, vec![], vec![fold]), columns(j, vec![store], vec![])];
    let extent = Extent::Block { axis: unit, block, total: rows };
    let rows_loop = Loop { axis: row, extent, kind: LoopKind::Serial, body, folds: vec![] };
    Kernel {
        name: "normalise".into(),
        exprs: e,
        units: vec![unit],
        buffers: vec![
            buffer("x", DType::F32, rows * n, false),
            buffer("y", DType::F32, rows * n, true),
        ],
        locals: vec![],
        body: vec![Stmt::For(rows_loop)],
        cost: 10,
    }
}

#[test]
fn prints() {
    let text = normalise(7, 10, 4, 8).to_string();
    let want = "\
kernel normalise, cost 10
  buffer x: f32[70]
  written y: f32[70]
  units u0 < 2:
    for i0 < min(4, 7 - 4 u0):
      v0: f32 = 0.0
      for i1 < 10 vector 8:
        v0 sum= x[40 u0 + 10 i0 + i1]
      for i2 < 10 vector 8:
        y[40 u0 + 10 i0 + i2] = x[40 u0 + 10 i0 + i2] / v0
";
    assert_eq!(text, want, "{text}");
}

#[test]
fn tails_of_blocks_are_within_bounds() {
    let mut kernel = normalise(7, 10, 4, 8);
    assert_eq!(verify(&kernel), Ok(()));
    kernel.buffers[0].len = 69;
    let error = verify(&kernel).expect_err("a buffer that is too small");
    let want = "kernel `normalise`, fold 0.0: reaches `x` at 40 to 69, which has 69 elements";
    assert_eq!(error.to_string(), want);
}

#[test]
fn sums_in_the_documented_order() {
    let (rows, n) = (7, 21);
    let kernel = normalise(rows, n, 4, 8);
    let x: Vec<f32> = (0..rows * n).map(|i| (i as f32 * 0.37).sin() + 2.0).collect();
    let bytes = x.iter().flat_map(|x| x.to_le_bytes()).collect();
    let mut memories = vec![bytes, vec![0; 4 * rows * n]];
    let pointers = [0, 1].map(|memory| Pointer { memory, offset: 0 });
    let mut status = 0;
    run_units(&kernel, &Target::X86_64_V4, &pointers, &mut memories, 0..2, &mut status);
    for (row, y) in x.chunks(n).zip(memories[1].chunks(4 * n)) {
        let mut lanes = [0f32; 8];
        (0..n).for_each(|i| lanes[i % 8] += row[i]);
        let four: Vec<f32> = (0..4).map(|i| lanes[i] + lanes[i + 4]).collect();
        let sum = (four[0] + four[2]) + (four[1] + four[3]);
        for (x, y) in row.iter().zip(y.as_chunks::<4>().0) {
            assert_eq!(f32::from_le_bytes(*y), x / sum);
        }
    }
}

#[test]
fn shared_expressions_are_printed_once() {
    let mut e = Exprs::default();
    let zero = e.index_constant(0);
    let place = PlaceId::Buffer(0);
    let x = e.intern(crate::ir::Expr::Load { place, index: zero, dtype: DType::F32 });
    let exp = e.unary(UnaryFn::Exp, x);
    let square = e.binary(BinaryFn::Mul, exp, exp);
    let sum = e.binary(BinaryFn::Add, square, x);
    let value = e.binary(BinaryFn::Sub, sum, square);
    let kernel = Kernel {
        name: "share".into(),
        exprs: e,
        units: vec![],
        buffers: vec![buffer("x", DType::F32, 1, false), buffer("y", DType::F32, 1, true)],
        locals: vec![],
        body: vec![Stmt::Store {
            place: PlaceId::Buffer(1),
            index: zero,
            value,
            origin: OriginId::default(),
        }],
        cost: 1,
    };
    let want = "\
kernel share, cost 1
  buffer x: f32[1]
  written y: f32[1]
  once:
    t0 = exp(x[0])
    t1 = t0 * t0
    y[0] = t1 + x[0] - t1
";
    assert_eq!(kernel.to_string(), want);
    assert_eq!(verify(&kernel), Ok(()));
}

/// `y[i] = tanh(exp(x[i])) + x[i]` and, if `folds`, the sum of `exp(x[i])`.
fn two_functions(n: usize, folds: bool) -> Kernel {
    let mut e = Exprs::default();
    let (axis, var) = (e.axis(n), e.var());
    let (i, zero) = (e.index_axis(axis), e.index_constant(0));
    let [x, y, z] = [0, 1, 2].map(PlaceId::Buffer);
    let load = e.intern(crate::ir::Expr::Load { place: x, index: i, dtype: DType::F32 });
    let exp = e.unary(UnaryFn::Exp, load);
    let tanh = e.unary(UnaryFn::Tanh, exp);
    let value = e.binary(BinaryFn::Add, tanh, load);
    let init = e.constant(Scalar::F32(0.0));
    let fold = Fold {
        monoid: Monoid::Sum,
        vars: vec![var],
        init: vec![init],
        values: vec![exp],
        origin: OriginId::default(),
    };
    let sum = e.intern(crate::ir::Expr::Var(var, DType::F32));
    let store = Stmt::Store { place: y, index: i, value, origin: OriginId::default() };
    let folds = if folds { vec![fold] } else { vec![] };
    let after = if folds.is_empty() { init } else { sum };
    let (extent, kind) = (Extent::Const(n), LoopKind::Vector(8));
    Kernel {
        name: "two".into(),
        exprs: e,
        units: vec![],
        buffers: vec![
            buffer("x", DType::F32, n, false),
            buffer("y", DType::F32, n, true),
            buffer("z", DType::F32, 1, true),
        ],
        locals: vec![],
        body: vec![
            Stmt::For(Loop { axis, extent, kind, body: vec![store], folds }),
            Stmt::Store { place: z, index: zero, value: after, origin: OriginId::default() },
        ],
        cost: 1,
    }
}

#[test]
fn chunks_keep_the_bits() {
    for (n, folds, chunks) in
        [(20, true, 0), (200, false, 2), (512, true, 2), (3000, true, 2), (3000, false, 2)]
    {
        let run = |chunked: bool| {
            let mut kernel = two_functions(n, folds);
            if chunked {
                chunk(&mut kernel, &Costs::default());
            }
            expand_math(&mut kernel, &Target::X86_64_V4);
            assert_eq!(verify(&kernel), Ok(()), "{kernel}");
            let x = (0..n).flat_map(|i| ((i as f32 * 0.37).sin() * 3.0).to_le_bytes()).collect();
            let mut memories = vec![x, vec![0; 4 * n], vec![0; 4]];
            let pointers = [0, 1, 2].map(|memory| Pointer { memory, offset: 0 });
            run_units(&kernel, &Target::X86_64_V4, &pointers, &mut memories, 0..1, &mut 0);
            (memories, kernel.to_string())
        };
        let ((plain, _), (chunked, text)) = (run(false), run(true));
        assert_eq!(plain, chunked, "{n} {folds}\n{text}");
        assert_eq!(text.matches("chunk f32").count(), chunks, "{n} {folds}\n{text}");
    }
}
