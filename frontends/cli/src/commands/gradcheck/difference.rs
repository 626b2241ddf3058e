//! A gradient along some directions, and the central differences there.

use std::cmp::Ordering;

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

/// By how much a step is shortened where gradient and difference differ: a kink of the loss (that of
/// relu) between the two ends makes a difference no slope, and a shorter step may not reach it. A
/// gradient that is wrong is so at every step.
const SHORTER: [f64; 3] = [1.0, 8.0, 64.0];

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
    let mut worst = None;
    for direction in 0..DIRECTIONS {
        let signs = Counter::new(&[seed as u64, value.n_elements() as u64, direction]);
        let along = along(signs, loss, (value, gradient), loss_at)?;
        if worst.as_ref().is_none_or(|worst| along.is_worse(worst)) {
            worst = Some(along);
        }
    }
    let Along { slope, difference, off, holds } = worst.expect("there are directions");
    Ok(Checked { parameter, of, gradient: slope, difference, off, holds })
}

/// A gradient and the difference along a direction.
struct Along {
    slope: f64,
    difference: f64,
    off: f64,
    holds: bool,
}

impl Along {
    fn is_worse(&self, other: &Along) -> bool {
        (!self.holds, self.off).partial_cmp(&(!other.holds, other.off)).is_none_or(Ordering::is_gt)
    }
}

/// The gradient along a direction of signs, and the difference by the longest step that shows it, or
/// else by the step that comes nearest.
fn along(
    signs: Counter,
    loss: f64,
    (value, gradient): (&Literal, &Literal),
    loss_at: &mut impl FnMut(Literal) -> Result<f64, Failure>,
) -> Result<Along, Failure> {
    let n = value.n_elements();
    let sign = |i: usize| if signs.below(i as u64, 2) == 0 { 1.0 } else { -1.0 };
    let slope: f64 = gradient.scalars().enumerate().map(|(i, g)| sign(i) * g.to_f64()).sum();
    let mut nearest: Option<Along> = None;
    for shorter in SHORTER {
        let h = STEP / (n.max(1) as f64).sqrt() / shorter;
        let mut moved = |by: f64| {
            let elements = value.scalars().enumerate().map(|(i, x)| x.to_f64() + by * sign(i));
            let moved = Literal::from_vec(value.sizes(), elements.collect::<Vec<f64>>());
            loss_at(moved.expect("as many elements as before"))
        };
        let difference = (moved(h)? - moved(-h)?) / (2.0 * h);
        let size = size(gradient, slope, difference);
        let off = if size > 0.0 { (slope - difference).abs() / size } else { 0.0 };
        // What roundings of the loss make of a difference.
        let rounding = ROUNDINGS * f64::EPSILON * loss.abs().max(1.0) / h;
        let holds = (slope - difference).abs() <= ALLOWED * size + rounding;
        let along = Along { slope, difference, off, holds };
        if nearest.as_ref().is_none_or(|nearest| nearest.is_worse(&along)) {
            nearest = Some(along);
        }
        if holds {
            break;
        }
    }
    Ok(nearest.expect("there are steps"))
}

/// The size of a gradient along a direction: what it would be if its elements did not cancel.
fn size(gradient: &Literal, slope: f64, difference: f64) -> f64 {
    let squares: f64 = gradient.scalars().map(|g| g.to_f64().powi(2)).sum();
    squares.sqrt().max(slope.abs()).max(difference.abs())
}
