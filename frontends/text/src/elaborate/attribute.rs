//! Values as attributes of the compiler's operations.

use brolga_compiler::ir::{Dim, Scalar};
use brolga_compiler::ops::Attribute;

use super::value::{Bare, Value};

/// A value as the attribute of an operation.
pub(super) fn attribute(value: &Value) -> Option<Attribute> {
    match value {
        Value::Bare(Bare::Bool(b)) => Some(Attribute::Bool(*b)),
        Value::Bare(Bare::Int(dim)) => Some(Attribute::Dim(dim.clone())),
        Value::Bare(Bare::Float(number)) => {
            number.known().map(|x| Attribute::Scalar(Scalar::F64(x)))
        }
        Value::Element(dtype) => Some(Attribute::DType(*dtype)),
        Value::Str(text) => Some(Attribute::Name(text.to_string())),
        Value::List(members) => {
            let dims = |members: &[Value]| -> Option<Vec<Dim>> {
                let dim = |member: &Value| match member {
                    Value::Bare(Bare::Int(dim)) => Some(dim.clone()),
                    _ => None,
                };
                members.iter().map(dim).collect()
            };
            if let Some(dims) = dims(members) {
                return Some(Attribute::Dims(dims));
            }
            let list = |member: &Value| match member {
                Value::List(inner) => dims(inner),
                _ => None,
            };
            members.iter().map(list).collect::<Option<_>>().map(Attribute::DimLists)
        }
        Value::Tensor(_) | Value::Function(_) | Value::Initial(_) | Value::Poison => None,
    }
}
