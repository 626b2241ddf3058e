//! The functions of a model's library as a module of Rust, which is included in a program.

use std::fmt::Write;

use super::layout::{Field, Fields, Layout, identifier};
use super::{CompiledEntry, EntryKind, Model};
use crate::ir::DType;

/// A program need not use all that there is.
const BEGIN: &str =
    "#[allow(unused_imports)]\npub use model::*;\n\n#[allow(dead_code)]\nmod model {\n";

/// What every module has; `NAME` is the prefix of the symbols.
const COMMON: &str = r#"
/// A model: its variables, its clocks, and the memory of a step, in one block.
pub struct Model {
    block: ::std::ptr::NonNull<u8>,
}

/// Why a function has done nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// A slice has another length than its array.
    Length {
        /// The array.
        name: &'static str,
        /// The length of the slice.
        found: usize,
        /// That of the array.
        wanted: usize,
    },
    /// The model has refused; the message says what, and where in its file.
    Refused(String),
}

/// The values of a variable.
#[derive(Debug)]
pub enum Values<'a> {
    /// f32.
    F32(&'a mut [f32]),
    /// f64.
    F64(&'a mut [f64]),
    /// i32.
    I32(&'a mut [i32]),
    /// i64.
    I64(&'a mut [i64]),
    /// u8.
    U8(&'a mut [u8]),
    /// bool.
    Bool(&'a mut [bool]),
}

/// A param, a state, or an optimiser's slot.
#[derive(Debug)]
pub struct Variable<'a> {
    /// The name.
    pub name: &'static str,
    /// The sizes.
    pub shape: Vec<usize>,
    /// The values, in row-major order.
    pub values: Values<'a>,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct RawVariable {
    name: *const ::std::ffi::c_char,
    dtype: ::std::ffi::c_int,
    rank: ::std::ffi::c_int,
    shape: *const i64,
    data: *mut u8,
}

unsafe extern "C" {
    fn NAME_bytes() -> usize;
    fn NAME_init(memory: *mut u8, seed: u64) -> *mut u8;
    fn NAME_error(result: ::std::ffi::c_int, model: *const u8) -> *const ::std::ffi::c_char;
    fn NAME_variables(model: *mut u8, out: *mut RawVariable, max: ::std::ffi::c_int) -> ::std::ffi::c_int;
    fn NAME_threads(model: *mut u8, n: ::std::ffi::c_int) -> ::std::ffi::c_int;
    fn NAME_steps(model: *const u8) -> u64;
    fn NAME_epoch(model: *mut u8, epoch: u64);
}

// SAFETY: the block is the model's own, and its functions keep nothing of the thread that calls.
unsafe impl Send for Model {}

impl Model {
    /// A model with its initial values; `None` where the processor cannot run its code.
    pub fn new(seed: u64) -> Option<Model> {
        let layout = Model::layout();
        // SAFETY: the layout is not empty; `init` gets as many bytes, as aligned, as it takes.
        unsafe {
            let Some(block) = ::std::ptr::NonNull::new(::std::alloc::alloc(layout)) else {
                ::std::alloc::handle_alloc_error(layout)
            };
            let model = Model { block };
            if NAME_init(block.as_ptr(), seed).is_null() {
                ::std::alloc::dealloc(block.as_ptr(), layout);
                ::std::mem::forget(model);
                return None;
            }
            Some(model)
        }
    }

    fn layout() -> ::std::alloc::Layout {
        // SAFETY: it takes nothing.
        let bytes = unsafe { NAME_bytes() };
        ::std::alloc::Layout::from_size_align(bytes, 64).expect("a block fits in memory")
    }

    fn done(&self, result: ::std::ffi::c_int) -> Result<(), Error> {
        if result == 0 {
            return Ok(());
        }
        // SAFETY: a result of this model; the text is there until its next failure.
        let text = unsafe { ::std::ffi::CStr::from_ptr(NAME_error(result, self.block.as_ptr())) };
        Err(Error::Refused(text.to_string_lossy().into_owned()))
    }

    /// The variables, to read and to write.
    pub fn variables(&mut self) -> Vec<Variable<'_>> {
        const NONE: RawVariable = RawVariable {
            name: ::std::ptr::null(),
            dtype: 0,
            rank: 0,
            shape: ::std::ptr::null(),
            data: ::std::ptr::null_mut(),
        };
        let mut raw = vec![NONE; N_VARIABLES];
        // SAFETY: there is room for as many. Each variable is memory of its own in the block, which
        // is borrowed as long as what is returned, aligned, and holds values of its type.
        unsafe {
            NAME_variables(self.block.as_ptr(), raw.as_mut_ptr(), N_VARIABLES as _);
            raw.into_iter().map(|v| {
                let shape = match v.rank {
                    0 => vec![],
                    n => ::std::slice::from_raw_parts(v.shape, n as usize).iter().map(|&n| n as usize).collect(),
                };
                let n = shape.iter().product();
                let values = match v.dtype {
                    0 => Values::F32(::std::slice::from_raw_parts_mut(v.data.cast(), n)),
                    1 => Values::F64(::std::slice::from_raw_parts_mut(v.data.cast(), n)),
                    2 => Values::I32(::std::slice::from_raw_parts_mut(v.data.cast(), n)),
                    3 => Values::I64(::std::slice::from_raw_parts_mut(v.data.cast(), n)),
                    4 => Values::U8(::std::slice::from_raw_parts_mut(v.data.cast(), n)),
                    _ => Values::Bool(::std::slice::from_raw_parts_mut(v.data.cast(), n)),
                };
                let name = ::std::ffi::CStr::from_ptr(v.name).to_str().unwrap_or_default();
                Variable { name, shape, values }
            }).collect()
        }
    }

    /// Runs on so many threads from now on, 1 at first. Results are the same on any number.
    pub fn set_threads(&mut self, n: usize) -> Result<(), Error> {
        let n = ::std::ffi::c_int::try_from(n).unwrap_or(::std::ffi::c_int::MAX);
        // SAFETY: the model is borrowed exclusively.
        let result = unsafe { NAME_threads(self.block.as_ptr(), n) };
        self.done(result)
    }

    /// The batches that it was trained on.
    pub fn steps(&self) -> u64 {
        // SAFETY: the model is borrowed.
        unsafe { NAME_steps(self.block.as_ptr()) }
    }

    /// Says what `epoch` is in the file.
    pub fn set_epoch(&mut self, epoch: u64) {
        // SAFETY: the model is borrowed exclusively.
        unsafe { NAME_epoch(self.block.as_ptr(), epoch) }
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        // SAFETY: the threads end before their memory does; the block was allocated with this layout.
        unsafe {
            NAME_threads(self.block.as_ptr(), 1);
            ::std::alloc::dealloc(self.block.as_ptr(), Model::layout());
        }
    }
}

impl ::std::fmt::Debug for Model {
    fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
        write!(f, "a model after {} steps", self.steps())
    }
}

impl ::std::fmt::Display for Error {
    fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
        match self {
            Error::Length { name, found, wanted } => {
                write!(f, "`{name}` has {found} elements, and the model's has {wanted}")
            }
            Error::Refused(message) => f.write_str(message),
        }
    }
}

impl ::std::error::Error for Error {}
"#;

/// The text of the module: a `Model` with a method for each entry. It is included inside of a module,
/// `mod mlp { include!(...); }`.
pub(super) fn module(model: &Model, layout: &Layout, (version, source): (&str, &str)) -> String {
    let target = &model.target.name;
    let mut text = format!("// Made of {source} by brolga {version} for {target}.\n\n{BEGIN}");
    text += &COMMON.replace("NAME", &model.name);
    let _ = writeln!(text, "\nconst N_VARIABLES: usize = {};", model.variables.len());
    for (entry, fields) in model.entries.iter().zip(&layout.entries) {
        entry_text(&mut text, &model.name, entry, fields);
    }
    text.push_str("}\n");
    text
}

/// A field of an entry's arguments, as Rust has it.
struct Own<'a> {
    field: &'a Field,
    name: String,
    of: &'static str,
    is_input: bool,
}

