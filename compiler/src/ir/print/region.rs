//! The lines of a graph's nodes; those of a scan have the lines of its body within.

use rustc_hash::{FxHashMap, FxHashSet};

use super::layout::Lines;
use super::{line, list, reference, spelled};
use crate::ir::{Graph, NodeId, Provenance};
use crate::ops::{Control, Leaf, Op, Scan};

/// A graph whose lines are printed; `read` says how a node is read.
pub(super) struct RegionText<'a> {
    graph: &'a Graph,
    read: &'a dyn Fn(NodeId) -> String,
    /// The nodes that pick results, by the node with the results and the number of the result.
    /// Where several pick the same, the first.
    picks: FxHashMap<(NodeId, usize), NodeId>,
}

impl<'a> RegionText<'a> {
    /// Prints the live nodes of `graph`, operands before users.
    pub(super) fn print(lines: &mut Lines, graph: &'a Graph, read: &'a dyn Fn(NodeId) -> String) {
        let order = graph.order();
        let mut picks = FxHashMap::default();
        for &id in &order {
            if let Some(key) = picked(graph, id) {
                picks.entry(key).or_insert(id);
            }
        }
        let block = RegionText { graph, read, picks };
        for id in order {
            block.node(lines, id);
        }
    }

    fn node(&self, lines: &mut Lines, id: NodeId) {
        match self.graph.op(id) {
            Op::Control(Control::Scan(scan)) => self.scan(lines, id, scan),
            Op::Control(Control::Result { index }) => self.result(lines, id, *index),
            _ => line(lines, self.graph, id, self.read),
        }
    }

    /// The heading of a scan binds one name for each result; another one is bound to the first.
    fn result(&self, lines: &mut Lines, id: NodeId, index: usize) {
        let first = picked(self.graph, id).map_or(id, |key| self.picks[&key]);
        if first != id {
            let (name, of_first) = ((self.read)(id), (self.read)(first));
            let tensor_type = &self.graph.node(id).types[0];
            let text = format!("{name}: {tensor_type} = result({of_first}, index={index})");
            lines.push(text, &self.graph.node(id).provenance);
        }
    }

    /// `last, all = scan(x_t in x, h = h0) { ... }`
    fn scan(&self, lines: &mut Lines, id: NodeId, scan: &Scan) {
        let node = self.graph.node(id);
        let results = (0..node.types.len()).map(|k| match self.picks.get(&(id, k)) {
            Some(&picked) => format!("{}: {}", (self.read)(picked), node.types[k]),
            None => "_".to_string(),
        });
        let parameter = |k: usize| spelled(&scan.body.node(scan.body.inputs[k]).name);
        let mut operands: Vec<String> = node.operands.iter().map(|&o| (self.read)(o)).collect();
        keep_apart(lines, scan, &mut operands[scan.captured()]);
        let sequences = scan.sequences().map(|k| format!("{} in {}", parameter(k), operands[k]));
        let carries = (0..scan.n_carries).map(|k| format!("{} = {}", parameter(k), operands[k]));
        let mut arguments: Vec<String> = sequences.chain(carries).collect();
        if scan.axis != 0 {
            arguments.push(format!("axis={}", scan.axis));
        }
        if scan.reverse {
            arguments.push("reverse=true".to_string());
        }
        let heading = format!("{} = scan({}) {{", list(results), arguments.join(", "));
        lines.push(heading, &node.provenance);
        lines.indent += 1;
        body(lines, scan, &operands);
        lines.indent -= 1;
        lines.push("}", &Provenance::default());
    }
}

/// What a node picks: a result of a node, by number.
fn picked(graph: &Graph, id: NodeId) -> Option<(NodeId, usize)> {
    let index = graph.op(id).picked_result()?;
    Some((*graph.operands(id).first()?, index))
}

/// Gives a captured value a second name where the body uses the first for another value.
fn keep_apart(lines: &mut Lines, scan: &Scan, captured: &mut [String]) {
    let body = &*scan.body;
    let inside = body.order().into_iter().filter(|&id| !is_captured(scan, body.op(id)));
    let inside: FxHashSet<String> = inside.map(|id| spelled(&body.node(id).name)).collect();
    for name in captured.iter_mut().filter(|name| inside.contains(*name)) {
        *name = lines.alias(name);
    }
}

/// Whether a node of a scan's body stands for a value around it.
fn is_captured(scan: &Scan, op: &Op) -> bool {
    let captured = scan.captured();
    matches!(op, Op::Leaf(Leaf::Parameter { number, .. }) if captured.contains(number))
}

fn body(lines: &mut Lines, scan: &Scan, operands: &[String]) {
    let body = &*scan.body;
    // A captured value is read by its name outside.
    let read = |id: NodeId| match body.op(id) {
        Op::Leaf(Leaf::Parameter { number, .. }) if is_captured(scan, body.op(id)) => {
            operands[*number].clone()
        }
        _ => reference(body, id),
    };
    let iteration = body.inputs.get(scan.n_operands());
    if let Some(&id) = iteration.filter(|&&id| !body.users(id).is_empty()) {
        let node = body.node(id);
        let text = format!("{}: {} = iteration()", spelled(&node.name), node.types[0]);
        lines.push(text, &node.provenance);
    }
    RegionText::print(lines, body, &read);
    ends(lines, scan, &read);
}

/// What is emitted, and what the carries become: only then their names mean something else.
fn ends(lines: &mut Lines, scan: &Scan, read: &dyn Fn(NodeId) -> String) {
    let body = &*scan.body;
    let (carries, emitted) = body.outputs.split_at(scan.n_carries);
    if !emitted.is_empty() {
        let values = list(emitted.iter().map(|(_, id)| read(*id)));
        lines.push(format!("emit {values}"), &Provenance::default());
    }
    let next = carries.iter().enumerate().map(|(k, (_, next))| (body.inputs[k], *next));
    let changed: Vec<(NodeId, NodeId)> = next.filter(|(carry, next)| carry != next).collect();
    let names = list(changed.iter().map(|(carry, _)| read(*carry)));
    let values = list(changed.iter().map(|(_, next)| read(*next)));
    match changed.len() {
        0 => {}
        1 => lines.push(format!("{names} = {values}"), &Provenance::default()),
        _ => lines.push(format!("{names} = [{values}]"), &Provenance::default()),
    }
}
