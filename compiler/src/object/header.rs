//! The header of a model's library: plain C99.

use std::fmt::Write;

use super::glue::result;
use super::layout::{Field, Fields, Layout, c_type};
use super::{CompiledEntry, EntryKind, Model};

/// The text of the header. `version` and `source` are what it was made by and of.
pub(super) fn header(model: &Model, layout: &Layout, (version, source): (&str, &str)) -> String {
    let name = &model.name;
    let upper = name.to_uppercase();
    let mut text = format!(
        "/* Made of {source} by brolga {version} for {}.\n\
         \x20* Link it with -lpthread -lm; -Wl,--gc-sections leaves out what is not called. */\n\
         #ifndef BROLGA_{upper}_H\n#define BROLGA_{upper}_H\n\n\
         #include <stddef.h>\n#include <stdint.h>\n\n\
         #ifdef __cplusplus\nextern \"C\" {{\n#endif\n\n\
         /* Variables, clocks and the memory of a step: one block, whose bytes are the caller's. Nothing\n\
         \x20* else is written, and nothing is allocated but by {name}_threads. One thread at a time calls\n\
         \x20* functions of a model, with 512 KiB of stack; two models do not disturb each other. */\n\
         typedef struct {name} {name};\n\n\
         /* How many bytes a model takes. */\nsize_t {name}_bytes(void);\n\n\
         /* Makes a model in {name}_bytes() bytes of memory, aligned to 64, with its initial values; returns\n\
         \x20* memory, or NULL if it is not aligned or the processor cannot run the code. */\n\
         {name} *{name}_init(void *memory, uint64_t seed);\n\n",
        model.target.name
    );
    let codes: Vec<String> = result::ALL
        .iter()
        .enumerate()
        .map(|(number, (code, _))| format!("{upper}_{code} = {number}"))
        .collect();
    write(
        &mut text,
        &format!("/* What functions return. */\nenum {{ {} }};\n\n", codes.join(", ")),
    );
    write(
        &mut text,
        &format!(
            "/* What a result says, and where; the text is the model's until its next failure. */\n\
             const char *{name}_error(int result, const {name} *model);\n\n"
        ),
    );
    for (entry, fields) in model.entries.iter().zip(&layout.entries) {
        entry_text(&mut text, model, (entry, fields));
    }
    write(
        &mut text,
        &format!(
            "/* A param, state or slot of an optimiser, under its name: its value, to read and to write.\n\
             \x20* dtype: 0 float, 1 double, 2 int32_t, 3 int64_t, 4 uint8_t, 5 a truth value in a uint8_t. */\n\
             typedef struct {{\n    const char *name;\n    int dtype;\n    int rank;\n    \
             const int64_t *shape;\n    void *data;\n}} {name}_variable;\n\n\
             /* Lists the variables, at most max; returns how many there are: {}. */\n\
             int {name}_variables({name} *model, {name}_variable *out, int max);\n\n\
             /* Runs on n threads from now on, 1 at first: the others are the model's until it is 1 again.\n\
             \x20* Results are the same on any number. */\n\
             int {name}_threads({name} *model, int n);\n\n\
             /* The batches that it was trained on. */\nuint64_t {name}_steps(const {name} *model);\n\n\
             /* Says what `epoch` is in the file. */\n\
             void {name}_epoch({name} *model, uint64_t epoch);\n\n\
             #ifdef __cplusplus\n}}\n#endif\n\n#endif\n",
            model.variables.len()
        ),
    );
    text
}

/// A string takes all that is written.
fn write(text: &mut String, more: &str) {
    text.push_str(more);
}

fn entry_text(text: &mut String, model: &Model, (entry, fields): (&CompiledEntry, &Fields)) {
    let (name, kind) = (&model.name, entry.kind.name());
    let what = match entry.kind {
        EntryKind::Train => "Trains on one batch.",
        EntryKind::Eval => "The losses and metrics of one batch.",
        EntryKind::Predict | EntryKind::Run => "The outputs for one batch.",
    };
    let rows = fields.feeds.iter().filter(|field| !field.is_number);
    let rows = rows.filter_map(|field| field.tensor_type.sizes()?.first().copied()).next();
    if let Some(rows) = rows {
        let constant = format!("{}_{}_BATCH", name.to_uppercase(), kind.to_uppercase());
        let _ = writeln!(text, "enum {{ {constant} = {rows} }};\n");
    }
    let _ = writeln!(
        text,
        "/* {what} Arrays are in row-major order; those that are aligned to 64 bytes are read\n\
         \x20* where they are. Results that are not wanted are NULL. On a failure the model stays as it was,\n\
         \x20* unless what is out of range was computed by the step itself. */\ntypedef struct {{"
    );
    let line = |field: &Field, is_input: bool| {
        let of = c_type(field.tensor_type.dtype);
        let (constant, star) = match (field.is_number, is_input) {
            (true, _) => ("", ""),
            (false, true) => ("const ", "*"),
            (false, false) => ("", "*"),
        };
        format!("    {constant}{of} {star}{}; /* {} */", field.name, field.tensor_type)
    };
    for field in &fields.feeds {
        let _ = writeln!(text, "{}", line(field, true));
    }
    for field in &fields.results {
        let _ = writeln!(text, "{}", line(field, false));
    }
    if fields.feeds.is_empty() && fields.results.is_empty() {
        let _ = writeln!(text, "    char nothing;");
    }
    let _ = writeln!(text, "}} {name}_{kind}_io;\n");
    let _ = writeln!(text, "int {name}_{kind}({name} *model, {name}_{kind}_io *io);\n");
}
