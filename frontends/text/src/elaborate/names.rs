//! The names of nodes: what text calls them, and which of two has a name that both want.

use brolga_compiler::ir::{Graph, NodeId};
use brolga_compiler::ops::{Leaf, Op};

use super::own::wish_without;
use crate::lexer::reserved;

/// What a node is called that text binds to `name`: the printer puts a `_` before a name that
/// begins with a reserved word, after any number of `_`.
pub(super) fn node_name(name: &str) -> &str {
    let Some(rest) = name.strip_prefix('_') else { return name };
    let first = rest.split('.').next().unwrap_or(rest).trim_start_matches('_');
    if reserved(first).is_some() && first != "dtype" { rest } else { name }
}

/// Makes a name free that a node has which may take another.
pub(super) fn give_way(graph: &mut Graph, name: &str) {
    if let Some(old) = graph.find(name)
        && !keeps_name(graph, old)
    {
        graph.rename(old, &wish_without(graph, old, name));
    }
}

/// Whether a node has its name for good: leaves that have one, and random operations.
pub(super) fn keeps_name(graph: &Graph, node: NodeId) -> bool {
    match graph.op(node) {
        Op::Leaf(leaf) => match leaf {
            Leaf::Input { .. } | Leaf::Variable { .. } => true,
            // What stands for a value around a scan is read by that value's name.
            Leaf::Parameter { number, .. } => *number != usize::MAX,
            Leaf::Constant(_) | Leaf::Dim { .. } => false,
            Leaf::Seed | Leaf::Step | Leaf::Epoch | Leaf::Batch => false,
        },
        Op::Random(_) => true,
        Op::Elementwise(_)
        | Op::Movement(_)
        | Op::Creation(_)
        | Op::Reduce(_)
        | Op::ProductOfOthers(_)
        | Op::Prefix(_)
        | Op::Contract(_)
        | Op::Einsum(_)
        | Op::Conv(_)
        | Op::Pool(_)
        | Op::Placement(_)
        | Op::Argsort(_)
        | Op::Indexing(_)
        | Op::Control(_) => false,
    }
}
