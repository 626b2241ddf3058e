//! What users think of films: a mean, how kind the user is, how good the film is, how much the
//! user's taste is the film's kind, and noise.

use brolga_compiler::ir::Literal;

use super::{normal, row_numbers};
use crate::data::{Counter, Split};

/// How many users there are.
const USERS: u64 = 400;

/// How many films there are.
const FILMS: u64 = 200;

/// Ways in which tastes and films differ.
const FACTORS: u64 = 2;

/// The mean of all ratings.
const MEAN: f32 = 3.5;

/// The deviation of what is added to a rating: no prediction has a smaller root mean square error.
pub(super) const NOISE: f32 = 0.5;

/// The key of all rows.
const KEY: u64 = u64::from_be_bytes(*b"ratings\0");

/// Returns `user` (i32 `[rows]` below 400), `film` (i32 `[rows]` below 200) and `rating` (f32
/// `[rows]`).
pub(super) fn arrays(split: Split, rows: usize) -> Option<Vec<(String, Literal)>> {
    let users: Vec<Side> = (0..USERS).map(|user| Side::new(0, user)).collect();
    let films: Vec<Side> = (0..FILMS).map(|film| Side::new(1, film)).collect();
    let (mut user, mut film, mut rating) = (vec![], vec![], vec![]);
    for row in 0..rows {
        let numbers = row_numbers(KEY, split, row);
        let (u, f) = (numbers.below(0, USERS), numbers.below(1, FILMS));
        user.push(u as i32);
        film.push(f as i32);
        let meant = users[u as usize].meets(&films[f as usize]);
        rating.push(meant + NOISE * normal(numbers, 1));
    }
    let array = |name: &str, literal: Option<Literal>| Some((name.to_string(), literal?));
    Some(vec![
        array("user", Literal::from_vec(&[rows], user))?,
        array("film", Literal::from_vec(&[rows], film))?,
        array("rating", Literal::from_vec(&[rows], rating))?,
    ])
}

/// A user or a film.
struct Side {
    /// What it adds to every rating.
    bias: f32,
    /// Its taste or kind.
    factors: [f32; FACTORS as usize],
}

impl Side {
    fn new(side: u64, number: u64) -> Side {
        let numbers = Counter::new(&[KEY, 2 + side, number]);
        let factors = std::array::from_fn(|k| normal(numbers, 1 + k as u64));
        Side { bias: 0.4 * normal(numbers, 0), factors }
    }

    /// The rating without noise.
    fn meets(&self, film: &Side) -> f32 {
        let pairs = self.factors.iter().zip(film.factors);
        let fit: f32 = pairs.map(|(taste, kind)| taste * kind).sum();
        MEAN + self.bias + film.bias + 0.5 * fit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_noise_is_the_error_of_the_best_prediction() {
        let (rows, mut squares) = (20_000, 0.0);
        let arrays = arrays(Split::Test, rows).expect("few rows");
        let Some((_, Literal::F32(rating))) = arrays.last() else { panic!("ratings are f32") };
        for (row, rating) in rating.iter().enumerate() {
            let numbers = row_numbers(KEY, Split::Test, row);
            let (user, film) = (numbers.below(0, USERS), numbers.below(1, FILMS));
            let missed = rating - Side::new(0, user).meets(&Side::new(1, film));
            squares += f64::from(missed * missed);
        }
        let error = (squares / rows as f64).sqrt();
        assert!((error - f64::from(NOISE)).abs() < 0.01, "{error}");
    }
}
