//! Bodies of loops with other parameters: what the passes over loops share.

use rustc_hash::FxHashMap;

use crate::ir::{Graph, Name, NodeId};
use crate::ops::{Leaf, TypeError};

/// A body with a parameter for each of `kept`, in that order, and these outputs. A parameter of the
/// old body that `same` knows is the one of that number; one that is neither may not be needed.
pub(super) fn with_parameters(
    body: &Graph,
    kept: &[NodeId],
    same: &FxHashMap<NodeId, usize>,
    outputs: &[(Name, NodeId)],
) -> Result<Graph, TypeError> {
    let (mut new, mut map) = (Graph::default(), FxHashMap::default());
    for (number, &parameter) in kept.iter().enumerate() {
        let tensor_type = body.tensor_type(parameter).clone();
        let leaf = Leaf::Parameter { number, tensor_type };
        let copy = new.add(leaf, &[], &body.origin(parameter))?;
        new.inputs.push(copy);
        map.insert(parameter, copy);
    }
    map.extend(same.iter().map(|(&parameter, &number)| (parameter, new.inputs[number])));
    let roots: Vec<NodeId> = outputs.iter().map(|(_, id)| *id).collect();
    body.copy_into(&mut new, &body.order_from(&roots), &mut map)?;
    new.outputs = outputs.iter().map(|(name, id)| (name.clone(), map[id])).collect();
    Ok(new)
}
