//! The closed list of error codes: one line and one explanation for each.
//!
//! Groups: E01xx syntax, E02xx types and shapes, E03xx names and scopes, E04xx variables, steps
//! and modes, E05xx limits, E06xx data and runs. A code keeps its meaning for ever.

/// Lists the codes: the variant, its number, its title and its explanation.
macro_rules! codes {
    ($($variant:ident $id:literal $title:literal $explanation:literal)*) => {
        /// An error code, such as `E0203`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $title] $variant,)*
        }

        impl Code {
            /// All codes, in the order of their numbers.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];

            /// The code as it is printed: `E0203`.
            pub fn id(self) -> &'static str {
                match self { $(Code::$variant => $id,)* }
            }

            /// What the code means, in one line.
            pub fn title(self) -> &'static str {
                match self { $(Code::$variant => $title,)* }
            }

            /// What the code means at length, with an example; what `brolga explain` prints.
            pub fn explanation(self) -> &'static str {
                match self { $(Code::$variant => $explanation,)* }
            }
        }
    };
}

impl Code {
    /// The code that is printed as `id`, in either case.
    pub fn from_id(id: &str) -> Option<Code> {
        Code::ALL.iter().copied().find(|code| code.id().eq_ignore_ascii_case(id))
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id())
    }
}

codes! {
    UnexpectedText "E0101" "this text does not fit the grammar here"
"The parser expected something else at the marked place.

A statement ends at the end of its line; only inside ( ) and [ ] does it run on, and a line that
begins with `over`, `with` or `every` continues the one before:

    x = relu(
        dense(image, 128))

Lists and arguments have no comma after the last member."

    UnclosedBracket "E0102" "this bracket is never closed"
"A `(`, `[` or `{` has no closing partner. The error stands at the opening bracket; the place
where the parser noticed is marked too."

    StrayBracket "E0103" "this closing bracket closes nothing"
"A `)`, `]` or `}` has no opening partner."

    UnknownCharacter "E0104" "this character is not part of the language"
"Outside of comments and strings a file holds ASCII letters, digits, `_`, the signs of the
grammar, spaces, tabs and line ends. Strings may hold any character but control characters."

    NotUtf8 "E0105" "this file is not UTF-8 text"
"A `.graph` file is UTF-8. The first byte that is not is marked. A file that was saved in another
encoding must be converted; a binary file is no `.graph` file."

    MalformedNumber "E0106" "this is not a number"
"Numbers are written `3`, `0.1`, `1e-3`, `inf` and `nan`. A point needs a digit on both sides:
`1.0` and `0.5`, not `1.` and `.5`. There are no hexadecimal numbers, digit separators or
suffixes."

    MalformedString "E0107" "this string is malformed"
"A string stands in double quotes on one line. Inside it `\\\"` is a quote, `\\\\` a backslash and
`\\n` a line end; a backslash before any other character is an error."

    ReservedWord "E0108" "a reserved word cannot be a name"
"The words of the grammar, the element types and `training`, `step`, `epoch`, `inf` and `nan` are
reserved: no value, variable, function or argument may have such a name, nor begin with one before
a dot. Later parts of a scoped name may be any word."

    MalformedName "E0109" "this is not a name"
"A name is a letter or `_` followed by letters, digits and `_`. Names of values and variables may
be scoped: parts joined by dots, where a later part may be a number (`encoder.dense.1.w`). Names of
inputs, consts, functions, shared layers and arguments have no dot. There are no methods: write
`reshape(x, [3])`, not `x.reshape([3])`."

    MisplacedStatement "E0110" "this statement may not stand here"
"`import`, `const`, `input`, `fn`, `output`, `metric` and `minimize` stand at the top of a file or
in an `if` there, not in the body of a function, `for` or `scan`. `return` stands in a function,
`emit` in a `scan`; `update` stands anywhere but in a `scan`. `version` and `graph` stand first in
the file, in this order. A `scan` is the whole right side of a binding."

    NotAStatement "E0111" "a line must say what happens to its value"
"An expression alone is no statement. Bind the value to a name, or report it:

    y = softmax(x)
    output y"

    UnknownVersion "E0112" "this version of the language is not known"
"`version 1` is the only version. A file that needs a later one needs a later release."

    ArgumentOrder "E0113" "an argument without a name follows one that has it"
"In a call positional arguments come first, then named ones: `dense(x, 128, act=relu)`. In the
definition of a function, arguments with defaults come last. In a `scan` the sequences come before
the carries."

    RepeatedArgument "E0114" "an argument is given twice"
"Each argument of a function, call or `scan` has a name of its own."

    ChainedComparison "E0115" "comparisons do not chain"
"`a < b < c` is not allowed, since it could mean two things. Write `a < b and b < c` with bare
numbers and bools; with tensors, combine the two masks by `minimum` or `select`."

    NotPositive "E0116" "this number must be at least 1"
"`every N` runs a step on each N-th batch, so N is at least 1."

    ShapesCannotBeMultiplied "E0203" "these shapes cannot be multiplied"
"`a @ b` sums over the last axis of `a` and the second to last of `b` (the only one if `b` is a
vector), so the two must have the same length:

    x: f32[batch, 784]   w: f32[784, 128]   x @ w: f32[batch, 128]

Dimensions agree when they are equal numbers or equal polynomials of symbols; different symbols
never agree."

    NestingTooDeep "E0501" "this is nested too deeply"
"Brackets, blocks, and operators before a value may be nested only so deep. Chains such as
`a + b + c`, `x[0][1]` and `else if` count as one level. Bind inner expressions to names, or raise
the limit."

    FileTooLarge "E0502" "this file is too large"
"A file may have only so many bytes. Large constants belong into a `.npy` file, read by
`load(\"file.npy\")`, or raise the limit."

    NumberOutOfRange "E0503" "this number is out of range"
"Integers are 64 bits wide: from -9223372036854775808 to 9223372036854775807. Other numbers are
64-bit floats, at most about 1.8e308; write `inf` for infinity."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_order_and_described() {
        for pair in Code::ALL.windows(2) {
            assert!(pair[0].id() < pair[1].id(), "{} stands before {}", pair[0], pair[1]);
        }
        for &code in Code::ALL {
            assert_eq!(Code::from_id(&code.id().to_lowercase()), Some(code));
            assert!(code.explanation().len() > code.title().len(), "{code} is explained");
            assert!(code.explanation().lines().all(|line| line.len() <= 100), "{code} is wrapped");
        }
    }
}
