//! Dates in words, as people write them, and in numbers: `3 March 1998` and `1998-03-03`.

use std::sync::Arc;

use brolga_compiler::ir::Literal;

use super::row_numbers;
use crate::data::{Counter, Split};

/// Characters of the longest date in words: `September 30, 2099`.
const SOURCE: usize = 18;

/// Characters of a date in numbers.
const TARGET: usize = 10;

/// The years that are drawn: 1900 up to this one, which is left out.
const YEARS: (u64, u64) = (1900, 2100);

/// Of ten dates, by their number, the last is the test part's: none of it is in the training part.
const PARTS: u64 = 10;

/// The key of all rows.
const KEY: u64 = u64::from_be_bytes(*b"dates\0\0\0");

const MONTHS: [(&str, u64); 12] = [
    ("January", 31),
    ("February", 28),
    ("March", 31),
    ("April", 30),
    ("May", 31),
    ("June", 30),
    ("July", 31),
    ("August", 31),
    ("September", 30),
    ("October", 31),
    ("November", 30),
    ("December", 31),
];

/// Returns `source` (i32 `[rows, 18]`, filled up with 0) and `target` (i32 `[rows, 10]`).
pub(super) fn arrays(split: Split, rows: usize) -> Option<Vec<(String, Literal)>> {
    let alphabet = alphabet();
    let number = |c: char| alphabet.binary_search(&c).map_or(0, |i| i as i32 + 1);
    let (mut sources, mut targets) = (vec![], vec![]);
    for row in 0..rows {
        let (words, numbers) = draw(row_numbers(KEY, split, row), split);
        let padded = words.chars().map(number).chain(std::iter::repeat(0));
        sources.extend(padded.take(SOURCE));
        targets.extend(numbers.chars().map(number));
    }
    let source = Literal::from_vec(&[rows, SOURCE], sources)?;
    let target = Literal::from_vec(&[rows, TARGET], targets)?;
    Some(vec![("source".to_string(), source), ("target".to_string(), target)])
}

/// What the numbers of both arrays stand for: nothing, then the characters in order.
pub(super) fn characters() -> Arc<[String]> {
    std::iter::once(String::new()).chain(alphabet().into_iter().map(String::from)).collect()
}

/// The characters of all dates, in order.
fn alphabet() -> Vec<char> {
    let months = MONTHS.iter().flat_map(|(name, _)| name.chars());
    let mut all: Vec<char> = "0123456789 ,-".chars().chain(months).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Draws a date of a part: in words and in numbers.
fn draw(numbers: Counter, split: Split) -> (String, String) {
    let test = split == Split::Test;
    // One of ten fits the test part: a thousand tries miss with a chance of 1e-46.
    let fits = |date: &(u64, u64, u64)| (number_of(*date) % PARTS == PARTS - 1) == test;
    let (year, month, day) = (0..1000)
        .map(|attempt| date(numbers, 8 + 4 * attempt))
        .find(fits)
        .unwrap_or_else(|| unreachable!("both parts have dates"));
    let name = MONTHS[month as usize].0;
    let words = match numbers.below(0, 3) {
        0 => format!("{day} {name} {year}"),
        1 => format!("{name} {day}, {year}"),
        _ => format!("{year} {name} {day}"),
    };
    (words, format!("{year}-{:02}-{day:02}", month + 1))
}

/// A year, a month from 0 and a day from 1.
fn date(numbers: Counter, position: u64) -> (u64, u64, u64) {
    let year = YEARS.0 + numbers.below(position, YEARS.1 - YEARS.0);
    let month = numbers.below(position + 1, MONTHS.len() as u64);
    let leap = year.is_multiple_of(if year.is_multiple_of(100) { 400 } else { 4 });
    let days = MONTHS[month as usize].1 + u64::from(leap && month == 1);
    (year, month, 1 + numbers.below(position + 2, days))
}

/// A number of its own for every date.
fn number_of((year, month, day): (u64, u64, u64)) -> u64 {
    (year * 12 + month) * 31 + day - 1
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn drawn(split: Split) -> Vec<(String, String)> {
        (0..3000).map(|row| draw(row_numbers(KEY, split, row), split)).collect()
    }

    #[test]
    fn words_and_numbers_say_the_same_date() {
        for (words, numbers) in drawn(Split::Train) {
            assert!(words.len() <= SOURCE && numbers.len() == TARGET, "{words}: {numbers}");
            let parts: Vec<u64> = numbers.split('-').map(|p| p.parse().expect("digits")).collect();
            let (name, days) = MONTHS[parts[1] as usize - 1];
            assert!(words.contains(name) && (1..=days + 1).contains(&parts[2]), "{words}");
            assert!(words.contains(&parts[0].to_string()), "{words}: {numbers}");
        }
    }

    #[test]
    fn no_test_date_is_trained_on() {
        let numbers = |split| drawn(split).into_iter().map(|(_, n)| n).collect::<HashSet<_>>();
        assert!(numbers(Split::Train).is_disjoint(&numbers(Split::Test)));
    }
}
