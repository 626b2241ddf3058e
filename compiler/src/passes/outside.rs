//! Values of a loop's body for all iterations at once, outside of the loop: what `scan_hoist`,
//! `scan_sink` and `scan_after` share. Sequences and what is emitted have the iterations as their first axis.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::ir::{Graph, NodeId, Origin};
use crate::ops::{
    BatchContext, Batched, Control, Leaf, Op, OpRules, Scan, TypeError, parameter_number,
};

/// What may be done outside of a loop: what cannot fail and has one result.
pub(super) fn can_leave(op: &Op) -> bool {
    match op {
        Op::Leaf(leaf) => matches!(leaf, Leaf::Constant(_) | Leaf::Dim { .. }),
        Op::Elementwise(_) | Op::Movement(_) | Op::Creation(_) | Op::Reduce(_) => true,
        Op::ProductOfOthers(_) | Op::Contract(_) | Op::Conv(_) | Op::Placement(_) => true,
        Op::Prefix(_) | Op::Einsum(_) | Op::Pool(_) | Op::Argsort(_) => true,
        // Where there is no iteration, no index is out of range.
        Op::Indexing(_) => false,
        Op::Random(_) | Op::Control(_) => false,
    }
}

/// The loop, rebuilt so that it emits these nodes of its body too, each once.
pub(super) fn emitting(
    graph: &mut Graph,
    node: NodeId,
    scan: Scan,
    wanted: impl IntoIterator<Item = NodeId>,
) -> Result<Scan, TypeError> {
    let mut body = (*scan.body).clone();
    for inside in wanted {
        let emitted = body.outputs[scan.n_carries..].iter().any(|(_, id)| *id == inside);
        if !emitted {
            body.outputs.push((body.node(inside).name.clone(), inside));
        }
    }
    if body.outputs.len() == scan.body.outputs.len() {
        return Ok(scan);
    }
    let scan = Scan { body: Arc::new(body), ..scan };
    let operands = graph.operands(node).to_vec();
    graph.rebuild(node, scan.clone(), &operands)?;
    Ok(scan)
}

/// The nodes that pick results of a loop, by the numbers of the results.
pub(super) fn picks(graph: &Graph, node: NodeId) -> FxHashMap<usize, NodeId> {
    let users = graph.users(node).into_iter();
    users.filter_map(|user| Some((graph.op(user).picked_result()?, user))).collect()
}

/// The values of a body that are known outside of its loop.
pub(super) struct Outside<'a> {
    /// The graph around the loop.
    pub(super) graph: &'a mut Graph,
    /// The loop.
    pub(super) scan: &'a Scan,
    /// Its operands.
    pub(super) operands: &'a [NodeId],
    /// What is known so far; `None` for what has been found not to be.
    known: FxHashMap<NodeId, Option<Batched>>,
}

impl<'a> Outside<'a> {
    pub(super) fn new(graph: &'a mut Graph, scan: &'a Scan, operands: &'a [NodeId]) -> Outside<'a> {
        Outside { graph, scan, operands, known: FxHashMap::default() }
    }

    /// Notes where a value of the body is.
    pub(super) fn note(&mut self, inside: NodeId, value: Batched) {
        self.known.insert(inside, Some(value));
    }

    /// Notes the values that the loop, `node`, emits, by the numbers of its results.
    pub(super) fn note_emitted(
        &mut self,
        node: NodeId,
        indices: impl IntoIterator<Item = usize>,
    ) -> Result<(), TypeError> {
        let picks = picks(self.graph, node);
        for index in indices {
            let (name, inside) = &self.scan.body.outputs[index];
            let provenance = self.scan.body.node(*inside).provenance.clone();
            let origin = Origin::named(&format!("{name}.all"), provenance);
            let all = match picks.get(&index) {
                Some(&known) => known,
                None => self.graph.add(Control::Result { index }, &[node], &origin)?,
            };
            self.note(*inside, Batched { node: all, varies: true });
        }
        Ok(())
    }

    /// The value of all iterations of a node of the body, which is computed if it can be; `None`
    /// where it depends on a carry or on the number of the iteration, or some operation has no form
    /// for many. `allowed` says which operations may be done outside.
    pub(super) fn of(
        &mut self,
        inside: NodeId,
        allowed: &dyn Fn(&Op) -> bool,
    ) -> Result<Option<Batched>, TypeError> {
        let body = self.scan.body.clone();
        // By order, not by recursion: bodies are long.
        for node in body.order_after(&[inside], |node| self.known.contains_key(&node)) {
            let value = self.computed(&body, node, allowed)?;
            self.known.insert(node, value);
        }
        Ok(self.known[&inside])
    }

    fn computed(
        &mut self,
        body: &Graph,
        node: NodeId,
        allowed: &dyn Fn(&Op) -> bool,
    ) -> Result<Option<Batched>, TypeError> {
        if let Some(number) = parameter_number(body, node) {
            let is_given = (self.scan.n_carries..self.scan.n_operands()).contains(&number);
            let varies = self.scan.sequences().contains(&number);
            return Ok(is_given.then(|| Batched { node: self.operands[number], varies }));
        }
        let operands: Option<Vec<Batched>> =
            body.operands(node).iter().map(|o| self.known.get(o).copied().flatten()).collect();
        let op = body.op(node).clone();
        let Some(operands) = operands.filter(|_| allowed(&op)) else { return Ok(None) };
        let origin = body.origin(node);
        if operands.iter().all(|o| !o.varies) {
            let operands: Vec<NodeId> = operands.iter().map(|o| o.node).collect();
            let node = self.graph.add(op, &operands, &origin)?;
            return Ok(Some(Batched { node, varies: false }));
        }
        let length = self.scan.length.clone();
        let origin = Origin { name: origin.name.map(|n| format!("{n}.all").into()), ..origin };
        let mut cx = BatchContext { graph: self.graph, operands: &operands, length, origin };
        Ok(op.batch(&mut cx)?.map(|node| Batched { node, varies: true }))
    }
}
