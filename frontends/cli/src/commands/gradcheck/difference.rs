//! A gradient along some directions, and the central differences there.

use brolga::compiler::error::CompileError;
use brolga::compiler::ir::{Graph, Literal, Name, Scalar};
use brolga::runtime::data::Counter;
use brolga::{Binding, Entry, RunError, Session};
use indexmap::IndexMap;

use crate::failure::Failure;
use crate::model::ReadFile;

/// How long a step along a direction is: the difference then has some five places of the slope
/// where the loss has sixteen, and its third derivative does not count.
const STEP: f64 = 1e-5;

/// A gradient's element along a direction may be off by this part of its size.
const ALLOWED: f64 = 1e-4;

/// Roundings of a loss, in units of its last place, that a difference of two may show.
const ROUNDINGS: f64 = 1e3;

/// Each value is moved in so many directions, in each of which all its elements move.
pub(super) const DIRECTIONS: u64 = 3;

/// Tensors by name.
pub(super) type Values = IndexMap<Name, Literal>;

/// What every check goes by.
pub(super) struct Context<'a> {
    /// What directions are drawn by.
    pub(super) seed: i64,
    /// The file.
    pub(super) program: &'a ReadFile,
}

impl Context<'_> {
    /// What the compiler refuses.
    pub(super) fn refused(&self, error: &CompileError) -> Failure {
        Failure::compile(error, &self.program.sources)
    }

    /// What goes wrong in a run.
    pub(super) fn failed(&self, error: &RunError) -> Failure {
        Failure::run(error, &self.program.sources)
    }
}

/// A gradient along the direction in which it is farthest off.
pub(super) struct Checked {
    /// What it is with respect to.
    pub(super) parameter: Name,
    /// The type in the file.
    pub(super) of: String,
    /// The gradient along the direction.
    pub(super) gradient: f64,
    /// The difference.
    pub(super) difference: f64,
    /// The part of its size by which it is off.
    pub(super) off: f64,
    /// Whether it is a slope.
    pub(super) holds: bool,
}

/// The graph without what it reports and writes.
pub(super) fn alone(graph: &Graph) -> Graph {
    let mut alone = graph.clone();
    alone.outputs.clear();
    alone.metrics.clear();
    alone.updates.clear();
    alone
}

/// What is fetched, or all outputs, at these values.
pub(super) fn run_at(
    session: &mut Session,
    fetch: Vec<Name>,
    values: &Values,
) -> Result<Values, RunError> {
    let entry = Entry::Run { fetch };
    let wanted = session.inputs(&entry)?;
    let feeds = wanted.iter().filter_map(|(name, _)| values.get_key_value(&**name));
    let feeds: Values = feeds.map(|(name, value)| (name.clone(), value.clone())).collect();
    Ok(session.run(&entry, &Binding::default(), &feeds)?.outputs)
}

/// The scalar that a literal is.
pub(super) fn number(loss: &Literal) -> f64 {
    loss.scalars().next().map_or(f64::NAN, Scalar::to_f64)
}

/// A gradient beside the differences of what it is of: `(name, type, value of the scalar)`, the value
/// that is moved with its gradient, and the scalar where it is moved to.
pub(super) fn compared(
    seed: i64,
    (parameter, of, loss): (Name, String, f64),
    (value, gradient): (&Literal, &Literal),
    loss_at: &mut impl FnMut(Literal) -> Result<f64, Failure>,
) -> Result<Checked, Failure> {
    let (slope, difference) = worst(seed, (value, gradient), loss_at)?;
    let size = size(gradient, slope, difference);
    let off = if size > 0.0 { (slope - difference).abs() / size } else { 0.0 };
    let holds = is_slope(slope, difference, size, rounding(loss, value));
    Ok(Checked { parameter, of, gradient: slope, difference, off, holds })
}

/// The gradient and the difference along the direction in which they are farthest from each other.
fn worst(
    seed: i64,
    (value, gradient): (&Literal, &Literal),
    loss_at: &mut impl FnMut(Literal) -> Result<f64, Failure>,
) -> Result<(f64, f64), Failure> {
    let n = value.n_elements();
    let h = STEP / (n.max(1) as f64).sqrt();
    let mut worst = (0.0, 0.0);
    for direction in 0..DIRECTIONS {
        let counter = Counter::new(&[seed as u64, n as u64, direction]);
        let sign = |i: usize| if counter.below(i as u64, 2) == 0 { 1.0 } else { -1.0 };
        let along = gradient.scalars().enumerate().map(|(i, g)| sign(i) * g.to_f64());
        let slope: f64 = along.sum();
        let moved = |by: f64| {
            let elements = value.scalars().enumerate().map(|(i, x)| x.to_f64() + by * sign(i));
            Literal::from_vec(value.sizes(), elements.collect::<Vec<f64>>())
        };
        let (Some(above), Some(below)) = (moved(h), moved(-h)) else { continue };
        let difference = (loss_at(above)? - loss_at(below)?) / (2.0 * h);
        let off = |(a, b): (f64, f64)| if (a - b).is_nan() { f64::INFINITY } else { (a - b).abs() };
        if direction == 0 || off((slope, difference)) > off(worst) {
            worst = (slope, difference);
        }
    }
    Ok(worst)
}

/// The size of a gradient along a direction: what it would be if its elements did not cancel.
fn size(gradient: &Literal, slope: f64, difference: f64) -> f64 {
    let squares: f64 = gradient.scalars().map(|g| g.to_f64().powi(2)).sum();
    squares.sqrt().max(slope.abs()).max(difference.abs())
}

/// What roundings of the loss make of a difference.
fn rounding(loss: f64, value: &Literal) -> f64 {
    let h = STEP / (value.n_elements().max(1) as f64).sqrt();
    ROUNDINGS * f64::EPSILON * loss.abs().max(1.0) / h
}

fn is_slope(slope: f64, difference: f64, size: f64, rounding: f64) -> bool {
    (slope - difference).abs() <= ALLOWED * size + rounding
}
