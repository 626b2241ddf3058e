//! Written types, dimensions, and bare numbers that take the type of what they meet.

use brolga_compiler::ir::{Agreement, DType, Dim, Literal, Scalar, TensorType};
use brolga_compiler::ops::{Build, Leaf, Placement, TypeError};

use super::number::Number;
use super::value::{Bare, Tensor, Value};
use super::{Elaborator, Result};
use crate::ast::{Element, ExprKind, Type, TypeElement};
use crate::codes::Code;
use crate::diagnostics::Diagnostic;
use crate::foreign::OPEN_DIMENSION;
use crate::source::Span;

impl Elaborator<'_> {
    /// The type that is written.
    pub(super) fn written_type(&mut self, ty: &Type) -> Result<TensorType> {
        let dtype = match &ty.element {
            TypeElement::Word(element) => self.element(*element, ty.span),
            TypeElement::Of(expr) => {
                let value = self.expr(expr)?;
                self.dtype_of(&value, expr.span)
            }
        };
        let mut shape = Vec::new();
        for dim in &ty.dims {
            if matches!(&dim.kind, ExprKind::Name(name) if &*name.text == "None") {
                let message = "a dimension cannot be `None`";
                let error = Diagnostic::error(Code::Dimension, message).at(dim.span, "");
                return Err(self.push(error.help(OPEN_DIMENSION)));
            }
            let value = self.expr(dim)?;
            self.dims_into(&value, dim.span, &mut shape)?;
        }
        if let Some(dim) = shape.iter().find(|d| d.as_number().is_some_and(|n| n < 0)) {
            let message = format!("a dimension cannot be {dim}");
            let error = Diagnostic::error(Code::NegativeDimension, message).at(ty.span, "");
            return Err(self.push(error.help(OPEN_DIMENSION)));
        }
        let tensor_type = TensorType::new(dtype?, shape);
        if tensor_type.sizes().is_some()
            && tensor_type.n_bytes().is_none_or(|bytes| bytes > self.limits.bytes)
        {
            let limit = self.limits.bytes;
            let message =
                format!("a tensor {tensor_type} is larger than the limit of {limit} bytes");
            return Err(self.error(Code::TensorTooLarge, message, ty.span, ""));
        }
        Ok(tensor_type)
    }

    /// The element type of a word.
    pub(super) fn element(&mut self, element: Element, span: Span) -> Result<DType> {
        match element {
            Element::F32 => Ok(DType::F32),
            Element::F64 => Ok(DType::F64),
            Element::I32 => Ok(DType::I32),
            Element::I64 => Ok(DType::I64),
            Element::U8 => Ok(DType::U8),
            Element::Bool => Ok(DType::Bool),
            Element::Bf16 => {
                let message = "`bf16` is not available yet";
                let error = Diagnostic::error(Code::Bf16, message).at(span, "");
                Err(self.push(error.help("use `f32`")))
            }
        }
    }

    /// The element type of a value: of a bare number, the one that it has where it meets nothing.
    pub(super) fn dtype_of(&mut self, value: &Value, span: Span) -> Result<DType> {
        match value {
            Value::Tensor(x) => Ok(self.tensor_type(*x).dtype),
            Value::Element(dtype) => Ok(*dtype),
            Value::Bare(_) | Value::List(_) if !value.holds_tensor() => Ok(default_dtype(value)),
            _ => {
                let message = format!("{} has no element type", value.kind());
                Err(self.error(Code::WrongKind, message, span, ""))
            }
        }
    }

    /// A list of dimensions; a number alone is a list of one, lists inside it are spliced.
    pub(super) fn dims(&mut self, value: &Value, span: Span) -> Result<Vec<Dim>> {
        let mut dims = Vec::new();
        self.dims_into(value, span, &mut dims)?;
        Ok(dims)
    }

    fn dims_into(&mut self, value: &Value, span: Span, dims: &mut Vec<Dim>) -> Result<()> {
        match value {
            Value::List(members) => {
                if dims.len() + members.len() > MAX_RANK {
                    let message = format!("a tensor has at most {MAX_RANK} axes");
                    return Err(self.error(Code::ListTooLarge, message, span, ""));
                }
                members.iter().try_for_each(|member| self.dims_into(member, span, dims))
            }
            _ => {
                dims.push(self.dim(value, span)?);
                Ok(())
            }
        }
    }

    /// One dimension.
    pub(super) fn dim(&mut self, value: &Value, span: Span) -> Result<Dim> {
        match value {
            Value::Bare(Bare::Int(dim)) => Ok(dim.clone()),
            Value::Poison => Err(super::Failed),
            Value::Bare(Bare::Float(_)) => {
                let message = "a dimension is an integer";
                let error = Diagnostic::error(Code::WrongKind, message).at(span, "");
                Err(self.push(error.help("`//` divides integers, rounding down")))
            }
            Value::Tensor(_) => {
                let message = "a dimension must be known at compile time";
                Err(self.error(Code::NotCompileTime, message, span, "this is a tensor"))
            }
            _ => {
                let label = format!("this is {}", value.kind());
                Err(self.error(Code::WrongKind, "a dimension is an integer", span, label))
            }
        }
    }

    /// An integer known at compile time.
    pub(super) fn integer(&mut self, value: &Value, what: &str, span: Span) -> Result<i64> {
        let known = match value {
            Value::Poison => return Err(super::Failed),
            Value::Bare(Bare::Int(dim)) => dim.as_number(),
            _ => None,
        };
        known.ok_or_else(|| {
            let message = format!("{what} must be an integer known at compile time");
            let label = format!("this is {}", value.kind());
            self.error(Code::NotCompileTime, message, span, label)
        })
    }

    /// A bool known at compile time.
    pub(super) fn truth(&mut self, value: &Value, what: &str, span: Span) -> Result<bool> {
        match value {
            Value::Bare(Bare::Bool(b)) => Ok(*b),
            Value::Poison => Err(super::Failed),
            _ => {
                let message = format!("{what} must be a bool known at compile time");
                let label = format!("this is {}", value.kind());
                let error = Diagnostic::error(Code::NotCompileTime, message).at(span, label);
                let is_tensor = matches!(value, Value::Tensor(_));
                Err(self.push(if is_tensor {
                    error.help("`select(cond, a, b)` chooses at run time")
                } else {
                    error
                }))
            }
        }
    }

    /// An axis of a tensor of that rank; negative ones count from the end.
    pub(super) fn axis(&mut self, value: &Value, rank: usize, span: Span) -> Result<usize> {
        let axis = self.integer(value, "an axis", span)?;
        let from_start = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
        match from_start.and_then(|axis| usize::try_from(axis).ok()) {
            Some(axis) if axis < rank => Ok(axis),
            Some(_) | None => {
                let message = format!("there is no axis {axis} of {rank} axes");
                Err(self.error(Code::NoSuchAxis, message, span, ""))
            }
        }
    }

    /// A value as a tensor: of element type `wanted`, or of its own if it has one, or of the one
    /// that a bare number takes by itself.
    pub(super) fn materialise(
        &mut self,
        value: &Value,
        wanted: Option<DType>,
        span: Span,
    ) -> Result<Tensor> {
        match value {
            Value::Poison => Err(super::Failed),
            Value::Tensor(x) => Ok(*x),
            Value::Bare(bare) => {
                let dtype = wanted.unwrap_or_else(|| default_dtype(value));
                self.scalar(bare, dtype, span)
            }
            Value::List(members) if !value.is_poisoned() => {
                if value.holds_tensor() {
                    let message = "a list of tensors is not a tensor";
                    let error = Diagnostic::error(Code::WrongKind, message).at(span, "");
                    return Err(self.push(error.help("`stack` or `concat` makes one of them")));
                }
                let dtype = wanted.unwrap_or_else(|| default_dtype(value));
                self.constant(members, dtype, span)
            }
            Value::List(_) => Err(super::Failed),
            Value::Str(_) | Value::Element(_) | Value::Function(_) | Value::Initial(_) => {
                let message = format!("{} is not a tensor", value.kind());
                let error = Diagnostic::error(Code::WrongKind, message);
                let error = error.at(span, "a tensor is expected here");
                let error = self.with_function_hint(error, value);
                Err(self.push(error))
            }
        }
    }

    /// A bare number as a scalar of an element type.
    fn scalar(&mut self, bare: &Bare, dtype: DType, span: Span) -> Result<Tensor> {
        if let Bare::Int(dim) = bare
            && dim.as_number().is_none()
            && dtype != DType::Bool
        {
            return self.add(Leaf::Dim { dim: dim.clone(), dtype }, &[]);
        }
        if let Bare::Float(number) = bare
            && number.known().is_none()
            && dtype.is_float()
        {
            let number = number.clone();
            return self.build(&[], |build, _| formula(build, &number, dtype));
        }
        let scalar = self.known_scalar(bare, dtype, span)?;
        self.add(Leaf::constant(scalar), &[])
    }

    /// A bare number that holds no symbol, in an element type.
    pub(super) fn known_scalar(&mut self, bare: &Bare, dtype: DType, span: Span) -> Result<Scalar> {
        let refused = |message: String| Diagnostic::error(Code::BareNumber, message).at(span, "");
        let error = match bare {
            Bare::Bool(b) if dtype == DType::Bool => return Ok(Scalar::Bool(*b)),
            Bare::Bool(_) => {
                let message = format!("a bool cannot become {dtype}");
                refused(message).help(format!("write `cast(..., {dtype})`"))
            }
            Bare::Int(_) | Bare::Float(_) if dtype == DType::Bool => {
                refused("a number cannot become a bool".to_owned())
                    .help("compare it, as in `x != 0`")
            }
            Bare::Int(dim) => match dim.as_number() {
                Some(n) => {
                    let scalar = Scalar::I64(n).cast(dtype);
                    if dtype.is_float() || scalar.cast(DType::I64) == Scalar::I64(n) {
                        return Ok(scalar);
                    }
                    let message = format!("{n} does not fit into {dtype}");
                    refused(message).help("write its type, as in `n: i64 = ...`")
                }
                None => {
                    let label = format!("{dim} is known only with the data");
                    let message = "this number must be known at compile time";
                    Diagnostic::error(Code::NotCompileTime, message).at(span, label)
                }
            },
            Bare::Float(number) => match number.known() {
                Some(x) if dtype.is_float() => {
                    let scalar = Scalar::F64(x).cast(dtype);
                    if scalar.to_f64().is_finite() || !x.is_finite() {
                        return Ok(scalar);
                    }
                    refused(format!("{x:?} does not fit into {dtype}"))
                        .help("write `inf`, or a smaller number")
                }
                Some(x) => {
                    let message = format!("the number {x:?} cannot become {dtype}");
                    refused(message).help("write `cast(..., f32)` around the tensor that it meets")
                }
                None => {
                    let message = "this number must be known at compile time";
                    Diagnostic::error(Code::NotCompileTime, message).at(span, "")
                }
            },
        };
        Err(self.push(error))
    }

    /// A list of numbers as a tensor.
    fn constant(&mut self, members: &[Value], dtype: DType, span: Span) -> Result<Tensor> {
        let sizes = self.list_sizes(members, span)?;
        let mut scalars = Vec::new();
        if has_symbol(members) {
            return self.stacked_dims(members, dtype, span);
        }
        self.flatten(members, dtype, span, &mut scalars)?;
        let literal = literal(dtype, &sizes, &scalars);
        self.add(Leaf::constant(literal.expect("the list was measured")), &[])
    }

    /// The sizes of nested lists, which must be rectangular.
    fn list_sizes(&mut self, members: &[Value], span: Span) -> Result<Vec<usize>> {
        let mut sizes = vec![members.len()];
        let Some(Value::List(first)) = members.first() else {
            return match members.iter().any(|m| matches!(m, Value::List(_))) {
                true => Err(self.ragged(span)),
                false => Ok(sizes),
            };
        };
        let inner = self.list_sizes(first, span)?;
        for member in &members[1..] {
            let Value::List(member) = member else { return Err(self.ragged(span)) };
            if self.list_sizes(member, span)? != inner {
                return Err(self.ragged(span));
            }
        }
        sizes.extend(inner);
        let n_elements = sizes.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        if sizes.len() > MAX_RANK || n_elements.is_none_or(|n| n > self.limits.list) {
            let message = format!("this list has more than {} members", self.limits.list);
            return Err(self.error(Code::ListTooLarge, message, span, ""));
        }
        Ok(sizes)
    }

    fn ragged(&mut self, span: Span) -> super::Failed {
        let message = "the lists in a constant must be equally long";
        self.error(Code::ShapesDiffer, message, span, "")
    }

    fn flatten(
        &mut self,
        members: &[Value],
        dtype: DType,
        span: Span,
        scalars: &mut Vec<Scalar>,
    ) -> Result<()> {
        for member in members {
            match member {
                Value::List(inner) => self.flatten(inner, dtype, span, scalars)?,
                Value::Bare(bare) => scalars.push(self.known_scalar(bare, dtype, span)?),
                other => {
                    let message = format!("{} cannot be in a constant tensor", other.kind());
                    return Err(self.error(Code::WrongKind, message, span, ""));
                }
            }
        }
        Ok(())
    }

    /// A list of dimensions that only the data decide, as a tensor.
    fn stacked_dims(&mut self, members: &[Value], dtype: DType, span: Span) -> Result<Tensor> {
        let mut parts = Vec::new();
        for member in members {
            let part = self.materialise(member, Some(dtype), span)?;
            let mut shape = self.tensor_type(part).shape.clone();
            shape.insert(0, Dim::number(1));
            parts.push(self.build(&[part], |build, x| build.reshape(x[0], &shape))?);
        }
        self.add(Placement::Concat { axis: 0 }, &parts)
    }

    /// A value as a tensor of a written type; `what` names it for messages.
    pub(super) fn of_type(
        &mut self,
        value: &Value,
        wanted: &TensorType,
        what: &str,
        (value_span, type_span): (Span, Span),
    ) -> Result<Tensor> {
        let found = self.materialise(value, Some(wanted.dtype), value_span)?;
        let of_found = self.tensor_type(found).clone();
        if agree(&of_found, wanted) {
            return Ok(found);
        }
        let message = format!("{what} does not have the type that is written");
        let error = Diagnostic::error(Code::TypeMismatch, message);
        let error = error.at(value_span, of_found.to_string());
        let error = error.with(type_span, "written here");
        Err(self.push(if of_found.dtype != wanted.dtype && agree_in_shape(&of_found, wanted) {
            error.help(format!("write `cast(..., {})`", wanted.dtype))
        } else {
            error
        }))
    }
}

