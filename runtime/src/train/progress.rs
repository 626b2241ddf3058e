//! How far a training is: with the variables and the clock, all that it needs to go on.

use serde_json::{Value, json};

use super::metrics::Sum;
use super::stopping::Best;

/// How far a training is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// The epochs that the clock had when the training began.
    pub first_epoch: i64,
    /// Batches of the epoch that were trained; fewer than it has.
    pub batches: usize,
    /// Their rows.
    pub rows: f64,
    /// The sums of the metrics, in the order of [`Averages::sums`](super::Averages::sums).
    pub sums: Vec<Sum>,
    /// What early stopping knows.
    pub best: Option<Best>,
}

impl Progress {
    /// At the start of an epoch.
    pub(super) fn begin_epoch(&mut self) {
        (self.batches, self.rows) = (0, 0.0);
        self.sums.clear();
    }

    /// The numbers of the epoch as JSON, every bit of them.
    pub(super) fn to_json(&self) -> Value {
        let sum = |sum: &Sum| {
            let bits: Vec<u64> = sum.elements.iter().map(|x| x.to_bits()).collect();
            json!({"sizes": sum.sizes, "bits": bits})
        };
        json!({
            "first_epoch": self.first_epoch,
            "batches": self.batches,
            "rows": self.rows.to_bits(),
            "sums": self.sums.iter().map(sum).collect::<Vec<Value>>(),
        })
    }

    /// What [`Progress::to_json`] has written, without what early stopping knows.
    pub(super) fn of_json(value: &Value) -> Option<Progress> {
        let sum = |value: &Value| {
            let sizes = value["sizes"].as_array()?.iter();
            let sizes: Option<Vec<usize>> = sizes.map(|n| n.as_u64().map(|n| n as usize)).collect();
            let bits = value["bits"].as_array()?.iter();
            let elements: Option<Vec<f64>> =
                bits.map(|bits| bits.as_u64().map(f64::from_bits)).collect();
            Some(Sum { sizes: sizes?, elements: elements? })
        };
        let sums: Option<Vec<Sum>> = value["sums"].as_array()?.iter().map(sum).collect();
        Some(Progress {
            first_epoch: value["first_epoch"].as_i64()?,
            batches: usize::try_from(value["batches"].as_u64()?).ok()?,
            rows: f64::from_bits(value["rows"].as_u64()?),
            sums: sums?,
            best: None,
        })
    }
}
