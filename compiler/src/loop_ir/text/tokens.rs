//! The words of a line.

use super::{is_name_char, literals};

/// A word.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A name or a word of the text; in quotes whatever it is made of.
    Name(String),
    /// What begins like a number.
    Number(String),
    /// A sign.
    Sign(&'static str),
}

/// The signs, longer ones before those that they begin with.
const SIGNS: [&str; 23] = [
    "<<", ">>", "<=", ">=", "==", "!=", "//", "**", "+=", "(", ")", "[", "]", ",", ":", "=", "<",
    ">", "+", "-", "*", "/", "%",
];

/// The tokens of a line, each with its column from 1 on, or the column and the text that is none.
pub(super) fn tokens(line: &str) -> Result<Vec<(Token, usize)>, (usize, String)> {
    let mut found = vec![];
    let mut rest = line;
    loop {
        rest = rest.trim_start();
        let column = line[..line.len() - rest.len()].chars().count() + 1;
        let Some(first) = rest.chars().next() else { return Ok(found) };
        let (token, n_bytes) = token(rest).ok_or((column, format!("`{first}` begins nothing")))?;
        found.push((token, column));
        rest = &rest[n_bytes..];
    }
}

/// The token with which a text begins, and its bytes.
fn token(text: &str) -> Option<(Token, usize)> {
    if let Some(quoted) = text.strip_prefix('"') {
        return self::quoted(quoted).map(|(name, n_bytes)| (Token::Name(name), n_bytes + 1));
    }
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let n_bytes = name_bytes(unsigned);
    // `true` is a name until a value is needed.
    let is_special = ["inf", "nan"].iter().any(|special| unsigned.starts_with(special))
        && literals::read(&unsigned[..n_bytes]).is_some();
    if unsigned.starts_with(|c: char| c.is_ascii_digit()) || is_special {
        let n_bytes = number_bytes(unsigned) + text.len() - unsigned.len();
        return Some((Token::Number(text[..n_bytes].to_string()), n_bytes));
    }
    if text.len() == unsigned.len() && n_bytes > 0 {
        return Some((Token::Name(text[..n_bytes].to_string()), n_bytes));
    }
    let sign = SIGNS.iter().find(|sign| text.starts_with(**sign))?;
    Some((Token::Sign(sign), sign.len()))
}

fn name_bytes(text: &str) -> usize {
    text.find(|c: char| !is_name_char(c)).unwrap_or(text.len())
}

/// The bytes of a number, whose exponent may have a sign: `1e-5_f64`.
fn number_bytes(text: &str) -> usize {
    let n_bytes = name_bytes(text);
    let is_decimal = !text.starts_with("0x");
    let rest = &text[n_bytes..];
    if is_decimal && text[..n_bytes].ends_with(['e', 'E']) && rest.starts_with(['+', '-']) {
        return n_bytes + 1 + name_bytes(&rest[1..]);
    }
    n_bytes
}

/// A name up to its quote, and the bytes with the quote.
fn quoted(text: &str) -> Option<(String, usize)> {
    let mut name = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((name, at + 1)),
            '\\' => name.push(match chars.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => name.push(other),
        }
    }
    None
}

/// A name in quotes, as [`tokens`] reads it.
pub(super) fn in_quotes(name: &str) -> String {
    let mut text = String::from('"');
    for c in name.chars() {
        match c {
            '\n' => text += "\\n",
            '"' | '\\' => text.extend(['\\', c]),
            other => text.push(other),
        }
    }
    text + "\""
}
