//! Operators and the elementwise functions behind them: of bare numbers at compile time, of
//! tensors as nodes, with bare numbers taking the type of the tensor they meet.

use brolga_compiler::ir::{BinaryFn, CompareFn, DType, DimError, TensorType, UnaryFn};
use brolga_compiler::ops::TypeError;

use super::bare;
use super::number::BareError;
use super::report::type_diagnostic;
use super::value::{FileId, Tensor, Value};
use super::{Elaborator, Failed, Result};
use crate::ast::{BinaryOp, Expr, ExprKind};
use crate::codes::Code;
use crate::diagnostics::Diagnostic;
use crate::source::Span;

/// An operand: its value, where it stands, and its text.
#[derive(Clone, Copy)]
pub(super) struct Operand<'e> {
    pub(super) value: &'e Value,
    pub(super) span: Span,
    /// The expression, where it is one of its own.
    pub(super) expr: Option<&'e Expr>,
}

/// What a binary operator does to tensors.
#[derive(Clone, Copy)]
enum TensorFn {
    Binary(BinaryFn),
    Compare(CompareFn),
    MatMul,
}

fn tensor_fn(op: BinaryOp) -> TensorFn {
    match op {
        BinaryOp::Or => TensorFn::Binary(BinaryFn::Or),
        BinaryOp::And => TensorFn::Binary(BinaryFn::And),
        BinaryOp::Eq => TensorFn::Compare(CompareFn::Eq),
        BinaryOp::Ne => TensorFn::Compare(CompareFn::Ne),
        BinaryOp::Lt => TensorFn::Compare(CompareFn::Lt),
        BinaryOp::Le => TensorFn::Compare(CompareFn::Le),
        BinaryOp::Gt => TensorFn::Compare(CompareFn::Gt),
        BinaryOp::Ge => TensorFn::Compare(CompareFn::Ge),
        BinaryOp::Add => TensorFn::Binary(BinaryFn::Add),
        BinaryOp::Sub => TensorFn::Binary(BinaryFn::Sub),
        BinaryOp::Mul => TensorFn::Binary(BinaryFn::Mul),
        BinaryOp::Div => TensorFn::Binary(BinaryFn::Div),
        BinaryOp::FloorDiv => TensorFn::Binary(BinaryFn::FloorDiv),
        BinaryOp::Rem => TensorFn::Binary(BinaryFn::Mod),
        BinaryOp::Pow => TensorFn::Binary(BinaryFn::Pow),
        BinaryOp::MatMul => TensorFn::MatMul,
    }
}

