//! Graphs: read, looked at, freed.

use std::ffi::{CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;

use brolga::TensorType;
use brolga::compiler::ir::Graph as Typed;
use brolga::text::diagnostics::{RenderOptions, render};

use crate::boundary::{Failure, call};
use crate::error::c_text;
use crate::given::{consts, list, put, reference, text};
use crate::listing::Tensors;
use crate::types::{BROLGA_INPUT, BROLGA_OUTPUT, Const, Kind, Status, Tensor};

/// A graph that was read: inputs, variables, model, losses and optimisers. It is never changed, so
/// several threads may use it at once.
pub struct Graph {
    pub(crate) graph: brolga::Graph,
    inputs: Tensors,
    outputs: Tensors,
    warnings: CString,
}

// What the header says of threads.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<brolga::Graph>();
};

impl Graph {
    fn new(graph: brolga::Graph) -> Graph {
        let module = graph.module();
        let (train, infer) = (&module.train, &module.infer);
        let mut inputs = inputs(infer);
        // What is declared where `training` is true alone.
        let of_training = self::inputs(train).into_iter();
        let new: Vec<_> =
            of_training.filter(|(name, ..)| inputs.iter().all(|i| i.0 != *name)).collect();
        inputs.extend(new);
        let outputs = infer.outputs.iter();
        let outputs =
            outputs.map(|(name, id)| (&**name, BROLGA_OUTPUT, infer.tensor_type(*id).clone()));
        let warnings = render(graph.warnings(), graph.sources(), &RenderOptions::default());
        let (inputs, outputs) = (Tensors::new(inputs), Tensors::new(outputs));
        Graph { inputs, outputs, warnings: c_text(&warnings), graph }
    }
}

/// The inputs of a graph with their types.
pub(crate) fn inputs(graph: &Typed) -> Vec<(&str, Kind, TensorType)> {
    let input = |&id| (&*graph.node(id).name, BROLGA_INPUT, graph.tensor_type(id).clone());
    graph.inputs.iter().map(input).collect()
}

/// Frees what `Box::into_raw` gave, or nothing where it is NULL.
///
/// # Safety
/// It is that, and not freed yet.
pub(crate) unsafe fn free<T>(pointer: *mut T) {
    if !pointer.is_null() {
        // SAFETY: the caller's promise.
        let owned = unsafe { Box::from_raw(pointer) };
        // There is nobody to tell, and what is left of it is not looked at again.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(owned)));
    }
}

/// Reads a graph from a file; what it imports is found beside it.
///
/// consts: values for consts of the file instead of its own; NULL if n_consts is 0.
/// graph: takes the graph, which the caller frees by brolga_graph_free; NULL after an error.
///
/// Errors: a file that cannot be read (E0603); everything that is wrong with its text, with its
/// lines.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brolga_graph_from_file(
    path: *const c_char,
    consts: *const Const,
    n_consts: usize,
    graph: *mut *mut Graph,
) -> Status {
    // SAFETY: as all functions here.
    unsafe {
        read(graph, (consts, n_consts), |consts| {
            Ok(brolga::Graph::from_file_with(text(path, "path")?, consts)?)
        })
    }
}

/// Reads a graph from a text, which ends with a zero byte and imports nothing.
///
/// name: what messages call the text: "model.graph".
/// consts: values for consts of the text instead of its own; NULL if n_consts is 0.
/// graph: takes the graph, which the caller frees by brolga_graph_free; NULL after an error.
///
/// Errors: everything that is wrong with the text, with its lines.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brolga_graph_from_text(
    name: *const c_char,
    text: *const c_char,
    consts: *const Const,
    n_consts: usize,
    graph: *mut *mut Graph,
) -> Status {
    // SAFETY: as all functions here.
    unsafe {
        read(graph, (consts, n_consts), |consts| {
            let (name, text) = (self::text(name, "name")?, self::text(text, "text")?);
            Ok(brolga::Graph::from_text_with(name, text, consts)?)
        })
    }
}

unsafe fn read(
    graph: *mut *mut Graph,
    (given, n_given): (*const Const, usize),
    read: impl FnOnce(&[(String, String)]) -> Result<brolga::Graph, Failure>,
) -> Status {
    call(|| {
        // SAFETY: as all functions here.
        let given = unsafe {
            put(graph, null_mut(), "graph")?;
            consts(list(given, n_given, "consts")?)
        };
        let made = Box::into_raw(Box::new(Graph::new(read(&given?)?)));
        // SAFETY: as above.
        unsafe { put(graph, made, "graph") }
    })
}

/// Frees a graph; nothing, if it is NULL. Sessions that were made of it keep what they need.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brolga_graph_free(graph: *mut Graph) {
    // SAFETY: as all functions here.
    unsafe { free(graph) }
}

/// Lists the inputs of a graph, in the order of its text.
///
/// inputs, n_inputs: take the list and its length. The list is the graph's, until it is freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brolga_graph_inputs(
    graph: *const Graph,
    inputs: *mut *const Tensor,
    n_inputs: *mut usize,
) -> Status {
    // SAFETY: as all functions here.
    call(|| unsafe {
        give(&reference(graph, "graph")?.inputs, (inputs, "inputs"), (n_inputs, "n_inputs"))
    })
}

/// Lists the outputs of a graph, in the order of its text.
///
/// outputs, n_outputs: take the list and its length. The list is the graph's, until it is freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brolga_graph_outputs(
    graph: *const Graph,
    outputs: *mut *const Tensor,
    n_outputs: *mut usize,
) -> Status {
    // SAFETY: as all functions here.
    call(|| unsafe {
        give(&reference(graph, "graph")?.outputs, (outputs, "outputs"), (n_outputs, "n_outputs"))
    })
}

/// Gives the caller a list.
///
/// # Safety
/// As for [`put`].
pub(crate) unsafe fn give(
    tensors: &Tensors,
    (list, what): (*mut *const Tensor, &str),
    (n, what_n): (*mut usize, &str),
) -> Result<(), Failure> {
    // SAFETY: the caller's promise.
    unsafe {
        put(n, tensors.members().len(), what_n)?;
        put(list, tensors.members().as_ptr(), what)
    }
}

/// Tells what in the text of a graph is legal but probably not meant, as the command prints it.
///
/// warnings: takes the text, which is empty if there is nothing to tell. It is the graph's, until
/// that is freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brolga_graph_warnings(
    graph: *const Graph,
    warnings: *mut *const c_char,
) -> Status {
    // SAFETY: as all functions here.
    call(|| unsafe { put(warnings, reference(graph, "graph")?.warnings.as_ptr(), "warnings") })
}
