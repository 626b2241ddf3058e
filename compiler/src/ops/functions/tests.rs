//! What holds of every function: its values and its expansion are next to references that another
//! program has computed, and it has the symmetry of its references to the last bit.

use std::collections::BTreeMap;

use super::UnaryFn;
use crate::ir::{DType, Expr, Exprs, Scalar, Target};
use crate::loop_ir::{Straight, expand_unary};

/// Lines of a function, an element type, an argument, and the value as a sum of two f64, by their
/// bits; `compiler/tests/references/functions.py` says how they are made.
const REFERENCES: &str = include_str!("../../../tests/references/functions.txt");

/// The most units in the last place by which a value may be off.
const LIMIT: f64 = 4.0;

struct Reference {
    x: Scalar,
    high: f64,
    low: f64,
}

fn references() -> BTreeMap<(&'static str, &'static str), Vec<Reference>> {
    let mut all: BTreeMap<_, Vec<Reference>> = BTreeMap::new();
    for line in REFERENCES.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split(' ').collect();
        let [name, dtype, x, high, low] = words[..] else { panic!("five words: {line}") };
        let bits = |word: &str| u64::from_str_radix(word, 16).expect("hexadecimal bits");
        let of = if dtype == "f32" { DType::F32 } else { DType::F64 };
        let [high, low] = [high, low].map(|word| f64::from_bits(bits(word)));
        let reference = Reference { x: Scalar::from_bits(of, bits(x)), high, low };
        all.entry((name, dtype)).or_default().push(reference);
    }
    all
}

/// The units in the last place of the format between a value and its reference.
fn ulps(y: Scalar, reference: &Reference) -> f64 {
    let dtype = y.dtype();
    let (y, want) = (y.to_f64(), Scalar::F64(reference.high).cast(dtype).to_f64());
    let same_sign = y.is_sign_negative() == want.is_sign_negative();
    if y.is_nan() || want.is_nan() || y.is_infinite() || want.is_infinite() {
        return if y == want || y.is_nan() && want.is_nan() { 0.0 } else { f64::INFINITY };
    }
    if y == 0.0 && want == 0.0 {
        return if same_sign { 0.0 } else { f64::INFINITY };
    }
    let (fraction, least) = if dtype == DType::F32 { (23, -126) } else { (52, -1022) };
    let exponent = (reference.high.abs().log2().floor() as i32).max(least);
    // In two steps, because the unit may be less than the least f64 that is normal.
    let scaled =
        |x: f64| x * 2f64.powi(-exponent / 2) * 2f64.powi(fraction - (exponent - exponent / 2));
    (scaled(y - reference.high) - scaled(reference.low)).abs()
}

fn expansion(f: UnaryFn, dtype: DType, target: &Target) -> Straight {
    let mut exprs = Exprs::default();
    let var = exprs.var();
    let x = exprs.intern(Expr::Var(var, dtype));
    let y = expand_unary(&mut exprs, f, x, target);
    Straight::new(&exprs, y)
}

/// A way to compute a function, by name.
type Way = (&'static str, Box<dyn Fn(Scalar) -> Scalar>);

/// Every way in which a function is computed.
fn ways(f: UnaryFn, dtype: DType) -> Vec<Way> {
    let eval = Box::new(move |x| f.eval(x));
    let mut ways: Vec<Way> = vec![("eval", eval)];
    for target in [&Target::X86_64_V4, &Target::X86_64_V2] {
        let expansion = expansion(f, dtype, target);
        ways.push((target.name, Box::new(move |x| expansion.evaluate(&[x]))));
    }
    ways
}

fn transcendental() -> impl Iterator<Item = (UnaryFn, DType)> {
    let functions = UnaryFn::ALL.into_iter().filter(|f| f.is_transcendental());
    functions.flat_map(|f| [DType::F32, DType::F64].map(|dtype| (f, dtype)))
}

#[test]
fn values_are_the_references() {
    let all = references();
    for (f, dtype) in transcendental() {
        let key = (f.name(), dtype.name());
        let references = all.get(&key).unwrap_or_else(|| panic!("{key:?} has no references"));
        assert!(references.len() > 60, "{key:?} has few references");
        for (way, value) in ways(f, dtype) {
            let (mut worst, mut at) = (0.0, &references[0]);
            for reference in references {
                let error = ulps(value(reference.x), reference);
                if error > worst {
                    (worst, at) = (error, reference);
                }
            }
            println!("{key:?} {way}: {worst:.2} ulp at {}", at.x);
            let (x, y, want) = (at.x, value(at.x), at.high);
            assert!(worst <= LIMIT, "{key:?} {way}: {worst} ulp: {y} instead of {want:e} at {x}");
        }
    }
}

/// What is odd or even by its references is so exactly, at all kinds of numbers.
#[test]
fn symmetries_are_exact() {
    let all = references();
    for (f, dtype) in transcendental() {
        let references = &all[&(f.name(), dtype.name())];
        let value_at: BTreeMap<u64, f64> =
            references.iter().map(|r| (r.x.to_f64().to_bits(), r.high)).collect();
        let pairs = references.iter().filter_map(|r| {
            let other = value_at.get(&(-r.x.to_f64()).to_bits())?;
            (!other.is_nan()).then_some((r.high, *other))
        });
        let pairs: Vec<(f64, f64)> = pairs.collect();
        assert!(pairs.len() > 20 || !f.domain().0.is_infinite(), "{} has few pairs", f.name());
        let odd = pairs.iter().all(|(a, b)| *a == -*b);
        let even = pairs.iter().all(|(a, b)| a == b);
        if pairs.is_empty() || !(odd || even) {
            continue;
        }
        for (way, value) in ways(f, dtype) {
            let mut state = 1u64;
            for _ in 0..20_000 {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                let size =
                    2f64.powi((state >> 58) as i32 - 40) * (state >> 11) as f64 / 2f64.powi(53);
                let x = Scalar::F64(size).cast(dtype);
                let minus = Scalar::F64(-size).cast(dtype);
                let (y, other) = (value(x).to_f64(), value(minus).to_f64());
                let mirrored = if odd { -other } else { other };
                let same = y.to_bits() == mirrored.to_bits() || y.is_nan() && mirrored.is_nan();
                assert!(same, "{} {way} at ±{x}", f.name());
            }
        }
    }
}
