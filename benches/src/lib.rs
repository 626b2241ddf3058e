//! See the crate's description.

mod work;

pub use work::work;

/// The value below which so large a part of the samples lie; there is at least one sample.
pub fn quantile(mut samples: Vec<f64>, part: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[((samples.len() - 1) as f64 * part) as usize]
}
