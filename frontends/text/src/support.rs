//! Which operations exist for which element types: asked of the language and the compiler, with a
//! program for each that calls it.

use brolga_compiler::compile::{Options, compile_graph};
use brolga_compiler::entry::{Entry, entry_graph};
use brolga_compiler::ir::{Binding, Module, Target};
use brolga_compiler::specialise::specialise;
use ndarray::Array1;
use ndarray_npy::{WritableElement, WriteNpyExt};

use crate::diagnostics::Severity;
use crate::{LoadOptions, Operation, load, operations};

/// The element types of the language, by name.
pub const ELEMENT_TYPES: [&str; 7] = ["f32", "f64", "bf16", "i32", "i64", "u8", "bool"];

/// A program that calls an operation with one element type, and what became of it.
#[derive(Clone, Debug)]
pub struct Support {
    /// The text of the program.
    pub program: String,
    /// The program, if it compiles; else the code of the first error.
    pub outcome: Result<Module, String>,
}

/// What an element type is to an operation: that of its first operand, of its result where it has
/// no operand, and of what it is called beside where it has neither. `None` for a name that the
/// language does not know.
pub fn support(operation: &str, element: &str) -> Option<Support> {
    let program = example(operation)?.replace('$', element);
    let outcome = compiled(&program, element);
    Some(Support { program, outcome })
}

/// The entry that shows what a program of [`support`] does.
pub fn natural_entry(module: &Module) -> Entry {
    match (module.infer.outputs.is_empty(), module.infer.metrics.is_empty()) {
        (false, _) => Entry::Run { fetch: vec![] },
        (true, false) => Entry::Eval,
        (true, true) => Entry::Train,
    }
}

fn compiled(program: &str, element: &str) -> Result<Module, String> {
    let file = |path: &str| array_file(element).ok_or(format!("there is no `{path}`"));
    let options = LoadOptions { import: &file, ..LoadOptions::default() };
    let loaded = load("operation.graph", program.as_bytes(), &options);
    let module = match loaded {
        Ok(loaded) => loaded.module,
        Err(error) => {
            let is_error = |severity| severity == Severity::Error;
            let first = error.diagnostics.iter().find(|d| is_error(d.severity));
            return Err(first.map(|d| d.code.id().to_owned()).unwrap_or_default());
        }
    };
    let code = |error: brolga_compiler::error::CompileError| error.code.to_owned();
    let graph = entry_graph(&module, &natural_entry(&module)).map_err(code)?;
    let specialised = specialise(&graph.graph, &Binding::default()).map_err(code)?;
    compile_graph(specialised, &Target::X86_64_V2, &Options::default()).map_err(code)?;
    Ok(module)
}

/// The bytes of a `.npy` file of three elements.
fn array_file(element: &str) -> Option<Vec<u8>> {
    fn of<T: WritableElement + Default + Clone>() -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        Array1::<T>::default(3).write_npy(&mut bytes).ok()?;
        Some(bytes)
    }
    match element {
        "f32" => of::<f32>(),
        "f64" => of::<f64>(),
        "i32" => of::<i32>(),
        "i64" => of::<i64>(),
        "u8" => of::<u8>(),
        "bool" => of::<bool>(),
        _ => None,
    }
}

/// The program that calls an operation, with `$` for the element type.
fn example(operation: &str) -> Option<String> {
    if let Some((_, program)) = PROGRAMS.iter().find(|(name, _)| *name == operation) {
        return Some((*program).to_owned());
    }
    let found = operations().into_iter().find(|known| known.name == operation)?;
    plain(&found)
}

/// A call with what the names of the arguments that must be given mean.
fn plain(operation: &Operation) -> Option<String> {
    let (mut inputs, mut given) = (String::new(), Vec::new());
    for (name, _) in operation.arguments.iter().filter(|(_, default)| default.is_none()) {
        let (declared, text) =
            ARGUMENTS.iter().find(|(known, ..)| known == name).map(|a| (a.1, a.2))?;
        if !declared.is_empty() {
            inputs.push_str(&format!("input {name}: {declared}\n"));
        }
        given.push(text);
    }
    Some(format!("{inputs}output y = {}({})", operation.name, given.join(", ")))
}

/// Arguments by name: the type of an input of that name, if there is one, and what is given.
const ARGUMENTS: &[(&str, &str, &str)] = &[
    ("x", "$[2, 3]", "x"),
    ("a", "$[2, 3]", "a"),
    ("b", "$[2, 3]", "b"),
    ("logits", "$[2, 3]", "logits"),
    ("cond", "bool[2, 3]", "cond"),
    ("axis", "", "0"),
];

