//! Graphs that grow by choices, over every operation that is a function of its operands.

mod windows;

use std::collections::HashMap;

use brolga_compiler::autodiff::differentiate;
use brolga_compiler::ir::{
    BinaryFn, CompareFn, DType, Dim, Graph, NodeId, Origin, Scalar, TensorType, UnaryFn,
};
use brolga_compiler::ops::{
    self, Argsort, Build, Control, Creation, Indexing, Lag, Leaf, Movement, Op, Placement, Prefix,
    PrefixFn, Random, ReduceFn, TypeError,
};

use windows::{convolved, pooled, shaped};

/// Larger values are not made: graphs of them take long and show no more.
const MOST_ELEMENTS: usize = 6_000;

/// How a value follows its inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Course {
    /// It has derivatives of any order.
    Smooth,
    /// A small difference of inputs is a small difference of the value, but not of its derivatives.
    Kinked,
    /// A small difference of inputs can be a large one.
    Jumping,
}

/// What a choice says, read piece by piece.
pub(crate) struct Choice(u64);

impl Choice {
    /// A choice with a number of its own.
    pub(crate) fn new(number: u32) -> Choice {
        Choice(u64::from(number))
    }

    /// A number below `n`. (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number
    /// generators", SplitMix64.)
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    }

    pub(crate) fn flip(&mut self) -> bool {
        self.below(2) == 1
    }

    pub(crate) fn of<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())].clone()
    }
}

/// A graph that grows: each choice picks an operation and its operands among the nodes.
pub(crate) struct Growing {
    pub(crate) graph: Graph,
    pub(crate) nodes: Vec<NodeId>,
    /// The course of the nodes that are not smooth.
    courses: HashMap<NodeId, Course>,
}

type Added = Result<NodeId, TypeError>;

impl Growing {
    /// A graph whose nodes are to be grown from.
    pub(crate) fn of(graph: Graph, nodes: Vec<NodeId>) -> Growing {
        Growing { graph, nodes, courses: HashMap::new() }
    }

    /// Four inputs that broadcast to each other: `[m, n]`, `[m, n]`, `[n]`, `[2, m, n]`.
    pub(crate) fn new(dtype: DType, m: usize, n: usize) -> Growing {
        let mut graph = Graph::default();
        let shapes: [(&str, &[usize]); 4] =
            [("a", &[m, n]), ("b", &[m, n]), ("c", &[n]), ("d", &[2, m, n])];
        for (name, sizes) in shapes {
            let tensor_type = TensorType::of_sizes(dtype, sizes);
            let leaf = Leaf::Input { name: name.into(), tensor_type };
            let id = graph.add(leaf, &[], &Origin::named(name, Default::default()));
            graph.inputs.push(id.expect("a leaf"));
        }
        let nodes = graph.inputs.clone();
        Growing::of(graph, nodes)
    }

    /// The element type of the nodes that it began with.
    pub(crate) fn dtype(&self) -> DType {
        self.graph.tensor_type(self.nodes[0]).dtype
    }

    /// The course of a node.
    pub(crate) fn course(&self, node: NodeId) -> Course {
        self.courses.get(&node).copied().unwrap_or(Course::Smooth)
    }

    /// The course of the node that follows its inputs worst.
    pub(crate) fn worst(&self) -> Course {
        self.courses.values().copied().max().unwrap_or(Course::Smooth)
    }

    /// Makes a node one to grow from; it follows its operands as `course` says at best.
    pub(crate) fn push(&mut self, node: NodeId, course: Course) {
        let before: Vec<NodeId> = self.graph.operands(node).to_vec();
        let worst = before.into_iter().map(|o| self.course(o)).chain([course]).max();
        self.note(node, worst.unwrap_or(course));
        self.nodes.push(node);
    }

    fn note(&mut self, node: NodeId, course: Course) {
        if course > Course::Smooth {
            self.courses.insert(node, course);
        }
    }

