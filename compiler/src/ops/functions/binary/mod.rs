//! The functions of two elements: a file for each, which holds what is known of it but its values
//! (`ir/functions/numbers.rs`) and its instructions, and the list of them, from which the enum and
//! the tables are made.
//!
//! A new function is a file, a line of the list and its values. What it leaves out does not
//! compile.

use super::super::{Build, Signature, TypeError};
use crate::ir::{DType, ExprId, Exprs, NodeId, Target};

/// Lists the functions, each as its module and its name in the enum.
macro_rules! functions {
    ($($(#[$doc:meta])* $module:ident $name:ident,)*) => {
        $(mod $module;)*

        /// Functions of two elements of the same type, which is also the result's.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum BinaryFn {
            $(
                $(#[$doc])*
                $name,
            )*
        }

        impl BinaryFn {
            /// Every function.
            pub const ALL: [BinaryFn; [$(BinaryFn::$name),*].len()] = [$(BinaryFn::$name),*];

            const fn function(self) -> &'static Function {
                match self {
                    $(BinaryFn::$name => const { &$module::FUNCTION },)*
                }
            }
        }
    };
}
functions! {
    /// `a + b`.
    add Add,
    /// `a - b`.
    sub Sub,
    /// `a * b`.
    mul Mul,
    /// `a / b`, of floats.
    div Div,
    /// `a / b` rounded down; for integers 0 where `b` is 0.
    floor_div FloorDiv,
    /// What the division rounded down leaves of `a`, with the sign of `b`; for integers 0 where `b`
    /// is 0. Exact but for a last rounding where the signs differ; in f64 0 where `|a / b|` is
    /// [`LARGEST_QUOTIENT`](crate::ir::LARGEST_QUOTIENT) or more.
    modulo Mod,
    /// The larger; NaN if either is.
    maximum Max,
    /// The smaller; NaN if either is.
    minimum Min,
    /// `a` to the power of `b`: of floats as in C's `pow`; of integers wrapping, and where `b` is
    /// negative the reciprocal rounded to 0, so 0 but for a base of 1 or -1.
    pow Pow,
    /// The angle of the point (b, a) as C's `atan2`, of floats.
    atan2 Atan2,
    /// Bitwise (logical for `bool`) and.
    and And,
    /// Bitwise (logical for `bool`) or.
    or Or,
    /// Bitwise (logical for `bool`) exclusive or.
    xor Xor,
    /// `a` shifted right by `b` modulo the width, zeros moving in; of integers.
    shift_right ShiftRight,
}

/// What is known of a function of two elements.
struct Function {
    signature: Signature,
    /// The operator of the language, if it has one.
    symbol: Option<&'static str>,
    accepts: Accepts,
    /// Whether `f(a, b)` is `f(b, a)`, bit for bit but for the payload of a NaN.
    is_commutative: bool,
    /// `None` where it jumps, and is constant in between.
    gradient: Option<Rule>,
    form: Form,
}

/// The element types of a function.
enum Accepts {
    /// f32, f64, i32, i64, u8.
    Numbers,
    /// f32, f64; what to write instead for integers.
    Floats(Option<&'static str>),
    /// i32, i64, u8.
    Integers,
    /// Bools alone.
    Bools,
    /// i32, i64, u8, bool.
    Bits,
}

/// `da` and `db`, as nodes.
type Rule = fn(&mut Build<'_>, At) -> Result<[NodeId; 2], TypeError>;

/// Where a gradient is taken.
struct At {
    /// The left operand.
    a: NodeId,
    /// The right operand.
    b: NodeId,
    /// The result.
    y: NodeId,
    /// The cotangent of the result.
    dy: NodeId,
}

/// What a function becomes in a kernel.
enum Form {
    /// An instruction, or a few, that take so long as so many additions.
    Instruction(u32),
    /// An expression of instructions, where it is not an instruction for the element type.
    Expanded {
        cost: u32,
        expand: Expand,
        /// Whether the runtime has a kernel, made of the same expression, for many floats.
        library: bool,
    },
}

/// The expression that computes a function; `None` where it is an instruction.
type Expand = fn(&mut Exprs, [ExprId; 2], &Target) -> Option<ExprId>;

impl BinaryFn {
    /// The name of the operation (`add`).
    pub const fn name(self) -> &'static str {
        self.function().signature.name
    }

    /// The name, the operands and what it computes.
    pub(in crate::ops) const fn signature(self) -> &'static Signature {
        &self.function().signature
    }

    /// The operator of the language (`+`), for those that have one.
    pub const fn symbol(self) -> Option<&'static str> {
        self.function().symbol
    }

    /// Whether the function exists for elements of this type.
    pub const fn accepts(self, dtype: DType) -> bool {
        match self.function().accepts {
            Accepts::Numbers => !matches!(dtype, DType::Bool),
            Accepts::Floats(_) => dtype.is_float(),
            Accepts::Integers => dtype.is_int(),
            Accepts::Bools => matches!(dtype, DType::Bool),
            Accepts::Bits => !dtype.is_float(),
        }
    }

    /// Whether the function is of bools alone.
    pub(in crate::ops) const fn is_logical(self) -> bool {
        matches!(self.function().accepts, Accepts::Bools)
    }

    /// What to write instead for integers, if that is another operation.
    pub(in crate::ops) const fn for_integers(self) -> Option<&'static str> {
        match self.function().accepts {
            Accepts::Floats(instead) => instead,
            Accepts::Numbers | Accepts::Integers | Accepts::Bools | Accepts::Bits => None,
        }
    }

    /// Whether `f(a, b)` is `f(b, a)`, bit for bit but for the payload of a NaN.
    pub const fn is_commutative(self) -> bool {
        self.function().is_commutative
    }

    /// Whether it has a gradient.
    pub(in crate::ops) const fn has_gradient(self) -> bool {
        self.function().gradient.is_some()
    }

    /// The time it takes, by that of an addition.
    pub(crate) const fn cost(self) -> u32 {
        match self.function().form {
            Form::Instruction(cost) | Form::Expanded { cost, .. } => cost,
        }
    }

    /// Whether it is an instruction, or a few.
    pub(in crate::ops) const fn is_instruction(self) -> bool {
        matches!(self.function().form, Form::Instruction(_))
    }

    /// Whether it is, of floats, expanded to a polynomial, and the runtime has a kernel for it.
    pub const fn is_transcendental(self) -> bool {
        match self.function().form {
            Form::Instruction(_) => false,
            Form::Expanded { library, .. } => library,
        }
    }

    /// The expressions that compute it; `None` where it is an instruction for the element type.
    pub fn expand(
        self,
        exprs: &mut Exprs,
        operands: [ExprId; 2],
        target: &Target,
    ) -> Option<ExprId> {
        match self.function().form {
            Form::Instruction(_) => None,
            Form::Expanded { expand, .. } => expand(exprs, operands, target),
        }
    }

    /// `da` and `db` from the operands, the result and its cotangent; `None` where there is no
    /// gradient.
    pub(in crate::ops) fn gradient(
        self,
        g: &mut Build<'_>,
        [a, b, y, dy]: [NodeId; 4],
    ) -> Result<[Option<NodeId>; 2], TypeError> {
        match self.function().gradient {
            Some(rule) => Ok(rule(g, At { a, b, y, dy })?.map(Some)),
            None => Ok([None, None]),
        }
    }
}

/// The signature of a function: its name in the language, and a sentence that says what it computes
/// and its gradient.
const fn signature(name: &'static str, doc: &'static str) -> Signature {
    Signature { name, operands: &["a", "b"], attributes: &[], doc }
}
