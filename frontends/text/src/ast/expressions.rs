//! Expressions, as written.

use std::sync::Arc;

use super::{Element, Name};
use crate::source::Span;

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it says.
    pub kind: ExprKind,
    /// Where it stands, parentheses included.
    pub span: Span,
}

/// What an expression says.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// `3`. Never negative but for `-9223372036854775808`, which is one literal.
    Int(i64),
    /// `0.1`, `inf`, `nan`. Never negative.
    Float(f64),
    /// `true`, `false`
    Bool(bool),
    /// `"same"`, escapes resolved.
    Str(Arc<str>),
    /// `training`
    Training,
    /// `step`
    Step,
    /// `epoch`
    Epoch,
    /// `f32` as an argument.
    Element(Element),
    /// `x`, `encoder.dense.w`
    Name(Name),
    /// `dense(x, 128, act=relu)`
    Call(CallExpr),
    /// `[1, 2]`
    List(Vec<Expr>),
    /// `-x`
    Neg(Box<Expr>),
    /// `not x`
    Not(Box<Expr>),
    /// `a + b - c`, `a < b`, `a ** b`
    Binary(Box<Binary>),
    /// `x[0, :][1]`
    Index(Box<Index>),
}

/// A function's name with arguments; also an optimiser or shared layer, where the parentheses may
/// be left out.
#[derive(Clone, Debug)]
pub struct CallExpr {
    /// Without a dot.
    pub name: Name,
    /// Positional ones first; names are distinct.
    pub args: Vec<Arg>,
    /// Name and arguments.
    pub span: Span,
}

/// An argument of a call.
#[derive(Clone, Debug)]
pub struct Arg {
    /// Without a dot; a positional argument has none.
    pub name: Option<Name>,
    /// Its value.
    pub value: Expr,
}

/// A chain of binary operators of one level, applied from the left:
/// `((first op₁ rhs₁) op₂ rhs₂) ...`.
///
/// At [`Level::Compare`] and [`Level::Power`] there is exactly one link. At the others `first` is
/// never itself a chain of the same level, since the parser has joined the two.
#[derive(Clone, Debug)]
pub struct Binary {
    /// The leftmost operand.
    pub first: Expr,
    /// At least one.
    pub rest: Vec<Link>,
}

/// An operator and its right operand.
#[derive(Clone, Debug)]
pub struct Link {
    /// The operator.
    pub op: BinaryOp,
    /// Where the operator stands.
    pub op_span: Span,
    /// Its right operand; the left one is the chain before it.
    pub rhs: Expr,
    /// The chain up to and including this link: where an error of this operation points.
    pub span: Span,
}

/// Binary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `or`
    Or,
    /// `and`
    And,
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `//`
    FloorDiv,
    /// `%`
    Rem,
    /// `@`
    MatMul,
    /// `**`
    Pow,
}

impl BinaryOp {
    /// All of them.
    pub const ALL: [BinaryOp; 16] = [
        BinaryOp::Or,
        BinaryOp::And,
        BinaryOp::Eq,
        BinaryOp::Ne,
        BinaryOp::Lt,
        BinaryOp::Le,
        BinaryOp::Gt,
        BinaryOp::Ge,
        BinaryOp::Add,
        BinaryOp::Sub,
        BinaryOp::Mul,
        BinaryOp::Div,
        BinaryOp::FloorDiv,
        BinaryOp::Rem,
        BinaryOp::MatMul,
        BinaryOp::Pow,
    ];

