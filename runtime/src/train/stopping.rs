//! Early stopping: a training ends when a metric has not become better for some epochs, and takes
//! back the variables of the best one.

use brolga_compiler::ir::{Literal, Name};
use indexmap::IndexMap;

use crate::RunError;
use crate::session::{Clock, Session};

/// When to end before all epochs are trained.
///
/// ```
/// use brolga::{Better, EarlyStop, FitOptions, Session, fit};
/// # let text = "input x: f32[n]\nparam w: f32 = 3\nminimize w * mean(x) with sgd(lr=0.01)\n";
/// # let graph = brolga::Graph::from_text("w.graph", text)?;
/// # let x = brolga::Literal::from_vec(&[64], vec![1f32; 64]).ok_or("64 elements")?;
/// # let data = brolga::DataSet::new("x", vec![("x".to_string(), x)])?;
///
/// # let mut session = Session::new(graph, Default::default())?;
/// // The loss of this training only falls, so that no epoch after the first has a higher one.
/// let stop = EarlyStop { metric: "loss".into(), better: Better::Higher, patience: 2 };
/// let options = FitOptions { early_stop: Some(stop), ..FitOptions::new(50) };
/// assert_eq!(fit(&mut session, &data, &options, &mut ())?.len(), 3);
/// // The best one's variables and clock are taken back.
/// assert_eq!(session.clock().epoch, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlyStop {
    /// The metric, of the validation if there is one, else of the training.
    pub metric: Name,
    /// Which values of it are better.
    pub better: Better,
    /// So many epochs without a better value are one too many.
    pub patience: u32,
}

/// Which of two values of a metric is better. A NaN is never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Better {
    /// The lower one.
    Lower,
    /// The higher one.
    Higher,
}

/// The best epoch so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Best {
    /// The metric's value after it.
    pub value: f64,
    /// The clock after it.
    pub clock: Clock,
    /// Epochs since then.
    pub waited: u32,
    /// Every variable after it, the optimisers' slots among them.
    pub variables: Vec<(Name, Literal)>,
}

/// Words in the names of metrics of which lower values are better.
const LOWER: [&str; 10] = [
    "loss",
    "error",
    "mse",
    "mae",
    "perplexity",
    "entropy",
    "divergence",
    "nll",
    "deviance",
    "distance",
];

/// Words in the names of metrics of which higher values are better.
const HIGHER: [&str; 8] =
    ["accuracy", "auc", "precision", "recall", "f1", "r2", "score", "similarity"];

impl Better {
    /// What the name of a metric says, if it says one thing.
    ///
    /// ```
    /// use brolga::Better;
    ///
    /// assert_eq!(Better::of_name("top_5_accuracy"), Some(Better::Higher));
    /// assert_eq!(Better::of_name("rmse"), Some(Better::Lower));
    /// assert_eq!(Better::of_name("lines"), None);
    /// ```
    pub fn of_name(metric: &str) -> Option<Better> {
        let has = |words: &[&str]| words.iter().any(|word| metric.contains(word));
        match (has(&LOWER), has(&HIGHER)) {
            (true, false) => Some(Better::Lower),
            (false, true) => Some(Better::Higher),
            (true, true) | (false, false) => None,
        }
    }

    fn is_better(self, value: f64, than: f64) -> bool {
        match self {
            Better::Lower => value < than,
            Better::Higher => value > than,
        }
    }
}

impl EarlyStop {
    /// Looks at what an epoch has reported; returns whether the training has waited long enough.
    ///
    /// # Errors
    /// If there is no scalar metric of that name.
    pub(super) fn look(
        &self,
        metrics: &IndexMap<Name, Literal>,
        session: &Session,
        best: &mut Option<Best>,
    ) -> Result<bool, RunError> {
        let value = self.value(metrics)?;
        match best {
            Some(best) if !self.better.is_better(value, best.value) => {
                best.waited += 1;
                return Ok(best.waited >= self.patience);
            }
            None if value.is_nan() => return Ok(false),
            Some(_) | None => {}
        }
        let variables = session.variables().map(|(name, _, value)| (name.clone(), value));
        let (clock, variables) = (session.clock(), variables.collect());
        *best = Some(Best { value, clock, waited: 0, variables });
        Ok(false)
    }

    fn value(&self, metrics: &IndexMap<Name, Literal>) -> Result<f64, RunError> {
        let scalar = |value: &Literal| {
            value.sizes().is_empty().then(|| value.scalars().next().map(|x| x.to_f64())).flatten()
        };
        metrics.get(&self.metric).and_then(scalar).ok_or_else(|| RunError::NoMetric {
            name: self.metric.clone(),
            known: metrics.iter().filter(|m| scalar(m.1).is_some()).map(|m| m.0.clone()).collect(),
        })
    }
}

impl Best {
    /// Gives a session the variables and the clock of the epoch.
    pub(super) fn restore(&self, session: &mut Session) -> Result<(), RunError> {
        let values: IndexMap<Name, Literal> = self.variables.iter().cloned().collect();
        session.set_variables(values)?;
        session.set_clock(self.clock);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_is_better() {
        let cases = [
            ("loss", Some(Better::Lower)),
            ("rmse", Some(Better::Lower)),
            ("top_5_accuracy", Some(Better::Higher)),
            ("lines", None),
            ("accuracy_error", None),
        ];
        for (name, better) in cases {
            assert_eq!(Better::of_name(name), better, "{name}");
        }
        assert!(!Better::Lower.is_better(f64::NAN, 1.0) && !Better::Higher.is_better(1.0, 1.0));
    }
}
