//! Arguments of a call: what C points to, as values of Rust or as errors that name them.
//!
//! What can be seen of a pointer is looked at: that it is not NULL, and aligned. That there is
//! memory behind it of the size that is said, the caller answers for.

use std::ffi::{CStr, c_char};

use brolga::text::codes::Code;
use brolga::{Binding, DType, IndexMap, Literal, Name};

use crate::boundary::Failure;
use crate::types::{
    Array, BROLGA_BOOL, BROLGA_F32, BROLGA_F64, BROLGA_I32, BROLGA_I64, BROLGA_U8, Const, Dim,
    Dtype,
};

const DTYPES: &str = "BROLGA_F32, BROLGA_F64, BROLGA_I32, BROLGA_I64, BROLGA_U8 or BROLGA_BOOL";

/// What a pointer to one thing points to.
///
/// # Safety
/// If it is not NULL, it does for as long as `'a`, and nothing writes there.
pub(crate) unsafe fn reference<'a, T>(pointer: *const T, what: &str) -> Result<&'a T, Failure> {
    check(pointer, what)?;
    // SAFETY: it is not NULL and aligned; the rest is the caller's promise.
    Ok(unsafe { &*pointer })
}

/// The same, to write.
///
/// # Safety
/// As for [`reference`], and nothing else reads there.
pub(crate) unsafe fn exclusive<'a, T>(pointer: *mut T, what: &str) -> Result<&'a mut T, Failure> {
    check(pointer, what)?;
    // SAFETY: it is not NULL and aligned; the rest is the caller's promise.
    Ok(unsafe { &mut *pointer })
}

/// Writes where a pointer points, which may be memory that nothing was written to.
///
/// # Safety
/// If it is not NULL, there is memory for a `T`.
pub(crate) unsafe fn put<T>(pointer: *mut T, value: T, what: &str) -> Result<(), Failure> {
    check(pointer, what)?;
    // SAFETY: it is not NULL and aligned; the rest is the caller's promise.
    unsafe { pointer.write(value) };
    Ok(())
}

/// The members of a list; NULL is a list of none.
///
/// # Safety
/// As for [`reference`], for so many members.
pub(crate) unsafe fn list<'a, T>(
    pointer: *const T,
    n: usize,
    what: &str,
) -> Result<&'a [T], Failure> {
    if n == 0 {
        return Ok(&[]);
    }
    check(pointer, what)?;
    if n.checked_mul(size_of::<T>()).is_none_or(|bytes| bytes > isize::MAX as usize) {
        return Err(number(format!("{what} is a list of {n}, which no memory holds")));
    }
    // SAFETY: it is not NULL, aligned and not larger than memory; the rest is the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts(pointer, n) })
}

/// A text.
///
/// # Safety
/// As for [`reference`], up to the first zero byte.
pub(crate) unsafe fn text<'a>(pointer: *const c_char, what: &str) -> Result<&'a str, Failure> {
    check(pointer, what)?;
    // SAFETY: it is not NULL; the rest is the caller's promise.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str().map_err(|_| {
        let message = format!("{what} is not UTF-8: \"{}\"", text.to_bytes().escape_ascii());
        Failure::call(Code::TextOfCall, message, "")
    })
}

fn check<T>(pointer: *const T, what: &str) -> Result<(), Failure> {
    let wrong = match pointer {
        pointer if pointer.is_null() => "NULL",
        pointer if !pointer.is_aligned() => "a pointer that is not aligned",
        _ => return Ok(()),
    };
    Err(Failure::call(Code::NullPointer, format!("{what} is {wrong}"), ""))
}

/// A number that makes no sense.
pub(crate) fn number(message: String) -> Failure {
    Failure::call(Code::NumberOfCall, message, "")
}

/// The type of elements.
pub(crate) fn dtype(dtype: Dtype, what: &str) -> Result<DType, Failure> {
    match dtype {
        BROLGA_F32 => Ok(DType::F32),
        BROLGA_F64 => Ok(DType::F64),
        BROLGA_I32 => Ok(DType::I32),
        BROLGA_I64 => Ok(DType::I64),
        BROLGA_U8 => Ok(DType::U8),
        BROLGA_BOOL => Ok(DType::Bool),
        other => {
            let message = format!("{what} has the type {other}, which is none");
            Err(Failure::call(Code::NumberOfCall, message, &format!("it is {DTYPES}")))
        }
    }
}

