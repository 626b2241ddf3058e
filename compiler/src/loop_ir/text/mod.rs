//! The text of kernels, which `dump --stage loops` prints and [`parse_kernels`] reads back: whoever
//! writes a pass can write down what it is given, and what a bug was found on.
//!
//! Axes and bound values are numbered in the order in which they appear (`u0` a unit axis, `i0` a
//! loop's, `v0` a value), so the text does not depend on ids. Expressions are infix; what a
//! statement uses more than once and is neither bound nor short is named `t0`, `t1`, ... before it.
//! Square brackets hold positions, of a memory (`x[2 i0 + 1]`) or as a number (`i32[i0]`). Numbers
//! are f32 and i32 unless they say otherwise (`1.5_f64`, `3_i64`).
//!
//! What a loop carries stands before it with what it starts from, and at the end of its body with
//! what is folded in. Neither the nodes for which a statement is, nor distances that are never
//! walked (of rows or columns where there is one) are in the text.

mod expressions;
mod line;
mod literals;
mod parse;
mod print;
mod tokens;

pub use line::TextError;
pub use parse::parse_kernels;
pub(super) use print::place_names;
pub(crate) use print::text_without_names;

use crate::ir::{BinaryFn, DType};

/// How strongly an operator binds; an operand of less strength is put in parentheses.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Strength {
    Logic,
    Compare,
    Shift,
    Sum,
    Product,
    Power,
    Atom,
}

impl Strength {
    /// That of a function of two elements, if it is written as an operator.
    fn of(f: BinaryFn) -> Strength {
        match f {
            BinaryFn::Add | BinaryFn::Sub => Strength::Sum,
            BinaryFn::Mul | BinaryFn::Div | BinaryFn::FloorDiv | BinaryFn::Mod => Strength::Product,
            BinaryFn::Pow => Strength::Power,
            BinaryFn::And | BinaryFn::Or => Strength::Logic,
            BinaryFn::Max | BinaryFn::Min | BinaryFn::Atan2 => Strength::Atom,
            BinaryFn::Xor | BinaryFn::ShiftRight => Strength::Atom,
        }
    }

    /// What the left operand of an operator needs: shifts, sums and products associate to the left; a
    /// power never stands unparenthesised in itself, nor does `and` beside `or`.
    fn left(self) -> Strength {
        match self {
            Strength::Compare => Strength::Shift,
            Strength::Shift | Strength::Sum | Strength::Product => self,
            Strength::Logic | Strength::Power | Strength::Atom => Strength::Atom,
        }
    }

    /// What the right operand of an operator needs.
    fn right(self) -> Strength {
        match self {
            Strength::Compare => Strength::Shift,
            Strength::Sum => Strength::Product,
            Strength::Logic | Strength::Shift => Strength::Atom,
            Strength::Product | Strength::Power | Strength::Atom => Strength::Atom,
        }
    }
}

/// Whether a name can be written as it is: words of letters, digits and underscores between dots, and
/// the number that makes it distinct; but no literal.
fn is_plain(name: &str) -> bool {
    let starts = |c: char| c.is_alphabetic() || c == '_';
    name.starts_with(starts) && name.chars().all(is_name_char) && literals::read(name).is_none()
}

fn is_name_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '#')
}

/// Whether a memory may not have this name, since it would be read as something else.
fn is_reserved(name: &str) -> bool {
    DType::from_name(name).is_some()
}
