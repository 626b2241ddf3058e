//! How what was found is shown.

use std::fmt::Write;

use brolga::compiler::ir::Name;
use serde_json::{Value, json};

use crate::output::{out, outln};

use super::difference::{Checked, DIRECTIONS};

/// What gradients are of.
pub(super) enum Of {
    /// The loss of a step.
    Step(Name),
    /// The scalar of a call of `grad`, which stands there.
    Call(String),
}

/// What was found of a scalar's gradients.
pub(super) struct Report {
    /// What they are of.
    pub(super) of: Of,
    /// The scalar.
    pub(super) value: f64,
    /// Each of them.
    pub(super) gradients: Vec<Checked>,
}

/// Prints tables; `assumed` are the dimensions that were not given.
pub(super) fn print(reports: &[Report], assumed: &[String]) {
    if !assumed.is_empty() {
        outln!("with {}", assumed.join(", "));
    }
    for report in reports {
        match &report.of {
            Of::Step(name) => outln!("step {name}: loss {}", report.value),
            Of::Call(place) => outln!("grad at {place}: {}", report.value),
        }
        let rows = report.gradients.iter().map(|g| {
            let off = match g.holds {
                // Both are nothing but roundings.
                true if g.off > 0.1 => "0 but for rounding".to_string(),
                true => format!("{:.1e}", g.off),
                false => format!("{:.1e}  no slope", g.off),
            };
            [
                g.parameter.to_string(),
                g.of.clone(),
                format!("{:.6e}", g.gradient),
                format!("{:.6e}", g.difference),
                off,
            ]
        });
        let parameter = match &report.of {
            Of::Step(_) => "parameter",
            Of::Call(_) => "value",
        };
        let head = [parameter, "type", "gradient", "difference", "off by"].map(String::from);
        out!("{}", table(std::iter::once(head).chain(rows).collect()));
    }
    let n: usize = reports.iter().map(|report| report.gradients.len()).sum();
    if reports.iter().flat_map(|report| &report.gradients).all(|gradient| gradient.holds) {
        outln!("{n} gradients are slopes, along {DIRECTIONS} directions each");
    }
}

/// Rows with their columns below each other.
fn table(rows: Vec<[String; 5]>) -> String {
    let width = |k: usize| rows.iter().map(|row| row[k].chars().count()).max().unwrap_or(0);
    let widths: [usize; 5] = std::array::from_fn(width);
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            let _ = write!(line, "  {cell:width$}");
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// The report of `--json`.
pub(super) fn as_json(reports: &[Report]) -> Value {
    let gradient = |of: &str, g: &Checked| {
        json!({
            of: &*g.parameter,
            "type": g.of,
            "gradient": g.gradient,
            "difference": g.difference,
            "off": g.off,
            "holds": g.holds,
        })
    };
    let (mut steps, mut calls) = (vec![], vec![]);
    for report in reports {
        let gradients =
            |of: &str| -> Vec<Value> { report.gradients.iter().map(|g| gradient(of, g)).collect() };
        match &report.of {
            Of::Step(name) => {
                let gradients = gradients("parameter");
                steps.push(json!({"step": &**name, "loss": report.value, "gradients": gradients}));
            }
            Of::Call(place) => {
                let gradients = gradients("value");
                calls.push(json!({"at": place, "value": report.value, "gradients": gradients}));
            }
        }
    }
    json!({"steps": steps, "calls": calls})
}
