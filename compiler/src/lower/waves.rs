//! A loop of waves: the kernels of its body, and how their places move with the iteration.
//!
//! A sequence is read and a result is written where it is: the part of an iteration is a view with
//! the strides of the whole. Carries have memories of their own, row-major.

use super::{Argument, Checks, Code, Layouts, Lowered, Repeat, lower_in, result, strides_of};
use crate::fuse::{Body, Form, Fusion, Group, Value, Values, Work};
use crate::ir::{Graph, NodeId, Target};
use crate::ops::Scan;

/// What a loop is in.
pub(super) struct Surroundings<'a> {
    pub(super) graph: &'a Graph,
    pub(super) values: &'a Values,
    pub(super) target: &'a Target,
    pub(super) layouts: &'a Layouts,
}

/// The loop of waves that a group is, if it is one.
pub(super) fn repeats<'a>(
    fusion: &'a Fusion,
    group: &Group,
) -> Option<(&'a Value, usize, &'a Body)> {
    let value = &fusion.values.list[group.members.first()?.value];
    match &value.work {
        Work::Repeat { length, body } if body.form == Form::Waves => Some((value, *length, body)),
        _ => None,
    }
}

pub(super) fn lower(
    around: &Surroundings<'_>,
    value: &Value,
    length: usize,
    body: &Body,
    checks: &mut Checks,
) -> Lowered {
    let (graph, values, node) = (around.graph, around.values, value.node);
    let scan = graph.op(node).scan().expect("what repeats a region is a scan");
    let mut layouts = Layouts::default();
    let sequence_steps = around.sequences(scan, node, &mut layouts);
    let emitted = around.emitted(scan, node, &mut layouts);
    let last: Vec<_> = (0..scan.n_carries).map(|k| result(graph, values, node, k)).collect();
    let body = lower_in(&body.fusion, around.target, &layouts, checks);
    let reads = graph.operands(node).iter().map(|&n| (Argument::Node(n), false));
    let written = last.iter().copied().chain(emitted.iter().map(|e| e.map(|(n, _)| n)));
    let writes = written.flatten().map(|n| (Argument::Node(n), true));
    let described = graph.node(node);
    Lowered {
        arguments: reads.chain(writes).collect(),
        exchanged: vec![],
        nodes: vec![(described.name.clone(), described.provenance.clone())],
        part_of: vec![0],
        code: Code::Repeat(Repeat { node, length, sequence_steps, last, emitted, body }),
    }
}

impl Surroundings<'_> {
    /// The strides of a node but along one axis, and the step along that.
    fn along(&self, node: NodeId, axis: usize) -> (Vec<i64>, usize) {
        let mut strides = strides_of(self.graph, self.layouts, node);
        let step = strides.remove(axis);
        (strides, step as usize)
    }

    /// The step of each sequence; its element's parameter gets a layout, as do captured views.
    fn sequences(&self, scan: &Scan, node: NodeId, layouts: &mut Layouts) -> Vec<usize> {
        let operands = self.graph.operands(node);
        for k in scan.captured() {
            if let Some(layout) = self.layouts.get(&operands[k]) {
                layouts.insert(scan.body.inputs[k], layout.clone());
            }
        }
        let step = |k: usize| {
            let (strides, step) = self.along(operands[k], scan.axis);
            layouts.insert(scan.body.inputs[k], strides);
            step
        };
        scan.sequences().map(step).collect()
    }

    /// The results that are stacked; the value that is emitted gets a layout.
    fn emitted(
        &self,
        scan: &Scan,
        node: NodeId,
        layouts: &mut Layouts,
    ) -> Vec<Option<(NodeId, usize)>> {
        let part = |k: usize| {
            let whole = result(self.graph, self.values, node, k)?;
            let (strides, step) = self.along(whole, scan.axis);
            layouts.insert(scan.body.outputs[k].1, strides);
            Some((whole, step))
        };
        (scan.n_carries..scan.body.outputs.len()).map(part).collect()
    }
}
