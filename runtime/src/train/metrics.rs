//! What batches report, and what that makes over an epoch.

use std::sync::Arc;

use brolga_compiler::ir::{DType, Graph, Literal, Metric, MetricKind, Name, Scalar};
use brolga_compiler::program::{Output, OutputKind};
use indexmap::IndexMap;

use crate::RunError;
use crate::session::{Prepared, finish_metric};

/// Sums over the batches of an epoch: of a mean's values weighted by rows, and of the parts of any
/// other metric. They are f64, added up in the order of the batches.
#[derive(Clone, Debug, PartialEq)]
pub struct Averages {
    metrics: Vec<Reported>,
    /// Rows of all batches.
    pub rows: f64,
}

/// A metric with its sums.
#[derive(Clone, Debug, PartialEq)]
struct Reported {
    metric: Name,
    kind: Kind,
    /// One per part.
    sums: Vec<Sum>,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Mean,
    Total(Arc<Graph>),
}

/// The sums of a tensor's elements.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sum {
    /// The shape.
    pub sizes: Vec<usize>,
    /// The sums in row-major order; empty before the first batch.
    pub elements: Vec<f64>,
}

impl Averages {
    /// Empty sums for the metrics of a program.
    pub fn new(metrics: &[Metric]) -> Averages {
        let reported = |m: &Metric| Reported {
            metric: m.name.clone(),
            kind: match &m.kind {
                MetricKind::Mean(_) => Kind::Mean,
                MetricKind::Total { finish, .. } => Kind::Total(finish.clone()),
            },
            sums: vec![Sum::default(); m.kind.nodes().len()],
        };
        Averages { metrics: metrics.iter().map(reported).collect(), rows: 0.0 }
    }

    /// Forgets all batches.
    pub fn clear(&mut self) {
        self.rows = 0.0;
        let sums = self.metrics.iter_mut().flat_map(|m| &mut m.sums);
        sums.for_each(|sum| sum.elements.clear());
    }

    /// Adds what a batch of so many rows has reported. Scalars need no memory but the first time.
    pub fn add(&mut self, batch: &Prepared<'_>, rows: usize) {
        self.rows += rows as f64;
        for (number, output) in batch.outputs().iter().enumerate() {
            let Output { kind: OutputKind::Metric { metric, part }, .. } = *output else {
                continue;
            };
            let Reported { kind, sums, .. } = &mut self.metrics[metric];
            let weight = match kind {
                Kind::Mean => rows as f64,
                Kind::Total(_) => 1.0,
            };
            match batch.scalar(number) {
                Some(value) => sums[part].add(&[], weight, std::iter::once(value)),
                None => {
                    let value = batch.value(number);
                    sums[part].add(value.sizes(), weight, value.scalars());
                }
            }
        }
    }

    /// The sums, metric by metric and part by part: what a checkpoint keeps of an epoch, with
    /// [`Averages::rows`].
    pub fn sums(&self) -> impl Iterator<Item = (&Name, &Sum)> {
        self.metrics.iter().flat_map(|m| m.sums.iter().map(|sum| (&m.metric, sum)))
    }

    /// Puts sums that [`Averages::sums`] gave for the same program back.
    pub fn restore(&mut self, rows: f64, sums: impl IntoIterator<Item = Sum>) {
        self.rows = rows;
        let places = self.metrics.iter_mut().flat_map(|m| &mut m.sums);
        places.zip(sums).for_each(|(place, sum)| *place = sum);
    }

    /// The metrics over all batches, by name: of a mean f64, of any other as its formula says.
    ///
    /// # Errors
    /// If a formula cannot be evaluated.
    pub fn values(&self) -> Result<IndexMap<Name, Literal>, RunError> {
        let value = |m: &Reported| {
            let value = match &m.kind {
                Kind::Mean => m.sums[0].scaled(1.0 / self.rows),
                Kind::Total(finish) => {
                    let types = finish.inputs.iter().map(|&part| finish.tensor_type(part).dtype);
                    let parts: Vec<Literal> =
                        m.sums.iter().zip(types).map(|(sum, dtype)| sum.cast(dtype)).collect();
                    finish_metric(finish, &parts)?
                }
            };
            Ok((m.metric.clone(), value))
        };
        self.metrics.iter().map(value).collect()
    }
}

impl Sum {
    fn add(&mut self, sizes: &[usize], weight: f64, values: impl Iterator<Item = Scalar>) {
        if self.elements.is_empty() {
            self.sizes = sizes.to_vec();
            self.elements.extend(values.map(|x| weight * x.to_f64()));
        } else {
            self.elements.iter_mut().zip(values).for_each(|(sum, x)| *sum += weight * x.to_f64());
        }
    }

    /// The sums, each multiplied by `factor`.
    fn scaled(&self, factor: f64) -> Literal {
        let elements = self.elements.iter().map(|x| x * factor).collect();
        Literal::from_vec::<f64>(&self.sizes, elements).expect("as many sums as elements")
    }

    /// The sums in the element type that the metric's formula reads.
    fn cast(&self, dtype: DType) -> Literal {
        let bits = |&x: &f64| Scalar::F64(x).cast(dtype).bits().to_le_bytes();
        let size = dtype.size();
        let bytes: Vec<u8> = self.elements.iter().flat_map(|x| bits(x)[..size].to_vec()).collect();
        Literal::from_bytes(dtype, &self.sizes, &bytes).expect("as many sums as elements")
    }
}
