//! Random well-typed graphs: what runs them agrees, and their gradients are slopes.
//!
//! `RANDOM_GRAPHS` says how many graphs are made, `RANDOM_SEED` which; a graph that fails is made
//! smaller and printed.

use std::collections::BTreeSet;
use std::sync::Arc;

use brolga_compiler::autodiff::differentiate;
use brolga_compiler::entry::Entry;
use brolga_compiler::ir::{
    Binding, DType, Graph, GraphText, Literal, Module, Name, NodeId, Origin, Scalar,
};
use brolga_compiler::ops::{
    Build, EvalContext, Leaf, Leaves, OpRules, Reference, evaluate, signatures,
};
use brolga_runtime::data::Counter;
use brolga_runtime::session::{Backend, Session, SessionOptions};
use brolga_text::{LoadOptions, load};
use indexmap::IndexMap;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use crate::compare::{Tolerance, close, same};
use crate::growing::{Choice, Course, Growing};
use crate::read_back::reads_back;
use crate::ways::{Way, drawn};

/// How many random graphs are made without another word.
const GRAPHS: u32 = 1_000;

/// Tests that run side by side, each with its part of the graphs.
const SHARDS: u32 = 4;

/// The same cases in every run.
pub(crate) fn runner(cases: u32) -> TestRunner {
    seeded(cases, 0)
}

