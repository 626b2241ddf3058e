//! Every rewrite rule on random tensors with ±0, infinities, NaN and denormals: the node that it
//! gives has the same value as the one that it replaces, bit for bit.

use brolga_compiler::ir::{
    BinaryFn, DType, Dim, Graph, Literal, NodeId, Origin, Scalar, TensorType, UnaryFn,
};
use brolga_compiler::ops::{
    Build, Control, Elementwise, EvalContext, Leaf, Leaves, Movement, ReduceFn, Reference,
    TypeError, evaluate,
};
use brolga_compiler::passes::rules;
use brolga_runtime::data::Counter;

use crate::compare::{Tolerance, close, same};

/// Graphs that are tried; enough for every rule to apply many times.
const GRAPHS: u64 = 3000;

const SPECIAL: [f64; 12] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    2.0,
    -3.5,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    1e-310,
    -1e-40,
    3e38,
];

/// A stream of choices.
struct Choices {
    counter: Counter,
    at: u64,
}

impl Choices {
    fn below(&mut self, n: usize) -> usize {
        self.at += 1;
        self.counter.below(self.at, n as u64) as usize
    }
}

struct Inputs(Literal, Literal);

impl Leaves for Inputs {
    fn leaf(&self, leaf: &Leaf) -> Option<Literal> {
        match leaf {
            Leaf::Input { name, .. } if &**name == "x" => Some(self.0.clone()),
            Leaf::Input { .. } => Some(self.1.clone()),
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

/// The shape of the inputs: an axis of 1 for the rules about broadcasts and reductions.
const SIZES: [usize; 3] = [2, 1, 6];

fn tensor(dtype: DType, choices: &mut Choices) -> Literal {
    let elements = (0..SIZES.iter().product()).map(|_| {
        let value = Scalar::F64(SPECIAL[choices.below(SPECIAL.len())]);
        value.cast(dtype).bits().to_le_bytes()[..dtype.size()].to_vec()
    });
    let bytes: Vec<u8> = elements.flatten().collect();
    Literal::from_bytes(dtype, &SIZES, &bytes).expect("as many bytes as the sizes ask for")
}

fn leaf(graph: &mut Graph, name: &str, dtype: DType) -> NodeId {
    let leaf = Leaf::Input { name: name.into(), tensor_type: TensorType::of_sizes(dtype, &SIZES) };
    graph.add(leaf, &[], &Origin::named(name, Default::default())).expect("a leaf")
}

/// A node on top of `x` that one of the rules may rewrite.
fn node(
    g: &mut Build<'_>,
    x: NodeId,
    y: NodeId,
    choices: &mut Choices,
) -> Result<NodeId, TypeError> {
    let dtype = g.dtype(x);
    let shape = g.shape(x);
    let all: Vec<usize> = (0..shape.len()).collect();
    match choices.below(14) {
        0 => {
            let f = [BinaryFn::Add, BinaryFn::Sub, BinaryFn::Mul, BinaryFn::Div, BinaryFn::Pow];
            let f = f[choices.below(f.len())];
            let number = [0.0, -0.0, 1.0, 2.0, 0.5, 3.0, -1.0, 1e-310][choices.below(8)];
            let number = g.constant_like(x, number)?;
            if choices.below(2) == 0 { g.binary(f, x, number) } else { g.binary(f, number, x) }
        }
        1 | 2 => g.unary(UnaryFn::Neg, x),
        3 => {
            let negative = g.neg(y)?;
            if choices.below(2) == 0 { g.add(x, negative) } else { g.add(negative, x) }
        }
        4 => g.unary(UnaryFn::Not, x),
        5 => {
            let mask = g.cast(y, DType::Bool)?;
            let other = if choices.below(2) == 0 { x } else { y };
            g.select(mask, x, other)
        }
        6 => g.node(Elementwise::Cast(dtype), &[x]),
        7 => {
            let flat = [shape.clone(), vec![Dim::number(-1)]];
            let wanted = flat[choices.below(2)].clone();
            if wanted == shape {
                g.node(Movement::Reshape { shape }, &[x])
            } else {
                g.reshape(x, &wanted)
            }
        }
        8 => {
            let mut perm = all;
            let by = choices.below(perm.len().max(1));
            perm.rotate_left(by);
            g.node(Movement::Transpose { perm }, &[x])
        }
        9 => {
            let mut wanted = shape;
            if choices.below(2) == 0 {
                wanted.insert(0, Dim::number(2));
            }
            let ones = wanted.iter_mut().filter(|d| d.is_one());
            ones.for_each(|d| *d = Dim::number(1 + choices.below(3) as i64));
            g.node(Movement::Broadcast { shape: wanted }, &[x])
        }
        10 => {
            let f = [ReduceFn::Sum, ReduceFn::Prod, ReduceFn::Max, ReduceFn::Min];
            let ones: Vec<usize> = all.into_iter().filter(|&d| shape[d].is_one()).collect();
            let op = brolga_compiler::ops::Reduce::new(f[choices.below(f.len())], &ones);
            g.node(op, &[x])
        }
        11 => g.node(Control::StopGradient, &[x]),
        12 => g.node(Control::Remat, &[x]),
        _ => g.unary(UnaryFn::Not, x),
    }
}

#[test]
fn rules_keep_every_bit() {
    let mut applied = vec![0usize; rules().len()];
    for number in 0..GRAPHS {
        let mut choices = Choices { counter: Counter::new(&[3, number]), at: 0 };
        let dtype = DType::ALL[choices.below(DType::ALL.len())];
        let mut graph = Graph::default();
        let (x, y) = (leaf(&mut graph, "x", dtype), leaf(&mut graph, "y", dtype));
        let mut nodes = vec![x];
        for _ in 0..6 {
            let last = nodes[nodes.len() - 1];
            let origin = Origin::default();
            let mut build = Build { graph: &mut graph, origin: &origin };
            nodes.extend(node(&mut build, last, y, &mut choices));
        }
        let inputs = Inputs(tensor(dtype, &mut choices), tensor(dtype, &mut choices));
        for &old in &nodes {
            for (rule, applied) in rules().iter().zip(&mut applied) {
                let Some(new) = (rule.apply)(&mut graph, old) else { continue };
                let new = new.expect("a rewrite has a type");
                *applied += 1;
                let cx = EvalContext::new(&inputs, &Reference);
                let values = evaluate(&graph, &cx, &[new, old]).expect("all inputs are fed");
                let [new, old] = [&values[0], &values[1]];
                // The sum of one -0.0 is 0.0, and the rule gives the sign of zero up.
                let exact = Tolerance { relative: 0.0, absolute: 0.0 };
                let agreed = match rule.name {
                    "reduce-one" => close(new, old, exact),
                    _ => same(new, old),
                };
                assert!(agreed.is_ok(), "{}: {agreed:?}\n{graph}", rule.name);
            }
        }
    }
    let unused: Vec<&str> =
        rules().iter().zip(&applied).filter(|(_, n)| **n == 0).map(|(r, _)| r.name).collect();
    assert!(unused.is_empty(), "never applied: {unused:?}");
}