    /// Whether values may have no elements, as some input has none.
    fn may_be_empty(&self) -> bool {
        let is_empty = |&id: &NodeId| self.graph.tensor_type(id).n_elements() == Some(0);
        self.graph.inputs.iter().any(is_empty)
    }

    /// Adds what a choice says: the first of some operations whose types fit.
    pub(crate) fn grow(&mut self, number: u32, at_most: Course) {
        let mut choice = Choice::new(number);
        // Dead nodes of what did not fit stay in the graph.
        for _ in 0..8 {
            if self.try_to_grow(&mut choice, at_most) {
                return;
            }
        }
    }

    /// Adds a convolution or a pool, and its first elements as a value like another, so that a loop can
    /// carry them.
    pub(crate) fn grow_window(&mut self, number: u32, at_most: Course) {
        let mut choice = Choice::new(number);
        let [x, y, like] = [(); 3].map(|()| choice.of(&self.nodes));
        let largest = at_most > Course::Smooth && choice.flip();
        let sizes = self.graph.tensor_type(like).sizes().unwrap_or_default();
        let mut g = self.build();
        let windowed = match choice.below(3) {
            0 if largest => pooled(&mut g, &mut choice, x, y, &[0]),
            0 => pooled(&mut g, &mut choice, x, y, &[1, 3]),
            _ => convolved(&mut g, &mut choice, x, y),
        };
        let Ok(windowed) = windowed else { return };
        let Ok(carried) = shaped(&mut g, windowed, &sizes) else { return };
        let course = if largest { Course::Kinked } else { Course::Smooth };
        self.push_all(&[x, y], &[windowed, carried], course);
    }

    /// Makes nodes ones to grow from, which follow operands as `course` says at best.
    fn push_all(&mut self, operands: &[NodeId], nodes: &[NodeId], course: Course) {
        let worst = operands.iter().map(|&o| self.course(o)).chain([course]).max();
        for &node in nodes {
            self.note(node, worst.unwrap_or(course));
            if !self.nodes.contains(&node) {
                self.nodes.push(node);
            }
        }
    }

    fn try_to_grow(&mut self, choice: &mut Choice, at_most: Course) -> bool {
        // The later nodes are picked more often, so that graphs grow deep.
        let n = self.nodes.len();
        let mut pick = || {
            let at = choice.below(n).max(choice.below(n));
            self.nodes[at]
        };
        let operands = [pick(), pick(), pick()];
        let course = [Course::Smooth, Course::Smooth, Course::Kinked, Course::Jumping];
        let course = choice.of(&course).min(at_most);
        let before = self.graph.n_numbers();
        let added = match course {
            Course::Smooth if choice.below(8) == 0 => self.slope(choice, operands),
            _ => step(&mut self.build(), choice, operands, course),
        };
        let Ok(node) = added else { return false };
        let elements = self.graph.tensor_type(node).n_elements().unwrap_or(usize::MAX);
        let is_empty = elements == 0 && !self.may_be_empty();
        if elements > MOST_ELEMENTS || is_empty || self.nodes.contains(&node) {
            return false;
        }
        // What the choice has added on the way follows as the operands do.
        let worst = operands.into_iter().map(|o| self.course(o)).chain([course]).max();
        let worst = worst.unwrap_or(course);
        let new = self.graph.ids().into_iter().filter(|id| id.number() >= before);
        for id in new.collect::<Vec<_>>() {
            self.note(id, worst);
        }
        self.nodes.push(node);
        true
    }

