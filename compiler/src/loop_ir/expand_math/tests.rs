//! Errors in units in the last place: f32 against f64, f64 against pairs of f64.

use super::super::interpret::Straight;
use super::*;
use crate::ir::Scalar;

fn straight(f: UnaryFn, dtype: DType, target: &Target) -> Straight {
    let mut exprs = Exprs::default();
    let var = exprs.var();
    let x = exprs.intern(Expr::Var(var, dtype));
    let y = expand_unary(&mut exprs, f, x, target);
    Straight::new(&exprs, y)
}

fn f32_of(f: &Straight, x: f32) -> f32 {
    match f.evaluate(Scalar::F32(x)) {
        Scalar::F32(y) => y,
        other => panic!("{other:?} is no f32"),
    }
}

/// The distance of `y` from `exact` in units in the last place of f32 at `exact`.
fn ulps_f32(y: f32, exact: f64) -> f64 {
    let rounded = exact as f32;
    if y.is_nan() || exact.is_nan() {
        return if y.is_nan() && exact.is_nan() { 0.0 } else { f64::INFINITY };
    }
    if y == rounded {
        return if y.is_sign_negative() == exact.is_sign_negative() { 0.0 } else { f64::INFINITY };
    }
    if rounded.is_infinite() || y.is_infinite() {
        // The neighbour of infinity is the largest number.
        let next = |x: f32| f64::from(x.clamp(-f32::MAX, f32::MAX));
        return if y.is_infinite() && rounded.is_infinite() {
            f64::INFINITY
        } else {
            (next(y) - next(rounded)).abs() / 2f64.powi(104) + 1.0
        };
    }
    let exponent = (exact.abs().log2().floor() as i32).max(-126);
    (f64::from(y) - exact).abs() / 2f64.powi(exponent - 23)
}

/// Every `stride`-th bit pattern and the special ones.
fn patterns(stride: usize) -> impl Iterator<Item = f32> {
    let special = [
        0.0,
        -0.0,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        f32::MIN_POSITIVE,
        -f32::MIN_POSITIVE,
        f32::from_bits(1),
        -f32::from_bits(1),
        f32::MAX,
        f32::MIN,
        1.0,
        -1.0,
        88.72283,
        88.72284,
        -87.33655,
        -103.97208,
        -103.97209,
    ];
    let around = (-40..40).flat_map(|i| {
        [1.0f32, 88.722_84, -87.336_55, -103.972_08, 0.5, 2.0]
            .map(move |x| f32::from_bits((x.to_bits() as i32 + i) as u32))
    });
    let around = around.collect::<Vec<_>>();
    special.into_iter().chain(around).chain((0..=u32::MAX).step_by(stride).map(f32::from_bits))
}

/// The exact function, in f64.
fn exact(f: UnaryFn, x: f64) -> f64 {
    match UnaryFn::eval(f, Scalar::F64(x)) {
        Scalar::F64(y) => y,
        other => panic!("{other:?} is no f64"),
    }
}

fn check_f32(f: UnaryFn, limit: f64) {
    for target in [&Target::X86_64_V4, &Target::BASELINE] {
        let straight = straight(f, DType::F32, target);
        let (mut worst, mut at) = (0.0, 0.0);
        for x in patterns(7919) {
            let error = ulps_f32(f32_of(&straight, x), exact(f, f64::from(x)));
            if error > worst {
                (worst, at) = (error, x);
            }
        }
        let y = f32_of(&straight, at);
        let want = exact(f, f64::from(at));
        println!("{} {}: {worst:.2} ulp at {at:e}", f.name(), target.name);
        assert!(
            worst <= limit,
            "{} on {}: {worst} ulp at {at:e} ({:#x}): {y:e} instead of {want:e}",
            f.name(),
            target.name,
            at.to_bits()
        );
    }
}

#[test]
fn exp_f32() {
    check_f32(UnaryFn::Exp, 2.0);
}

#[test]
fn log_f32() {
    check_f32(UnaryFn::Log, 2.0);
}

#[test]
fn tanh_f32() {
    check_f32(UnaryFn::Tanh, 4.0);
}

#[test]
fn sigmoid_f32() {
    check_f32(UnaryFn::Sigmoid, 4.0);
}