/// More axes than anyone needs, few enough for any machine.
const MAX_RANK: usize = 64;

/// The element type of a bare number or list that meets no tensor.
pub(super) fn default_dtype(value: &Value) -> DType {
    match value {
        Value::Bare(Bare::Float(_)) => DType::F32,
        Value::Bare(Bare::Bool(_)) => DType::Bool,
        Value::List(members) => {
            let dtypes = || members.iter().map(default_dtype);
            if members.is_empty() || dtypes().any(DType::is_float) {
                DType::F32
            } else if dtypes().all(|dtype| dtype == DType::Bool) {
                DType::Bool
            } else {
                DType::I32
            }
        }
        Value::Bare(Bare::Int(_))
        | Value::Tensor(_)
        | Value::Str(_)
        | Value::Element(_)
        | Value::Function(_)
        | Value::Initial(_)
        | Value::Poison => DType::I32,
    }
}

/// Whether a tensor of type `found` may stand for one of type `wanted`; what only numbers decide
/// passes.
pub(super) fn agree(found: &TensorType, wanted: &TensorType) -> bool {
    found.dtype == wanted.dtype && agree_in_shape(found, wanted)
}

fn agree_in_shape(found: &TensorType, wanted: &TensorType) -> bool {
    let mut pairs = found.shape.iter().zip(&wanted.shape);
    found.rank() == wanted.rank() && pairs.all(|(a, b)| a.agreement(b) != Agreement::Different)
}

