//! One operation at a time over the shapes of `benches/shapes.txt`: the median of a step, what share of
//! the machine's limit that is and, with `--jax PYTHON`, JAX's time for the same in the same run.
//!
//! `shapes [--smoke] [--threads N] [--only TEXT] [--jax PYTHON]`. The limit of a row is the longer of
//! two: to read its inputs and write its output once at the bandwidth of a copy, and to do its arithmetic,
//! functions as this compiler computes them, at the rate of a product of 1024 x 1024 matrices, both
//! measured at the start on as many threads. Small rows are in the caches, so that they may take less. With `--smoke` every row is
//! compiled and run once.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use brolga::compiler::ir::{Binding, Literal, Name, NodeId};
use brolga::compiler::specialise::specialise;
use brolga::{Entry, Session, SessionOptions};
use brolga_benches::{quantile, work};
use indexmap::IndexMap;

const SHAPES: &str = include_str!("../../shapes.txt");

/// A row is timed for so long, in two halves.
const TIME: Duration = Duration::from_millis(300);

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (mut smoke, mut threads, mut only, mut python) = (false, 2, String::new(), None);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().with_context(|| format!("{argument} takes a value"));
        match argument.as_str() {
            "--smoke" => smoke = true,
            "--threads" => threads = value()?.parse()?,
            "--only" => only = value()?,
            "--jax" => python = Some(value()?),
            _ => bail!("unknown argument {argument}"),
        }
    }
    let mut rows = rows(&only);
    if smoke {
        return rows.try_for_each(|line| Shape::read(line)?.once(threads));
    }
    let limits = Limits::measure(threads)?;
    println!(
        "{threads} threads, {:.1} GB/s, {:.0} GFLOP/s",
        limits.bytes / 1e9,
        limits.flops / 1e9
    );
    println!("{:26} {:>10} {:>8} {:>10} {:>8}", "", "ms", "of limit", "JAX ms", "to JAX");
    let mut jax = python.map(|python| Jax::start(&python)).transpose()?;
    for line in rows {
        let shape = Shape::read(line)?;
        let mut runs = shape.session(SessionOptions { threads, ..SessionOptions::default() })?;
        let mut times = shape.times(&mut runs, TIME / 2)?;
        let other = jax.as_mut().map(|jax| jax.time(line)).transpose()?;
        times.extend(shape.times(&mut runs, TIME / 2)?);
        let own = quantile(times, 0.5);
        let share = limits.seconds(shape.work(&mut runs)?) / own;
        let beside = other.map(|jax| format!("{:10.3} {:8.2}", jax * 1e3, own / jax));
        let (name, beside) = (&shape.name, beside.unwrap_or_default());
        println!("{name:26} {:10.3} {:7.0}% {beside}", own * 1e3, share * 100.0);
    }
    Ok(())
}

/// The rows whose name has this text.
fn rows(only: &str) -> impl Iterator<Item = &'static str> {
    let rows = SHAPES.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    rows.filter(move |line| line.split(';').next().is_some_and(|name| name.contains(only)))
}

/// A row of the list.
struct Shape {
    name: String,
    text: String,
    feeds: IndexMap<Name, Literal>,
}

impl Shape {
    fn read(line: &str) -> anyhow::Result<Shape> {
        let mut parts = line.split(';').map(str::trim);
        let mut part = || parts.next().with_context(|| format!("`{line}` has too few parts"));
        let (name, inputs, body) = (part()?, part()?, part()?);
        let inputs: Vec<&str> = inputs.split("], ").filter(|input| !input.is_empty()).collect();
        let declared = |input: &&str| format!("input {}]\n", input.trim_end_matches(']'));
        let text: String = inputs.iter().map(declared).collect();
        let text = format!("{text}output result = {body}\n");
        let mut feeds = IndexMap::new();
        for input in inputs {
            let (name, of_type) = input.split_once(": ").context("an input has a type")?;
            let (dtype, sizes) = of_type.split_once('[').context("an input has sizes")?;
            let sizes = sizes.trim_end_matches(']').split(", ").map(str::parse);
            let sizes: Vec<usize> = sizes.collect::<Result<_, _>>()?;
            feeds.insert(name.into(), numbers(dtype, &sizes)?);
        }
        Ok(Shape { name: name.to_owned(), text, feeds })
    }

    fn session(&self, options: SessionOptions) -> anyhow::Result<Session> {
        let module = brolga::text::load(&self.name, self.text.as_bytes(), &Default::default())?;
        Ok(Session::new(Arc::new(module.module), options)?)
    }

