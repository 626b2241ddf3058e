//! Random numbers: bits from a counter, which the operation's name tells from others, and what is
//! made of them.

use brolga_compiler::ir::{BinaryFn, CompareFn, DType, Dim, NodeId, Scalar, UnaryFn};
use brolga_compiler::ops::{Build, Random, ReduceFn, TypeError};

use super::super::names::give_way;
use super::super::regions::{Clock, Region, RegionKind};
use super::super::value::{Bare, Value};
use super::{Args, Elaborator, Entry, Result, Tensor, entry, told};
use crate::codes::Code;

/// The operations of this file.
pub(super) const ENTRIES: &[Entry] = &[
    entry(
        "random_bits",
        "seed=, step=, shape=",
        "random i32 for each element, a function of seed, step, key and index",
        bits,
    ),
    entry(
        "random_uniform",
        "shape, lo=0, hi=1, dtype=f32",
        "floats from `lo` to `hi`, without `hi`; no gradient",
        uniform,
    ),
    entry(
        "random_normal",
        "shape, mean=0, std=1, dtype=f32",
        "normally distributed floats; no gradient",
        normal,
    ),
    entry(
        "bernoulli",
        "shape, p",
        "bools that are true with probability `p`; no gradient",
        bernoulli,
    ),
    entry(
        "categorical",
        "logits",
        "indices drawn with the probabilities softmax(logits) over the last axis; no gradient",
        categorical,
    ),
    entry(
        "dropout",
        "x, rate",
        "in training, elements are 0 with probability `rate` and the others x / (1 - rate), with \
         dx scaled alike; otherwise `x`",
        dropout,
    ),
    entry("seed", "", "the seed of the run, an i64 scalar", seed),
    told("batch_number", "", batch_number),
    entry("iteration", "", "the number of the iteration of the `scan` around it", iteration),
];

impl Elaborator<'_> {
    /// The name of a random operation: the path of its place with its own name added, or what
    /// `name=` says. A second one of the name gets a number.
    fn random_name(&mut self, args: &Args) -> String {
        let frame = self.here();
        let wish = match (&args.name, &frame.target) {
            (Some(name), _) => frame.below(name),
            (None, Some(target)) => format!("{target}.{}", args.builtin.name),
            (None, None) => frame.below(args.builtin.name),
        };
        let Some(&first) = self.random_names.get(&wish) else {
            self.random_names.insert(wish.clone(), 1);
            return wish;
        };
        let mut n = first;
        while self.random_names.contains_key(&format!("{wish}.{n}")) {
            n += 1;
        }
        self.random_names.insert(wish.clone(), n + 1);
        let name = format!("{wish}.{n}");
        self.random_names.insert(name.clone(), 1);
        name
    }

    /// 32 random bits an element, as a node of that name.
    fn random_words(&mut self, name: &str, shape: &[Dim]) -> Result<Tensor> {
        let (seed, step) = (self.scan_seed()?, self.clock(self.random_clock())?);
        let op = Random::Bits { name: name.into(), shape: shape.to_vec() };
        let bits = self.add(op, &[seed, step])?;
        let graph = &mut self.region().graph;
        give_way(graph, name);
        graph.rename(bits.node, name);
        Ok(bits)
    }

    /// What random operations count: the step where the program is trained, so that every batch
    /// of a training has numbers of its own; else the batch, so that what is evaluated does not
    /// depend on how long was trained.
    fn random_clock(&self) -> Clock {
        if self.trains { Clock::Step } else { Clock::Batch }
    }

    /// The seed; inside scans one of its own for each iteration.
    fn scan_seed(&mut self) -> Result<Tensor> {
        let seed = self.clock(Clock::Seed)?;
        let is_scan = |k: usize| matches!(self.regions[k].kind, RegionKind::Scan { .. });
        // An initial value does not depend on the loops around its variable.
        let is_initial = |region: &Region| matches!(region.kind, RegionKind::Initial);
        let first = self.regions.iter().rposition(is_initial).unwrap_or(0);
        let scans: Vec<usize> = (first..self.regions.len()).filter(|&k| is_scan(k)).collect();
        let mut seed = seed;
        for k in scans {
            let RegionKind::Scan { iteration, .. } = self.regions[k].kind else { continue };
            let iteration = Tensor { node: iteration, region: self.regions[k].id };
            seed = self.build(&[seed, iteration], |build, x| {
                // An odd multiple: no two iterations share a seed. (The golden ratio of 2^64.)
                let odd = build.scalar(Scalar::I64(0x9E37_79B9_7F4A_7C15_u64 as i64))?;
                let one = build.scalar(Scalar::I64(1))?;
                let count = build.add(x[1], one)?;
                let offset = build.mul(count, odd)?;
                build.add(x[0], offset)
            })?;
        }
        Ok(seed)
    }

    /// Numbers in [0, 1) of 24 bits, as f32.
    fn unit(&mut self, name: &str, shape: &[Dim]) -> Result<Tensor> {
        let bits = self.random_words(name, shape)?;
        self.build(&[bits], |build, x| unit_of(build, x[0]))
    }

    fn shape_argument(&mut self, args: &Args, k: usize) -> Result<Vec<Dim>> {
        let (value, span) = args.value(k);
        let value = value.clone();
        self.dims(&value, span)
    }

    /// A number argument as a tensor of f32, or its default.
    fn number_argument(&mut self, args: &Args, k: usize, default: f64) -> Result<Tensor> {
        let given = args.optional(k).map(|(value, span)| (value.clone(), span));
        let (value, span) = given.unwrap_or((Value::float(default), args.span));
        let x = self.materialise(&value, Some(DType::F32), span)?;
        self.at = args.span;
        self.build(&[x], |build, x| build.cast(x[0], DType::F32))
    }

    fn dtype_argument(&mut self, args: &Args, k: usize) -> Result<DType> {
        match args.optional(k) {
            None => Ok(DType::F32),
            Some((Value::Element(dtype), _)) if dtype.is_float() => Ok(*dtype),
            Some(_) => Err(self.wrong_argument(args, k, "a float type")),
        }
    }
}

