//! Where a value that is not finite comes from: the graph of a program is run node by node, on what
//! the program was fed with last and the variables as they are.

use brolga_compiler::ir::{Graph, Literal, NodeId};
use brolga_compiler::ops::{Leaf, Op};
use brolga_compiler::specialise::specialise;
use rustc_hash::{FxHashMap, FxHashSet};

use super::Prepared;
use super::eager::{Given, Values};
use super::feed::Clocks;
use super::finite::{NotFinite, Range, position};
use super::within::first_within;
use crate::RunError;
use crate::eager::{Evaluator, Kernels};

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