    /// The sign or word.
    pub fn sign(self) -> &'static str {
        match self {
            BinaryOp::Or => "or",
            BinaryOp::And => "and",
            BinaryOp::Eq => "==",
            BinaryOp::Ne => "!=",
            BinaryOp::Lt => "<",
            BinaryOp::Le => "<=",
            BinaryOp::Gt => ">",
            BinaryOp::Ge => ">=",
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::FloorDiv => "//",
            BinaryOp::Rem => "%",
            BinaryOp::MatMul => "@",
            BinaryOp::Pow => "**",
        }
    }

    /// How strongly it binds.
    pub fn level(self) -> Level {
        match self {
            BinaryOp::Or => Level::Or,
            BinaryOp::And => Level::And,
            BinaryOp::Eq
            | BinaryOp::Ne
            | BinaryOp::Lt
            | BinaryOp::Le
            | BinaryOp::Gt
            | BinaryOp::Ge => Level::Compare,
            BinaryOp::Add | BinaryOp::Sub => Level::Sum,
            BinaryOp::Mul
            | BinaryOp::Div
            | BinaryOp::FloorDiv
            | BinaryOp::Rem
            | BinaryOp::MatMul => Level::Term,
            BinaryOp::Pow => Level::Power,
        }
    }
}

/// How strongly an expression holds together, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// `a or b`
    Or,
    /// `a and b`
    And,
    /// `not a`
    Not,
    /// `a == b`, which does not chain
    Compare,
    /// `a + b`
    Sum,
    /// `a * b`
    Term,
    /// `-a`
    Unary,
    /// `a ** b`, which groups to the right
    Power,
    /// `a[0]`
    Postfix,
    /// A name, number, call, list: never in need of parentheses
    Atom,
}

impl Level {
    /// The next stronger level; that of [`Level::Atom`] is itself.
    pub fn next(self) -> Level {
        match self {
            Level::Or => Level::And,
            Level::And => Level::Not,
            Level::Not => Level::Compare,
            Level::Compare => Level::Sum,
            Level::Sum => Level::Term,
            Level::Term => Level::Unary,
            Level::Unary => Level::Power,
            Level::Power => Level::Postfix,
            Level::Postfix | Level::Atom => Level::Atom,
        }
    }
}

impl ExprKind {
    /// The level at which the expression would print without parentheses.
    pub fn level(&self) -> Level {
        match self {
            ExprKind::Int(value) if *value < 0 => Level::Unary,
            ExprKind::Float(value) if value.is_sign_negative() && !value.is_nan() => Level::Unary,
            ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Bool(_)
            | ExprKind::Str(_)
            | ExprKind::Training
            | ExprKind::Step
            | ExprKind::Epoch
            | ExprKind::Element(_)
            | ExprKind::Name(_)
            | ExprKind::Call(_)
            | ExprKind::List(_) => Level::Atom,
            ExprKind::Neg(_) => Level::Unary,
            ExprKind::Not(_) => Level::Not,
            ExprKind::Binary(chain) => chain.level(),
            ExprKind::Index(_) => Level::Postfix,
        }
    }
}

impl Binary {
    /// The level of all operators of the chain.
    pub fn level(&self) -> Level {
        self.rest.first().expect("a chain has at least one link").op.level()
    }
}

/// `BASE[...][...]`
#[derive(Clone, Debug)]
pub struct Index {
    /// What is indexed; never itself an index.
    pub base: Expr,
    /// At least one, applied from the left.
    pub subscripts: Vec<Subscript>,
}

/// One pair of brackets after a value.
#[derive(Clone, Debug)]
pub struct Subscript {
    /// At least one.
    pub items: Vec<IndexItem>,
    /// From the start of the indexed value to the closing bracket.
    pub span: Span,
}

/// One place between the commas of a subscript.
#[derive(Clone, Debug)]
pub struct IndexItem {
    /// What it says.
    pub kind: IndexKind,
    /// Where it stands.
    pub span: Span,
}

/// What stands at one place of a subscript.
#[derive(Clone, Debug)]
pub enum IndexKind {
    /// `...`
    Ellipsis,
    /// `3`
    At(Expr),
    /// `start:stop:step`
    Slice {
        /// Where the slice begins.
        start: Option<Expr>,
        /// Where it ends; not included.
        stop: Option<Expr>,
        /// How far from one to the next.
        step: Option<Expr>,
    },
}
