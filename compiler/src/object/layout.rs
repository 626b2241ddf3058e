//! Where everything lies in the block of a model: its state, the variables, copies of what is fed and
//! found, and the memories that steps run in, one after the other.

use super::{CompiledEntry, EntryResult, Initial, Model, Source};
use crate::codegen::scratch_stride;
use crate::ir::{DType, TensorType};
use crate::loop_ir::CACHE_LINE;
use crate::program::Program;

/// The state at the beginning of the block, in words of eight bytes. `brolga_model_threads` of the
/// kernels' library knows the last three.
pub(super) mod state {
    /// The seed.
    pub(in crate::object) const SEED: usize = 0;
    /// The batches trained.
    pub(in crate::object) const STEP: usize = 8;
    /// What `epoch` is in the file.
    pub(in crate::object) const EPOCH: usize = 16;
    /// The threads: how many, their pool and their scratch.
    pub(in crate::object) const THREADS: usize = 24;
    pub(in crate::object) const POOL: usize = 32;
    pub(in crate::object) const SCRATCH: usize = 40;
    /// The text of the last failure, ended by a zero.
    pub(in crate::object) const MESSAGE: usize = 64;
    /// Bytes of the text.
    pub(in crate::object) const MESSAGE_BYTES: usize = 448;
    /// The frame of a call.
    pub(in crate::object) const FRAME: usize = 512;
    /// Bytes of the state.
    pub(in crate::object) const BYTES: usize = 640;
}

/// A field of the struct of an entry's arguments.
#[derive(Clone, Debug)]
pub(super) struct Field {
    /// Its place in the struct.
    pub(super) at: usize,
    /// Its name in C.
    pub(super) name: String,
    /// What it holds or points to.
    pub(super) tensor_type: TensorType,
    /// Whether it is the number itself.
    pub(super) is_number: bool,
    /// Where a copy lies in the block.
    pub(super) copy: usize,
}

/// The arguments of an entry and their copies.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    /// One for each feed of the program.
    pub(super) feeds: Vec<Field>,
    /// One for each result of the entry.
    pub(super) results: Vec<Field>,
    /// The copies of the program's own outputs.
    pub(super) outputs: Vec<usize>,
    /// Where what guards compute lies.
    pub(super) guards: Vec<usize>,
}

/// The block of a model.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// Bytes of the block.
    pub(super) bytes: usize,
    /// Where each variable lies.
    pub(super) variables: Vec<usize>,
    /// The arguments of each entry.
    pub(super) entries: Vec<Fields>,
    /// The tables of a frame: of variables, feeds and outputs.
    pub(super) tables: [usize; 3],
    /// The memory that steps run in.
    pub(super) arena: usize,
    /// The scratch of one thread, and from one thread's to the next's.
    pub(super) scratch: usize,
    pub(super) scratch_stride: usize,
}

/// Bytes of machine code by function.
pub type CodeSizes = Vec<(String, usize)>;

/// What takes how many bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Machine code, by function: `train`, ..., and `init` for initial values.
    pub code: CodeSizes,
    /// Constants of the programs.
    pub constants: usize,
    /// Given values of variables, in the file.
    pub weights: usize,
    /// The block of one model.
    pub block: usize,
    /// The variables in it.
    pub variables: usize,
    /// The memory for steps in it: copies of what is fed and found, intermediate values, scratch.
    pub step: usize,
}

/// Hands out parts of the block, each on cache lines of its own.
struct Parts(usize);

impl Parts {
    fn take(&mut self, bytes: usize) -> usize {
        let at = self.0;
        self.0 = (at + bytes).next_multiple_of(CACHE_LINE);
        at
    }
}

impl Layout {
    pub(super) fn of(model: &Model) -> Layout {
        let mut parts = Parts(state::BYTES);
        let variables = model.variables.iter();
        let variables = variables.map(|v| parts.take(bytes(&v.tensor_type))).collect();
        // Entries run one after the other.
        let begin = parts.0;
        let mut end = begin;
        let mut entries = vec![];
        for entry in &model.entries {
            let mut own = Parts(begin);
            entries.push(fields(entry, &mut own));
            end = end.max(own.0);
        }
        let mut parts = Parts(end);
        let programs = || model.programs();
        let most = |n: fn(&Program) -> usize| programs().map(n).max().unwrap_or(0);
        let tables = [
            parts.take(8 * most(|p| p.variables.len())),
            parts.take(8 * most(|p| p.feeds.len())),
            parts.take(8 * most(|p| p.outputs.len())),
        ];
        let arena = parts.take(most(|p| p.arena_bytes));
        let scratch_stride = programs().map(scratch_stride).max().unwrap_or(0);
        let scratch = parts.take(scratch_stride);
        Layout { bytes: parts.0, variables, entries, tables, arena, scratch, scratch_stride }
    }

