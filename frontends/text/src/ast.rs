//! The syntax tree of a `.graph` file, as written: nothing is resolved, expanded or typed.
//!
//! What the parser guarantees, and later walks may rely on:
//! - The tree's height is bounded by the nesting limit: chains of operators (`a + b - c`), of
//!   subscripts (`x[0][1]`) and of `else if` are flat lists, never nested nodes.
//! - Every node has the span of its text. The span of an expression in parentheses includes them.
//! - Names of inputs, consts, functions, shared layers and arguments have no dot.
//! - Statements stand where the grammar allows them.

mod expressions;

use std::sync::Arc;

pub use expressions::{
    Arg, Binary, BinaryOp, CallExpr, Expr, ExprKind, Index, IndexItem, IndexKind, Level, Link,
    Subscript,
};

use crate::source::{SourceId, Span};

/// A whole file.
#[derive(Clone, Debug)]
pub struct File {
    /// Where the text is.
    pub source: SourceId,
    /// The version of the language; 1 when the file does not say.
    pub version: u32,
    /// `graph NAME`.
    pub graph: Option<Name>,
    /// The statements in the order of the file.
    pub body: Vec<Stmt>,
}

/// A name, scoped (`encoder.dense.w`, `x.1`) or plain, or a word that may stand in its place
/// (`training` and `dtype` as names of arguments).
#[derive(Clone, Debug)]
pub struct Name {
    /// The text, dots included.
    pub text: Arc<str>,
    /// Where it stands.
    pub span: Span,
}

/// A statement.
#[derive(Clone, Debug)]
pub struct Stmt {
    /// What it says.
    pub kind: StmtKind,
    /// From its first word to its last.
    pub span: Span,
    /// What a `#@` comment on its line says about where it came from.
    pub provenance: Option<Provenance>,
}

/// The text of a `#@` comment, without the sign and the space around it.
#[derive(Clone, Debug)]
pub struct Provenance {
    /// For example `mlp.graph:8:15 > std.graph:12:9`.
    pub text: Arc<str>,
    /// Where the text stands.
    pub span: Span,
}

/// What a statement says.
#[derive(Clone, Debug)]
pub enum StmtKind {
    /// `import "layers.graph"`
    Import(Text),
    /// `const n = 3`
    Const(Const),
    /// `input x: f32[batch, 3]`
    Input(Input),
    /// `fn f(x, act=relu) = act(x)`
    Fn(Arc<Function>),
    /// `output y`, `output y = f(x)`
    Output(Report),
    /// `metric m`, `metric m = mean(x)`
    Metric(Report),
    /// `minimize loss with sgd()`, `step critic: minimize ...`
    Minimize(Minimize),
    /// `param w: f32[3] = zeros`, `state n: i32 = 0`
    Variable(Variable),
    /// `shared critic: judge(units=64)`
    Shared(Shared),
    /// `a, b: f32 = split(x, 2)`
    Bind(Bind),
    /// `update v <- 0.9 * v`, `update v[i] <- x`
    Update(Update),
    /// `for i in 0..3 { ... }`
    For(For),
    /// `if a { ... } else if b { ... } else { ... }`
    If(If),
    /// `return a, b`
    Return(Vec<Expr>),
    /// `emit a, b`
    Emit(Vec<Expr>),
}

/// A string literal with its escapes resolved.
#[derive(Clone, Debug)]
pub struct Text {
    /// The value.
    pub value: Arc<str>,
    /// Where it stands, quotes included.
    pub span: Span,
}

/// `const NAME = VALUE`
#[derive(Clone, Debug)]
pub struct Const {
    /// Without a dot.
    pub name: Name,
    /// A compile-time value.
    pub value: Expr,
}

/// `input NAME: TYPE`
#[derive(Clone, Debug)]
pub struct Input {
    /// Without a dot.
    pub name: Name,
    /// May bring in dimension symbols.
    pub ty: Type,
}

/// `fn NAME(FORMALS) = EXPR`, `fn NAME(FORMALS) { ... }`. Shared, so that what instantiates a
/// function can keep it.
#[derive(Clone, Debug)]
pub struct Function {
    /// Without a dot.
    pub name: Name,
    /// Distinct names; those with a default come last.
    pub formals: Vec<Formal>,
    /// What it computes.
    pub body: FunctionBody,
}

/// An argument of a function, with its default.
#[derive(Clone, Debug)]
pub struct Formal {
    /// Without a dot.
    pub name: Name,
    /// Used when a call leaves the argument out.
    pub default: Option<Expr>,
}

/// The body of a function.
#[derive(Clone, Debug)]
pub enum FunctionBody {
    /// `= EXPR`
    Expr(Expr),
    /// `{ ... return ... }`
    Block(Block),
}

/// `output` or `metric`: `NAME`, `NAME = VALUE` or `NAME: TYPE = VALUE`.
#[derive(Clone, Debug)]
pub struct Report {
    /// What is reported, and bound where there is a value.
    pub name: Name,
    /// Only with a value.
    pub ty: Option<Type>,
    /// The value that the name is bound to.
    pub value: Option<Expr>,
}

/// `[step NAME:] minimize LOSS GROUP... [every N]`
#[derive(Clone, Debug)]
pub struct Minimize {
    /// The name of the step.
    pub name: Option<Name>,
    /// What is minimised.
    pub loss: Expr,
    /// At least one.
    pub groups: Vec<OverClause>,
    /// `every 5`: the step runs on each so many-th batch.
    pub every: Option<Every>,
}

/// `every N`
#[derive(Clone, Copy, Debug)]
pub struct Every {
    /// At least 1.
    pub count: i64,
    /// Where the number stands.
    pub span: Span,
}