/// Values for consts.
///
/// # Safety
/// As for [`text`], for each member's.
pub(crate) unsafe fn consts(consts: &[Const]) -> Result<Vec<(String, String)>, Failure> {
    let read = |(k, Const { name, value }): (usize, &Const)| {
        // SAFETY: the caller's promise.
        let name = unsafe { text(*name, &format!("consts[{k}].name")) }?;
        // SAFETY: the same.
        let value = unsafe { text(*value, &format!("consts[{k}].value")) }?;
        Ok((name.to_string(), value.to_string()))
    };
    let given = consts.iter().enumerate().map(read).collect::<Result<Vec<_>, Failure>>()?;
    check_once(given.iter().map(|(name, _)| name.as_str()))?;
    Ok(given)
}

/// Numbers for dimensions, of those that there are.
///
/// # Safety
/// As for [`text`], for each member's.
pub(crate) unsafe fn dims(dims: &[Dim], known: &[String]) -> Result<Binding, Failure> {
    let mut given = Binding::default();
    for (k, Dim { name, size }) in dims.iter().enumerate() {
        // SAFETY: the caller's promise.
        let name = unsafe { text(*name, &format!("dims[{k}].name")) }?;
        if !known.iter().any(|known| known == name) {
            return Err(unknown(&format!("no input has the dimension `{name}`"), known));
        }
        let n = u64::try_from(*size).ok().filter(|n| *n >= 1);
        let n = n.ok_or_else(|| number(format!("the dimension `{name}` is {size}, below 1")))?;
        if given.bind(name, n).is_some() {
            return Err(twice(name));
        }
    }
    Ok(given)
}

/// Tensors by name.
///
/// # Safety
/// As for [`text`] and [`list`], for each member's.
pub(crate) unsafe fn arrays(
    arrays: &[Array],
    what: &str,
) -> Result<IndexMap<Name, Literal>, Failure> {
    let mut given = IndexMap::new();
    for (k, array) in arrays.iter().enumerate() {
        // SAFETY: the caller's promise.
        let name = unsafe { text(array.name, &format!("{what}[{k}].name")) }?;
        // SAFETY: the same.
        let value = unsafe { literal(array, &format!("the array for `{name}`")) }?;
        if given.insert(name.into(), value).is_some() {
            return Err(twice(name));
        }
    }
    Ok(given)
}

/// # Safety
/// As for [`list`], for shape and elements.
unsafe fn literal(array: &Array, what: &str) -> Result<Literal, Failure> {
    let dtype = dtype(array.dtype, what)?;
    // SAFETY: the caller's promise.
    let shape = unsafe { list(array.shape, array.rank, &format!("the shape of {what}")) }?;
    let too_large = || number(format!("the shape of {what}, {shape:?}, is of more than memory"));
    let sizes = shape.iter().map(|&n| usize::try_from(n).ok()).collect::<Option<Vec<usize>>>();
    let sizes = sizes.ok_or_else(|| {
        number(format!("the shape of {what}, {shape:?}, has a size that is negative"))
    })?;
    let n = sizes.iter().try_fold(dtype.size(), |bytes, &n| bytes.checked_mul(n));
    let n = n.ok_or_else(too_large)?;
    // SAFETY: the caller's promise. Bytes are aligned anywhere, and any bytes are elements.
    let bytes = unsafe { list(array.data.cast::<u8>(), n, &format!("the data of {what}")) }?;
    Literal::from_bytes(dtype, &sizes, bytes).ok_or_else(too_large)
}

fn check_once<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), Failure> {
    let mut seen = vec![];
    for name in names {
        if seen.contains(&name) {
            return Err(twice(name));
        }
        seen.push(name);
    }
    Ok(())
}

fn twice(name: &str) -> Failure {
    Failure::call(Code::RepeatedName, format!("`{name}` is given twice"), "")
}

/// A name that nothing has, where these are known.
pub(crate) fn unknown(message: &str, known: &[String]) -> Failure {
    let help = match known {
        [] => "there are none".to_string(),
        known => format!("there are `{}`", known.join("`, `")),
    };
    Failure::call(Code::NameOfCall, message, &help)
}