    fn build(&mut self) -> Build<'_> {
        static ORIGIN: std::sync::OnceLock<Origin> = std::sync::OnceLock::new();
        let origin = ORIGIN.get_or_init(|| Origin::named("v", Default::default()));
        Build { graph: &mut self.graph, origin }
    }

    /// The gradient of the mean of a bounded node with respect to another.
    fn slope(&mut self, choice: &mut Choice, [y, x, _]: [NodeId; 3]) -> Added {
        let x = if choice.flip() { x } else { self.nodes[choice.below(4)] };
        let smooth = self.course(y).max(self.course(x)) == Course::Smooth;
        if !smooth || self.graph.n_numbers() > 400 {
            return Err(TypeError::new("", "no gradient of this"));
        }
        let mut g = self.build();
        let bounded = g.unary(UnaryFn::Tanh, y)?;
        let axes: Vec<usize> = (0..g.shape(bounded).len()).collect();
        let mean = g.mean(bounded, &axes, false)?;
        let found = differentiate(&mut self.graph, mean, &[x]);
        let found = found.map_err(|e| TypeError::new("", e.to_string()))?;
        match found[0] {
            Some(slope) => {
                // Of moderate size whatever the mean is over.
                let elements = self.graph.tensor_type(x).n_elements().unwrap_or(1);
                self.build().scale(slope, elements as f64)
            }
            None => self.build().zeros_like(x),
        }
    }

    /// Makes outputs of the last node and of some others.
    pub(crate) fn end(&mut self, number: u32) {
        let mut choice = Choice::new(number);
        let n = self.nodes.len();
        let mut chosen = vec![n - 1];
        for _ in 0..choice.below(5) + 1 {
            chosen.push(choice.below(n).max(choice.below(n)));
        }
        chosen.dedup();
        let outputs = chosen.into_iter().map(|at| self.nodes[at]).enumerate();
        self.graph.outputs = outputs.map(|(i, id)| (format!("y{i}").into(), id)).collect();
    }
}

/// The operation of a choice; `course` says how it follows its operands. Values stay of moderate size.
fn step(g: &mut Build<'_>, choice: &mut Choice, operands: [NodeId; 3], course: Course) -> Added {
    match course {
        Course::Smooth => smooth(g, choice, operands),
        Course::Kinked => kinked(g, choice, operands),
        Course::Jumping => jumping(g, choice, operands),
    }
}

fn smooth(g: &mut Build<'_>, choice: &mut Choice, [x, y, z]: [NodeId; 3]) -> Added {
    let rank = g.shape(x).len();
    let axis = choice.below(rank);
    match choice.below(32) {
        0..3 => {
            let f = function(g, choice, x, ops::Course::Smooth);
            // Where every function has a value and a moderate slope.
            let bounded = g.unary(UnaryFn::Tanh, x)?;
            let (scaled, above) = (g.scale(bounded, 0.3)?, g.constant_like(bounded, 0.5)?);
            let x = g.add(scaled, above)?;
            g.unary(f, x)
        }
        3 => halved(g, BinaryFn::Add, x, y),
        4 => halved(g, BinaryFn::Sub, x, y),
        5 => product(g, x, y),
        6 => quotient(g, x, y),
        7 => bell(g, x),
        8 => g.mean(x, &[axis], choice.flip()),
        9 => {
            let axes = axes(choice, rank);
            g.mean(x, &axes, choice.flip())
        }
        10 => softmax(g, x, axis),
        11 => centred(g, x, axis),
        12 | 13 => g.matmul(x, y, (choice.flip(), choice.flip())),
        14 => g.matmul(x, x, if choice.flip() { (true, false) } else { (false, true) }),
        15 => permuted(g, choice, x),
        16 | 17 => reshaped(g, choice, x),
        18 => cut(g, choice, x, axis),
        19 => g.node(Placement::Concat { axis }, &choice.of(&[[x, y], [x, x], [y, x]])),
        20 => g.node(Placement::Concat { axis }, &[x, y, z]),
        21 => stacked(g, choice, x),
        22 => padded(g, choice, x),
        23 => g.node(Movement::Reverse { axes: axes(choice, rank) }, &[x]),
        24 => spread(g, choice, x),
        25 => mended(g, choice, x, axis),
        26 | 27 => convolved(g, choice, x, y),
        28 => running(g, choice, x, y, axis),
        29 => einsum(g, choice, [x, y]),
        30 => pooled(g, choice, x, y, &[1, 3]),
        _ => marked(g, choice, x),
    }
}