    pub(super) fn sizes(&self, model: &Model, code: CodeSizes) -> Sizes {
        let weight = |initial: &Initial| match initial {
            Initial::Value(value) => value.n_elements() * value.dtype().size(),
            Initial::Program(_) => 0,
        };
        let end_of_variables = self.variables.iter().zip(&model.variables);
        let variables = end_of_variables.map(|(_, v)| bytes(&v.tensor_type)).sum();
        let first = self.entries.iter().flat_map(|e| &e.feeds).map(|f| f.copy).min();
        Sizes {
            code,
            constants: model.programs().map(|p| p.constants_bytes).sum(),
            weights: model.variables.iter().map(|v| weight(&v.initial)).sum(),
            block: self.bytes,
            variables,
            step: self.bytes - first.unwrap_or(self.arena),
        }
    }
}

impl Model {
    /// Every program of the model.
    pub(super) fn programs(&self) -> impl Iterator<Item = &Program> {
        let initial = self.variables.iter().filter_map(|v| match &v.initial {
            Initial::Program(program) => Some(&**program),
            Initial::Value(_) => None,
        });
        self.entries.iter().flat_map(CompiledEntry::programs).chain(initial)
    }
}

impl CompiledEntry {
    fn programs(&self) -> impl Iterator<Item = &Program> {
        let finish = self.results.iter().filter_map(|result| match &result.source {
            Source::Finish { program, .. } => Some(&**program),
            Source::Output(_) => None,
        });
        let computed = self.guards.iter().filter_map(|guard| guard.computed.as_deref());
        std::iter::once(&self.program).chain(finish).chain(computed)
    }
}

/// Bytes of a type whose dimensions are numbers.
pub(super) fn bytes(tensor_type: &TensorType) -> usize {
    tensor_type.n_bytes().expect("a program's types have numbers that fit")
}

fn fields(entry: &CompiledEntry, parts: &mut Parts) -> Fields {
    let mut names = Names::default();
    let mut at = 0usize;
    let mut place = |bytes: usize| {
        let begin = at.div_ceil(bytes) * bytes;
        at = begin + bytes;
        begin
    };
    let mut feeds = vec![];
    for (name, tensor_type) in &entry.program.feeds {
        let is_number = tensor_type.rank() == 0;
        let size = if is_number { tensor_type.dtype.size() } else { 8 };
        let (at, copy) = (place(size), parts.take(bytes(tensor_type)));
        let (name, tensor_type) = (names.of(name), tensor_type.clone());
        feeds.push(Field { at, name, tensor_type, is_number, copy });
    }
    let outputs: Vec<usize> =
        entry.program.outputs.iter().map(|o| parts.take(bytes(&o.tensor_type))).collect();
    let mut results = vec![];
    for EntryResult { name, tensor_type, source } in &entry.results {
        let is_number = tensor_type.rank() == 0;
        let size = if is_number { tensor_type.dtype.size() } else { 8 };
        let at = place(size);
        let copy = match source {
            Source::Output(number) => outputs[*number],
            Source::Finish { .. } => parts.take(bytes(tensor_type)),
        };
        let (name, tensor_type) = (names.of(name), tensor_type.clone());
        results.push(Field { at, name, tensor_type, is_number, copy });
    }
    let guard = |program: &Program| bytes(&program.outputs[0].tensor_type);
    let guards = entry.guards.iter().map(|guard| guard.computed.as_deref());
    let guards = guards.map(|program| parts.take(program.map_or(0, guard))).collect();
    Fields { feeds, results, outputs, guards }
}

/// Names in C: letters, digits and underscores, no two alike, none a word of the language.
#[derive(Default)]
pub(super) struct Names(std::collections::HashSet<String>);

/// The words that C and C++ keep for themselves and that are names here.
const WORDS: &str = "alignas alignof and and_eq asm auto bitand bitor bool break case catch char \
    class compl concept const consteval constexpr constinit const_cast continue co_await co_return \
    co_yield decltype default delete do double dynamic_cast else enum explicit export extern false \
    float for friend goto if inline int long mutable namespace new noexcept not not_eq nullptr \
    operator or or_eq private protected public register reinterpret_cast requires restrict return \
    short signed sizeof static static_assert static_cast struct switch template this thread_local \
    throw true try typedef typeid typename union unsigned using virtual void volatile wchar_t while \
    xor xor_eq";

impl Names {
    /// The name in C of a name of the file.
    pub(super) fn of(&mut self, name: &str) -> String {
        let plain = identifier(name);
        let mut unlike = plain.clone();
        let mut number = 2;
        while !self.0.insert(unlike.clone()) {
            unlike = format!("{plain}_{number}");
            number += 1;
        }
        unlike
    }
}

/// A name as C takes it: letters, digits and underscores, no word of the language.
pub fn identifier(name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let plain: String = name.chars().map(letter).collect();
    let starts_well = plain.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !starts_well {
        return format!("_{plain}");
    }
    let is_word = WORDS.split_whitespace().any(|word| word == plain);
    if is_word { format!("{plain}_") } else { plain }
}

/// The type of an element in C.
pub(super) fn c_type(dtype: DType) -> &'static str {
    match dtype {
        DType::F32 => "float",
        DType::F64 => "double",
        DType::I32 => "int32_t",
        DType::I64 => "int64_t",
        DType::U8 | DType::Bool => "uint8_t",
    }
}