/// `[over PATTERN, ...] with OPTIMISER(...)`
#[derive(Clone, Debug)]
pub struct OverClause {
    /// Empty: every param that the loss reaches.
    pub patterns: Vec<Pattern>,
    /// The function that updates the params.
    pub optimizer: CallExpr,
}

/// A pattern over names of variables, such as `*.w`.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// The text, stars and dots included.
    pub text: Arc<str>,
    /// Where it stands.
    pub span: Span,
}

/// `param NAME: TYPE = INIT` or `state NAME: TYPE = INIT`
#[derive(Clone, Debug)]
pub struct Variable {
    /// Which of the two.
    pub kind: VariableKind,
    /// The variable's own part of its name.
    pub name: Name,
    /// Its type.
    pub ty: Type,
    /// Its initial value.
    pub init: Expr,
}

/// Whether an optimiser may write a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VariableKind {
    /// `param`: trainable.
    Param,
    /// `state`: no optimiser touches it.
    State,
}

/// `shared NAME: LAYER(ARGS)`
#[derive(Clone, Debug)]
pub struct Shared {
    /// Without a dot.
    pub name: Name,
    /// The function that is instantiated, with the arguments given here.
    pub layer: CallExpr,
}

/// `TARGET, ... = VALUE`
#[derive(Clone, Debug)]
pub struct Bind {
    /// At least one.
    pub targets: Vec<Target>,
    /// What is bound.
    pub value: Bound,
}

/// A name on the left of `=`; `_` drops its value.
#[derive(Clone, Debug)]
pub struct Target {
    /// The name.
    pub name: Name,
    /// Checked where it is written.
    pub ty: Option<Type>,
}

/// The right side of a binding.
#[derive(Clone, Debug)]
pub enum Bound {
    /// An expression.
    Expr(Expr),
    /// A loop that runs at run time.
    Scan(Box<Scan>),
}

/// `scan(T in X, axis=A, reverse=R, CARRY = INIT, ...) { ... }`
#[derive(Clone, Debug)]
pub struct Scan {
    /// At least one.
    pub sequences: Vec<Sequence>,
    /// The argument `axis`.
    pub axis: Option<Expr>,
    /// The argument `reverse`.
    pub reverse: Option<Expr>,
    /// The carries in order, with distinct names.
    pub carries: Vec<Carry>,
    /// The body of one iteration.
    pub body: Block,
    /// From `scan` to the closing brace.
    pub span: Span,
}

/// `NAME in EXPR`
#[derive(Clone, Debug)]
pub struct Sequence {
    /// What one iteration sees.
    pub name: Name,
    /// What is walked.
    pub value: Expr,
}

/// `NAME = EXPR`
#[derive(Clone, Debug)]
pub struct Carry {
    /// The carry.
    pub name: Name,
    /// Its value before the first iteration.
    pub init: Expr,
}

/// `update VARIABLE <- VALUE`, `update VARIABLE[INDEX] <- VALUE`
#[derive(Clone, Debug)]
pub struct Update {
    /// The variable, or the list that `index` picks from.
    pub target: Name,
    /// The compile-time index.
    pub index: Option<Expr>,
    /// What is written.
    pub value: Expr,
}

/// `for NAME in RANGE { ... }`
#[derive(Clone, Debug)]
pub struct For {
    /// The loop's name.
    pub name: Name,
    /// What it walks.
    pub range: Range,
    /// Repeated for each.
    pub body: Block,
}

/// What a `for` walks.
#[derive(Clone, Debug)]
pub enum Range {
    /// `LIST`
    List(Expr),
    /// `A..B`, without B.
    Numbers(Expr, Expr),
}

/// `if A { ... } else if B { ... } else { ... }`
#[derive(Clone, Debug)]
pub struct If {
    /// At least one; the first whose condition holds is taken.
    pub arms: Vec<Arm>,
    /// The last `else`.
    pub otherwise: Option<Block>,
}

impl If {
    /// The blocks of all branches.
    pub fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.arms.iter().map(|arm| &arm.body).chain(&self.otherwise)
    }
}

/// One condition of an `if` with its block.
#[derive(Clone, Debug)]
pub struct Arm {
    /// A compile-time bool.
    pub condition: Expr,
    /// What it guards.
    pub body: Block,
}

/// Statements between braces.
#[derive(Clone, Debug)]
pub struct Block {
    /// In order.
    pub body: Vec<Stmt>,
    /// Braces included.
    pub span: Span,
}

/// An element type and a shape: `f32[batch, 3]`; `f32` and `f32[]` are scalars.
#[derive(Clone, Debug)]
pub struct Type {
    /// The element type.
    pub element: TypeElement,
    /// Dimensions, or lists that are spliced.
    pub dims: Vec<Expr>,
    /// Where it stands.
    pub span: Span,
}

/// The element type of a written type.
#[derive(Clone, Debug)]
pub enum TypeElement {
    /// `f32`
    Word(Element),
    /// `dtype(x)`: that of a value.
    Of(Box<Expr>),
}

/// The words for element types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Element {
    /// `f32`
    F32,
    /// `f64`
    F64,
    /// `bf16`
    Bf16,
    /// `i32`
    I32,
    /// `i64`
    I64,
    /// `u8`
    U8,
    /// `bool`
    Bool,
}

impl Element {
    /// All of them.
    pub const ALL: [Element; 7] = [
        Element::F32,
        Element::F64,
        Element::Bf16,
        Element::I32,
        Element::I64,
        Element::U8,
        Element::Bool,
    ];

    /// The word as it is written.
    pub fn word(self) -> &'static str {
        match self {
            Element::F32 => "f32",
            Element::F64 => "f64",
            Element::Bf16 => "bf16",
            Element::I32 => "i32",
            Element::I64 => "i64",
            Element::U8 => "u8",
            Element::Bool => "bool",
        }
    }
}