fn seeded(cases: u32, seed: u64) -> TestRunner {
    // Shrinking runs every case anew: enough for a small one, not for the smallest.
    let max_shrink_iters = 256;
    let config = Config { cases, max_shrink_iters, failure_persistence: None, ..Config::default() };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// As many cases as a variable of the environment says, from those of `RANDOM_SEED`.
pub(crate) fn drawn_by(name: &str, cases: u32) -> TestRunner {
    let cases = setting(name).map_or(cases, |n| n as u32);
    seeded(cases, setting("RANDOM_SEED").unwrap_or(0))
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

pub(crate) fn fail(why: impl ToString) -> TestCaseError {
    TestCaseError::fail(why.to_string())
}

/// Whether everything that runs a graph agrees on its outputs; `jumps` says which of them can differ
/// much where a rounding differs.
pub(crate) fn agree(
    graph: Graph,
    jumps: impl Fn(usize) -> bool,
    number: u32,
) -> Result<(), TestCaseError> {
    let module = Arc::new(Module { infer: graph, ..Module::default() });
    let said = |why: String| fail(format!("{why}\n{}", module.infer));
    reads_back(&module, &Entry::Run { fetch: vec![] }, &Binding::default()).map_err(said)?;
    let values = |way: &Way, backend, threads| {
        outputs_of(&module, way.session(backend, threads)).map_err(said)
    };
    let wanted = values(&Way::usual(), Backend::Oracle, 1)?;
    let near = |what: &str, found: &IndexMap<Name, Literal>| {
        for (i, (name, wanted)) in wanted.iter().enumerate().filter(|(i, _)| !jumps(*i)) {
            let sizes = wanted.scalars().map(|s| s.to_f64().abs()).filter(|x| x.is_finite());
            let size = sizes.fold(1.0, f64::max);
            let by = Tolerance { relative: 1e-4, absolute: 1e-4 * size };
            let close = close(&found[name], wanted, by).or_else(|why| {
                let precise = precise(&module.infer).map_err(|e| format!("{why}; in f64: {e}"))?;
                is_rounding(&found[name], wanted, &precise[name]).map_err(|e| format!("{why}; {e}"))
            });
            close.map_err(|e| said(format!("{what}, output {i} ({name}): {e}")))?;
        }
        Ok::<(), TestCaseError>(())
    };
    let equal = |what: &str, a: &IndexMap<Name, Literal>, b: &IndexMap<Name, Literal>| {
        for (name, a) in a {
            same(a, &b[name]).map_err(|e| said(format!("{what}, {name}: {e}")))?;
        }
        Ok::<(), TestCaseError>(())
    };
    near("eager", &values(&Way::usual(), Backend::Eager, 2)?)?;
    for way in drawn(number) {
        let loops = values(&way, Backend::Interpreter, 1)?;
        near(&format!("loops {}", way.name), &loops)?;
        let code = values(&way, Backend::Jit, 1)?;
        equal(&format!("code against loops {}", way.name), &code, &loops)?;
        let shared = values(&way, Backend::Jit, 3)?;
        equal(&format!("3 threads {}", way.name), &shared, &code)?;
    }
    Ok(())
}

/// The outputs of a graph in which every f32 is an f64.
fn precise(graph: &Graph) -> Result<IndexMap<Name, Literal>, String> {
    let text = GraphText { name: None, variables: vec![], graph }.to_string().replace("f32", "f64");
    let read = load("precise.graph", text.as_bytes(), &LoadOptions::default());
    let module = Arc::new(read.map_err(|e| e.to_string())?.module);
    outputs_of(&module, Way::usual().session(Backend::Oracle, 1))
}

/// Whether what was found may differ from what was wanted as roundings differ: it is not much farther
/// from the precise values than the wanted ones are themselves, and these mean something.
fn is_rounding(found: &Literal, wanted: &Literal, precise: &Literal) -> Result<(), String> {
    let off = |x: &Literal| {
        let pairs = x.scalars().zip(precise.scalars());
        let pairs = pairs.map(|(x, y)| (x.to_f64(), y.to_f64()));
        let apart = pairs.filter(|(x, y)| x != y && !(x.is_nan() && y.is_nan()));
        // A NaN on one side stays.
        let largest = |a: f64, b: f64| if a.is_nan() || a >= b { a } else { b };
        apart.map(|(x, y)| (x - y).abs()).fold(0.0, largest)
    };
    let size = precise.scalars().map(|s| s.to_f64().abs()).fold(1.0, f64::max);
    let (found, wanted) = (off(found), off(wanted));
    if found <= 8.0 * wanted && wanted <= 1e-2 * size {
        return Ok(());
    }
    Err(format!("from f64 it is {found} off, what was wanted {wanted}"))
}

fn inputs(graph: &Graph, seed: u64) -> IndexMap<Name, Literal> {
    let input = |(number, &id): (usize, &NodeId)| {
        let node = graph.node(id);
        let counter = Counter::new(&[seed, number as u64]);
        let sizes = node.types[0].sizes().expect("numbers");
        let n = sizes.iter().product::<usize>() as u64;
        let value = |i| 4.0 * counter.unit(i) - 2.0;
        let literal = match node.types[0].dtype {
            DType::F64 => Literal::from_vec(&sizes, (0..n).map(|i| f64::from(value(i))).collect()),
            DType::F32 | DType::I32 | DType::I64 | DType::U8 | DType::Bool => {
                Literal::from_vec(&sizes, (0..n).map(value).collect())
            }
        };
        (node.name.clone(), literal.expect("as many as the sizes"))
    };
    graph.inputs.iter().enumerate().map(input).collect()
}

fn outputs_of(
    module: &Arc<Module>,
    options: SessionOptions,
) -> Result<IndexMap<Name, Literal>, String> {
    let backend = options.backend;
    let said = |e: brolga_runtime::RunError| format!("{backend:?}: {e}");
    let mut session = Session::new(module.clone(), options).map_err(said)?;
    let feeds = inputs(&module.infer, 5);
    let entry = Entry::Run { fetch: vec![] };
    Ok(session.run(&entry, &Binding::default(), &feeds).map_err(said)?.outputs)
}

/// Operations that random graphs do not have: what other tests make, or what no run has.
const ELSEWHERE: [&str; 11] = [
    // Random loops.
    "parameter",
    "scan",
    "result",
    // Trainings.
    "variable",
    "step",
    "epoch",
    "pending",
    // Symbols, of which specialised graphs have none.
    "dim",
    // By simplification.
    "constant",
    "input",
    // The gradients of bindings; it is dissolved before a graph runs.
    "same",
];

/// The graph of a case, and how its outputs follow its inputs.
fn grown(choices: &[u32], (m, n): (usize, usize), number: u32) -> Growing {
    let mut growing = Growing::new(DType::F32, m, n);
    let at_most = Choice::new(number).of(&[Course::Smooth, Course::Kinked, Course::Jumping]);
    choices.iter().for_each(|&choice| growing.grow(choice, at_most));
    growing.end(number);
    growing
}

#[test]
fn random_graphs_have_every_operation() {
    let mut missing: BTreeSet<&str> = signatures().iter().map(|s| s.name).collect();
    for number in 0..4_000 {
        let mut choice = Choice::new(number);
        let choices: Vec<u32> = (0..16).map(|_| choice.below(1 << 32) as u32).collect();
        let graph = grown(&choices, (4, 6), number).graph;
        for id in graph.order() {
            missing.remove(graph.op(id).signature().name);
        }
    }
    ELSEWHERE.iter().for_each(|name| {
        missing.remove(name);
    });
    assert!(missing.is_empty(), "no random graph has {missing:?}");
}

fn shard(k: u32) {
    let graphs = setting("RANDOM_GRAPHS").map_or(GRAPHS, |n| n as u32).div_ceil(SHARDS);
    let seed = setting("RANDOM_SEED").unwrap_or(0) * u64::from(SHARDS) + u64::from(k);
    const SIZES: [(usize, usize); 10] =
        [(1, 1), (7, 5), (33, 17), (3, 77), (16, 32), (17, 32), (64, 9), (12, 48), (0, 5), (6, 0)];
    let choices = (vec(any::<u32>(), 2..28), 0..SIZES.len(), any::<u32>());
    let result = seeded(graphs, seed).run(&choices, |(choices, size, number)| {
        let growing = grown(&choices, SIZES[size], number);
        let outputs: Vec<NodeId> = growing.graph.outputs.iter().map(|o| o.1).collect();
        let jumps = |i: usize| growing.course(outputs[i]) == Course::Jumping;
        agree(growing.graph.clone(), jumps, number)
    });
    assert!(result.is_ok(), "{}", result.err().map(|e| e.to_string()).unwrap_or_default());
}

#[test]
fn random_graphs_agree_0() {
    shard(0);
}

#[test]
fn random_graphs_agree_1() {
    shard(1);
}

#[test]
fn random_graphs_agree_2() {
    shard(2);
}

#[test]
fn random_graphs_agree_3() {
    shard(3);
}

/// Values of inputs by name.
struct Fed<'a>(&'a IndexMap<Name, Literal>);

impl Leaves for Fed<'_> {
    fn leaf(&self, leaf: &Leaf) -> Option<Literal> {
        match leaf {
            Leaf::Input { name, .. } => self.0.get(name).cloned(),
            Leaf::Variable { .. }
            | Leaf::Constant(_)
            | Leaf::Dim { .. }
            | Leaf::Seed
            | Leaf::Step
            | Leaf::Epoch
            | Leaf::Batch
            | Leaf::Parameter { .. } => None,
        }
    }
}