/// `(bits >> 8) · 2^-24`
fn unit_of(build: &mut Build<'_>, bits: NodeId) -> std::result::Result<NodeId, TypeError> {
    let eight = build.scalar(Scalar::I32(8))?;
    let word = build.binary(BinaryFn::ShiftRight, bits, eight)?;
    let number = build.cast(word, DType::F32)?;
    build.scale(number, 1.0 / 16_777_216.0)
}

/// `random_bits(seed, step, shape)`.
pub(super) fn bits(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let shape = match args.optional(2) {
        Some((value, span)) => {
            let value = value.clone();
            e.dims(&value, span)?
        }
        None => Vec::new(),
    };
    let name = e.random_name(&args).into();
    let clock = |e: &mut Elaborator<'_>, k: usize, clock: Clock| match args.optional(k) {
        Some((value, span)) => {
            let value = value.clone();
            e.materialise(&value, Some(DType::I64), span)
        }
        None => e.clock(clock),
    };
    let (seed, step) = (clock(e, 0, Clock::Seed)?, clock(e, 1, e.random_clock())?);
    e.at = args.span;
    e.add(Random::Bits { name, shape }, &[seed, step]).map(Value::Tensor)
}

/// `random_uniform(shape, lo, hi)`
pub(super) fn uniform(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let name = e.random_name(&args);
    let shape = e.shape_argument(&args, 0)?;
    let dtype = e.dtype_argument(&args, 3)?;
    let (lo, hi) = (e.number_argument(&args, 1, 0.0)?, e.number_argument(&args, 2, 1.0)?);
    let is_plain = args.optional(1).is_none() && args.optional(2).is_none();
    let unit = e.unit(&name, &shape)?;
    let y = e.build(&[unit, lo, hi], |build, x| {
        let y = if is_plain {
            x[0]
        } else {
            let width = build.sub(x[2], x[1])?;
            let scaled = build.mul(x[0], width)?;
            build.add(scaled, x[1])?
        };
        build.cast(y, dtype)
    })?;
    Ok(Value::Tensor(y))
}

/// `random_normal(shape, mean, std)`, by Box and Muller (1958).
pub(super) fn normal(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let name = e.random_name(&args);
    let shape = e.shape_argument(&args, 0)?;
    let dtype = e.dtype_argument(&args, 3)?;
    let (mean, std) = (e.number_argument(&args, 1, 0.0)?, e.number_argument(&args, 2, 1.0)?);
    let is_plain = args.optional(1).is_none() && args.optional(2).is_none();
    let mut pairs = vec![Dim::number(2)];
    pairs.extend(shape.iter().cloned());
    let unit = e.unit(&name, &pairs)?;
    let y = e.build(&[unit, mean, std], |build, x| {
        let (radius, angle) = (half(build, x[0], 0)?, half(build, x[0], 1)?);
        // 1 - u is in (0, 1], where the logarithm is finite.
        let one = build.scalar_like(radius, 1.0)?;
        let rest = build.sub(one, radius)?;
        let log = build.unary(UnaryFn::Log, rest)?;
        let square = build.scale(log, -2.0)?;
        let radius = build.unary(UnaryFn::Sqrt, square)?;
        let angle = build.scale(angle, std::f64::consts::TAU)?;
        let cos = build.unary(UnaryFn::Cos, angle)?;
        let mut y = build.mul(radius, cos)?;
        if !is_plain {
            let scaled = build.mul(y, x[2])?;
            y = build.add(scaled, x[1])?;
        }
        build.cast(y, dtype)
    })?;
    Ok(Value::Tensor(y))
}