fn kinked(g: &mut Build<'_>, choice: &mut Choice, [x, y, z]: [NodeId; 3]) -> Added {
    let rank = g.shape(x).len();
    let axis = choice.below(rank);
    match choice.below(10) {
        0 => g.unary(function(g, choice, x, ops::Course::Kinked), x),
        7 => {
            let n = size(g, x, axis) as usize;
            let count = choice.flip().then(|| Dim::from(1 + choice.below(n)));
            let ids = g.node(Argsort { axis, descending: choice.flip(), count }, &[x])?;
            g.node(Indexing::TakeAlongAxis { axis }, &[x, ids])
        }
        1 | 2 => g.reduce(choice.of(&[ReduceFn::Max, ReduceFn::Min]), x, &[axis], choice.flip()),
        3 => g.binary(choice.of(&[BinaryFn::Max, BinaryFn::Min]), x, y),
        // Chosen by position: no value decides.
        4 | 5 => {
            let shape = g.shape(x);
            let at = g.node(Creation::Iota { shape, axis, dtype: DType::I32 }, &[])?;
            let limit = g.constant_like(at, choice.below(20) as f64)?;
            let mask = g.compare(choice.of(&CompareFn::ALL), at, limit)?;
            g.select(mask, x, if choice.flip() { z } else { x })
        }
        6 => {
            let below = g.zeros_like(x)?;
            let clipped = g.binary(BinaryFn::Max, x, below)?;
            let (above, tenth) = (g.square(clipped)?, g.constant_like(clipped, 0.1)?);
            let above = g.add(above, tenth)?;
            g.unary(UnaryFn::Sqrt, above)
        }
        8 => pooled(g, choice, x, y, &[0]),
        _ => random(g, choice, x),
    }
}

fn jumping(g: &mut Build<'_>, choice: &mut Choice, [x, y, z]: [NodeId; 3]) -> Added {
    let rank = g.shape(x).len();
    let axis = choice.below(rank);
    match choice.below(10) {
        0 => g.unary(function(g, choice, x, ops::Course::Stepped), x),
        1 => g.binary(choice.of(&[BinaryFn::FloorDiv, BinaryFn::Mod]), x, y),
        2 => {
            let mask = g.compare(choice.of(&CompareFn::ALL), x, y)?;
            g.select(mask, x, z)
        }
        3 => {
            let f = choice.of(&[ReduceFn::ArgMax, ReduceFn::ArgMin]);
            let at = g.reduce(f, x, &[axis], choice.flip())?;
            let at = g.cast(at, g.dtype(x))?;
            g.scale(at, 0.125)
        }
        4 => picked(g, x, y, axis),
        5 => put(g, x, axis),
        9 => pooled(g, choice, x, y, &[2, 4]),
        6 => logical(g, choice, x, y),
        _ => through_integers(g, choice, x),
    }
}

/// A function of the table that takes `x` and changes in this way with it.
fn function(g: &Build<'_>, choice: &mut Choice, x: NodeId, course: ops::Course) -> UnaryFn {
    let dtype = g.dtype(x);
    let fits = |f: &UnaryFn| f.accepts(dtype) && f.course() == course;
    let list: Vec<UnaryFn> = UnaryFn::ALL.into_iter().filter(fits).collect();
    choice.of(&list)
}

/// Some axes of as many, in order.
fn axes(choice: &mut Choice, rank: usize) -> Vec<usize> {
    (0..rank).filter(|_| choice.flip()).collect()
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
    let below = above_one(g, y)?;
    g.div(x, below)
}

/// `1 + x²`
fn above_one(g: &mut Build<'_>, x: NodeId) -> Added {
    let (square, one) = (g.square(x)?, g.constant_like(x, 1.0)?);
    g.add(square, one)
}

/// `exp(-x²)`
fn bell(g: &mut Build<'_>, x: NodeId) -> Added {
    let square = g.square(x)?;
    let exponent = g.neg(square)?;
    g.unary(UnaryFn::Exp, exponent)
}

