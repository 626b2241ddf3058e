//! A binding is a value of its own, whatever its operation does: `z = flatten(x)` of a matrix is
//! as much another value than `x` as that of an image, and a gradient with respect to it goes by
//! what reads `z`. So where an expression gives a value that was there before it, the binding gets
//! a node for itself, `same(x)`. It is there for `grad` alone: when a graph is closed, its gradients
//! are made, and these nodes are dissolved, so that they cost nothing and no dump shows them.
//!
//! What is no float has no gradients, and needs none. An argument is the value that it is given,
//! and so is the name of a loop; the members of a list are the values that they were before.

use brolga_compiler::ir::{Graph, NodeId};
use brolga_compiler::ops::{Control, Leaf, Op};

use super::value::{Tensor, Value};
use super::{Elaborator, Result};

/// What nodes are called that only give a binding a value of its own.
const OWN: &str = "same";

/// What a node is called that gives its name away.
pub(super) fn wish_without(graph: &Graph, node: NodeId, name: &str) -> String {
    match graph.op(node) {
        Op::Control(Control::Same) => format!("{OWN}."),
        _ => format!("{name}."),
    }
}

impl Elaborator<'_> {
    /// The value to bind `name` to: `x`, or a value of its own if `x` was there before the graph
    /// had `n_before` numbers.
    pub(super) fn own(&mut self, x: Tensor, name: &str, n_before: usize) -> Result<Tensor> {
        if self.is_new(x, n_before) || !self.needs_own(x) {
            return Ok(x);
        }
        let own = self.add_own(x)?;
        let full = self.full_name(name);
        let graph = &mut self.region().graph;
        if graph.find(&full).is_none() {
            graph.rename(own.node, &full);
        }
        Ok(own)
    }

    /// A node of a value's own, called so that it takes no number of other names.
    fn add_own(&mut self, x: Tensor) -> Result<Tensor> {
        self.with_wish(Some(OWN.to_owned()), None, |e| e.add(Control::Same, &[x]))
    }

    /// The value of an operation that may have left its operand as it was, as one of its own.
    pub(super) fn own_result(&mut self, value: Value, n_before: usize) -> Result<Value> {
        match value {
            Value::Tensor(x) if !self.is_new(x, n_before) && self.needs_own(x) => {
                self.add_own(x).map(Value::Tensor)
            }
            value => Ok(value),
        }
    }

    /// The members of a list of which each is to be bound, each with a node of its own.
    pub(super) fn apart(&mut self, members: &[Value]) -> Result<Vec<Value>> {
        let mut apart: Vec<Value> = Vec::with_capacity(members.len());
        let mut seen = std::collections::HashSet::new();
        for member in members {
            apart.push(match member {
                Value::Tensor(x) if !seen.insert(*x) && self.needs_own(*x) => {
                    self.add_own(*x).map(Value::Tensor)?
                }
                member => member.clone(),
            });
        }
        Ok(apart)
    }

    /// What a binding that has a node of its own was bound to.
    pub(super) fn value_itself(&self, mut x: Tensor) -> Tensor {
        let graph = self.graph_of(x.region);
        while let Op::Control(Control::Same) = graph.op(x.node) {
            x.node = graph.operands(x.node)[0];
        }
        x
    }

    /// Whether a value is a node that was added after the graph had `n_before` numbers. A leaf that
    /// is read by its own name is not: the name was there.
    fn is_new(&self, x: Tensor, n_before: usize) -> bool {
        let Some(region) = self.regions.last().filter(|region| region.id == x.region) else {
            return false;
        };
        let has_name = matches!(
            region.graph.op(x.node),
            Op::Leaf(Leaf::Input { .. } | Leaf::Variable { .. } | Leaf::Parameter { .. })
        );
        x.node.number() >= n_before && !has_name
    }

    /// Whether a gradient may be with respect to a value: one of floats, that a batch has.
    fn needs_own(&self, x: Tensor) -> bool {
        let is_total = self.finish.as_ref().is_some_and(|finish| finish.id == x.region);
        self.tensor_type(x).dtype.is_float() && !is_total
    }
}