impl Elaborator<'_> {
    /// `f(x)` for a function of one element.
    pub(super) fn unary(&mut self, f: UnaryFn, x: &Value, span: Span) -> Result<Value> {
        match x {
            Value::Bare(x) => {
                let y = bare::unary(f, x);
                y.map(Value::Bare).map_err(|e| self.bare_error(&e, f.name(), span))
            }
            _ => {
                let x = self.materialise(x, None, span)?;
                Ok(Value::Tensor(self.build(&[x], |build, x| build.unary(f, x[0]))?))
            }
        }
    }

    /// `f(a, b)` for a function of two elements.
    pub(super) fn elementwise(
        &mut self,
        f: BinaryFn,
        a: Operand<'_>,
        b: Operand<'_>,
        span: Span,
    ) -> Result<Value> {
        if let (Value::Bare(x), Value::Bare(y)) = (a.value, b.value) {
            let result = bare::arithmetic(f, x, y);
            return result.map(Value::Bare).map_err(|e| self.bare_error(&e, f.name(), span));
        }
        self.on_tensors(TensorFn::Binary(f), f.name(), a, b)
    }

    /// `a op b`.
    pub(super) fn binary(
        &mut self,
        op: BinaryOp,
        a: Operand<'_>,
        b: Operand<'_>,
        span: Span,
    ) -> Result<Value> {
        if a.value.is_poisoned() || b.value.is_poisoned() {
            return Err(Failed);
        }
        if let (Value::Bare(x), Value::Bare(y)) = (a.value, b.value) {
            let result = bare::binary(op, x, y);
            return result.map(Value::Bare).map_err(|e| self.bare_error(&e, op.sign(), span));
        }
        let compares = matches!(op, BinaryOp::Eq | BinaryOp::Ne);
        if compares && let Some(equal) = same(a.value, b.value) {
            return Ok(Value::bool(equal == (op == BinaryOp::Eq)));
        }
        self.on_tensors(tensor_fn(op), op.sign(), a, b)
    }

    fn on_tensors(
        &mut self,
        f: TensorFn,
        sign: &str,
        a: Operand<'_>,
        b: Operand<'_>,
    ) -> Result<Value> {
        let [x, y] = self.together([a, b], sign)?;
        let built = self.try_build(&[x, y], |build, nodes| {
            let (a, b) = (nodes[0], nodes[1]);
            match f {
                TensorFn::Binary(f) => build.binary(f, a, b),
                TensorFn::Compare(f) => build.compare(f, a, b),
                TensorFn::MatMul => build.matmul(a, b, (false, false)),
            }
        })?;
        built.map(Value::Tensor).map_err(|e| self.operand_error(&e, [a, b], [x, y]))
    }

    /// Two operands as tensors of one element type, that of the first tensor.
    pub(super) fn together(
        &mut self,
        operands: [Operand<'_>; 2],
        sign: &str,
    ) -> Result<[Tensor; 2]> {
        let [a, b] = operands;
        for operand in operands {
            let fits = match operand.value {
                Value::Tensor(_) | Value::Bare(_) | Value::List(_) => true,
                Value::Poison => return Err(Failed),
                Value::Str(_) | Value::Element(_) | Value::Function(_) | Value::Initial(_) => false,
            };
            if !fits {
                let message = format!("`{sign}` is not for {}", operand.value.kind());
                return Err(self.error(Code::WrongKind, message, operand.span, ""));
            }
        }
        let (of_a, of_b) = (self.type_if_tensor(a.value), self.type_if_tensor(b.value));
        if let (Some(of_a), Some(of_b)) = (&of_a, &of_b)
            && of_a.dtype != of_b.dtype
        {
            return Err(self.dtypes_differ(sign, [a, b], [of_a, of_b]));
        }
        let dtype = of_a.or(of_b).map(|found| found.dtype);
        let dtype = dtype.unwrap_or_else(|| {
            super::types::default_dtype(&Value::list(vec![a.value.clone(), b.value.clone()]))
        });
        let x = self.materialise(a.value, Some(dtype), a.span)?;
        Ok([x, self.materialise(b.value, Some(dtype), b.span)?])
    }

    fn type_if_tensor(&self, value: &Value) -> Option<TensorType> {
        if let Value::Tensor(x) = value { Some(self.tensor_type(*x).clone()) } else { None }
    }

    fn dtypes_differ(
        &mut self,
        sign: &str,
        [a, b]: [Operand<'_>; 2],
        [of_a, of_b]: [&TensorType; 2],
    ) -> Failed {
        let message = "these element types do not meet without a cast";
        let label = format!("{of_a} {sign} {of_b}");
        let (other, dtype) = match casts_right(of_a.dtype, of_b.dtype) {
            true => (b, of_a.dtype),
            false => (a, of_b.dtype),
        };
        let text = self.sources.text(other.span);
        let is_short = text.len() <= 40 && !text.contains('\n');
        let is_shown = is_short && self.here().file != FileId::STD;
        let shown = if is_shown { text } else { ".." };
        let help = format!("write `cast({shown}, {dtype})`");
        let at = self.at;
        let error = Diagnostic::error(Code::DTypesDiffer, message).at(at, label);
        self.push(error.help(help))
    }

    /// Reports what an operation refuses of two operands, with what they are.
    fn operand_error(
        &mut self,
        error: &TypeError,
        operands: [Operand<'_>; 2],
        tensors: [Tensor; 2],
    ) -> Failed {
        let mut diagnostic = type_diagnostic(error, self.at);
        let wanted = match diagnostic.code {
            Code::ShapesCannotBeMultiplied => {
                let [of_a, of_b] = tensors.map(|x| self.tensor_type(x).clone());
                let rows = if of_b.rank() == 1 { "only" } else { "first" };
                (of_a.rank() > 0 && of_b.rank() <= 2).then(|| {
                    format!("; its {rows} dimension must be {}", of_a.shape[of_a.rank() - 1])
                })
            }
            _ => None,
        };
        diagnostic = self.with_operands(diagnostic, operands, wanted);
        self.push(diagnostic)
    }

    /// Adds where the operands come from, if they are names: their lines, or for variables and
    /// inputs where they are declared. `wanted` is what the second one should be.
    fn with_operands(
        &self,
        mut diagnostic: Diagnostic,
        operands: [Operand<'_>; 2],
        wanted: Option<String>,
    ) -> Diagnostic {
        if self.here().file == FileId::STD {
            return diagnostic;
        }
        for (k, operand) in operands.iter().enumerate() {
            let Some(Expr { kind: ExprKind::Name(name), .. }) = operand.expr else { continue };
            if let Some(Expr { kind: ExprKind::Name(other), .. }) = operands[1].expr
                && k == 0
                && other.text == name.text
            {
                continue;
            }
            let Some(binding) = self.find_value(&name.text) else { continue };
            let Value::Tensor(x) = binding.value else { continue };
            match binding.declared {
                None => {
                    let here = self.sources.start(operand.span).line;
                    if binding.span.source == operand.span.source
                        && self.sources.start(binding.span).line != here
                    {
                        let of_x = self.tensor_type(x).to_string();
                        diagnostic = diagnostic.with(binding.span, of_x);
                    }
                }
                Some(_) => {
                    let line = self.sources.start(binding.span).line;
                    let wanted = wanted.as_deref().filter(|_| k == 1).unwrap_or_default();
                    let help = format!("{} is declared at line {line}{wanted}", name.text);
                    diagnostic = diagnostic.help(help);
                }
            }
        }
        diagnostic
    }

    fn bare_error(&mut self, error: &BareError, sign: &str, span: Span) -> Failed {
        match error {
            BareError::Kind => {
                let message = format!("`{sign}` does not exist for these values");
                self.error(Code::WrongKind, message, span, "")
            }
            BareError::Dim(DimError::DivisionByZero) => {
                let error = Diagnostic::error(Code::Dimension, "this divides by zero").at(span, "");
                self.push(
                    error.help(
                        "the divisor must not be 0; only of tensors of integers is `x // 0` 0",
                    ),
                )
            }
            BareError::Dim(DimError::Overflow) => {
                let message = "this bare integer overflows 64 bits";
                let error = Diagnostic::error(Code::Dimension, message).at(span, "");
                self.push(
                    error.help("a float has a wider range: write one of the numbers as `1.0`"),
                )
            }
            BareError::Dim(error @ DimError::Unbound(_)) => {
                self.error(Code::Dimension, error.to_string(), span, "")
            }
            BareError::Symbolic => {
                let message = "this is known only when the dimensions are bound";
                let help = "a dimension symbol stands for any number; write the number in the \
                            input's type if the program depends on it";
                let error = Diagnostic::error(Code::NotCompileTime, message).at(span, "");
                self.push(error.help(help))
            }
            BareError::TooLarge => {
                let message = "this dimension is too large a formula";
                self.error(Code::Dimension, message, span, "")
            }
        }
    }
}

/// Whether the right one of two operands should be cast: to the float, or to the wider one.
fn casts_right(a: DType, b: DType) -> bool {
    let weight = |d: DType| (d.is_float(), d != DType::Bool, d.size());
    weight(a) >= weight(b)
}

/// Whether two values that are no tensors are the same; `None` where that is no question.
fn same(a: &Value, b: &Value) -> Option<bool> {
    match (a, b) {
        (Value::Str(a), Value::Str(b)) => Some(a == b),
        (Value::Str(_), _) | (_, Value::Str(_)) => Some(false),
        (Value::Element(a), Value::Element(b)) => Some(a == b),
        (Value::Function(a), Value::Function(b)) => Some(a.is(b)),
        (Value::List(x), Value::List(y)) if !a.holds_tensor() && !b.holds_tensor() => {
            let mut equal = x.len() == y.len();
            for (a, b) in x.iter().zip(y.iter()) {
                equal &= match (a, b) {
                    (Value::Bare(a), Value::Bare(b)) => {
                        bare::binary(BinaryOp::Eq, a, b).ok()? == super::value::Bare::Bool(true)
                    }
                    (a, b) => same(a, b)?,
                };
            }
            Some(equal)
        }
        _ => None,
    }
}
