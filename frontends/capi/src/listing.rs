//! Lists that C reads: of tensors and of names, with the memory that they point to.

use std::ffi::{CString, c_char};

use brolga::{DType, Name, TensorType};

use crate::error::c_text;
use crate::types::{
    BROLGA_BOOL, BROLGA_F32, BROLGA_F64, BROLGA_I32, BROLGA_I64, BROLGA_U8, Dtype, Kind, Tensor,
};

/// A list of tensors. What its members point to stays where it is as long as the list.
#[derive(Debug, Default)]
pub(crate) struct Tensors {
    members: Vec<Tensor>,
    _owned: Vec<Owned>,
}

#[derive(Debug)]
struct Owned {
    name: CString,
    kind: Kind,
    dtype: Dtype,
    shape: Vec<i64>,
    text: CString,
}

impl Tensors {
    pub(crate) fn new<'a>(
        tensors: impl IntoIterator<Item = (&'a str, Kind, TensorType)>,
    ) -> Tensors {
        let owned = |(name, kind, t): (&str, Kind, TensorType)| Owned {
            name: c_text(name),
            kind,
            dtype: number_of(t.dtype),
            shape: t.shape.iter().map(|dim| dim.as_number().unwrap_or(-1)).collect(),
            text: c_text(&t.to_string()),
        };
        let owned: Vec<Owned> = tensors.into_iter().map(owned).collect();
        // Only now, when no text is moved any more.
        let member = |owned: &Owned| Tensor {
            name: owned.name.as_ptr(),
            kind: owned.kind,
            dtype: owned.dtype,
            rank: owned.shape.len(),
            shape: owned.shape.as_ptr(),
            text: owned.text.as_ptr(),
        };
        Tensors { members: owned.iter().map(member).collect(), _owned: owned }
    }

    pub(crate) fn members(&self) -> &[Tensor] {
        &self.members
    }
}

/// The number of a type in C.
fn number_of(dtype: DType) -> Dtype {
    match dtype {
        DType::F32 => BROLGA_F32,
        DType::F64 => BROLGA_F64,
        DType::I32 => BROLGA_I32,
        DType::I64 => BROLGA_I64,
        DType::U8 => BROLGA_U8,
        DType::Bool => BROLGA_BOOL,
    }
}

/// A list of names. What its members point to stays where it is as long as the list.
#[derive(Debug, Default)]
pub(crate) struct Names {
    members: Vec<*const c_char>,
    _owned: Vec<CString>,
}

impl Names {
    pub(crate) fn new(names: &[Name]) -> Names {
        let owned: Vec<CString> = names.iter().map(|name| c_text(name)).collect();
        Names { members: owned.iter().map(|name| name.as_ptr()).collect(), _owned: owned }
    }

    pub(crate) fn members(&self) -> &[*const c_char] {
        &self.members
    }
}
