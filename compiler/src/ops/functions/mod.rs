//! The functions of one element: a file for each, which holds all that is known of it, and the list
//! of them, from which every table is made: the enum, names and signatures, accepted types, values,
//! gradients, expansions, and (by `compiler/tests/kernels.rs`) the runtime's kernels.
//!
//! A new function is a file and a line of the list. What it leaves out does not compile. The
//! functions of two elements are in [`binary`], in the same form.

mod binary;
mod library;
mod math;

use crate::ir::{DType, ExprId, Exprs, Literal, NodeId, Scalar, Target};

use super::elements::map;
use super::{Build, Signature, TypeError};
pub use binary::BinaryFn;
pub use library::LibraryFn;
use math::{Format, Math};

/// Lists the functions, each as its module and its name in the enum.
macro_rules! functions {
    ($($module:ident $name:ident,)*) => {
        $(mod $module;)*

        /// Functions of one element. The result has the operand's type.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum UnaryFn {
            $(
                #[doc = concat!("`", stringify!($module), "`, see its file.")]
                $name,
            )*
        }

        impl UnaryFn {
            /// Every function, in the order of the language's reference.
            pub const ALL: [UnaryFn; [$(UnaryFn::$name),*].len()] = [$(UnaryFn::$name),*];

            const fn function(self) -> &'static Function {
                match self {
                    $(UnaryFn::$name => const { &$module::FUNCTION },)*
                }
            }

            /// The values at all elements, each function in a loop of its own; an array of a type
            /// that the function does not accept comes back unchanged.
            pub fn map(self, x: &Literal) -> Literal {
                match self {
                    $(UnaryFn::$name => const { $module::FUNCTION }.values.map(x),)*
                }
            }
        }
    };
}
functions! {
    neg Neg,
    abs Abs,
    sign Sign,
    exp Exp,
    expm1 Expm1,
    log Log,
    log1p Log1p,
    sqrt Sqrt,
    sin Sin,
    cos Cos,
    tan Tan,
    asin Asin,
    acos Acos,
    atan Atan,
    sinh Sinh,
    cosh Cosh,
    tanh Tanh,
    erf Erf,
    erfc Erfc,
    sigmoid Sigmoid,
    softplus Softplus,
    floor Floor,
    ceil Ceil,
    round Round,
    relu Relu,
    not Not,
}

/// All that is known of a function of one element.
struct Function {
    signature: Signature,
    /// Its values, which also say the types that it accepts.
    values: Values,
    /// The open interval of the numbers at which it is a finite number.
    domain: (f64, f64),
    gradient: Gradient,
    form: Form,
}

/// All numbers.
const REALS: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

/// The values of a function, by element type.
enum Values {
    /// Of floats alone: f32, f64.
    Floats(fn(f32) -> f32, fn(f64) -> f64),
    /// Of all numbers: f32, f64, i32, i64, u8.
    Numbers(fn(f32) -> f32, fn(f64) -> f64, fn(i32) -> i32, fn(i64) -> i64, fn(u8) -> u8),
    /// Of bools alone.
    Bools(fn(bool) -> bool),
}

/// How a function changes with its argument, and the rule for its gradient.
enum Gradient {
    /// It has all derivatives within its domain.
    Smooth(Rule),
    /// Its slope jumps somewhere.
    Kinked(Rule),
    /// It jumps, and is constant in between: there is no gradient.
    Stepped,
}