/// One of the two halves along the first axis.
fn half(build: &mut Build<'_>, x: NodeId, k: i64) -> std::result::Result<NodeId, TypeError> {
    let shape = build.shape(x);
    let mut start = vec![Dim::number(0); shape.len()];
    start[0] = Dim::number(k);
    let mut len = shape.clone();
    len[0] = Dim::number(1);
    let step = vec![1; shape.len()];
    let part = build.node(brolga_compiler::ops::Movement::Slice { start, len, step }, &[x])?;
    build.reshape(part, &shape[1..])
}

/// `bernoulli(shape, p)`: true with probability p.
pub(super) fn bernoulli(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let name = e.random_name(&args);
    let shape = e.shape_argument(&args, 0)?;
    let p = e.number_argument(&args, 1, 0.5)?;
    let unit = e.unit(&name, &shape)?;
    let y = e.build(&[unit, p], |build, x| build.compare(CompareFn::Lt, x[0], x[1]))?;
    Ok(Value::Tensor(y))
}

/// `categorical(logits)`: an index along the last axis, by Gumbel's trick.
pub(super) fn categorical(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let name = e.random_name(&args);
    let logits = e.tensor_argument(&args, 0)?;
    let of_logits = e.tensor_type(logits).clone();
    if of_logits.rank() == 0 || !of_logits.dtype.is_float() {
        return Err(e.wrong_argument(&args, 0, "a float tensor with an axis of classes"));
    }
    let unit = e.unit(&name, &of_logits.shape)?;
    let last = of_logits.rank() - 1;
    let y = e.build(&[unit, logits], |build, x| {
        let log = build.unary(UnaryFn::Log, x[0])?;
        let positive = build.neg(log)?;
        let log = build.unary(UnaryFn::Log, positive)?;
        let gumbel = build.neg(log)?;
        let gumbel = build.cast(gumbel, of_logits.dtype)?;
        let noisy = build.add(x[1], gumbel)?;
        build.reduce(ReduceFn::ArgMax, noisy, &[last], false)
    })?;
    Ok(Value::Tensor(y))
}

/// `dropout(x, rate)`: zero with probability `rate`, else scaled so that the mean stays; `x` when
/// not training.
pub(super) fn dropout(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    // The name is taken in both modes, so that others are called the same in both.
    let name = e.random_name(&args);
    let x = e.tensor_argument(&args, 0)?;
    let (rate, rate_span) = args.value(1);
    let known = match rate {
        Value::Bare(bare @ (Bare::Int(_) | Bare::Float(_))) => {
            bare.number().and_then(|number| number.known())
        }
        _ => None,
    };
    if known.is_some_and(|rate| !(0.0..=1.0).contains(&rate)) {
        let message = "a dropout rate lies between 0 and 1";
        return Err(e.error(Code::OutOfRange, message, rate_span, ""));
    }
    let of_x = e.tensor_type(x).clone();
    if !of_x.dtype.is_float() {
        return Err(e.wrong_argument(&args, 0, "a float tensor"));
    }
    if !e.here().training || known == Some(0.0) {
        return Ok(Value::Tensor(x));
    }
    let rate = e.number_argument(&args, 1, 0.0)?;
    let unit = e.unit(&name, &of_x.shape)?;
    let y = e.build(&[x, unit, rate], |build, x| {
        let keep = build.compare(CompareFn::Ge, x[1], x[2])?;
        let scaled = match known {
            Some(1.0) => build.zeros_like(x[0])?,
            Some(rate) => build.scale(x[0], 1.0 / (1.0 - rate))?,
            None => {
                let one = build.scalar_like(x[2], 1.0)?;
                let kept = build.sub(one, x[2])?;
                let kept = build.cast(kept, of_x.dtype)?;
                build.div(x[0], kept)?
            }
        };
        let zero = build.zeros_like(x[0])?;
        build.select(keep, scaled, zero)
    })?;
    Ok(Value::Tensor(y))
}

/// `seed()`
pub(super) fn seed(e: &mut Elaborator<'_>, _: Args) -> Result<Value> {
    e.clock(Clock::Seed).map(Value::Tensor)
}

/// `batch_number()`
pub(super) fn batch_number(e: &mut Elaborator<'_>, _: Args) -> Result<Value> {
    e.clock(Clock::Batch).map(Value::Tensor)
}

/// `iteration()`, in a scan.
pub(super) fn iteration(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    e.iteration(args.span).map(Value::Tensor)
}