/// A logarithm, a root, a power or a product of what is above one.
fn mended(g: &mut Build<'_>, choice: &mut Choice, x: NodeId, axis: usize) -> Added {
    let above = above_one(g, x)?;
    match choice.below(5) {
        0 => g.unary(UnaryFn::Log, above),
        1 => g.binary(BinaryFn::Atan2, x, above),
        2 => g.unary(UnaryFn::Sqrt, above),
        3 => {
            let exponent = g.unary(UnaryFn::Tanh, x)?;
            g.binary(BinaryFn::Pow, above, exponent)
        }
        _ => {
            let bounded = g.unary(UnaryFn::Tanh, x)?;
            g.reduce(ReduceFn::Prod, bounded, &[axis], choice.flip())
        }
    }
}

fn softmax(g: &mut Build<'_>, x: NodeId, axis: usize) -> Added {
    let max = g.max(x, &[axis], true)?;
    let max = g.node(Control::StopGradient, &[max])?;
    let shifted = g.sub(x, max)?;
    let exp = g.unary(UnaryFn::Exp, shifted)?;
    let sum = g.sum(exp, &[axis], true)?;
    g.div(exp, sum)
}

/// `x` less its mean.
fn centred(g: &mut Build<'_>, x: NodeId, axis: usize) -> Added {
    let mean = g.mean(x, &[axis], true)?;
    g.sub(x, mean)
}

/// A sum of products over letters: of two values whose dimensions have any letters that fit.
fn einsum(g: &mut Build<'_>, choice: &mut Choice, operands: [NodeId; 2]) -> Added {
    let mut sizes: Vec<Dim> = vec![];
    let mut labelled = vec![];
    for x in operands {
        let mut labels = vec![];
        for dim in g.shape(x) {
            let known = (0..sizes.len()).filter(|&l| sizes[l] == dim);
            let known: Vec<usize> = known.collect();
            let label = match known.is_empty() || choice.below(3) == 0 {
                true => {
                    sizes.push(dim);
                    sizes.len() - 1
                }
                false => choice.of(&known),
            };
            labels.push(char::from(b'a' + label as u8));
        }
        labelled.push((x, labels));
    }
    let mut result = vec![];
    for label in 0..sizes.len() {
        if choice.flip() {
            result.insert(choice.below(result.len() + 1), char::from(b'a' + label as u8));
        }
    }
    let summed = (0..sizes.len()).filter(|&l| !result.contains(&char::from(b'a' + l as u8)));
    let terms = summed.filter_map(|l| sizes[l].as_number()).product::<i64>();
    let y = g.einsum(&labelled, &result)?;
    g.scale(y, 1.0 / terms.max(1) as f64)
}

/// A running sum, product or recurrence whose factors are below one.
fn running(g: &mut Build<'_>, choice: &mut Choice, x: NodeId, y: NodeId, axis: usize) -> Added {
    let (reverse, exclusive) = (choice.flip(), choice.flip());
    let bounded = g.unary(UnaryFn::Tanh, x)?;
    let factor = g.scale(bounded, 0.9)?;
    match choice.below(3) {
        0 => {
            let sums = Prefix { f: PrefixFn::Sum { exclusive }, axis, reverse };
            let sums = g.node(sums, &[x])?;
            g.scale(sums, 0.125)
        }
        1 => g.node(Prefix { f: PrefixFn::Product { exclusive }, axis, reverse }, &[factor]),
        _ => {
            let lag = choice.of(&[Lag::None, Lag::Factors, Lag::Both]);
            let f = PrefixFn::Recurrence(lag);
            g.node(Prefix { f, axis, reverse }, &choice.of(&[[factor, y], [factor, x]]))
        }
    }
}

fn permuted(g: &mut Build<'_>, choice: &mut Choice, x: NodeId) -> Added {
    let mut perm: Vec<usize> = (0..g.shape(x).len()).collect();
    for i in (1..perm.len()).rev() {
        perm.swap(i, choice.below(i + 1));
    }
    g.transpose(x, &perm)
}

