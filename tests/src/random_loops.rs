//! Random loops in random graphs: what runs them agrees. Bodies read carries, elements of sequences
//! along any axis, values around them and the iteration; carries change places, are kept or computed;
//! loops stand in loops. Their gradients, of the first order and of the second, are slopes.

use std::sync::Arc;

use brolga_compiler::autodiff::differentiate;
use brolga_compiler::ir::{Costs, DType, Dim, Graph, Name, NodeId, Origin, TensorType, UnaryFn};
use brolga_compiler::ops::{Build, Control, Leaf, Scan, TypeError};
use brolga_compiler::passes::PIPELINE;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::growing::{Course, Growing};
use crate::random_graphs::{agree, are_slopes, drawn_by, fail, mean_of, runner};

/// Choices, used up one by one; 0 when there are none left.
struct Choices(std::vec::IntoIter<u32>);

impl Choices {
    fn next(&mut self) -> u32 {
        self.0.next().unwrap_or(0)
    }

    /// One of a list, which is not empty.
    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.next() as usize % list.len()]
    }

    /// So many of a list, which is not empty.
    fn some<T: Copy>(&mut self, n: usize, list: &[T]) -> Vec<T> {
        (0..n).map(|_| self.of(list)).collect()
    }
}

fn origin() -> Origin {
    Origin::named("v", Default::default())
}

/// A loop that is not yet in its graph.
struct Draft {
    operands: Vec<NodeId>,
    scan: Scan,
    /// How its results follow its operands.
    course: Course,
}

/// A loop over what the graph has, with loops in it up to a depth; `None` if nothing can be walked.
fn draft(
    around: &Growing,
    choices: &mut Choices,
    (depth, at_most): (usize, Course),
) -> Result<Option<Draft>, TypeError> {
    let type_of = |id: NodeId| around.graph.tensor_type(id);
    // Long loops of random bodies are chaotic: rounding grows until nothing agrees.
    let is_short = |n: &Dim| n.as_number().is_some_and(|n| n <= 7);
    let short = |&id: &NodeId| {
        let shape = type_of(id).shape.iter().enumerate();
        shape.filter(|(_, n)| is_short(n)).map(|(axis, n)| (axis, n.clone())).collect::<Vec<_>>()
    };
    let walks: Vec<(usize, Dim)> = around.nodes.iter().flat_map(short).collect();
    let Some(walk) = walks.get(choices.next() as usize % walks.len().max(1)) else {
        return Ok(None);
    };
    let (axis, length) = walk.clone();
    let alike = |id: &NodeId| type_of(*id).shape.get(axis) == Some(&length);
    let walkable: Vec<NodeId> = around.nodes.iter().copied().filter(alike).collect();
    let (n_carries, n_sequences) =
        (1 + choices.next() as usize % 3, 1 + choices.next() as usize % 2);
    let mut operands = choices.some(n_carries, &around.nodes);
    operands.extend(choices.some(n_sequences, &walkable));
    operands.extend(choices.some(2, &around.nodes));
    let matrix = matrix_of(around, operands[0]);
    let has_cell = !matrix.is_empty() && choices.next().is_multiple_of(2);
    if has_cell {
        operands.push(choices.of(&matrix));
    }
    let mut types: Vec<TensorType> = operands.iter().map(|&o| type_of(o).clone()).collect();
    types[n_carries..n_carries + n_sequences].iter_mut().for_each(|t| {
        t.shape.remove(axis);
    });
    let mut body = body(&types, around.dtype())?;
    let cell = if has_cell { Some(add_cell(&mut body)?) } else { None };
    for _ in 0..2 + choices.next() % 6 {
        body.grow(choices.next(), at_most);
    }
    if choices.next().is_multiple_of(3) {
        body.grow_window(choices.next(), at_most);
        body.grow(choices.next(), at_most);
    }
    if depth > 0 {
        add_loop(&mut body, choices, (depth - 1, at_most))?;
        body.grow(choices.next(), at_most);
    }
    let course = body.worst();
    let body = Arc::new(finished(body, (n_carries, axis), cell, choices)?);
    let reverse = choices.next() % 2 == 1;
    let scan = Scan { body, n_carries, n_sequences, axis, reverse, length };
    Ok(Some(Draft { operands, scan, course }))
}

/// What a carry that starts as a node can be multiplied by.
fn matrix_of(around: &Growing, carry: NodeId) -> Vec<NodeId> {
    let of_carry = around.graph.tensor_type(carry);
    let fits = |id: &NodeId| {
        let shape = &around.graph.tensor_type(*id).shape;
        of_carry.rank() == 2 && shape.len() == 2 && shape[0] == of_carry.shape[1]
    };
    around.nodes.iter().copied().filter(fits).collect()
}

