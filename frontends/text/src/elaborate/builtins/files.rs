//! Arrays from files: `load("weights.npy")`.

use std::io::Cursor;

use brolga_compiler::ir::{Element, Literal};
use brolga_compiler::ops::Leaf;
use ndarray::ArrayD;
use ndarray_npy::{ReadNpyExt, ReadableElement};

use super::super::program::beside;
use super::super::value::Value;
use super::{Args, Elaborator, Entry, Result, entry};
use crate::codes::Code;
use crate::diagnostics::Diagnostic;

/// The operations of this file.
pub(super) const ENTRIES: &[Entry] =
    &[entry("load", "path", "an initialiser: the array of a .npy file", load)];

/// `load("file.npy")`: the array in a file, whose path is relative to the text's.
pub(super) fn load(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let (Value::Str(path), span) = args.value(0) else {
        return Err(e.wrong_argument(&args, 0, "the path of a file, in quotes"));
    };
    let own = e.program.file(e.here().file).source;
    let target = beside(e.sources.get(own).name(), path);
    let bytes = match (e.import)(&target) {
        Ok(bytes) => bytes,
        Err(why) => {
            let message = format!("`{target}` cannot be read: {why}");
            let error = Diagnostic::error(Code::ImportFailed, message).at(span, "");
            return Err(e.push(error.help("the path is relative to this file")));
        }
    };
    match literal(&bytes) {
        Some(literal) => e.add(Leaf::constant(literal), &[]).map(Value::Tensor),
        None => {
            let message = format!("`{target}` is no `.npy` file of numbers that are supported");
            let error = Diagnostic::error(Code::ImportFailed, message).at(span, "");
            Err(e.push(error.help("the element types are f32 f64 i32 i64 u8 bool")))
        }
    }
}

/// The array, of whichever element type it has.
fn literal(bytes: &[u8]) -> Option<Literal> {
    fn of<T: Element + ReadableElement>(bytes: &[u8]) -> Option<Literal> {
        ArrayD::<T>::read_npy(Cursor::new(bytes)).ok().map(Literal::new)
    }
    of::<f32>(bytes)
        .or_else(|| of::<f64>(bytes))
        .or_else(|| of::<i32>(bytes))
        .or_else(|| of::<i64>(bytes))
        .or_else(|| of::<u8>(bytes))
        .or_else(|| of::<bool>(bytes))
}