/// Another shape of as many elements: flat, a prime factor moved, an axis of 1 more or less.
fn reshaped(g: &mut Build<'_>, choice: &mut Choice, x: NodeId) -> Added {
    let mut sizes = g.tensor_type(x).sizes().unwrap_or_default();
    match choice.below(4) {
        0 => sizes = vec![sizes.iter().product()],
        1 => sizes.insert(choice.below(sizes.len() + 1), 1),
        2 if sizes.len() > 1 => {
            let at = choice.below(sizes.len() - 1);
            let n = sizes.remove(at);
            sizes[at] *= n;
        }
        _ if !sizes.is_empty() => {
            let at = choice.below(sizes.len());
            let n = sizes[at];
            if let Some(p) = (2..=n / 2).find(|p| n.is_multiple_of(*p)) {
                let p = if choice.flip() { p } else { n / p };
                sizes.splice(at..=at, [p, n / p]);
            }
        }
        _ => {}
    }
    let shape: Vec<Dim> = sizes.into_iter().map(Dim::from).collect();
    g.reshape(x, &shape)
}

fn cut(g: &mut Build<'_>, choice: &mut Choice, x: NodeId, axis: usize) -> Added {
    let mut len = g.tensor_type(x).sizes().unwrap_or_default();
    let mut start = vec![Dim::number(0); len.len()];
    let mut step = vec![1; len.len()];
    if let Some(n) = len.get_mut(axis) {
        let first = choice.below(*n);
        let each = choice.of(&[1, 1, 2, 3]);
        start[axis] = Dim::from(first);
        step[axis] = each as i64;
        let most = (*n - first).div_ceil(each);
        *n = if choice.flip() { most } else { 1 + choice.below(most) };
    }
    let len = len.into_iter().map(Dim::from).collect();
    g.node(Movement::Slice { start, len, step }, &[x])
}

/// The same value twice along a new axis.
fn stacked(g: &mut Build<'_>, choice: &mut Choice, x: NodeId) -> Added {
    let axis = choice.below(g.shape(x).len() + 1);
    let part = g.expand_dims(x, axis)?;
    let other = g.unary(UnaryFn::Neg, part)?;
    g.node(Placement::Concat { axis }, &[part, other])
}

fn padded(g: &mut Build<'_>, choice: &mut Choice, x: NodeId) -> Added {
    let of_x = g.tensor_type(x);
    let mut sides =
        |n: usize| -> Vec<Dim> { (0..of_x.rank()).map(|_| Dim::from(choice.below(n))).collect() };
    let (before, after, interior) = (sides(3), sides(3), sides(2));
    let value = Scalar::F64(0.25).cast(of_x.dtype);
    g.node(Placement::Pad { before, after, interior, value }, &[x])
}

/// The value along more axes, or along one of 1.
fn spread(g: &mut Build<'_>, choice: &mut Choice, x: NodeId) -> Added {
    let mut shape = g.shape(x);
    for dim in shape.iter_mut().filter(|d| d.is_one()) {
        *dim = Dim::from(1 + choice.below(5));
    }
    if choice.flip() {
        shape.insert(0, Dim::from(1 + choice.below(4)));
    }
    g.broadcast_to(x, &shape)
}

/// The value behind a mark that changes nothing.
fn marked(g: &mut Build<'_>, choice: &mut Choice, x: NodeId) -> Added {
    g.node(if choice.flip() { Control::Remat } else { Control::StopGradient }, &[x])
}

/// `x` and bits that depend on the place alone.
fn random(g: &mut Build<'_>, choice: &mut Choice, x: NodeId) -> Added {
    let is_body = |&id: &NodeId| matches!(g.graph.op(id), Op::Leaf(Leaf::Parameter { .. }));
    if g.graph.inputs.iter().any(is_body) {
        return Err(TypeError::new("", "a body captures the clocks that it reads"));
    }
    let (seed, step) = (clock(g, Leaf::Seed, "seed")?, clock(g, Leaf::Batch, "batch_number")?);
    let name = format!("bits{}", choice.below(4));
    let origin = Origin::named(&name, Default::default());
    let op = Random::Bits { name: name.as_str().into(), shape: g.shape(x) };
    let bits = g.graph.add(op, &[seed, step], &origin)?;
    let shift = g.constant_like(bits, 24.0)?;
    let byte = g.binary(BinaryFn::ShiftRight, bits, shift)?;
    let noise = g.cast(byte, g.dtype(x))?;
    let noise = g.scale(noise, 1.0 / 256.0)?;
    halved(g, BinaryFn::Sub, x, noise)
}

