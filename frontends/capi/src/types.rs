//! What both sides see: numbers with names, and structs of the caller's.
//!
//! Choices are plain integers, not enums of Rust: C may pass any number.

use std::ffi::{c_char, c_int, c_void};

/// What a function returns: BROLGA_OK, or who has to change something. What is wrong is said by the
/// functions brolga_error_...
pub type Status = c_int;

/// It is done.
pub const BROLGA_OK: Status = 0;
/// The graph, its data or a file is at fault.
pub const BROLGA_ERROR_INPUT: Status = 1;
/// The call makes no sense: a pointer is NULL, a name is unknown, a type is another one.
pub const BROLGA_ERROR_CALL: Status = 2;
/// The machine is at fault: no memory, no threads, a full disk.
pub const BROLGA_ERROR_MACHINE: Status = 3;
/// Brolga is at fault: please report it.
pub const BROLGA_ERROR_BUG: Status = 4;

/// The type of the elements of a tensor: BROLGA_F32, BROLGA_F64, BROLGA_I32, BROLGA_I64, BROLGA_U8
/// or BROLGA_BOOL.
pub type Dtype = c_int;

/// float, 4 bytes.
pub const BROLGA_F32: Dtype = 0;
/// double, 8 bytes.
pub const BROLGA_F64: Dtype = 1;
/// int32_t.
pub const BROLGA_I32: Dtype = 2;
/// int64_t.
pub const BROLGA_I64: Dtype = 3;
/// uint8_t.
pub const BROLGA_U8: Dtype = 4;
/// A byte: 0 is false, what is not 0 is true.
pub const BROLGA_BOOL: Dtype = 5;

/// What a tensor is in its graph: BROLGA_INPUT, BROLGA_OUTPUT, BROLGA_METRIC, BROLGA_PARAM,
/// BROLGA_STATE or BROLGA_SLOT.
pub type Kind = c_int;

/// An input: it is fed.
pub const BROLGA_INPUT: Kind = 0;
/// An output, or a value that was asked for by its name.
pub const BROLGA_OUTPUT: Kind = 1;
/// A metric or a loss.
pub const BROLGA_METRIC: Kind = 2;
/// A variable that is trained.
pub const BROLGA_PARAM: Kind = 3;
/// A variable that is updated otherwise, such as a running mean.
pub const BROLGA_STATE: Kind = 4;
/// A variable of an optimiser, such as Adam's moments.
pub const BROLGA_SLOT: Kind = 5;

/// What a graph is compiled for: BROLGA_TRAIN, BROLGA_EVAL or BROLGA_PREDICT.
pub type Entry = c_int;

/// A step of training: brolga_session_train.
pub const BROLGA_TRAIN: Entry = 0;
/// The metrics of a batch: brolga_session_eval.
pub const BROLGA_EVAL: Entry = 1;
/// All outputs: brolga_session_predict without names.
pub const BROLGA_PREDICT: Entry = 2;

/// A tensor of the caller's, which the library reads during a call and never keeps.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Array {
    /// The name of the input or variable that takes it.
    pub name: *const c_char,
    /// The type of its elements, that of the input or variable.
    pub dtype: Dtype,
    /// The number of its dimensions; 0 for a number alone.
    pub rank: usize,
    /// The sizes of the dimensions, so many as rank says; may be NULL if that is 0.
    pub shape: *const i64,
    /// The elements, row after row (the last index moves fastest), without gaps: so many as the
    /// product of the sizes. The memory need not be aligned.
    pub data: *const c_void,
}

/// What a tensor is. The library's, with all that it points to: each function that lists tensors
/// says until when.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Tensor {
    /// The name.
    pub name: *const c_char,
    /// What it is in its graph.
    pub kind: Kind,
    /// The type of its elements.
    pub dtype: Dtype,
    /// The number of its dimensions; 0 for a number alone.
    pub rank: usize,
    /// The sizes of the dimensions, so many as rank says; -1 where the graph leaves a size open,
    /// such as that of a batch.
    pub shape: *const i64,
    /// The type as the language writes it: "f32[batch, 28, 28]".
    pub text: *const c_char,
}

/// A number for a dimension that a graph leaves open.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Dim {
    /// The name that the graph gives the dimension.
    pub name: *const c_char,
    /// The number, at least 1.
    pub size: i64,
}

/// Another value for a const of a text.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Const {
    /// The name.
    pub name: *const c_char,
    /// The value as the language writes it: "64", "0.5", "true".
    pub value: *const c_char,
}

/// What a session is made with. All zero is what most programs want.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The seed of initial values and of all randomness.
    pub seed: i64,
    /// The number of threads; 0 for one on each core. It changes no bit of a result.
    pub threads: usize,
    /// Numbers for dimensions in every call. What is fed says them too, so most programs need none.
    pub dims: *const Dim,
    /// How many there are.
    pub n_dims: usize,
}

/// What the variables of a session have been trained for.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// Steps, which brolga_session_train counts. A graph reads them as `step`.
    pub step: i64,
    /// Epochs, which the program counts: see brolga_session_set_clock. A graph reads them as
    /// `epoch`.
    pub epoch: i64,
}

/// What became of the tensors of a file. The lists are the session's, until the next call of
/// brolga_session_load, or until it is freed.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Loaded {
    /// The names of the variables that have a value of the file now.
    pub matched: *const *const c_char,
    /// How many there are.
    pub n_matched: usize,
    /// The names of the params and states that the file has no value for.
    pub missing: *const *const c_char,
    /// How many there are.
    pub n_missing: usize,
    /// The names in the file that are no variable's.
    pub unknown: *const *const c_char,
    /// How many there are.
    pub n_unknown: usize,
}

impl Loaded {
    /// Nothing was loaded.
    pub(crate) const NONE: Loaded = {
        let none = std::ptr::null();
        Loaded {
            matched: none,
            n_matched: 0,
            missing: none,
            n_missing: 0,
            unknown: none,
            n_unknown: 0,
        }
    };
}
