//! Random well-typed graphs: what runs them agrees, and their gradients are slopes.

use std::sync::Arc;

use brolga_compiler::autodiff::differentiate;
use brolga_compiler::compile::Options;
use brolga_compiler::entry::Entry;
use brolga_compiler::fuse::FuseOptions;
use brolga_compiler::ir::{
    BinaryFn, Binding, CompareFn, DType, Dim, Graph, Literal, Module, Name, NodeId, Origin, Scalar,
    TensorType, UnaryFn,
};
use brolga_compiler::ops::{
    Build, EvalContext, Indexing, Leaf, Leaves, Movement, Placement, ReduceFn, Reference,
    TypeError, evaluate,
};
use brolga_compiler::passes::PassOptions;
use brolga_runtime::data::Counter;
use brolga_runtime::session::{Backend, Session, SessionOptions};
use indexmap::IndexMap;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use crate::compare::{Tolerance, close, same};
use crate::read_back::reads_back;

/// The same cases in every run.
pub(crate) fn runner(cases: u32) -> TestRunner {
    // Shrinking runs every case anew: enough for a small one, not for the smallest.
    let max_shrink_iters = 256;
    let config = Config { cases, max_shrink_iters, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

pub(crate) fn fail(why: impl ToString) -> TestCaseError {
    TestCaseError::fail(why.to_string())
}

/// A graph that grows by choices: each picks an operation and its operands among the nodes.
pub(crate) struct Growing {
    pub(crate) graph: Graph,
    pub(crate) nodes: Vec<NodeId>,
    /// Whether a small difference of operands can become a large one of the result.
    pub(crate) jumps: bool,
}

impl Growing {
    /// Three inputs that broadcast to each other: `[m, n]`, `[m, n]`, `[n]`.
    pub(crate) fn new(dtype: DType, m: usize, n: usize) -> Growing {
        let mut graph = Graph::default();
        let shapes: [(&str, &[usize]); 3] = [("a", &[m, n]), ("b", &[m, n]), ("c", &[n])];
        for (name, sizes) in shapes {
            let tensor_type = TensorType::of_sizes(dtype, sizes);
            let leaf = Leaf::Input { name: name.into(), tensor_type };
            let id = graph.add(leaf, &[], &Origin::named(name, Default::default()));
            graph.inputs.push(id.expect("a leaf"));
        }
        let nodes = graph.inputs.clone();
        Growing { graph, nodes, jumps: false }
    }

    /// Adds what a choice says; a choice whose types do not fit adds nothing.
    pub(crate) fn grow(&mut self, choice: u32, smooth: bool) {
        let pick =
            |k: u32| self.nodes[(choice.rotate_right(8 * k) & 0xff) as usize % self.nodes.len()];
        let (x, y, z) = (pick(1), pick(2), pick(3));
        let (kind, detail) = (choice & 0xf, (choice >> 4) & 0xf);
        let origin = Origin::named("v", Default::default());
        let mut build = Build { graph: &mut self.graph, origin: &origin };
        let (added, jumps) = step(&mut build, (kind, detail as usize), [x, y, z], smooth);
        if let Ok(id) = added {
            self.jumps |= jumps;
            self.nodes.push(id);
        }
    }

    /// Makes outputs of the last nodes.
    pub(crate) fn end(&mut self) {
        let last = self.nodes.iter().rev().take(3).enumerate();
        self.graph.outputs = last.map(|(i, &id)| (format!("y{i}").into(), id)).collect();
    }
}

/// Whether everything that runs a graph agrees on its outputs.
pub(crate) fn agree(graph: Graph, jumps: bool) -> Result<(), TestCaseError> {
    let module = Arc::new(Module { infer: graph, ..Module::default() });
    reads_back(&module, &Entry::Run { fetch: vec![] }, &Binding::default()).map_err(fail)?;
    let wanted = outputs_of(&module, Backend::Oracle, Options::default())?;
    let passes = PassOptions { verify: true, ..PassOptions::default() };
    let whole = Options { passes, ..Options::default() };
    let waves = FuseOptions { iterations: false, ..FuseOptions::default() };
    for fuse in [FuseOptions::nothing(), waves, FuseOptions::default()] {
        let options = Options { fuse, ..whole.clone() };
        let loops = outputs_of(&module, Backend::Interpreter, options.clone())?;
        let code = outputs_of(&module, Backend::Jit, options)?;
        for (name, wanted) in &wanted {
            same(&code[name], &loops[name])
                .map_err(|e| fail(format!("{name}, code against loops: {e}\n{}", module.infer)))?;
            let size = wanted.scalars().map(|s| s.to_f64().abs()).fold(1.0, f64::max);
            let by = Tolerance { relative: 1e-4, absolute: 1e-4 * size };
            if !jumps {
                close(&loops[name], wanted, by)
                    .map_err(|e| fail(format!("{name}, loops: {e}\n{}", module.infer)))?;
            }
        }
    }
    Ok(())
}

type Added = Result<NodeId, TypeError>;

/// The operation of a choice, and whether it jumps. Values stay of moderate size.
fn step(
    g: &mut Build<'_>,
    (kind, detail): (u32, usize),
    [x, y, z]: [NodeId; 3],
    smooth: bool,
) -> (Added, bool) {
    let rank = g.shape(x).len();
    let axis = if rank == 0 { 0 } else { detail % rank };
    match kind {
        0 | 1 => {
            const SMOOTH: [UnaryFn; 7] = [
                UnaryFn::Tanh,
                UnaryFn::Sigmoid,
                UnaryFn::Sin,
                UnaryFn::Cos,
                UnaryFn::Erf,
                UnaryFn::Neg,
                UnaryFn::Tanh,
            ];
            const JUMPING: [UnaryFn; 5] =
                [UnaryFn::Floor, UnaryFn::Ceil, UnaryFn::Round, UnaryFn::Sign, UnaryFn::Relu];
            if smooth || detail < 8 {
                (g.unary(SMOOTH[detail % SMOOTH.len()], x), false)
            } else {
                (g.unary(JUMPING[detail % JUMPING.len()], x), true)
            }
        }
        2 => (halved(g, BinaryFn::Add, x, y), false),
        3 => (halved(g, BinaryFn::Sub, x, y), false),
        4 => (product(g, x, y), false),
        5 => (quotient(g, x, y), false),
        6 => (bell(g, x), false),
        7 if smooth => (g.mean(x, &[axis], detail & 4 > 0), false),
        7 => {
            let f = [ReduceFn::Max, ReduceFn::Min, ReduceFn::Sum][detail % 3];
            (g.reduce(f, x, &[axis], detail & 4 > 0), false)
        }
        8 => (g.mean(x, &[axis], detail & 4 > 0), false),
        9 => (softmax(g, x, axis), false),
        10 => (g.matmul(x, y, (detail & 1 > 0, detail & 2 > 0)), false),
        11 => (turned(g, x, detail), false),
        12 => (cut(g, x, axis, detail), false),
        13 => (g.node(Placement::Concat { axis }, &[x, y]), false),
        14 if smooth => (reversed(g, x, axis), false),
        14 if detail & 1 > 0 => (picked(g, x, y, axis), true),
        14 => (chosen(g, [x, y, z], detail), true),
        15 if smooth => (padded(g, x, detail), false),
        15 => (through_integers(g, x, detail), true),
        _ => (padded(g, x, detail), false),
    }
}

fn halved(g: &mut Build<'_>, f: BinaryFn, x: NodeId, y: NodeId) -> Added {
    let sum = g.binary(f, x, y)?;
    g.scale(sum, 0.5)
}

fn product(g: &mut Build<'_>, x: NodeId, y: NodeId) -> Added {
    let bounded = g.unary(UnaryFn::Tanh, y)?;
    g.mul(x, bounded)
}

/// `x / (1 + y²)`
fn quotient(g: &mut Build<'_>, x: NodeId, y: NodeId) -> Added {
    let (square, one) = (g.square(y)?, g.constant_like(y, 1.0)?);
    let below = g.add(square, one)?;
    g.div(x, below)
}

/// `exp(-x²)`
fn bell(g: &mut Build<'_>, x: NodeId) -> Added {
    let square = g.square(x)?;
    let exponent = g.neg(square)?;
    g.unary(UnaryFn::Exp, exponent)
}

fn softmax(g: &mut Build<'_>, x: NodeId, axis: usize) -> Added {
    let max = g.max(x, &[axis], true)?;
    let shifted = g.sub(x, max)?;
    let exp = g.unary(UnaryFn::Exp, shifted)?;
    let sum = g.sum(exp, &[axis], true)?;
    g.div(exp, sum)
}

fn turned(g: &mut Build<'_>, x: NodeId, detail: usize) -> Added {
    let shape = g.shape(x);
    if detail & 1 > 0 {
        return g.reshape(x, &[Dim::number(-1)]);
    }
    g.transpose(x, &(0..shape.len()).rev().collect::<Vec<usize>>())
}

fn cut(g: &mut Build<'_>, x: NodeId, axis: usize, detail: usize) -> Added {
    let of_x = g.tensor_type(x);
    let mut len = of_x.sizes().unwrap_or_default();
    let mut start = vec![Dim::number(0); len.len()];
    let mut step = vec![1; len.len()];
    if let Some(n) = len.get_mut(axis) {
        let first = detail % n.max(&mut 1).to_owned();
        start[axis] = Dim::from(first);
        step[axis] = 1 + (detail / 4) as i64;
        *n = (*n - first).div_ceil(1 + detail / 4);
    }
    let len = len.into_iter().map(Dim::from).collect();
    g.node(Movement::Slice { start, len, step }, &[x])
}

fn reversed(g: &mut Build<'_>, x: NodeId, axis: usize) -> Added {
    g.node(Movement::Reverse { axes: vec![axis] }, &[x])
}

fn padded(g: &mut Build<'_>, x: NodeId, detail: usize) -> Added {
    let of_x = g.tensor_type(x);
    let sides = |n: usize| vec![Dim::from(n); of_x.rank()];
    let value = Scalar::F64(0.25).cast(of_x.dtype);
    let pad = Placement::Pad {
        before: sides(detail & 1),
        after: sides((detail >> 1) & 1),
        interior: sides((detail >> 2) & 1),
        value,
    };
    g.node(pad, &[x])
}

fn chosen(g: &mut Build<'_>, [x, y, z]: [NodeId; 3], detail: usize) -> Added {
    let compare = CompareFn::ALL[detail % CompareFn::ALL.len()];
    let mask = g.compare(compare, x, y)?;
    g.select(mask, x, z)
}

/// Elements of `y` along an axis, at indices that `x` says.
fn picked(g: &mut Build<'_>, x: NodeId, y: NodeId, axis: usize) -> Added {
    let shape = g.shape(y);
    let n = shape.get(axis).and_then(Dim::as_number).filter(|&n| n > 0).unwrap_or(1);
    let whole = g.cast(x, DType::I32)?;
    let size = g.constant_like(whole, n as f64)?;
    let ids = g.binary(BinaryFn::Mod, whole, size)?;
    g.node(Indexing::TakeAlongAxis { axis }, &[y, ids])
}

/// `x` in another element type and back, with some arithmetic there.
fn through_integers(g: &mut Build<'_>, x: NodeId, detail: usize) -> Added {
    let dtype = g.dtype(x);
    let other = [DType::I32, DType::I64, DType::U8, DType::Bool][detail % 4];
    let n = g.cast(x, other)?;
    let n = match other {
        DType::Bool => g.unary(UnaryFn::Not, n)?,
        DType::F32 | DType::F64 | DType::I32 | DType::I64 | DType::U8 => {
            let three = g.constant_like(n, 3.0)?;
            let f = [BinaryFn::FloorDiv, BinaryFn::Mod, BinaryFn::Mul][detail / 4 % 3];
            g.binary(f, n, three)?
        }
    };
    g.cast(n, dtype)
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
    backend: Backend,
    compiler: Options,
) -> Result<IndexMap<Name, Literal>, TestCaseError> {
    let options = SessionOptions { threads: 1, backend, compiler, ..SessionOptions::default() };
    let mut session = Session::new(module.clone(), options).map_err(fail)?;
    let feeds = inputs(&module.infer, 5);
    let entry = Entry::Run { fetch: vec![] };
    Ok(session.run(&entry, &Binding::default(), &feeds).map_err(fail)?.outputs)
}

#[test]
fn random_graphs_agree() {
    let choices = (vec(any::<u32>(), 2..24), 0..4usize, any::<bool>());
    let result = runner(96).run(&choices, |(choices, size, smooth)| {
        let (m, n) = [(1, 1), (7, 5), (33, 17), (3, 77)][size];
        let mut growing = Growing::new(DType::F32, m, n);
        choices.iter().for_each(|&choice| growing.grow(choice, smooth));
        growing.end();
        agree(growing.graph, growing.jumps)
    });
    assert!(result.is_ok(), "{}", result.err().map(|e| e.to_string()).unwrap_or_default());
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
    let cx = EvalContext { leaves: &Fed(fed), contraction: &Reference };
    Ok(evaluate(graph, &cx, &[id]).map_err(fail)?.swap_remove(0))
}

/// The literal with `by` added to element `i`.
fn nudged(literal: &Literal, i: usize, by: f64) -> Literal {
    let elements: Vec<f64> = literal.scalars().map(Scalar::to_f64).collect();
    let nudged = elements.iter().enumerate().map(|(k, x)| if k == i { x + by } else { *x });
    Literal::from_vec(literal.sizes(), nudged.collect()).expect("the same sizes")
}

#[test]
fn random_gradients_are_slopes() {
    let result = runner(96).run(&vec(any::<u32>(), 2..16), |choices| {
        let mut growing = Growing::new(DType::F64, 3, 4);
        choices.iter().for_each(|&choice| growing.grow(choice, true));
        let Growing { mut graph, nodes, .. } = growing;
        let last = *nodes.last().expect("there are inputs");
        let axes: Vec<usize> = (0..graph.tensor_type(last).rank()).collect();
        let origin = Origin::named("v", Default::default());
        let loss = Build { graph: &mut graph, origin: &origin }.mean(last, &axes, false);
        let loss = loss.map_err(fail)?;
        let inputs_of = graph.inputs.clone();
        let gradients = differentiate(&mut graph, loss, &inputs_of).map_err(fail)?;
        let fed = inputs(&graph, 11);
        for (&input, gradient) in inputs_of.iter().zip(gradients) {
            let Some(gradient) = gradient else { continue };
            let name = graph.node(input).name.clone();
            let analytic = value(&graph, gradient, &fed)?;
            for (i, found) in analytic.scalars().enumerate().step_by(3) {
                // Wide enough for rounding, narrow enough for the third derivative.
                let h = 1e-5;
                let at = |by: f64| {
                    let mut fed = fed.clone();
                    fed.insert(name.clone(), nudged(&fed[&name], i, by));
                    let loss = value(&graph, loss, &fed)?;
                    Ok::<f64, TestCaseError>(loss.scalars().map(Scalar::to_f64).sum())
                };
                let slope = (at(h)? - at(-h)?) / (2.0 * h);
                let off = (slope - found.to_f64()).abs();
                if off.is_nan() || off > 1e-6 * (1.0 + slope.abs()) {
                    let text = graph.to_string();
                    return Err(fail(format!(
                        "d {name}[{i}] is {found}, the slope {slope}\n{text}"
                    )));
                }
            }
        }
        Ok(())
    });
    assert!(result.is_ok(), "{}", result.err().map(|e| e.to_string()).unwrap_or_default());
}