/// A leaf of which a graph has one.
fn clock(g: &mut Build<'_>, leaf: Leaf, name: &str) -> Added {
    let known = g.graph.find(name);
    known.map_or_else(|| g.graph.add(leaf, &[], &Origin::named(name, Default::default())), Ok)
}

/// Indices below `n` that a value says.
fn indices(g: &mut Build<'_>, x: NodeId, n: i64) -> Added {
    let whole = g.cast(x, DType::I32)?;
    let size = g.constant_like(whole, n as f64)?;
    g.binary(BinaryFn::Mod, whole, size)
}

fn size(g: &Build<'_>, x: NodeId, axis: usize) -> i64 {
    let shape = g.shape(x);
    shape.get(axis).and_then(Dim::as_number).filter(|&n| n > 0).unwrap_or(1)
}

/// Elements of `y` along an axis, at indices that `x` says.
fn picked(g: &mut Build<'_>, x: NodeId, y: NodeId, axis: usize) -> Added {
    let n = size(g, y, axis);
    let is_empty = |x: NodeId| g.tensor_type(x).n_elements() == Some(0);
    if is_empty(y) && !is_empty(x) {
        return Err(TypeError::new("", "there is nothing to pick"));
    }
    let ids = indices(g, x, n)?;
    g.node(Indexing::TakeAlongAxis { axis }, &[y, ids])
}

/// Elements of `x` added up along an axis, at indices that they say themselves.
fn put(g: &mut Build<'_>, x: NodeId, axis: usize) -> Added {
    let ids = indices(g, x, 5)?;
    let sums = g.node(Indexing::PutAlongAxis { axis, size: Dim::number(5) }, &[ids, x])?;
    g.scale(sums, 0.25)
}

/// What comparisons say together, of single elements or of an axis.
fn logical(g: &mut Build<'_>, choice: &mut Choice, x: NodeId, y: NodeId) -> Added {
    let half = g.constant_like(x, 0.5)?;
    let a = g.compare(CompareFn::Lt, x, half)?;
    let b = g.compare(choice.of(&CompareFn::ALL), x, y)?;
    let both = match choice.below(5) {
        0 => g.binary(BinaryFn::And, a, b)?,
        1 => g.binary(BinaryFn::Or, a, b)?,
        2 => g.binary(BinaryFn::Xor, a, b)?,
        3 => g.unary(UnaryFn::Not, b)?,
        _ => {
            let axis = choice.below(g.shape(b).len());
            g.reduce(choice.of(&[ReduceFn::All, ReduceFn::Any]), b, &[axis], choice.flip())?
        }
    };
    g.cast(both, g.dtype(x))
}

/// `x` in another element type and back, with some arithmetic there.
fn through_integers(g: &mut Build<'_>, choice: &mut Choice, x: NodeId) -> Added {
    let dtype = g.dtype(x);
    let other = choice.of(&[DType::I32, DType::I64, DType::U8, DType::Bool, DType::F64]);
    let n = g.cast(x, other)?;
    let n = match other {
        DType::Bool => g.unary(UnaryFn::Not, n)?,
        DType::F32 | DType::F64 => n,
        DType::I32 | DType::I64 | DType::U8 => {
            let three = g.constant_like(n, 3.0)?;
            const FUNCTIONS: [BinaryFn; 6] = [
                BinaryFn::FloorDiv,
                BinaryFn::Mod,
                BinaryFn::Mul,
                BinaryFn::Xor,
                BinaryFn::Pow,
                BinaryFn::Max,
            ];
            g.binary(choice.of(&FUNCTIONS), n, three)?
        }
    };
    let back = g.cast(n, dtype)?;
    g.unary(UnaryFn::Tanh, back)
}
