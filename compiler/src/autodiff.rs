//! Reverse-mode differentiation: one walk from cotangents back to what their nodes depend on, asking
//! each operation for its rule. The result is nodes of the same graph, which can be differentiated
//! again. (Griewank and Walther 2008, "Evaluating derivatives", chapter 3.)

mod chunks;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::error::CompileError;
use crate::ir::{BinaryFn, Graph, NodeId, Origin};
use crate::ops::{
    Build, Cotangent, GradientContext, GradientError, OpRules, TypeError, codes,
    differentiable_from, types_agree,
};

/// The derivative of the float scalar `y` with respect to each of `xs`, as nodes of `graph`; of
/// the type of the `x`, `None` where `y` does not depend on it by a differentiable path. The
/// cotangent of a node is called `d.` and its name. Linear in the nodes. Errors: `y` is no float
/// scalar; an operation on the way has no gradient.
pub fn differentiate(
    graph: &mut Graph,
    y: NodeId,
    xs: &[NodeId],
) -> Result<Vec<Option<NodeId>>, CompileError> {
    let of_y = graph.tensor_type(y);
    if of_y.rank() > 0 || !of_y.dtype.is_float() {
        let message = format!("the gradient is of a float scalar, not of {of_y}");
        let error = TypeError::new(codes::NOT_A_FLOAT_SCALAR, message);
        let error = error.with_help("reduce it to a scalar, by `sum` or `mean`");
        return Err(CompileError::of_type(error, graph, y));
    }
    let origin = cotangent_origin(graph, y);
    let one = Build { graph: &mut *graph, origin: &origin }.constant_like(y, 1.0);
    let value = one.map_err(|e| CompileError::of_type(e, graph, y))?;
    pullback(graph, &[Cotangent { node: y, result: 0, value }], xs)
}

/// What the `cotangents` make of each of `xs`, as nodes of `graph`: the sum over them of the
/// cotangent times the derivative of its result with respect to the `x`, of the type of the `x`;
/// `None` where no result depends on it by a differentiable path. The cotangent of a node is
/// called `d.` and its name. A loop whose carries are to be computed again is cut into chunks first.
/// Linear in the nodes. Errors: a cotangent is not of the type of its result; an operation on the way
/// has no gradient.
pub fn pullback(
    graph: &mut Graph,
    cotangents: &[Cotangent],
    xs: &[NodeId],
) -> Result<Vec<Option<NodeId>>, CompileError> {
    let ends: Vec<NodeId> = cotangents.iter().map(|c| c.node).collect();
    chunks::cut(graph, &ends)?;
    let order = graph.order_from(&ends);
    let between = differentiable_from(graph, &order, &xs.iter().copied().collect());
    let mut walk = Walk::new(graph);
    for cotangent in cotangents.iter().filter(|c| between.contains(&c.node)) {
        walk.begin(cotangent).map_err(|e| CompileError::of_type(e, walk.graph, cotangent.node))?;
    }
    for &node in order.iter().rev().filter(|n| between.contains(n)) {
        walk.visit(node, &between).map_err(|e| CompileError::of_gradient(e, walk.graph, node))?;
    }
    Ok(xs.iter().map(|x| walk.cotangents.get(x).and_then(|c| c[0])).collect())
}

/// The name and the provenance of what belongs to the cotangent of a node.
fn cotangent_origin(graph: &Graph, node: NodeId) -> Origin {
    let node = graph.node(node);
    let name = format!("d.{}", node.name).into();
    Origin { name: Some(name), provenance: node.provenance.with_role("gradient") }
}

/// The state of the walk.
struct Walk<'a> {
    graph: &'a mut Graph,
    /// What has been added up so far, one per result.
    cotangents: FxHashMap<NodeId, Vec<Option<NodeId>>>,
    /// The nodes that have their name for good: those from before the walk, and cotangents.
    named: FxHashSet<NodeId>,
}

impl Walk<'_> {
    fn new(graph: &mut Graph) -> Walk<'_> {
        let named = graph.ids().into_iter().collect();
        Walk { graph, cotangents: FxHashMap::default(), named }
    }

    /// Adds a cotangent that the walk begins with.
    fn begin(&mut self, cotangent: &Cotangent) -> Result<(), TypeError> {
        let Cotangent { node, result, value } = *cotangent;
        let of_value = self.graph.tensor_type(value);
        let of_result = &self.graph.node(node).types[result];
        if !types_agree(of_value, of_result) {
            let message = format!("the cotangent of {of_result} is {of_value}");
            return Err(TypeError::new(codes::SHAPES_DIFFER, message));
        }
        self.accumulate(node, result, value)
    }

    /// Hands the cotangent of `node`, which is complete, on to its operands.
    fn visit(&mut self, node: NodeId, between: &FxHashSet<NodeId>) -> Result<(), GradientError> {
        let Some(cotangents) = self.cotangents.get(&node).cloned() else { return Ok(()) };
        let origin = cotangent_origin(self.graph, node);
        for &cotangent in cotangents.iter().flatten() {
            if self.named.insert(cotangent) {
                self.graph.rename(cotangent, origin.name.as_deref().unwrap_or("d"));
            }
        }
        let op = self.graph.op(node).clone();
        let operands = self.graph.operands(node).to_vec();
        let wanted: Vec<bool> = operands.iter().map(|o| between.contains(o)).collect();
        let of_operands = {
            let graph = &mut *self.graph;
            let (cotangents, wanted) = (&cotangents, &wanted);
            let mut cx = GradientContext { graph, node, cotangents, wanted, origin, pullback };
            op.gradient(&mut cx)?
        };
        for (operand, cotangent) in operands.into_iter().zip(of_operands) {
            if let Some(cotangent) = cotangent.filter(|_| between.contains(&operand)) {
                self.accumulate(operand, op.picked_result().unwrap_or(0), cotangent)?;
            }
        }
        Ok(())
    }

    /// Adds to the cotangent of a result of a node.
    fn accumulate(
        &mut self,
        node: NodeId,
        result: usize,
        cotangent: NodeId,
    ) -> Result<(), TypeError> {
        let origin = cotangent_origin(self.graph, node);
        let n_results = self.graph.node(node).types.len();
        let slots = self.cotangents.entry(node).or_insert_with(|| vec![None; n_results]);
        let slot = &mut slots[result];
        *slot = Some(match *slot {
            None => cotangent,
            Some(sum) => self.graph.add(BinaryFn::Add, &[sum, cotangent], &origin)?,
        });
        Ok(())
    }
}