impl<'a> Own<'a> {
    fn new(field: &'a Field, is_input: bool) -> Own<'a> {
        Own { field, name: rust_name(field), of: rust_type(field), is_input }
    }

    /// Whether a call returns it.
    fn is_returned(&self) -> bool {
        self.field.is_number && !self.is_input
    }

    /// Its place in the arguments that C takes.
    fn raw(&self) -> String {
        let pointer = match (self.field.is_number, self.is_input) {
            (true, _) => "",
            (false, true) => "*const ",
            (false, false) => "*mut ",
        };
        format!("    {}: {pointer}{},\n", self.name, self.of)
    }

    fn parameter(&self) -> String {
        match (self.field.is_number, self.is_input) {
            (true, _) => format!(", {}: {}", self.name, self.of),
            (false, true) => format!(", {}: &[{}]", self.name, self.of),
            (false, false) => format!(", {}: &mut [{}]", self.name, self.of),
        }
    }

    fn doc(&self) -> String {
        let direction = if self.is_input { "takes" } else { "gives" };
        format!("    /// - {direction} `{}`: {}\n", self.name, self.field.tensor_type)
    }

    /// Refuses a slice of another length.
    fn check(&self) -> String {
        let (name, wanted) = (&self.name, self.field.tensor_type.n_elements().unwrap_or(0));
        format!(
            "        if {name}.len() != {wanted} {{\n            return Err(Error::Length {{ name: \
             \"{name}\", found: {name}.len(), wanted: {wanted} }});\n        }}\n"
        )
    }

    /// What the arguments begin with.
    fn value(&self) -> String {
        let name = &self.name;
        match (self.field.is_number, self.is_input) {
            (true, true) => format!("{name}, "),
            (true, false) => format!("{name}: Default::default(), "),
            (false, true) => format!("{name}: {name}.as_ptr(), "),
            (false, false) => format!("{name}: {name}.as_mut_ptr(), "),
        }
    }
}

fn entry_text(text: &mut String, name: &str, entry: &CompiledEntry, fields: &Fields) {
    let kind = entry.kind.name();
    let what = match entry.kind {
        EntryKind::Train => "Trains on one batch.",
        EntryKind::Eval => "The losses and metrics of one batch.",
        EntryKind::Predict | EntryKind::Run => "The outputs for one batch.",
    };
    let camel = format!("{}{}", kind[..1].to_uppercase(), &kind[1..]);
    let feeds = fields.feeds.iter().map(|field| Own::new(field, true));
    let all: Vec<Own<'_>> =
        feeds.chain(fields.results.iter().map(|field| Own::new(field, false))).collect();
    let arrays = || all.iter().filter(|own| !own.field.is_number);
    let returned = || all.iter().filter(|own| own.is_returned());
    let or = |text: String, other: &str| if text.is_empty() { other.to_string() } else { text };
    let raw = or(all.iter().map(Own::raw).collect(), "    nothing: u8,\n");
    let values = or(all.iter().map(Own::value).collect(), "nothing: 0");
    let taken = all.iter().filter(|own| !own.is_returned());
    let parameters: String = taken.map(Own::parameter).collect();
    let docs: String = all.iter().map(Own::doc).collect();
    let checks: String = arrays().map(Own::check).collect();
    let (mut result, mut found) = ("()".to_string(), "()".to_string());
    if returned().next().is_some() {
        let line = |own: &Own<'_>| {
            format!("    /// `{0}` of the batch.\n    pub {0}: {1},\n", own.name, own.of)
        };
        let lines: String = returned().map(line).collect();
        let _ = writeln!(
            text,
            "\n/// The numbers of a batch.\n#[derive(Clone, Copy, Debug, PartialEq)]\n\
             pub struct {camel} {{\n{lines}}}"
        );
        let read: String = returned().map(|own| format!("{0}: io.{0}, ", own.name)).collect();
        (result, found) = (camel.clone(), format!("{camel} {{ {read}}}"));
    }
    let _ = writeln!(
        text,
        "\n#[repr(C)]\nstruct {camel}Io {{\n{raw}}}\n\nunsafe extern \"C\" {{\n    fn {name}_{kind}(model: \
         *mut u8, io: *mut {camel}Io) -> ::std::ffi::c_int;\n}}\n\nimpl Model {{\n    /// {what} On a \
         failure the model stays as it was.\n    ///\n{docs}    pub fn {kind}(&mut self{parameters}) -> \
         Result<{result}, Error> {{\n{checks}        let mut io = {camel}Io {{ {values} }};\n        \
         // SAFETY: each array has its length, and the model is borrowed exclusively.\n        \
         let result = unsafe {{ {name}_{kind}(self.block.as_ptr(), &mut io) }};\n        \
         self.done(result)?;\n        Ok({found})\n    }}\n}}"
    );
}

fn rust_type(field: &Field) -> &'static str {
    match field.tensor_type.dtype {
        DType::F32 => "f32",
        DType::F64 => "f64",
        DType::I32 => "i32",
        DType::I64 => "i64",
        DType::U8 => "u8",
        DType::Bool => "bool",
    }
}

/// The name in C, unless it is a word of Rust.
fn rust_name(field: &Field) -> String {
    const WORDS: [&str; 42] = [
        "abstract", "as", "async", "await", "become", "box", "crate", "dyn", "enum", "extern",
        "final", "fn", "gen", "impl", "in", "let", "loop", "macro", "match", "mod", "move", "mut",
        "override", "priv", "pub", "ref", "self", "Self", "super", "trait", "true", "false", "try",
        "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "yield", "io",
    ];
    let name = identifier(&field.name);
    if WORDS.contains(&name.as_str()) { format!("{name}_") } else { name }
}
