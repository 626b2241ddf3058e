//! Numbers that have names: classes, and the texts that tokens stand for.

use brolga::Literal;

/// What a number is called.
pub(crate) fn class(names: &[String], number: i64) -> Option<&str> {
    usize::try_from(number).ok().and_then(|i| names.get(i)).map(String::as_str)
}

/// The text that a row of tokens stands for: characters side by side, words with spaces; what has
/// no name but the empty one is padding. `None` for what is no list of tokens.
pub(crate) fn text(names: &[String], value: &Literal) -> Option<String> {
    if names.is_empty() || value.sizes().len() != 1 || !value.dtype().is_int() {
        return None;
    }
    let number = |x: brolga::Scalar| x.to_f64() as i64;
    let tokens: Option<Vec<&str>> = value.scalars().map(|x| class(names, number(x))).collect();
    let tokens: Vec<&str> = tokens?.into_iter().filter(|token| !token.is_empty()).collect();
    let of_characters = names.iter().all(|name| name.chars().count() <= 1);
    Some(tokens.join(if of_characters { "" } else { " " }))
}
