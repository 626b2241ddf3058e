//! Where a value that is not finite comes from: the graph of a program is run node by node, on what
//! the program was fed with last and the variables as they are.

use std::fmt;

use brolga_compiler::ir::{Graph, Literal, Name, NodeId, Provenance};
use brolga_compiler::ops::{Leaf, Op};
use brolga_compiler::specialise::specialise;
use rustc_hash::{FxHashMap, FxHashSet};

use super::Prepared;
use super::eager::{Given, Values};
use super::feed::Clocks;
use super::within::first_within;
use crate::RunError;
use crate::eager::{Evaluator, Kernels};

/// The first value of a graph that is not finite.
#[derive(Clone, Debug, PartialEq)]
pub struct NotFinite {
    /// The node.
    pub node: Name,
    /// Where it came from.
    pub provenance: Provenance,
    /// What its values are.
    pub range: Range,
    /// The position of the first element that is not finite.
    pub position: Vec<usize>,
    /// The operands, with what their values are.
    pub operands: Vec<(Name, Range)>,
    /// Where the node is an input: the row, from 0, of the data set of that name.
    pub row: Option<(usize, String)>,
    /// Where the node is in a loop: the iteration, counted along what is walked, from 0.
    pub iteration: Option<usize>,
}

impl NotFinite {
    /// Whether it is a value of the model, of its gradients or of the optimiser.
    pub fn role(&self) -> String {
        let role = self.provenance.sites().first().and_then(|site| site.role.as_deref());
        match role {
            None => "it is computed going forward".into(),
            Some("update") => "it is computed by the optimiser".into(),
            Some(role) => format!("it is computed going backward ({role})"),
        }
    }
}

/// What the values of a tensor are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The lowest finite one; infinite if there is none.
    pub lowest: f64,
    /// The highest finite one; infinite if there is none.
    pub highest: f64,
    /// How many are NaN.
    pub n_nan: usize,
    /// How many are infinite.
    pub n_infinite: usize,
}

impl Range {
    pub(super) fn of(value: &Literal) -> Range {
        let none = (f64::INFINITY, f64::NEG_INFINITY);
        let mut range = Range { lowest: none.0, highest: none.1, n_nan: 0, n_infinite: 0 };
        for x in value.scalars().map(|x| x.to_f64()) {
            match x {
                _ if x.is_nan() => range.n_nan += 1,
                _ if x.is_infinite() => range.n_infinite += 1,
                _ => (range.lowest, range.highest) = (range.lowest.min(x), range.highest.max(x)),
            }
        }
        range
    }

    /// Of one value that is NaN or infinite.
    pub(super) fn of_one(is_nan: bool) -> Range {
        let (n_nan, n_infinite) = (usize::from(is_nan), usize::from(!is_nan));
        Range { lowest: f64::INFINITY, highest: f64::NEG_INFINITY, n_nan, n_infinite }
    }

    pub(super) fn is_finite(&self) -> bool {
        self.n_nan == 0 && self.n_infinite == 0
    }
}

/// `-0.5 to 2.25, 3 NaN, 1 infinite`.
impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |x: f64| match x.abs() {
            0.0 | 1e-3..1e6 => format!("{}", (x * 1e4).round() / 1e4),
            _ => format!("{x:.4e}"),
        };
        let (low, high) = (number(self.lowest), number(self.highest));
        let finite = (self.lowest <= self.highest).then(|| format!("{low} to {high}"));
        let count = |n: usize, what: &str| (n > 0).then(|| format!("{n} {what}"));
        let parts = [finite, count(self.n_nan, "NaN"), count(self.n_infinite, "infinite")];
        f.write_str(&parts.into_iter().flatten().collect::<Vec<String>>().join(", "))
    }
}

