//! Values that are not finite.

use std::fmt;

use brolga_compiler::ir::{Literal, Name, Provenance};

/// The first value of a graph that is not finite.
#[derive(Clone, Debug, PartialEq)]
pub struct NotFinite {
    /// The node.
    pub node: Name,
    /// Where it came from.
    pub provenance: Provenance,
    /// What its values are.
    pub range: Range,
    /// The position of the first element that is not finite.
    pub position: Vec<usize>,
    /// The operands, with what their values are.
    pub operands: Vec<(Name, Range)>,
    /// Where the node is an input: the row, from 0, of the data set of that name.
    pub row: Option<(usize, String)>,
    /// Where the node is in a loop: the iteration, counted along what is walked, from 0.
    pub iteration: Option<usize>,
}

impl NotFinite {
    /// Whether it is a value of the model, of its gradients or of the optimiser.
    pub fn role(&self) -> String {
        let role = self.provenance.sites().first().and_then(|site| site.role.as_deref());
        match role {
            None => "it is computed going forward".into(),
            Some("update") => "it is computed by the optimiser".into(),
            Some(role) => format!("it is computed going backward ({role})"),
        }
    }
}

/// What the values of a tensor are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The lowest finite one; infinite if there is none.
    pub lowest: f64,
    /// The highest finite one; infinite if there is none.
    pub highest: f64,
    /// How many are NaN.
    pub n_nan: usize,
    /// How many are infinite.
    pub n_infinite: usize,
}

impl Range {
    pub(super) fn of(value: &Literal) -> Range {
        let none = (f64::INFINITY, f64::NEG_INFINITY);
        let mut range = Range { lowest: none.0, highest: none.1, n_nan: 0, n_infinite: 0 };
        for x in value.scalars().map(|x| x.to_f64()) {
            match x {
                _ if x.is_nan() => range.n_nan += 1,
                _ if x.is_infinite() => range.n_infinite += 1,
                _ => (range.lowest, range.highest) = (range.lowest.min(x), range.highest.max(x)),
            }
        }
        range
    }

    /// Of one value that is NaN or infinite.
    pub(super) fn of_one(is_nan: bool) -> Range {
        let (n_nan, n_infinite) = (usize::from(is_nan), usize::from(!is_nan));
        Range { lowest: f64::INFINITY, highest: f64::NEG_INFINITY, n_nan, n_infinite }
    }

    pub(super) fn is_finite(&self) -> bool {
        self.n_nan == 0 && self.n_infinite == 0
    }
}

/// `-0.5 to 2.25, 3 NaN, 1 infinite`.
impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |x: f64| match x.abs() {
            0.0 | 1e-3..1e6 => format!("{}", (x * 1e4).round() / 1e4),
            _ => format!("{x:.4e}"),
        };
        let (low, high) = (number(self.lowest), number(self.highest));
        let finite = (self.lowest <= self.highest).then(|| format!("{low} to {high}"));
        let count = |n: usize, what: &str| (n > 0).then(|| format!("{n} {what}"));
        let parts = [finite, count(self.n_nan, "NaN"), count(self.n_infinite, "infinite")];
        f.write_str(&parts.into_iter().flatten().collect::<Vec<String>>().join(", "))
    }
}

/// The indices of an element from its position in row-major order.
pub(super) fn position(sizes: &[usize], at: usize) -> Vec<usize> {
    let mut rest = at;
    let mut indices: Vec<usize> = sizes
        .iter()
        .rev()
        .map(|&n| {
            let index = rest % n.max(1);
            rest /= n.max(1);
            index
        })
        .collect();
    indices.reverse();
    indices
}
