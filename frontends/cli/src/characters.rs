//! Texts that are fed, and that come out, by the characters that numbers stand for.

use brolga::Literal;

use crate::arguments::Weights;
use crate::failure::Failure;
use crate::weights::trained_names;

/// The characters of an array of tokens, by number.
pub(crate) struct Characters(Vec<char>);

impl Characters {
    /// The characters of an array, from the weights.
    pub(crate) fn of(weights: &Weights, array: &str) -> Result<Characters, Failure> {
        let refused = |message: String| {
            let help =
                "train with `--data text:FILE`, and give what `--save` has written as --params";
            Failure::input("E0636", &message, help)
        };
        let names = trained_names(weights)?;
        if names.classes(array).is_empty() {
            return Err(refused(format!(
                "no weights say which characters the numbers of `{array}` stand for"
            )));
        }
        let single = |name: &String| {
            let mut characters = name.chars();
            characters.next().filter(|_| characters.next().is_none())
        };
        let characters = names.classes(array).iter().map(single).collect::<Option<Vec<char>>>();
        let other = || refused(format!("the numbers of `{array}` do not stand for characters"));
        characters.map(Characters).ok_or_else(other)
    }

    /// The numbers of a text as one row of `length`: its end where it is longer, filled up in front
    /// with number 0 where it is shorter.
    pub(crate) fn numbers(&self, text: &str, length: usize) -> Result<Literal, Failure> {
        let number = |c: char| {
            let at =
                self.0.iter().position(|known| *known == c).and_then(|n| i32::try_from(n).ok());
            at.ok_or_else(|| {
                let message =
                    format!("the character {c:?} was not in the text that was trained on");
                Failure::input("E0636", &message, "leave it out")
            })
        };
        let numbers = text.chars().map(number).collect::<Result<Vec<i32>, Failure>>()?;
        let end = &numbers[numbers.len().saturating_sub(length)..];
        let mut row = vec![0; length - end.len()];
        row.extend_from_slice(end);
        Ok(Literal::from_vec(&[1, length], row).expect("a number for each place"))
    }

    /// The rows of numbers as texts; `None` of what holds no numbers of characters.
    pub(crate) fn texts(&self, numbers: &Literal) -> Option<Vec<String>> {
        let Literal::I32(array) = numbers else { return None };
        let length = array.shape().last().copied().filter(|n| *n > 0)?;
        let character = |n: &i32| usize::try_from(*n).ok().and_then(|n| self.0.get(n)).copied();
        let all = array.iter().map(character).collect::<Option<Vec<char>>>()?;
        Some(all.chunks(length).map(|row| row.iter().collect()).collect())
    }
}