    /// Runs it once.
    fn once(&self, threads: usize) -> anyhow::Result<()> {
        let mut session = self.session(SessionOptions { threads, ..SessionOptions::default() })?;
        let mut prepared = session.prepare(&entry(), &Binding::default())?;
        prepared.feed_all(&self.feeds)?;
        prepared.run(0)?;
        Ok(())
    }

    /// The seconds of steps within so long.
    fn times(&self, session: &mut Session, time: Duration) -> anyhow::Result<Vec<f64>> {
        let mut prepared = session.prepare(&entry(), &Binding::default())?;
        prepared.feed_all(&self.feeds)?;
        let (mut times, begin) = (vec![], Instant::now());
        while times.len() < 12 || begin.elapsed() < time {
            let start = Instant::now();
            prepared.run(times.len() as i64)?;
            times.push(start.elapsed().as_secs_f64());
        }
        Ok(times.split_off(2))
    }

    /// The bytes of inputs and output, and the arithmetic.
    fn work(&self, session: &mut Session) -> anyhow::Result<(f64, f64)> {
        let graph = session.entry(&entry())?;
        let graph = specialise(&graph.graph, &Binding::default())?;
        let bytes = |&node: &NodeId| {
            let of_node = graph.tensor_type(node);
            of_node.n_elements().unwrap_or(0) * of_node.dtype.size()
        };
        let nodes = graph.inputs.iter().chain(graph.outputs.iter().map(|(_, node)| node));
        let arithmetic = work(&graph, &SessionOptions::default().target);
        Ok((nodes.map(bytes).sum::<usize>() as f64, arithmetic as f64))
    }
}

fn entry() -> Entry {
    Entry::Run { fetch: vec![] }
}

/// Numbers in [0, 1); whole ones below 1000.
fn numbers(dtype: &str, sizes: &[usize]) -> anyhow::Result<Literal> {
    let n: usize = sizes.iter().product();
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as u32
    };
    let unit = |bits: u32| bits as f32 / (1u32 << 24) as f32;
    let literal = match dtype {
        "f32" => Literal::from_vec(sizes, (0..n).map(|_| unit(next())).collect::<Vec<f32>>()),
        "f64" => {
            Literal::from_vec(sizes, (0..n).map(|_| f64::from(unit(next()))).collect::<Vec<f64>>())
        }
        "i32" => {
            Literal::from_vec(sizes, (0..n).map(|_| (next() % 1000) as i32).collect::<Vec<_>>())
        }
        _ => None,
    };
    literal.with_context(|| format!("no numbers of {dtype}"))
}

/// What the machine can do.
struct Limits {
    /// Bytes read and written in a second.
    bytes: f64,
    /// Floating-point operations in a second.
    flops: f64,
}

impl Limits {
    fn measure(threads: usize) -> anyhow::Result<Limits> {
        let rate = |line: &str| -> anyhow::Result<(f64, f64)> {
            let shape = Shape::read(line)?;
            let options = SessionOptions { threads, ..SessionOptions::default() };
            let mut session = shape.session(options)?;
            let (bytes, flops) = shape.work(&mut session)?;
            let seconds = quantile(shape.times(&mut session, 2 * TIME)?, 0.1);
            Ok((bytes / seconds, flops / seconds))
        };
        let (bytes, _) = rate("copy; x: f32[4194304]; x + 1")?;
        let (_, flops) = rate("product; a: f32[1024, 1024], b: f32[1024, 1024]; a @ b")?;
        Ok(Limits { bytes, flops })
    }

    /// The least seconds for so much work.
    fn seconds(&self, (bytes, flops): (f64, f64)) -> f64 {
        (bytes / self.bytes).max(flops / self.flops)
    }
}

/// JAX in a process of its own.
struct Jax {
    process: Child,
    lines: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Jax {
    fn start(python: &str) -> anyhow::Result<Jax> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/shapes.py");
        let mut command = Command::new(python);
        command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().with_context(|| format!("{python} does not start"))?;
        let lines = process.stdin.take().context("a pipe")?;
        let answers = BufReader::new(process.stdout.take().context("a pipe")?);
        Ok(Jax { process, lines, answers })
    }

    /// The median seconds of a row.
    fn time(&mut self, line: &str) -> anyhow::Result<f64> {
        writeln!(self.lines, "{line}")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        let ms: f64 = answer.trim().parse().with_context(|| format!("JAX failed at `{line}`"))?;
        Ok(ms / 1e3)
    }
}

impl Drop for Jax {
    fn drop(&mut self) {
        // It ends with its input, at the latest now.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_runs() {
        for line in rows("") {
            let shape = Shape::read(line).expect(line);
            shape.once(2).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }
}
