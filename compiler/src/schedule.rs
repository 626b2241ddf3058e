//! Puts kernels into waves: a kernel comes after those whose values it reads, and a kernel that
//! writes a variable in place comes after every reader of the old value.
//!
//! Where that is impossible (`a <- b`, `b <- a`; a product that reads the variable that it
//! writes), the new value goes to the arena and a copy after all readers brings it home.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::fuse::{Fusion, Group, Work, is_own_index};
use crate::ir::{Graph, Name, NodeId};
use crate::lower::{Argument, Lowered};
use crate::ops::{Leaf, Op};

/// What runs when.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// The numbers of the groups, wave after wave.
    pub waves: Vec<Vec<usize>>,
    /// The values of updates that need a copy: they are not written in place.
    pub copied: FxHashSet<NodeId>,
}

/// Schedules the kernels of a graph. Quadratic only in the updates that conflict.
pub fn schedule(graph: &Graph, fusion: &Fusion, lowered: &[Lowered]) -> Schedule {
    let writer = writers(lowered);
    let mut edges: Vec<FxHashSet<usize>> = vec![FxHashSet::default(); lowered.len()];
    for (g, l) in lowered.iter().enumerate() {
        for (node, written) in l.arguments.iter().filter_map(|(a, w)| Some((a.node()?, *w))) {
            match writer.get(&node) {
                Some(&w) if !written && w != g => {
                    edges[g].insert(w);
                }
                Some(_) | None => {}
            }
        }
    }
    let mut copied = FxHashSet::default();
    let readers = variable_readers(graph, lowered);
    for update in &graph.updates {
        let w = writer[&update.value];
        let none = vec![];
        let readers = readers.get(&update.variable).unwrap_or(&none);
        let others: Vec<usize> = readers.iter().copied().filter(|&r| r != w).collect();
        let in_place = own_reads_allow(graph, fusion, &fusion.groups[w], update)
            && !others.iter().any(|&r| depends(&edges, r, w));
        if in_place {
            edges[w].extend(others);
        } else {
            copied.insert(update.value);
        }
    }
    Schedule { waves: waves(&edges), copied }
}

/// For each buffer of each kernel, whether the kernel writes it and another kernel reads what it
/// holds then: the value, or in the next step the variable whose update it is.
pub fn exchanged(graph: &Graph, lowered: &[Lowered]) -> Vec<Vec<bool>> {
    let mut readers: FxHashMap<NodeId, Vec<usize>> = FxHashMap::default();
    for (g, l) in lowered.iter().enumerate() {
        let read = l.arguments.iter().filter(|(_, written)| !written);
        read.filter_map(|(a, _)| a.node()).for_each(|n| readers.entry(n).or_default().push(g));
    }
    let of_variables = variable_readers(graph, lowered);
    for update in &graph.updates {
        let next = of_variables.get(&update.variable).into_iter().flatten();
        readers.entry(update.value).or_default().extend(next);
    }
    let others = |node: NodeId, g: usize| {
        readers.get(&node).is_some_and(|readers| readers.iter().any(|&r| r != g))
    };
    let of_kernel = |(g, l): (usize, &Lowered)| {
        let exchanged =
            |(a, written): &(Argument, bool)| *written && a.node().is_some_and(|n| others(n, g));
        l.arguments.iter().map(exchanged).collect()
    };
    lowered.iter().enumerate().map(of_kernel).collect()
}

/// The kernel that writes each value.
fn writers(lowered: &[Lowered]) -> FxHashMap<NodeId, usize> {
    let mut writers = FxHashMap::default();
    for (g, l) in lowered.iter().enumerate() {
        let written = l.arguments.iter().filter(|(_, w)| *w);
        writers.extend(written.filter_map(|(a, _)| Some((a.node()?, g))));
    }
    writers
}

/// The kernels that read each variable.
fn variable_readers(graph: &Graph, lowered: &[Lowered]) -> FxHashMap<Name, Vec<usize>> {
    let mut readers: FxHashMap<Name, Vec<usize>> = FxHashMap::default();
    for (g, l) in lowered.iter().enumerate() {
        for node in l.arguments.iter().filter_map(|(a, _)| a.node()) {
            if let Op::Leaf(Leaf::Variable { name, .. }) = graph.op(node) {
                readers.entry(name.clone()).or_default().push(g);
            }
        }
    }
    readers
}

/// Whether kernel `a` comes after kernel `b` already.
fn depends(edges: &[FxHashSet<usize>], a: usize, b: usize) -> bool {
    let mut stack = vec![a];
    let mut seen = FxHashSet::default();
    while let Some(g) = stack.pop() {
        if g == b {
            return true;
        }
        stack.extend(edges[g].iter().copied().filter(|&n| seen.insert(n)));
    }
    false
}

/// Whether the kernel that writes the variable reads the old value only before it is gone: in
/// the same loop at the same index, or in an earlier stage of the same unit.
fn own_reads_allow(
    graph: &Graph,
    fusion: &Fusion,
    group: &Group,
    update: &crate::ir::Update,
) -> bool {
    let values = &fusion.values;
    let position = values.position[&update.value];
    let at = group.members.iter().position(|m| m.value == position).expect("the writer's group");
    let stage_of = |m: usize| group.stages.iter().position(|s| s.members.contains(&m));
    let write = stage_of(at);
    (0..group.members.len()).all(|m| {
        let member = &group.members[m];
        let value = &values.list[member.value];
        values.elements(value).iter().all(|(node, index)| {
            match graph.op(*node) {
                Op::Leaf(Leaf::Variable { name, .. }) if *name == update.variable => {}
                _ => return true,
            }
            let is_loop = matches!(value.work, Work::Map(_) | Work::Reduce { .. });
            match stage_of(m).cmp(&write) {
                std::cmp::Ordering::Greater => false,
                std::cmp::Ordering::Equal => is_loop && is_own_index(values, value, index),
                std::cmp::Ordering::Less => {
                    group.members[at].dims.iter().zip(&member.dims).all(|(&written, &own)| {
                        index.len() > written
                            && values.exprs.as_axis(index[written]) == Some(value.axes[own])
                    })
                }
            }
        })
    })
}

/// Every kernel in the wave after the last of those it depends on.
fn waves(edges: &[FxHashSet<usize>]) -> Vec<Vec<usize>> {
    let mut level: Vec<Option<usize>> = vec![None; edges.len()];
    for start in 0..edges.len() {
        let mut stack = vec![start];
        while let Some(&g) = stack.last() {
            let open: Vec<usize> =
                edges[g].iter().copied().filter(|&e| level[e].is_none()).collect();
            if level[g].is_some() {
                stack.pop();
            } else if open.is_empty() {
                let before = edges[g].iter().filter_map(|&e| level[e]).max();
                level[g] = Some(before.map_or(0, |l| l + 1));
                stack.pop();
            } else {
                stack.extend(open);
            }
        }
    }
    let n = level.iter().flatten().max().map_or(0, |l| l + 1);
    let mut waves = vec![vec![]; n];
    for (g, l) in level.into_iter().enumerate() {
        waves[l.expect("every kernel has a level")].push(g);
    }
    waves
}