/// `dx`, as nodes.
type Rule = fn(&mut Build<'_>, At) -> Result<NodeId, TypeError>;

/// Where a gradient is taken.
struct At {
    /// The operand.
    x: NodeId,
    /// The result.
    y: NodeId,
    /// The cotangent of the result.
    dy: NodeId,
}

/// What a function becomes in a kernel.
enum Form {
    /// An instruction, or a few.
    Instruction(Instruction),
    /// An expression of instructions, made for a loop; or a library kernel, made of the same
    /// expression, for many elements.
    Expanded {
        /// The value at an argument; at all of them, where nothing is rare.
        value: fn(&mut Math<'_>, ExprId) -> ExprId,
        /// What few arguments need.
        rare: Option<Rare>,
    },
}

/// What few arguments of an element type need and takes far longer: a library kernel computes it for
/// these alone.
struct Rare {
    dtype: DType,
    /// Whether an argument is one of them.
    condition: fn(&mut Math<'_>, ExprId) -> ExprId,
    /// The value there.
    value: fn(&mut Math<'_>, ExprId) -> ExprId,
}

/// The functions that machine code has instructions for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instruction {
    /// `-x`
    Neg,
    /// `|x|`
    Abs,
    /// -1, 0 or 1.
    Sign,
    /// The square root.
    Sqrt,
    /// The largest integer not above x.
    Floor,
    /// The smallest integer not below x.
    Ceil,
    /// The nearest integer, ties to even.
    Round,
    /// `max(x, 0)`
    Relu,
    /// Logical negation.
    Not,
}

/// How a function changes with its argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// It has all derivatives within its domain.
    Smooth,
    /// Its slope jumps somewhere.
    Kinked,
    /// It jumps, and is constant in between: it has no gradient.
    Stepped,
}

/// The expressions of primitive operations that compute a function.
#[derive(Clone, Copy, Debug)]
pub struct Expansion {
    /// The value at most arguments.
    pub value: ExprId,
    /// Whether an argument is one of few others, and the value there.
    pub rare: Option<(ExprId, ExprId)>,
}

impl Expansion {
    /// The value at all arguments.
    pub fn whole(self, exprs: &mut Exprs) -> ExprId {
        match self.rare {
            Some((condition, rare)) => exprs.select(condition, rare, self.value),
            None => self.value,
        }
    }
}

impl UnaryFn {
    /// The name in the language.
    pub const fn name(self) -> &'static str {
        self.function().signature.name
    }

    /// The name, the operand and what it computes.
    pub(super) const fn signature(self) -> &'static Signature {
        &self.function().signature
    }

    /// Whether the function exists for elements of this type.
    pub const fn accepts(self, dtype: DType) -> bool {
        match self.function().values {
            Values::Floats(..) => dtype.is_float(),
            Values::Numbers(..) => !matches!(dtype, DType::Bool),
            Values::Bools(_) => matches!(dtype, DType::Bool),
        }
    }

    /// The open interval of the numbers at which it is a finite number.
    pub const fn domain(self) -> (f64, f64) {
        self.function().domain
    }

    /// How it changes with its argument.
    pub const fn course(self) -> Course {
        match self.function().gradient {
            Gradient::Smooth(_) => Course::Smooth,
            Gradient::Kinked(_) => Course::Kinked,
            Gradient::Stepped => Course::Stepped,
        }
    }

    /// The instruction that it is, if it is one.
    pub const fn instruction(self) -> Option<Instruction> {
        match self.function().form {
            Form::Instruction(instruction) => Some(instruction),
            Form::Expanded { .. } => None,
        }
    }

    /// Whether this is expanded to a polynomial: fusion never computes such a value twice, and the
    /// runtime has a kernel for it.
    pub const fn is_transcendental(self) -> bool {
        self.instruction().is_none()
    }

    /// The time it takes, by that of an addition.
    pub(crate) const fn cost(self) -> u32 {
        match self.function().form {
            Form::Instruction(Instruction::Sqrt) => 4,
            Form::Instruction(_) => 1,
            Form::Expanded { .. } => 16,
        }
    }

    /// Whether few arguments of a type take far longer than the others.
    pub(crate) fn has_rare(self, dtype: DType) -> bool {
        match &self.function().form {
            Form::Expanded { rare: Some(rare), .. } => rare.dtype == dtype,
            Form::Expanded { rare: None, .. } | Form::Instruction(_) => false,
        }
    }

    /// The value at `x`; a type that the function does not accept comes back unchanged.
    pub fn eval(self, x: Scalar) -> Scalar {
        match (&self.function().values, x) {
            (Values::Floats(f, _) | Values::Numbers(f, ..), Scalar::F32(x)) => Scalar::F32(f(x)),
            (Values::Floats(_, f) | Values::Numbers(_, f, ..), Scalar::F64(x)) => Scalar::F64(f(x)),
            (Values::Numbers(_, _, f, ..), Scalar::I32(x)) => Scalar::I32(f(x)),
            (Values::Numbers(_, _, _, f, _), Scalar::I64(x)) => Scalar::I64(f(x)),
            (Values::Numbers(.., f), Scalar::U8(x)) => Scalar::U8(f(x)),
            (Values::Bools(f), Scalar::Bool(x)) => Scalar::Bool(f(x)),
            (Values::Floats(..) | Values::Numbers(..) | Values::Bools(_), x) => x,
        }
    }

    /// The expressions that compute it at `x`; `None` where it is an instruction or `x` no float.
    pub fn expand(self, exprs: &mut Exprs, x: ExprId, target: &Target) -> Option<Expansion> {
        let Form::Expanded { value, rare } = &self.function().form else { return None };
        let dtype = exprs.dtype(x);
        let mut math = Math::new(exprs, Format::of(dtype)?, target);
        let rare = rare.as_ref().filter(|rare| rare.dtype == dtype);
        let value = value(&mut math, x);
        let rare = rare.map(|r| ((r.condition)(&mut math, x), (r.value)(&mut math, x)));
        Some(Expansion { value, rare })
    }

    /// `dx` from the operand, the result and its cotangent; `None` where there is no gradient.
    pub(super) fn gradient(
        self,
        g: &mut Build<'_>,
        [x, y, dy]: [NodeId; 3],
    ) -> Result<Option<NodeId>, TypeError> {
        match self.function().gradient {
            Gradient::Smooth(rule) | Gradient::Kinked(rule) => Ok(Some(rule(g, At { x, y, dy })?)),
            Gradient::Stepped => Ok(None),
        }
    }
}

impl Values {
    /// The values at all elements. Inlined, so that a known function is inlined into the loop.
    #[inline(always)]
    fn map(&self, x: &Literal) -> Literal {
        match (self, x) {
            (Values::Floats(f, _) | Values::Numbers(f, ..), Literal::F32(x)) => {
                Literal::new(map(x, f))
            }
            (Values::Floats(_, f) | Values::Numbers(_, f, ..), Literal::F64(x)) => {
                Literal::new(map(x, f))
            }
            (Values::Numbers(_, _, f, ..), Literal::I32(x)) => Literal::new(map(x, f)),
            (Values::Numbers(_, _, _, f, _), Literal::I64(x)) => Literal::new(map(x, f)),
            (Values::Numbers(.., f), Literal::U8(x)) => Literal::new(map(x, f)),
            (Values::Bools(f), Literal::Bool(x)) => Literal::new(map(x, f)),
            (Values::Floats(..) | Values::Numbers(..) | Values::Bools(_), x) => x.clone(),
        }
    }
}

/// The signature of a function: its name in the language, and a sentence that says what it computes
/// and its gradient.
const fn signature(name: &'static str, doc: &'static str) -> Signature {
    Signature { name, operands: &["x"], attributes: &[], doc }
}

#[cfg(test)]
mod tests;
