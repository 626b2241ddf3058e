//! Reading an operation's attributes as a frontend gives them: by name, each at most once.

use super::{Attribute, Signature, TypeError, codes};
use crate::ir::{DType, Dim, Literal, Scalar, TensorType};

/// The name of an operation, its attributes, and the types of its operands.
pub struct Attributes<'a> {
    name: &'a str,
    values: &'a [(String, Attribute)],
    operands: &'a [&'a TensorType],
}

impl<'a> Attributes<'a> {
    /// The attributes of a call of `name`.
    pub fn new(
        name: &'a str,
        values: &'a [(String, Attribute)],
        operands: &'a [&'a TensorType],
    ) -> Attributes<'a> {
        Attributes { name, values, operands }
    }

    /// The name of the operation.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Refuses an attribute that the signature does not have, or that is given twice.
    pub(super) fn check(&self, signature: &Signature) -> Result<(), TypeError> {
        for (i, (name, _)) in self.values.iter().enumerate() {
            if !signature.attributes.iter().any(|a| a.name == name) {
                return Err(self.error(name, "is no attribute of it"));
            }
            if self.values[..i].iter().any(|(other, _)| other == name) {
                return Err(self.error(name, "is given twice"));
            }
        }
        Ok(())
    }

    /// An error in an attribute: what it must be.
    pub(super) fn error(&self, attribute: &str, what: &str) -> TypeError {
        TypeError::new(codes::ATTRIBUTE, format!("`{}`: `{attribute}` {what}", self.name))
    }

    /// The attribute, if it is given.
    pub(super) fn find(&self, attribute: &str) -> Option<&'a Attribute> {
        self.values.iter().find(|(name, _)| name == attribute).map(|(_, value)| value)
    }

    fn get(&self, attribute: &str) -> Result<&'a Attribute, TypeError> {
        self.find(attribute).ok_or_else(|| self.error(attribute, "is missing"))
    }

    /// The types of the operands.
    pub(super) fn operands(&self) -> &'a [&'a TensorType] {
        self.operands
    }

    /// The type of the first operand.
    pub(super) fn first_operand(&self) -> Result<&'a TensorType, TypeError> {
        self.operands.first().copied().ok_or_else(|| {
            TypeError::new(codes::OPERAND_COUNT, format!("`{}` has no operand", self.name))
        })
    }

    /// A list of dimensions.
    pub(super) fn dims(&self, attribute: &str) -> Result<Vec<Dim>, TypeError> {
        if let Attribute::Dims(dims) = self.get(attribute)? {
            return Ok(dims.clone());
        }
        Err(self.error(attribute, "must be a list of numbers"))
    }

    /// A list of lists of dimensions.
    pub(super) fn dim_lists(&self, attribute: &str) -> Result<Vec<Vec<Dim>>, TypeError> {
        if let Attribute::DimLists(lists) = self.get(attribute)? {
            return Ok(lists.clone());
        }
        Err(self.error(attribute, "must be a list of lists of numbers"))
    }

    /// A dimension.
    pub(super) fn dim(&self, attribute: &str) -> Result<Dim, TypeError> {
        if let Attribute::Dim(dim) = self.get(attribute)? {
            return Ok(dim.clone());
        }
        Err(self.error(attribute, "must be a number"))
    }

    /// An integer.
    pub(super) fn number(&self, attribute: &str) -> Result<i64, TypeError> {
        let number = self.dim(attribute)?.as_number();
        number.ok_or_else(|| self.error(attribute, "must be a number known here"))
    }

    /// A list of integers.
    pub(super) fn number_list(&self, attribute: &str) -> Result<Vec<i64>, TypeError> {
        let dims = self.dims(attribute)?;
        let numbers: Option<Vec<i64>> = dims.iter().map(Dim::as_number).collect();
        numbers.ok_or_else(|| self.error(attribute, "must hold numbers known here"))
    }

    /// A dimension for each of `n` axes: a list of them, or one for all.
    pub(super) fn dims_per_axis(&self, attribute: &str, n: usize) -> Result<Vec<Dim>, TypeError> {
        match self.get(attribute)? {
            Attribute::Dim(dim) => Ok(vec![dim.clone(); n]),
            Attribute::Dims(dims) if dims.len() == n => Ok(dims.clone()),
            _ => Err(self.error(attribute, &format!("must be a number or a list of {n} numbers"))),
        }
    }

    /// An integer for each of `n` axes: a list of them, one for all, or `default` where it is left
    /// out.
    pub(super) fn numbers_per_axis(
        &self,
        attribute: &str,
        n: usize,
        default: i64,
    ) -> Result<Vec<i64>, TypeError> {
        if self.find(attribute).is_none() {
            return Ok(vec![default; n]);
        }
        let dims = self.dims_per_axis(attribute, n)?;
        let numbers: Option<Vec<i64>> = dims.iter().map(Dim::as_number).collect();
        numbers.ok_or_else(|| self.error(attribute, "must hold numbers known here"))
    }

    /// How many, or `default` where it is left out.
    pub(super) fn count_or(&self, attribute: &str, default: usize) -> Result<usize, TypeError> {
        if self.find(attribute).is_none() {
            return Ok(default);
        }
        let number = usize::try_from(self.number(attribute)?).ok();
        number.ok_or_else(|| self.error(attribute, "must be 0 or more"))
    }

    /// An axis, counted from 0.
    pub(super) fn axis(&self, attribute: &str) -> Result<usize, TypeError> {
        let number = usize::try_from(self.number(attribute)?).ok();
        number.ok_or_else(|| self.error(attribute, "must be an axis, counted from 0"))
    }

    /// A list of axes, counted from 0.
    pub(super) fn axes(&self, attribute: &str) -> Result<Vec<usize>, TypeError> {
        let numbers = self.number_list(attribute)?;
        let axes: Result<Vec<usize>, _> = numbers.into_iter().map(usize::try_from).collect();
        axes.map_err(|_| self.error(attribute, "must hold axes, counted from 0"))
    }

    /// An element type.
    pub(super) fn dtype(&self, attribute: &str) -> Result<DType, TypeError> {
        if let Attribute::DType(dtype) = self.get(attribute)? {
            return Ok(*dtype);
        }
        Err(self.error(attribute, "must be an element type"))
    }

    /// An axis, or `default` where it is left out.
    pub(super) fn axis_or(&self, attribute: &str, default: usize) -> Result<usize, TypeError> {
        if self.find(attribute).is_some() { self.axis(attribute) } else { Ok(default) }
    }

    /// An element type, or `default` where it is left out.
    pub(super) fn dtype_or(&self, attribute: &str, default: DType) -> Result<DType, TypeError> {
        if self.find(attribute).is_some() { self.dtype(attribute) } else { Ok(default) }
    }

    /// A switch, false where it is left out.
    pub(super) fn switch(&self, attribute: &str) -> Result<bool, TypeError> {
        match self.find(attribute) {
            None => Ok(false),
            Some(Attribute::Bool(b)) => Ok(*b),
            Some(_) => Err(self.error(attribute, "must be true or false")),
        }
    }

    /// A number of the element type `dtype`; 0 where it is left out.
    pub(super) fn scalar(&self, attribute: &str, dtype: DType) -> Result<Scalar, TypeError> {
        let value = match self.find(attribute) {
            None => Some(Scalar::zero(dtype)),
            Some(Attribute::Scalar(s)) => Some(*s),
            Some(Attribute::Bool(b)) => Some(Scalar::Bool(*b)),
            Some(Attribute::Dim(d)) => d.as_number().map(Scalar::I64),
            Some(_) => None,
        };
        let value = value.ok_or_else(|| self.error(attribute, "must be a number"))?;
        if value.dtype().is_float() && !dtype.is_float() {
            return Err(self.error(attribute, &format!("must be a number of type {dtype}")));
        }
        Ok(value.cast(dtype))
    }

    /// A name.
    pub(super) fn text(&self, attribute: &str) -> Result<&'a str, TypeError> {
        if let Attribute::Name(name) = self.get(attribute)? {
            return Ok(name);
        }
        Err(self.error(attribute, "must be a string"))
    }

    /// The elements of a constant.
    pub(super) fn literal(&self, attribute: &str) -> Result<Literal, TypeError> {
        match self.get(attribute)? {
            Attribute::Literal(literal) => Ok(literal.clone()),
            Attribute::Scalar(s) => Ok((*s).into()),
            Attribute::Bool(_)
            | Attribute::Dim(_)
            | Attribute::Dims(_)
            | Attribute::DimLists(_)
            | Attribute::DType(_)
            | Attribute::Name(_) => Err(self.error(attribute, "must be a constant tensor")),
        }
    }
}