fn has_symbol(members: &[Value]) -> bool {
    members.iter().any(|member| match member {
        Value::List(inner) => has_symbol(inner),
        Value::Bare(Bare::Int(dim)) => dim.as_number().is_none(),
        Value::Bare(Bare::Float(number)) => number.known().is_none(),
        _ => false,
    })
}

/// A tensor of known numbers; `None` if there are not as many as the sizes say.
fn literal(dtype: DType, sizes: &[usize], scalars: &[Scalar]) -> Option<Literal> {
    let mut bytes = Vec::with_capacity(scalars.len() * dtype.size());
    for scalar in scalars {
        let bits = scalar.bits().to_le_bytes();
        bytes.extend(&bits[..dtype.size()]);
    }
    Literal::from_bytes(dtype, sizes, &bytes)
}

/// A formula over dimensions as nodes.
fn formula(
    build: &mut Build<'_>,
    number: &Number,
    dtype: DType,
) -> std::result::Result<brolga_compiler::ir::NodeId, TypeError> {
    match number {
        Number::Known(x) => build.scalar(Scalar::F64(*x).cast(dtype)),
        Number::Dim(dim) => build.dim(dim, dtype),
        Number::Unary(f, x, _) => {
            let x = formula(build, x, dtype)?;
            build.unary(*f, x)
        }
        Number::Binary(f, a, b, _) => {
            let (a, b) = (formula(build, a, dtype)?, formula(build, b, dtype)?);
            build.binary(*f, a, b)
        }
    }
}