/// Adds the product of the first carry with the last value around the loop, and its tanh: a cell of a
/// recurrent layer, if it becomes the carry's next value.
fn add_cell(body: &mut Growing) -> Result<NodeId, TypeError> {
    let inputs = &body.graph.inputs;
    let (carry, matrix) = (inputs[0], inputs[inputs.len() - 2]);
    let origin = origin();
    let mut g = Build { graph: &mut body.graph, origin: &origin };
    let product = g.matmul(carry, matrix, (false, false))?;
    let scaled = g.scale(product, 0.25)?;
    let cell = g.unary(UnaryFn::Tanh, scaled)?;
    for node in [product, cell] {
        body.push(node, Course::Smooth);
    }
    Ok(cell)
}

/// A body with parameters of these types, and the number of the iteration as a float of a type.
fn body(types: &[TensorType], dtype: DType) -> Result<Growing, TypeError> {
    let mut graph = Graph::default();
    let iteration = TensorType::scalar(DType::I64);
    for (number, tensor_type) in types.iter().chain([&iteration]).enumerate() {
        let leaf = Leaf::Parameter { number, tensor_type: tensor_type.clone() };
        let parameter = graph.add(leaf, &[], &origin())?;
        graph.inputs.push(parameter);
    }
    let (&iteration, parameters) = graph.inputs.split_last().expect("there is one");
    let mut nodes = parameters.to_vec();
    let origin = origin();
    let mut g = Build { graph: &mut graph, origin: &origin };
    let number = g.cast(iteration, dtype)?;
    nodes.push(g.scale(number, 0.125)?);
    Ok(Growing::of(graph, nodes))
}

/// The body with its outputs: next carries, of which the first can be the cell, then one or two values
/// that it emits, and perhaps a carry as the iteration finds or leaves it.
fn finished(
    body: Growing,
    (n_carries, axis): (usize, usize),
    cell: Option<NodeId>,
    choices: &mut Choices,
) -> Result<Graph, TypeError> {
    let Growing { mut graph, nodes, .. } = body;
    for k in 0..n_carries {
        let wanted = graph.tensor_type(graph.inputs[k]).clone();
        let fits = |id: &NodeId| *graph.tensor_type(*id) == wanted;
        let fitting: Vec<NodeId> = nodes.iter().copied().filter(fits).collect();
        let mut next = choices.of(&fitting);
        let cell = cell.filter(|cell| k == 0 && fitting.contains(cell));
        if let Some(cell) = cell.filter(|_| choices.next().is_multiple_of(2)) {
            next = cell;
        } else if !choices.next().is_multiple_of(3) {
            let origin = origin();
            next = Build { graph: &mut graph, origin: &origin }.unary(UnaryFn::Tanh, next)?;
        }
        graph.outputs.push((format!("c{k}").into(), next));
    }
    let stackable = |id: &NodeId| graph.tensor_type(*id).rank() >= axis;
    let stackable: Vec<NodeId> = nodes.iter().copied().filter(stackable).collect();
    if !stackable.is_empty() {
        let n = 1 + choices.next() as usize % 2;
        let emitted = choices.some(n, &stackable).into_iter().enumerate();
        graph.outputs.extend(emitted.map(|(k, id)| (Name::from(format!("e{k}")), id)));
    }
    let next = graph.outputs[0].1;
    for (name, id) in [("found", graph.inputs[0]), ("left", next)] {
        if graph.tensor_type(id).rank() >= axis && choices.next().is_multiple_of(3) {
            graph.outputs.push((name.into(), id));
        }
    }
    capture_once(&mut graph);
    Ok(graph)
}

/// Gives the loops of a graph each value around them once, as the language does.
fn capture_once(graph: &mut Graph) {
    let pass = PIPELINE.iter().find(|pass| pass.name == "captures").expect("it is in the list");
    (pass.run)(graph, &Costs::default()).expect("a graph of this test");
}

/// Adds a loop to a graph, and some of its results to the nodes.
fn add_loop(
    into: &mut Growing,
    choices: &mut Choices,
    how: (usize, Course),
) -> Result<(), TypeError> {
    let Some(Draft { operands, scan, course }) = draft(into, choices, how)? else {
        return Ok(());
    };
    let n_results = scan.body.outputs.len();
    let node = into.graph.add(scan, &operands, &origin())?;
    for index in 0..n_results {
        // What nothing reads has no node.
        if !choices.next().is_multiple_of(8) {
            let result = into.graph.add(Control::Result { index }, &[node], &origin())?;
            into.push(result, course);
        }
    }
    Ok(())
}

