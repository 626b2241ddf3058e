//! Sounds of half a second at 8 kHz: tones that stay, rise, fall, tremble or come two at a time, in
//! noise.

use std::sync::Arc;

use brolga_compiler::ir::Literal;

use super::row_numbers;
use crate::data::{Counter, Split};

/// Samples of a sound.
const SAMPLES: usize = 4000;

/// Samples in which a tone swells and fades.
const EDGE: usize = 200;

/// What a sound is.
const CLASSES: [&str; 8] =
    ["low", "high", "rising", "falling", "trembling", "pulsing", "two tones", "noise"];

/// The key of all rows.
const KEY: u64 = u64::from_be_bytes(*b"tones\0\0\0");

/// Positions of the numbers for the noise, from here on.
const HISS: u64 = 1 << 16;

/// What the labels stand for.
pub(super) fn classes() -> Arc<[String]> {
    CLASSES.iter().map(|class| (*class).to_string()).collect()
}

/// Returns `wave` (f32 `[rows, 4000]` in [-1, 1]) and `label` (i32 `[rows]`).
pub(super) fn arrays(split: Split, rows: usize) -> Option<Vec<(String, Literal)>> {
    let mut waves = vec![0f32; rows * SAMPLES];
    let mut labels = Vec::with_capacity(rows);
    for (row, wave) in waves.chunks_exact_mut(SAMPLES).enumerate() {
        labels.push(draw(row_numbers(KEY, split, row), wave));
    }
    let waves = Literal::from_vec(&[rows, SAMPLES], waves)?;
    let labels = Literal::from_vec(&[rows], labels)?;
    Some(vec![("wave".to_string(), waves), ("label".to_string(), labels)])
}

/// A turn of the plane by an angle, as its cosine and sine.
#[derive(Clone, Copy)]
struct Turn(f64, f64);

impl Turn {
    /// By 2 π `hertz` / 8000, from the tangent of half of it, so that no library function is needed:
    /// tan(a) = a + a³/3 + 2a⁵/15 + ..., whose next term is 1 % at 1800 Hz.
    fn hertz(hertz: f64) -> Turn {
        let half = std::f64::consts::PI * hertz / 8000.0;
        let square = half * half;
        let t = half * (1.0 + square * (1.0 / 3.0 + square * (2.0 / 15.0)));
        Turn((1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t))
    }

    fn then(self, other: Turn) -> Turn {
        Turn(self.0 * other.0 - self.1 * other.1, self.0 * other.1 + self.1 * other.0)
    }
}

/// A tone whose pitch may glide.
struct Tone {
    at: Turn,
    step: Turn,
    glide: Turn,
}

impl Tone {
    /// From one pitch to another over the samples.
    fn new(from: f64, to: f64) -> Tone {
        let glide = Turn::hertz((to - from) / SAMPLES as f64);
        Tone { at: Turn(1.0, 0.0), step: Turn::hertz(from), glide }
    }

    /// The next sample.
    fn sample(&mut self) -> f64 {
        self.at = self.at.then(self.step);
        self.step = self.step.then(self.glide);
        self.at.1
    }
}

/// Draws one sound (4000 zeros) and returns its label.
fn draw(numbers: Counter, wave: &mut [f32]) -> i32 {
    let label = numbers.below(0, CLASSES.len() as u64) as usize;
    let between = |i: u64, lo: f64, hi: f64| lo + (hi - lo) * f64::from(numbers.unit(i));
    let (low, high) = (between(1, 250.0, 500.0), between(2, 900.0, 1800.0));
    let middle = between(3, 500.0, 1200.0);
    let (mut tone, mut other) = match label {
        0 => (Tone::new(low, low), None),
        1 => (Tone::new(high, high), None),
        2 => (Tone::new(low, high), None),
        3 => (Tone::new(high, low), None),
        6 => (Tone::new(low, low), Some(Tone::new(high, high))),
        _ => (Tone::new(middle, middle), None),
    };
    // How often a second a trembling tone changes its pitch, or a pulsing one its loudness.
    let rate = between(4, 6.0, 12.0);
    let mut slow = Tone::new(rate, rate);
    let start = numbers.below(5, 800) as usize;
    let length = 2400 + numbers.below(6, 800) as usize;
    let loudness = between(7, 0.15, 0.5) * if label == 7 { 0.0 } else { 1.0 };
    let hiss = between(8, 0.05, 0.25);
    for (i, sample) in wave.iter_mut().enumerate() {
        let slow = slow.sample();
        if label == 4 {
            tone.step = Turn::hertz(middle * (1.0 + 0.25 * slow));
        }
        let mut value = tone.sample();
        if let Some(other) = &mut other {
            value = (value + other.sample()) / 2.0;
        }
        if label == 5 {
            value *= if slow > 0.0 { 1.0 } else { 0.0 };
        }
        let noise = hiss * (2.0 * f64::from(numbers.unit(HISS + i as u64)) - 1.0);
        *sample = (loudness * swell(i, start, length) * value + noise) as f32;
    }
    label as i32
}

/// How loud a tone is at a sample, from 0 to 1, that begins at `start` and takes `length`.
fn swell(sample: usize, start: usize, length: usize) -> f64 {
    let since = sample.checked_sub(start).filter(|since| *since < length);
    since.map_or(0.0, |since| since.min(length - since).min(EDGE) as f64 / EDGE as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often a wave crosses 0 upwards, a second.
    fn crossings(tone: &mut Tone, samples: usize) -> f64 {
        let values: Vec<f64> = (0..samples).map(|_| tone.sample()).collect();
        let rises = values.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
        rises as f64 * 8000.0 / samples as f64
    }

    #[test]
    fn tones_have_their_pitch() {
        for hertz in [250.0, 700.0, 1800.0] {
            let found = crossings(&mut Tone::new(hertz, hertz), 8000);
            assert!((found - hertz).abs() < 0.02 * hertz, "{hertz}: {found}");
        }
        let mut rising = Tone::new(300.0, 1500.0);
        let (first, second) = (crossings(&mut rising, 2000), crossings(&mut rising, 2000));
        assert!((first - 600.0).abs() < 20.0 && (second - 1200.0).abs() < 30.0, "{first} {second}");
    }

    #[test]
    fn sounds_stay_within_one() {
        let arrays = arrays(Split::Train, 64).expect("few rows");
        let (_, Literal::F32(waves)) = &arrays[0] else { panic!("waves are f32") };
        assert!(waves.iter().all(|x| x.abs() <= 1.0));
    }
}