impl Prepared<'_> {
    /// The first value that is NaN, or the infinity that it was made of; if no value is NaN, the
    /// first that is infinite. `batch` as for [`Prepared::run`]. No variable is written.
    ///
    /// # Errors
    /// If the values of the graph do not fit in memory all at once, or it cannot be run.
    pub fn first_not_finite(&mut self, batch: i64) -> Result<Option<NotFinite>, RunError> {
        let (entry, binding) = self.instance().key();
        let mut graph = specialise(&self.session.entry(&entry)?.graph, &binding)?;
        // Every value stays.
        let all = graph.order();
        graph.outputs = all.iter().map(|&id| (graph.node(id).name.clone(), id)).collect();
        let purpose = "every value of the graph at once";
        let mut evaluator = Evaluator::new(graph.into(), &self.session.budget, purpose)?;
        let clocks = Clocks { seed: self.session.options.seed, clock: self.session.clock, batch };
        let call = Given { feeds: &self.instance().feeds, clocks };
        let leaves = Values { call: &call, store: &self.session.store };
        let kernels = Kernels { pool: self.session.pool.as_ref() };
        evaluator.run(&leaves, &kernels)?;
        let run =
            Run { graph: evaluator.graph(), value: &|id| evaluator.value(id), kernels: &kernels };
        Ok(run.first(&all, &|_| true))
    }
}

/// A graph of which every value is known.
pub(super) struct Run<'v> {
    pub(super) graph: &'v Graph,
    pub(super) value: &'v dyn Fn(NodeId) -> &'v Literal,
    pub(super) kernels: &'v Kernels<'v>,
}

impl Run<'_> {
    /// The node that makes the first NaN in order, or if there is none, the first infinity; where that
    /// is made of an infinity, which was made of data before it, the node that has made that one. Looked
    /// at are those of the nodes that are `wanted`.
    pub(super) fn first(
        &self,
        order: &[NodeId],
        wanted: &dyn Fn(NodeId) -> bool,
    ) -> Option<NotFinite> {
        let Run { graph, value, .. } = *self;
        let mut ranges: FxHashMap<NodeId, Range> = FxHashMap::default();
        let mut fixed: FxHashSet<NodeId> = FxHashSet::default();
        for &id in order {
            let operands = graph.operands(id);
            let is_constant = matches!(graph.op(id), Op::Leaf(Leaf::Constant(_)));
            if is_constant || !operands.is_empty() && operands.iter().all(|o| fixed.contains(o)) {
                // An infinity that the file itself asks for.
                fixed.insert(id);
            } else if graph.tensor_type(id).dtype.is_float() && graph.op(id).scan().is_none() {
                ranges.insert(id, Range::of(value(id)));
            }
        }
        let is_wrong = |id: &&NodeId| ranges.get(*id).is_some_and(|range| !range.is_finite());
        let has_nan = |id: &&NodeId| ranges.get(*id).is_some_and(|range| range.n_nan > 0);
        let looked_at = || order.iter().filter(|&&id| wanted(id));
        let mut id = *looked_at().find(has_nan).or_else(|| looked_at().find(is_wrong))?;
        while let Some(&operand) = graph.operands(self.made_by(id)).iter().find(is_wrong) {
            id = operand;
        }
        if let Some(within) = self.within(self.made_by(id)) {
            return Some(within);
        }
        let range = ranges[&id];
        let is_it = |x: f64| if range.n_nan > 0 { x.is_nan() } else { x.is_infinite() };
        let at = value(id).scalars().position(|x| is_it(x.to_f64())).unwrap_or(0);
        let node = graph.node(id);
        let operand = |o: &NodeId| Some((graph.node(*o).name.clone(), *ranges.get(o)?));
        Some(NotFinite {
            node: node.name.clone(),
            provenance: node.provenance.clone(),
            range,
            position: position(value(id).sizes(), at),
            operands: graph.operands(id).iter().filter_map(operand).collect(),
            row: None,
            iteration: None,
        })
    }

    /// The node that computes a value: of a loop's result, the loop.
    fn made_by(&self, id: NodeId) -> NodeId {
        match self.graph.op(id).picked_result() {
            Some(_) => self.graph.operands(id)[0],
            None => id,
        }
    }

    /// The first value within a loop that is not finite, if the node is one.
    pub(super) fn within(&self, id: NodeId) -> Option<NotFinite> {
        self.graph.op(id).scan()?;
        let operands: Vec<&Literal> =
            self.graph.operands(id).iter().map(|&o| (self.value)(o)).collect();
        first_within(self.graph, id, &operands, self.kernels)
    }
}

/// The indices of an element from its position in row-major order.
pub(super) fn position(sizes: &[usize], at: usize) -> Vec<usize> {
    let mut rest = at;
    let mut indices: Vec<usize> = sizes
        .iter()
        .rev()
        .map(|&n| {
            let index = rest % n.max(1);
            rest /= n.max(1);
            index
        })
        .collect();
    indices.reverse();
    indices
}
