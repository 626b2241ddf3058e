//! The learning rates of a training as its reports have them.

use brolga_compiler::ir::{Module, Name, Scalar};
use brolga_compiler::optimizer::{LearningRate, Rate, learning_rates};
use brolga_compiler::program::{Output, OutputKind};

use crate::session::Prepared;

/// The learning rates of a training, with those of the batch that ran last. A metric of the file
/// takes the place of a rate of the same name.
#[derive(Clone, Debug)]
pub(super) struct Rates {
    sources: Vec<Rate>,
    values: Vec<(Name, Scalar)>,
}

impl Rates {
    /// The learning rates of a module; what is computed is NaN before the first batch.
    pub(super) fn new(module: &Module) -> Rates {
        let graph = &module.train;
        let is_taken = |name: &Name| graph.metrics.iter().any(|metric| metric.name == *name);
        let rates = learning_rates(graph).into_iter().filter(|rate| !is_taken(&rate.name));
        let (mut sources, mut values) = (vec![], vec![]);
        for LearningRate { name, rate } in rates {
            let value = match rate {
                Rate::Number(x) => Scalar::F64(x),
                Rate::Output(_) => Scalar::F64(f64::NAN),
            };
            sources.push(rate);
            values.push((name, value));
        }
        Rates { sources, values }
    }

    /// Reads those of the batch that ran last; allocates nothing.
    pub(super) fn read(&mut self, results: &Prepared<'_>) {
        for (rate, (_, value)) in self.sources.iter().zip(&mut self.values) {
            let Rate::Output(name) = rate else { continue };
            let is_rate = |o: &Output| o.kind == OutputKind::Output && o.name == *name;
            let number = results.outputs().iter().position(is_rate);
            if let Some(x) = number.and_then(|number| results.scalar(number)) {
                *value = x;
            }
        }
    }

    /// By name, in the order of the steps.
    pub(super) fn values(&self) -> &[(Name, Scalar)] {
        &self.values
    }
}