fn value(
    graph: &Graph,
    id: NodeId,
    fed: &IndexMap<Name, Literal>,
) -> Result<Literal, TestCaseError> {
    let leaves = Fed(fed);
    let cx = EvalContext::new(&leaves, &Reference);
    Ok(evaluate(graph, &cx, &[id]).map_err(fail)?.swap_remove(0))
}

/// The literal with `by` added to element `i`.
fn nudged(literal: &Literal, i: usize, by: f64) -> Literal {
    let elements: Vec<f64> = literal.scalars().map(Scalar::to_f64).collect();
    let nudged = elements.iter().enumerate().map(|(k, x)| if k == i { x + by } else { *x });
    Literal::from_vec(literal.sizes(), nudged.collect()).expect("the same sizes")
}

/// The mean of a node: what a gradient is taken of.
pub(crate) fn mean_of(graph: &mut Graph, node: NodeId) -> Result<NodeId, TestCaseError> {
    let axes: Vec<usize> = (0..graph.tensor_type(node).rank()).collect();
    let origin = Origin::named("v", Default::default());
    Build { graph, origin: &origin }.mean(node, &axes, false).map_err(fail)
}

/// Whether the gradients of a float scalar with respect to a graph's inputs are its slopes: elements
/// of them against central differences. Returns the gradients.
pub(crate) fn are_slopes(graph: &mut Graph, loss: NodeId) -> Result<Vec<NodeId>, TestCaseError> {
    let inputs_of = graph.inputs.clone();
    let gradients = differentiate(graph, loss, &inputs_of).map_err(fail)?;
    let fed = inputs(graph, 11);
    for (&input, gradient) in inputs_of.iter().zip(&gradients) {
        let Some(gradient) = *gradient else { continue };
        let name = graph.node(input).name.clone();
        let analytic = value(graph, gradient, &fed)?;
        for (i, found) in analytic.scalars().enumerate().step_by(3) {
            // Wide enough for rounding, narrow enough for the third derivative.
            let h = 1e-5;
            let at = |by: f64| {
                let mut fed = fed.clone();
                fed.insert(name.clone(), nudged(&fed[&name], i, by));
                let loss = value(graph, loss, &fed)?;
                Ok::<f64, TestCaseError>(loss.scalars().map(Scalar::to_f64).sum())
            };
            let slope = (at(h)? - at(-h)?) / (2.0 * h);
            let off = (slope - found.to_f64()).abs();
            if off.is_nan() || off > 1e-6 * (1.0 + slope.abs()) {
                let text = graph.to_string();
                return Err(fail(format!("d {name}[{i}] is {found}, the slope {slope}\n{text}")));
            }
        }
    }
    Ok(gradients.into_iter().flatten().collect())
}

#[test]
fn random_gradients_are_slopes() {
    let result = runner(96).run(&vec(any::<u32>(), 2..16), |choices| {
        let mut growing = Growing::new(DType::F64, 3, 4);
        choices.iter().for_each(|&choice| growing.grow(choice, Course::Smooth));
        let Growing { mut graph, nodes, .. } = growing;
        let loss = mean_of(&mut graph, *nodes.last().expect("there are inputs"))?;
        are_slopes(&mut graph, loss).map(|_| ())
    });
    assert!(result.is_ok(), "{}", result.err().map(|e| e.to_string()).unwrap_or_default());
}
