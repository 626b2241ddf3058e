//! Errors in units in the last place: f32 against f64, f64 against pairs of f64.

use super::super::interpret::Straight;
use super::*;
use crate::ir::{DType, Scalar};

fn straight(f: UnaryFn, dtype: DType, target: &Target) -> Straight {
    let mut exprs = Exprs::default();
    let var = exprs.var();
    let x = exprs.intern(Expr::Var(var, dtype));
    let y = expand_unary(&mut exprs, f, x, target);
    Straight::new(&exprs, y)
}

fn f32_of(f: &Straight, x: f32) -> f32 {
    match f.evaluate(&[Scalar::F32(x)]) {
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

/// Every so many bit patterns one is tried; every 251st with `SLOW_TESTS`.
fn stride() -> usize {
    if std::env::var_os("SLOW_TESTS").is_some() { 251 } else { 30_011 }
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
fn exact_f64(f: UnaryFn, x: f64) -> f64 {
    match UnaryFn::eval(f, Scalar::F64(x)) {
        Scalar::F64(y) => y,
        other => panic!("{other:?} is no f64"),
    }
}

fn check_f32(f: UnaryFn, limit: f64) {
    for target in [&Target::X86_64_V4, &Target::X86_64_V2] {
        let straight = straight(f, DType::F32, target);
        let (mut worst, mut at) = (0.0, 0.0);
        for x in patterns(stride()) {
            let error = ulps_f32(f32_of(&straight, x), exact_f64(f, f64::from(x)));
            if error > worst {
                (worst, at) = (error, x);
            }
        }
        let y = f32_of(&straight, at);
        let want = exact_f64(f, f64::from(at));
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

#[test]
fn erf_f32() {
    check_f32(UnaryFn::Erf, 4.0);
}

#[test]
fn sin_f32() {
    check_f32(UnaryFn::Sin, 4.0);
}

#[test]
fn cos_f32() {
    check_f32(UnaryFn::Cos, 4.0);
}

/// The values of a function of two numbers in both formats.
fn both(f: BinaryFn, target: &Target) -> impl Fn(f64, f64) -> (f32, f64) {
    let target = target.clone();
    move |a, b| {
        let of = |dtype: DType| {
            let mut exprs = Exprs::default();
            let [x, y] = [a, b].map(|v| exprs.constant(Scalar::F64(v).cast(dtype)));
            let z = expand_binary(&mut exprs, f, [x, y], &target);
            Straight::new(&exprs, z).evaluate(&[Scalar::F64(0.0)])
        };
        match (of(DType::F32), of(DType::F64)) {
            (Scalar::F32(narrow), Scalar::F64(wide)) => (narrow, wide),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn pow() {
    let special = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        2.0,
        -2.0,
        3.0,
        -3.0,
        0.5,
        -0.5,
        1e-40,
        1e30,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
    ];
    let mut pairs: Vec<(f64, f64)> =
        special.iter().flat_map(|&a| special.iter().map(move |&b| (a, b))).collect();
    let mut state = 1u64;
    let mut random = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    for _ in 0..2000 {
        pairs.push((
            f64::from((random() * 4.0 + 0.01) as f32),
            f64::from((random() * 80.0 - 40.0) as f32),
        ));
        pairs.push((
            f64::from(10f32.powf((random() * 60.0 - 30.0) as f32)),
            f64::from((random() * 4.0 - 2.0) as f32),
        ));
        pairs.push((-(random() * 100.0).floor(), (random() * 20.0).floor() - 10.0));
    }
    for target in [&Target::X86_64_V4, &Target::X86_64_V2] {
        let power = both(BinaryFn::Pow, target);
        let mut worst = 0f64;
        for &(a, b) in &pairs {
            let (narrow, wide) = power(a, b);
            let exact = f64::from(a as f32).powf(f64::from(b as f32));
            let error = ulps_f32(narrow, exact);
            assert!(error <= 4.0, "{a:e} ** {b:e}: {narrow:e} instead of {exact:e}");
            let error = ulps(wide, Dd(a.powf(b), 0.0));
            // The reference itself is one unit off at most.
            assert!(error <= 4.0, "{a:e} ** {b:e}: {wide:e} instead of {:e}", a.powf(b));
            worst = worst.max(error);
        }
        println!("pow f64 {}: {worst:.2} ulp", target.name);
    }
}

#[test]
fn atan2() {
    let special = [0.0, 1.0, 2.0, 0.7, 1e-40, 1e-300, 5e-324, 1e30, 1e300, f64::INFINITY, f64::NAN];
    let special: Vec<f64> = special.into_iter().flat_map(|x: f64| [x, -x]).collect();
    let mut pairs: Vec<(f64, f64)> =
        special.iter().flat_map(|&a| special.iter().map(move |&b| (a, b))).collect();
    let mut state = 3u64;
    let mut random = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    for _ in 0..20_000 {
        let size = 10f64.powf(random() * 16.0 - 8.0);
        let b = random() * 2.0 - 1.0;
        pairs.push(((random() * 2.0 - 1.0) * size, b * size));
        pairs.push((b, (random() * 2.0 - 1.0) * size));
    }
    let same_sign = |x: f64, y: f64| x.is_sign_negative() == y.is_sign_negative() || y.is_nan();
    for target in [&Target::X86_64_V4, &Target::X86_64_V2] {
        let angle = both(BinaryFn::Atan2, target);
        let (mut worst_narrow, mut worst) = (0f64, 0f64);
        for &(a, b) in &pairs {
            let (narrow, wide) = angle(a, b);
            let exact = f64::from(a as f32).atan2(f64::from(b as f32));
            let error = ulps_f32(narrow, exact);
            assert!(error <= 2.0, "atan2({a:e}, {b:e}): {narrow:e} instead of {exact:e}");
            assert!(same_sign(narrow.into(), exact), "atan2({a:e}, {b:e}): {narrow:e}");
            worst_narrow = worst_narrow.max(error);
            let error = ulps(wide, Dd(a.atan2(b), 0.0));
            // The reference itself is one unit off at most.
            assert!(error <= 3.0, "atan2({a:e}, {b:e}): {wide:e} instead of {:e}", a.atan2(b));
            assert!(same_sign(wide, a.atan2(b)), "atan2({a:e}, {b:e}): {wide:e}");
            worst = worst.max(error);
        }
        println!("atan2 {}: f32 {worst_narrow:.2} ulp, f64 {worst:.2} ulp", target.name);
    }
}

/// Functions that are exact have the bits that `ir/functions.rs` gives, on every target.
#[test]
fn exact_functions() {
    let mut state = 7u64;
    let mut random = move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let x = state ^ (state >> 33);
        x.wrapping_mul(0xFF51_AFD7_ED55_8CCD) ^ (x >> 29)
    };
    // Numbers with one decimal, small integers, arbitrary bits, and special ones.
    let special = [0.0, -0.0, 1.0, -1.0, 0.1, 1e30, f64::MAX, 5e-324, f64::INFINITY, f64::NAN];
    let mut number = |dtype: DType| match random() % 4 {
        0 => Scalar::F64((random() % 2001) as f64 / 10.0 - 100.0).cast(dtype),
        1 => Scalar::F64((random() % 40) as f64 - 20.0).cast(dtype),
        2 => Scalar::F64(special[(random() % 10) as usize]).cast(dtype),
        _ => Scalar::from_bits(dtype, random()),
    };
    let same =
        |x: Scalar, y: Scalar| x.bits() == y.bits() || x.to_f64().is_nan() && y.to_f64().is_nan();
    let floats = [(BinaryFn::FloorDiv, DType::F32), (BinaryFn::FloorDiv, DType::F64)];
    let rests = [(BinaryFn::Mod, DType::F32), (BinaryFn::Mod, DType::F64)];
    let powers = [DType::I32, DType::I64, DType::U8].map(|dtype| (BinaryFn::Pow, dtype));
    for (f, dtype) in floats.into_iter().chain(rests).chain(powers) {
        for target in [&Target::X86_64_V4, &Target::X86_64_V2] {
            for known in [true, false] {
                for _ in 0..10 {
                    let mut exprs = Exprs::default();
                    let var = exprs.var();
                    let x = exprs.intern(Expr::Var(var, dtype));
                    let other = number(dtype);
                    let c = exprs.constant(other);
                    let [a, b] = if known { [x, c] } else { [c, x] };
                    let y = expand_binary(&mut exprs, f, [a, b], target);
                    let straight = Straight::new(&exprs, y);
                    for _ in 0..400 {
                        let x = number(dtype);
                        let [a, b] = if known { [x, other] } else { [other, x] };
                        let (y, exact) = (straight.evaluate(&[x]), f.eval(a, b));
                        assert!(same(y, exact), "{a:?} {} {b:?}: {y:?}, not {exact:?}", f.name());
                    }
                }
            }
        }
    }
}

/// A sum of two f64, of which the second is below the last place of the first.
#[derive(Clone, Copy, Debug)]
struct Dd(f64, f64);

fn two_sum(a: f64, b: f64) -> Dd {
    let sum = a + b;
    let of_b = sum - a;
    Dd(sum, (a - (sum - of_b)) + (b - of_b))
}

impl Dd {
    fn add(self, o: Dd) -> Dd {
        let s = two_sum(self.0, o.0);
        let t = two_sum(self.1, o.1);
        let s = two_sum(s.0, s.1 + t.0);
        two_sum(s.0, s.1 + t.1)
    }

    fn mul(self, o: Dd) -> Dd {
        let p = self.0 * o.0;
        let e = self.0.mul_add(o.0, -p) + (self.0 * o.1 + self.1 * o.0);
        two_sum(p, e)
    }

    fn neg(self) -> Dd {
        Dd(-self.0, -self.1)
    }

    fn div(self, o: Dd) -> Dd {
        let q = Dd(self.0 / o.0, 0.0);
        let r = self.add(q.mul(o).neg());
        let q2 = Dd(r.0 / o.0, 0.0);
        let r = r.add(q2.mul(o).neg());
        q.add(q2).add(Dd(r.0 / o.0, 0.0))
    }

    fn scale(self, c: f64) -> Dd {
        Dd(self.0 * c, self.1 * c)
    }
}

const LN2: Dd = Dd(std::f64::consts::LN_2, 2.3190468138462996e-17);
const ONE: Dd = Dd(1.0, 0.0);

/// `e^x - 1` for a small x by its series, doubled up.
fn expm1_dd(x: Dd) -> Dd {
    let r = x.scale(1.0 / 512.0);
    let (mut term, mut sum) = (r, r);
    for n in 2..12 {
        term = term.mul(r).div(Dd(f64::from(n), 0.0));
        sum = sum.add(term);
    }
    for _ in 0..9 {
        sum = sum.scale(2.0).add(sum.mul(sum));
    }
    sum
}

fn exp_dd(x: Dd) -> Dd {
    let k = (x.0 / LN2.0).round();
    let r = x.add(LN2.mul(Dd(k, 0.0)).neg());
    let y = expm1_dd(r).add(ONE);
    // In two steps, so that no factor overflows; the sum before the last, so that a denormal
    // result is rounded once.
    let half = (k / 2.0).floor();
    let y = y.scale(2f64.powi(half as i32));
    let last = 2f64.powi((k - half) as i32);
    if k < -1020.0 { Dd((y.0 + y.1) * last, 0.0) } else { y.scale(last) }
}

fn log_dd(x: f64) -> Dd {
    let (x, shift) = if x < 1e-300 { (x * 2f64.powi(100), 100.0) } else { (x, 0.0) };
    let y = Dd(x.ln(), 0.0);
    let error = Dd(x, 0.0).mul(exp_dd(y.neg())).add(ONE.neg());
    y.add(error).add(LN2.mul(Dd(-shift, 0.0)))
}

fn tanh_dd(x: f64) -> Dd {
    let e = if x.abs() < 0.4 {
        expm1_dd(Dd(2.0 * x, 0.0))
    } else {
        exp_dd(Dd(2.0 * x.min(300.0), 0.0)).add(ONE.neg())
    };
    e.div(e.add(Dd(2.0, 0.0)))
}

fn sigmoid_dd(x: f64) -> Dd {
    if x < -700.0 {
        return exp_dd(Dd(x, 0.0));
    }
    ONE.div(ONE.add(exp_dd(Dd(-x, 0.0))))
}

fn erf_dd(x: f64) -> Dd {
    let a = x.abs();
    if a > 6.0 {
        return Dd(x.signum(), 0.0);
    }
    let square = Dd(a, 0.0).mul(Dd(a, 0.0));
    let (mut term, mut sum, mut n) = (Dd(a, 0.0), Dd(a, 0.0), 0.0);
    while term.0 > sum.0 * 1e-33 {
        n += 1.0;
        term = term.mul(square.scale(2.0)).div(Dd(2.0 * n + 1.0, 0.0));
        sum = sum.add(term);
    }
    let factor = Dd(std::f64::consts::FRAC_2_SQRT_PI, 1.533545961316588e-17);
    let y = factor.mul(exp_dd(square.neg())).mul(sum);
    if x < 0.0 { y.neg() } else { y }
}

/// The sine (or cosine) of |x| below 2^20.
fn turn_dd(x: f64, cosine: bool) -> Dd {
    let n = (x / std::f64::consts::FRAC_PI_2).round();
    let mut r = Dd(x, 0.0);
    for part in [1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33] {
        let p = -n * part;
        r = r.add(Dd(p, (-n).mul_add(part, -p)));
    }
    let quadrant = (n as i64 + i64::from(cosine)).rem_euclid(4);
    let z = r.mul(r).neg();
    let odd = quadrant % 2 == 1;
    let (mut term, mut i) = if odd { (ONE, 0.0) } else { (r, 1.0) };
    let mut sum = term;
    while term.0.abs() > sum.0.abs() * 1e-34 && i < 60.0 {
        term = term.mul(z).div(Dd((i + 1.0) * (i + 2.0), 0.0));
        sum = sum.add(term);
        i += 2.0;
    }
    if quadrant >= 2 { sum.neg() } else { sum }
}

/// The distance of `y` from `exact` in units in the last place.
fn ulps(y: f64, exact: Dd) -> f64 {
    let rounded = exact.0;
    if rounded.is_nan() || y.is_nan() {
        return if rounded.is_nan() && y.is_nan() { 0.0 } else { f64::INFINITY };
    }
    if y == rounded && (y == 0.0 || y.is_infinite()) {
        return if y.is_sign_negative() == rounded.is_sign_negative() {
            0.0
        } else {
            f64::INFINITY
        };
    }
    if y.is_infinite() || rounded.is_infinite() {
        let least = y.abs().min(rounded.abs());
        return (f64::MAX - least) / 2f64.powi(971) + 1.0;
    }
    let exponent = (rounded.abs().log2().floor() as i32).max(-1022);
    let unit = if exponent < -960 {
        5e-324 * 2f64.powi(exponent + 1022)
    } else {
        2f64.powi(exponent - 52)
    };
    ((y - rounded) - exact.1).abs() / unit
}

fn f64_of(f: &Straight, x: f64) -> f64 {
    match f.evaluate(&[Scalar::F64(x)]) {
        Scalar::F64(y) => y,
        other => panic!("{other:?} is no f64"),
    }
}

/// Samples from `low` to `high`, evenly, by size, and around 0.
fn samples(low: f64, high: f64) -> Vec<f64> {
    let n = 20_000;
    let even = (0..=n).map(|i| low + (high - low) * f64::from(i) / f64::from(n));
    let sized = (0..=n).map(|i| {
        let x = 2f64.powf(-60.0 + 70.0 * f64::from(i) / f64::from(n));
        if i % 2 == 0 { x } else { -x }
    });
    even.chain(sized.filter(|x| (low..=high).contains(x))).collect()
}

fn check_f64(f: UnaryFn, range: (f64, f64), limit: f64, exact: impl Fn(f64) -> Dd) {
    for target in [&Target::X86_64_V4, &Target::X86_64_V2] {
        let straight = straight(f, DType::F64, target);
        let (mut worst, mut at) = (0.0, 0.0);
        for x in samples(range.0, range.1) {
            let error = ulps(f64_of(&straight, x), exact(x));
            if error > worst {
                (worst, at) = (error, x);
            }
        }
        println!("{} f64 {}: {worst:.2} ulp at {at:e}", f.name(), target.name);
        let (y, want) = (f64_of(&straight, at), exact(at));
        assert!(worst <= limit, "{}: {worst} ulp at {at:e}: {y:e}, not {want:?}", f.name());
        for x in [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 5e-324, -5e-324, 1.0] {
            let (y, want) = (f64_of(&straight, x), exact_f64(f, x));
            assert!(
                ulps(y, Dd(want, 0.0)) <= limit + 1.0,
                "{} at {x:e}: {y:e}, not {want:e}",
                f.name()
            );
        }
    }
}

#[test]
fn exp_f64() {
    check_f64(UnaryFn::Exp, (-745.5, 709.8), 2.0, |x| exp_dd(Dd(x, 0.0)));
}

#[test]
fn log_f64() {
    check_f64(UnaryFn::Log, (5e-324, 40.0), 2.0, log_dd);
    check_f64(UnaryFn::Log, (1e-310, 1e300), 2.0, log_dd);
}

#[test]
fn tanh_f64() {
    check_f64(UnaryFn::Tanh, (-30.0, 30.0), 4.0, tanh_dd);
}

#[test]
fn sigmoid_f64() {
    check_f64(UnaryFn::Sigmoid, (-745.0, 50.0), 4.0, sigmoid_dd);
    check_f64(UnaryFn::Sigmoid, (-5.0, 5.0), 4.0, sigmoid_dd);
}

#[test]
fn erf_of_f64() {
    check_f64(UnaryFn::Erf, (-7.0, 7.0), 4.0, erf_dd);
}

#[test]
fn sin_and_cos_f64() {
    for range in [(-10.0, 10.0), (-1e6, 1e6)] {
        check_f64(UnaryFn::Sin, range, 4.0, |x| turn_dd(x, false));
        check_f64(UnaryFn::Cos, range, 4.0, |x| turn_dd(x, true));
    }
}

/// All sizes, against the C library, which is one unit off at most; and the number that is nearest to
/// a multiple of π/2 (Muller et al., "Handbook of floating-point arithmetic", 2010, section 11.3).
#[test]
fn sin_and_cos_of_large_f64() {
    let mut large = vec![2f64.powi(20), 2f64.powi(51), 2f64.powi(52), 1e20, f64::MAX];
    let mut state = 3u64;
    for exponent in (10..1023).flat_map(|e| [e; 60]) {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let bits = (exponent + 1023) << 52 | state >> 12;
        large.push(f64::from_bits(bits));
    }
    let nearest = 6381956970095103.0 * 2f64.powi(797);
    for f in [UnaryFn::Sin, UnaryFn::Cos] {
        for target in [&Target::X86_64_V4, &Target::X86_64_V2] {
            let straight = straight(f, DType::F64, target);
            let mut worst = 0f64;
            for x in large.iter().flat_map(|&x| [x, -x]) {
                let (y, want) = (f64_of(&straight, x), exact_f64(f, x));
                let error = ulps(y, Dd(want, 0.0));
                assert!(error <= 4.0, "{} of {x:e}: {y:e}, not {want:e}", f.name());
                worst = worst.max(error);
            }
            println!("large {} {}: {worst:.2} ulp", f.name(), target.name);
            let want = if f == UnaryFn::Sin { 1.0 } else { -4.687165924254627611e-19 };
            assert!(ulps(f64_of(&straight, nearest), Dd(want, 0.0)) <= 4.0);
        }
    }
}