/// Operations whose calls are more than that.
const PROGRAMS: &[(&str, &str)] = &[
    ("and", "input a: $[2, 3]\ninput b: $[2, 3]\noutput y = a and b"),
    ("append", "input x: $[2]\noutput y = append([x], x)[1]"),
    ("batch_number", "output y = cast(batch_number(), $)"),
    ("bernoulli", "input p: $\noutput y = bernoulli([2, 3], p)"),
    ("broadcast_to", "input x: $[3]\noutput y = broadcast_to(x, [2, 3])"),
    ("cast", "input x: $[2, 3]\noutput y = cast(x, i64)"),
    ("concat", "input x: $[2, 3]\noutput y = concat([x, x], 0)"),
    ("constant", "output y = cast(1, $)"),
    ("contract", "input x: $[2, 3]\noutput y = contract(x, x, labels=\"ij,kj->ik\")"),
    ("conv1d", "input x: $[1, 5, 2]\ninput w: $[3, 2, 4]\noutput y = conv1d(x, w)"),
    (
        "conv1d_filter_gradient",
        "input x: $[1, 5, 2]\ninput dy: $[1, 3, 4]\noutput y = conv1d_filter_gradient(x, dy, 3)",
    ),
    (
        "conv1d_input_gradient",
        "input dy: $[1, 3, 4]\ninput w: $[3, 2, 4]\noutput y = conv1d_input_gradient(dy, w, 5)",
    ),
    ("conv2d", "input x: $[1, 5, 5, 2]\ninput w: $[3, 3, 2, 4]\noutput y = conv2d(x, w)"),
    (
        "conv2d_filter_gradient",
        "input x: $[1, 5, 5, 2]\ninput dy: $[1, 3, 3, 4]\n\
         output y = conv2d_filter_gradient(x, dy, 3)",
    ),
    (
        "conv2d_input_gradient",
        "input dy: $[1, 3, 3, 4]\ninput w: $[3, 3, 2, 4]\n\
         output y = conv2d_input_gradient(dy, w, 5)",
    ),
    ("dim", "input x: $[2, 3]\noutput y = cast(dim(x, 0), $)"),
    ("dropout", "input x: $[2, 3]\noutput y = dropout(x, 0.5, training=true)"),
    ("dtype", "input x: $[2, 3]\noutput y = zeros([2], dtype=dtype(x))"),
    ("einsum", "input x: $[2, 3]\noutput y = einsum(\"ij,kj->ik\", x, x)"),
    ("epoch", "output y = cast(epoch, $)"),
    ("flat", "input x: $[2]\noutput y = flat([x, [x]])[1]"),
    ("full", "input v: $\noutput y = full([2, 3], v)"),
    ("gather", "input x: $[3, 2]\ninput ids: i32[2]\noutput y = gather(x, ids)"),
    ("grad", "input x: $[2, 3]\noutput y = grad(sum(x * x), x)"),
    ("input", "input x: $[2, 3]\noutput y = x"),
    ("iota", "output y = iota([2, 3], dtype=$)"),
    (
        "iteration",
        "s = scan(t in iota([3], dtype=$), h = cast(0, $)) {\n    h = t\n}\noutput y = s",
    ),
    ("labelled", "input p: f32[2, 3]\ninput t: $[2]\noutput y = labelled(p, t)"),
    ("len", "input x: $[2]\noutput y = cast(len([x, x]), $)"),
    ("load", "state w: $[3] = load(\"w.npy\")\noutput y = w"),
    ("matmul", "input a: $[2, 3]\ninput b: $[3, 2]\noutput y = matmul(a, b)"),
    ("max_pool1d", "input x: $[1, 4, 2]\noutput y = max_pool1d(x, 2)"),
    ("max_pool1d_argmax", "input x: $[1, 4, 2]\noutput y = max_pool1d_argmax(x, 2)"),
    (
        "max_pool1d_gradient",
        "input dy: $[1, 2, 2]\ninput ids: i32[1, 2, 2]\n\
         output y = max_pool1d_gradient(dy, ids, 4, 2)",
    ),
    ("max_pool2d", "input x: $[1, 4, 4, 2]\noutput y = max_pool2d(x, 2)"),
    ("max_pool2d_argmax", "input x: $[1, 4, 4, 2]\noutput y = max_pool2d_argmax(x, 2)"),
    (
        "max_pool2d_gradient",
        "input dy: $[1, 2, 2, 2]\ninput ids: i32[1, 2, 2, 2]\n\
         output y = max_pool2d_gradient(dy, ids, [4, 4], 2)",
    ),
    ("not", "input x: $[2, 3]\noutput y = not x"),
    ("one_hot", "input ids: i32[3]\noutput y = one_hot(ids, 4, dtype=$)"),
    ("ones", "output y = ones([2, 3], dtype=$)"),
    ("or", "input a: $[2, 3]\ninput b: $[2, 3]\noutput y = a or b"),
    ("pad", "input x: $[2, 3]\noutput y = pad(x, [[1, 1], [0, 2]])"),
    ("paired", "input p: f32[2, 3]\ninput t: $[2, 3]\noutput y = paired(p, t)"),
    ("parameter", SCAN),
    ("params", "param w: $[3] = ones\noutput y = params(\"w\")[0]"),
    (
        "pending",
        "input x: $[3]\nstate v: $[3] = zeros\nupdate v <- x\nupdate v <- select(v == x, v, x)",
    ),
    ("prod_others", "input x: $[2, 3]\noutput y = grad(sum(prod(x, axis=1)), x)"),
    (
        "put_along_axis",
        "input ids: i32[2, 3]\ninput x: $[2, 3]\noutput y = put_along_axis(ids, x, 0, 4)",
    ),
    ("random_bits", "output y = cast(random_bits(shape=[2, 3]), $)"),
    ("random_normal", "output y = random_normal([2, 3], dtype=$)"),
    ("random_uniform", "output y = random_uniform([2, 3], dtype=$)"),
    ("rank", "input x: $[2, 3]\noutput y = cast(rank(x), $)"),
    ("reshape", "input x: $[2, 3]\noutput y = reshape(x, [3, 2])"),
    ("result", SCAN),
    ("scan", SCAN),
    (
        "scatter_add",
        "input x: $[3, 2]\ninput ids: i32[2]\ninput u: $[2, 2]\noutput y = scatter_add(x, ids, u)",
    ),
    ("seed", "output y = cast(seed(), $)"),
    ("shape", "input x: $[2, 3]\noutput y = cast(shape(x)[0], $)"),
    ("slice", "input x: $[2, 3]\noutput y = slice(x, [0, 0], [1, 2], [1, 1])"),
    ("split", "input x: $[2, 3]\noutput y = split(x, 3, axis=1)[0]"),
    ("squeeze", "input x: $[2, 1]\noutput y = squeeze(x)"),
    ("stack", "input x: $[2, 3]\noutput y = stack([x, x])"),
    ("step", "output y = cast(step, $)"),
    ("sum_pool1d", "input x: $[1, 4, 2]\noutput y = sum_pool1d(x, 2)"),
    ("sum_pool1d_gradient", "input dy: $[1, 2, 2]\noutput y = sum_pool1d_gradient(dy, 4, 2)"),
    ("sum_pool2d", "input x: $[1, 4, 4, 2]\noutput y = sum_pool2d(x, 2)"),
    (
        "sum_pool2d_gradient",
        "input dy: $[1, 2, 2, 2]\noutput y = sum_pool2d_gradient(dy, [4, 4], 2)",
    ),
    (
        "take_along_axis",
        "input x: $[2, 3]\ninput ids: i32[2, 3]\noutput y = take_along_axis(x, ids, 0)",
    ),
    (
        "take_pool1d",
        "input x: $[1, 4, 2]\ninput ids: i32[1, 2, 2]\noutput y = take_pool1d(x, ids, 2)",
    ),
    (
        "take_pool2d",
        "input x: $[1, 4, 4, 2]\ninput ids: i32[1, 2, 2, 2]\noutput y = take_pool2d(x, ids, 2)",
    ),
    ("tile", "input x: $[2, 3]\noutput y = tile(x, [2, 1])"),
    ("top_k", "input x: $[2, 3]\nv, i = top_k(x, 2)\noutput v\noutput i"),
    ("total", "input x: $[2]\nmetric y = total(sum(x))"),
    ("variable", "state v: $[3] = zeros\noutput y = v"),
    ("zeros", "output y = zeros([2, 3], dtype=$)"),
];

const SCAN: &str = "input x: $[4, 2]\ns = scan(x_t in x, h = x[0]) {\n    \
    h = select(x_t == h, h, x_t)\n}\noutput y = s";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_a_program() {
        for operation in operations() {
            assert!(example(operation.name).is_some(), "{}", operation.name);
        }
        for (name, program) in PROGRAMS {
            let is_known = operations().iter().any(|operation| operation.name == *name);
            assert!(is_known && program.contains('$'), "{name}");
        }
    }
}
