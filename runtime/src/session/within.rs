//! What is not finite within a loop: its body is computed node by node, iteration by iteration.

use std::cell::RefCell;

use brolga_compiler::ir::{Graph, Literal, NodeId};
use brolga_compiler::ops::{Contraction, EvalContext, Leaf, Op, OpRules, Scan, Watch};
use indexmap::IndexMap;
use rustc_hash::{FxHashMap, FxHashSet};

use super::finite::{NotFinite, Range, position};

/// A node of a body, which is known by where it is in memory: bodies of loops may stand in bodies.
type Place = (*const Graph, NodeId);

/// A value that is not finite.
#[derive(Clone)]
struct Wrong {
    made: NotFinite,
    /// The operands that are not finite either.
    of: Vec<NodeId>,
}

/// What has been seen so far.
#[derive(Default)]
struct Seen {
    /// What is made of constants alone: an infinity among it is one that the file asks for.
    fixed: FxHashSet<Place>,
    /// How often each node of the loop's own body has been computed.
    times: FxHashMap<NodeId, usize>,
    /// Of each node the first value that was not finite, in the order in which they were made.
    wrong: IndexMap<Place, Wrong>,
    /// The first value that was NaN.
    nan: Option<(Place, Wrong)>,
}

struct Loop<'a> {
    scan: &'a Scan,
    seen: RefCell<Seen>,
}

impl Watch for Loop<'_> {
    fn computed(&self, graph: &Graph, node: NodeId, operands: &[&Literal], results: &[Literal]) {
        let mut seen = self.seen.borrow_mut();
        let place = |node: NodeId| (std::ptr::from_ref(graph), node);
        let (op, of) = (graph.op(node), graph.operands(node));
        let is_constant = matches!(op, Op::Leaf(Leaf::Constant(_)));
        if is_constant || !of.is_empty() && of.iter().all(|&o| seen.fixed.contains(&place(o))) {
            seen.fixed.insert(place(node));
            return;
        }
        let of_body = std::ptr::eq(graph, &*self.scan.body);
        let iteration = of_body.then(|| {
            let times = seen.times.entry(node).or_insert(0);
            *times += 1;
            *times - 1
        });
        let ([value], None) = (results, op.scan()) else { return };
        if !value.dtype().is_float() {
            return;
        }
        let range = Range::of(value);
        let (is_known, is_nan) = (seen.wrong.contains_key(&place(node)), range.n_nan > 0);
        if range.is_finite() || is_known && (!is_nan || seen.nan.is_some()) {
            return;
        }
        // A result of an inner loop has all results of it as operands.
        let read = if op.picks_result() { &[] } else { of };
        let ranges = read.iter().zip(operands).filter(|(_, value)| value.dtype().is_float());
        let ranges = ranges.map(|(&id, value)| (id, Range::of(value)));
        let ranges: Vec<(NodeId, Range)> = ranges.collect();
        let length = self.scan.length.as_number().and_then(|n| usize::try_from(n).ok());
        let along = |i: usize| match (self.scan.reverse, length) {
            (true, Some(length)) => length - 1 - i,
            (true, None) | (false, _) => i,
        };
        let is_it = |x: f64| if is_nan { x.is_nan() } else { x.is_infinite() };
        let at = value.scalars().position(|x| is_it(x.to_f64())).unwrap_or(0);
        let named = graph.node(node);
        let made = NotFinite {
            node: named.name.clone(),
            provenance: named.provenance.clone(),
            range,
            position: position(value.sizes(), at),
            operands: ranges.iter().map(|(id, r)| (graph.node(*id).name.clone(), *r)).collect(),
            row: None,
            iteration: iteration.map(along),
        };
        let of = ranges.iter().filter(|(_, range)| !range.is_finite()).map(|(id, _)| *id);
        let wrong = Wrong { made, of: of.collect() };
        if is_nan && seen.nan.is_none() {
            seen.nan = Some((place(node), wrong.clone()));
        }
        seen.wrong.entry(place(node)).or_insert(wrong);
    }
}

impl Seen {
    /// The first NaN, or the infinity that it was made of; if there is none, the first infinity. What
    /// is not finite when the loop begins was not made in it.
    fn first(&self, scan: &Scan) -> Option<NotFinite> {
        let is_parameter = |place: &Place| parameter(scan, *place).is_some();
        let infinite = || self.wrong.iter().find(|(place, _)| !is_parameter(place));
        let infinite = || infinite().map(|(place, wrong)| (*place, wrong.clone()));
        let (mut place, mut wrong) = self.nan.clone().or_else(infinite)?;
        let mut visited = FxHashSet::default();
        while visited.insert(place) {
            let of = wrong.of.iter().map(|&id| self.source(scan, (place.0, id)));
            let Some(before) = of.flatten().find(|before| !visited.contains(before)) else { break };
            (place, wrong) = (before, self.wrong[&before].clone());
        }
        (!is_parameter(&place)).then_some(wrong.made)
    }

    /// What made a value of the body: of what an iteration is given, the iteration before.
    fn source(&self, scan: &Scan, place: Place) -> Option<Place> {
        let source = match parameter(scan, place) {
            Some(number) if number < scan.n_carries => (place.0, scan.body.outputs[number].1),
            Some(_) => return None,
            None => place,
        };
        self.wrong.contains_key(&source).then_some(source)
    }
}

/// The number of the parameter that a node of the loop's own body is, if it is one.
fn parameter(scan: &Scan, (graph, node): Place) -> Option<usize> {
    if !std::ptr::eq(graph, &*scan.body) {
        return None;
    }
    match scan.body.op(node) {
        Op::Leaf(Leaf::Parameter { number, .. }) => Some(*number),
        _ => None,
    }
}

/// The first value within a loop that is not finite, where the node `id` of a graph is one, given its
/// operands; `None` if it is none, all is finite, or the loop cannot be computed.
pub(super) fn first_within(
    graph: &Graph,
    id: NodeId,
    operands: &[&Literal],
    contraction: &dyn Contraction,
) -> Option<NotFinite> {
    let scan = graph.op(id).scan()?;
    let watch = Loop { scan, seen: RefCell::default() };
    let cx = EvalContext { watch: Some(&watch), ..EvalContext::new(&(), contraction) };
    graph.op(id).eval(&cx, operands).ok()?;
    watch.seen.into_inner().first(scan)
}