/// Adds an input that a loop over rows or planes can walk.
fn add_sequence(growing: &mut Growing, sizes: &[usize]) -> Result<(), TestCaseError> {
    let tensor_type = TensorType::of_sizes(growing.dtype(), sizes);
    let leaf = Leaf::Input { name: "s".into(), tensor_type };
    let named = Origin::named("s", Default::default());
    let id = growing.graph.add(leaf, &[], &named).map_err(|e| fail(e.to_string()))?;
    growing.graph.inputs.push(id);
    growing.nodes.push(id);
    Ok(())
}

/// Adds a matrix that carries can be multiplied by again and again.
fn add_square(growing: &mut Growing) -> Result<(), TypeError> {
    let is_matrix = |id: &NodeId| growing.graph.tensor_type(*id).rank() == 2;
    let Some(x) = growing.nodes.iter().copied().find(is_matrix) else { return Ok(()) };
    let origin = origin();
    let mut g = Build { graph: &mut growing.graph, origin: &origin };
    let product = g.matmul(x, x, (true, false))?;
    let square = g.unary(UnaryFn::Tanh, product)?;
    growing.push(square, Course::Smooth);
    Ok(())
}

/// A graph with loops, as choices say.
fn with_loops(
    dtype: DType,
    (m, n): (usize, usize),
    choices: &mut Choices,
    (depth, at_most): (usize, Course),
) -> Result<Growing, TestCaseError> {
    let mut growing = Growing::new(dtype, m, n);
    add_sequence(&mut growing, &[m, 4, n])?;
    if choices.next().is_multiple_of(2) {
        add_square(&mut growing).map_err(|e| fail(e.to_string()))?;
    }
    for _ in 0..choices.next() % 4 {
        growing.grow(choices.next(), at_most);
    }
    for _ in 0..2 {
        let added = add_loop(&mut growing, choices, (depth, at_most));
        added.map_err(|e| fail(e.to_string()))?;
        growing.grow(choices.next(), at_most);
    }
    Ok(growing)
}

/// Makes the gradients of the mean of the last node outputs, as far as it depends on inputs.
fn add_gradients(growing: &mut Growing) -> Result<(), TestCaseError> {
    let graph = &mut growing.graph;
    let loss = mean_of(graph, *growing.nodes.last().expect("there are inputs"))?;
    let inputs = graph.inputs.clone();
    let gradients = differentiate(graph, loss, &inputs).map_err(fail)?;
    let gradients = gradients.into_iter().enumerate();
    let named = gradients.filter_map(|(k, gradient)| Some((format!("g{k}").into(), gradient?)));
    graph.outputs.extend(named);
    Ok(())
}

#[test]
fn random_loops_agree() {
    const SIZES: [(usize, usize); 8] =
        [(1, 1), (7, 5), (3, 33), (5, 77), (33, 66), (40, 3), (0, 5), (6, 0)];
    let choices = (vec(any::<u32>(), 60..120), 0..SIZES.len(), 0..3usize);
    let result = drawn_by("RANDOM_LOOPS", 160).run(&choices, |(choices, size, depth)| {
        let mut choices = Choices(choices.into_iter());
        let at_most = choices.of(&[Course::Smooth, Course::Smooth, Course::Kinked]);
        let how = (depth, at_most);
        let mut growing = with_loops(DType::F32, SIZES[size], &mut choices, how)?;
        let number = choices.next();
        growing.end(number);
        let has_gradients = choices.next().is_multiple_of(2);
        if has_gradients {
            add_gradients(&mut growing)?;
        }
        capture_once(&mut growing.graph);
        // The gradient of what has a kink jumps there.
        let jumps = growing.worst() > if has_gradients { Course::Smooth } else { Course::Kinked };
        agree(growing.graph, |_| jumps, number)
    });
    assert!(result.is_ok(), "{}", result.err().map(|e| e.to_string()).unwrap_or_default());
}

#[test]
fn random_loops_have_slopes() {
    let choices = (vec(any::<u32>(), 60..120), 0..3usize, 0..2usize);
    let result = runner(96).run(&choices, |(choices, size, depth)| {
        let mut choices = Choices(choices.into_iter());
        let sizes = [(1, 2), (2, 3), (3, 1)][size];
        let mut growing = with_loops(DType::F64, sizes, &mut choices, (depth, Course::Smooth))?;
        if growing.worst() > Course::Smooth {
            return Ok(());
        }
        let graph = &mut growing.graph;
        let loss = mean_of(graph, *growing.nodes.last().expect("there are inputs"))?;
        let gradients = are_slopes(graph, loss)?;
        let Some(&slope) = gradients.last() else { return Ok(()) };
        let loss = mean_of(graph, slope)?;
        are_slopes(graph, loss).map(|_| ())
    });
    assert!(result.is_ok(), "{}", result.err().map(|e| e.to_string()).unwrap_or_default());
}
