//! Puts kernels into waves: a kernel comes after those whose values it reads, and a kernel that
//! writes over a memory in place comes after every reader of what it held. A loop comes after the
//! waves of its level; its body has waves of its own.
//!
//! What is written over is a variable by its update, and in a loop a carry by its next value. Where
//! that is impossible in place (`a <- b`, `b <- a`; a product that reads what it writes), the new
//! value goes to a memory of its own: a variable's is copied home after all readers, and a carry
//! alternates between two memories.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::fuse::{Body, Fusion, Work, may_overwrite};
use crate::ir::{Graph, NodeId};
use crate::lower::{Argument, Code, Lowered};
use crate::ops::{Leaf, Op};

/// What runs when.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// What runs, one after the other.
    pub phases: Vec<Phase>,
    /// The values of updates and carries that are not written in place.
    pub copied: FxHashSet<NodeId>,
}

/// Groups by number.
#[derive(Clone, Debug)]
pub enum Phase {
    /// Kernels side by side.
    Wave(Vec<usize>),
    /// A loop of waves, with the schedule of its body.
    Repeat(usize, Schedule),
}

/// Schedules the kernels of a graph and of the loops in it. Quadratic only in the updates that
/// conflict.
pub fn schedule(graph: &Graph, fusion: &Fusion, lowered: &[Lowered]) -> Schedule {
    schedule_in(graph, fusion, lowered, 0)
}

/// The same for a graph that is the body of a loop with so many carries.
fn schedule_in(graph: &Graph, fusion: &Fusion, lowered: &[Lowered], n_carries: usize) -> Schedule {
    let writer = writers(lowered);
    let readers = readers(lowered);
    let mut edges: Vec<FxHashSet<usize>> = vec![FxHashSet::default(); lowered.len()];
    for (node, groups) in &readers {
        let Some(&w) = writer.get(node) else { continue };
        groups.iter().filter(|&&g| g != w).for_each(|&g| {
            edges[g].insert(w);
        });
    }
    let mut copied = FxHashSet::default();
    for overwrite in overwrites(graph, n_carries) {
        let w = writer[&overwrite.value];
        let others = overwrite.readers(&readers).filter(|&r| r != w);
        let others: Vec<usize> = others.collect();
        let (values, group) = (&fusion.values, &fusion.groups[w]);
        let in_place = may_overwrite(values, group, &overwrite.old, overwrite.value)
            && !others.iter().any(|&r| depends(&edges, r, w));
        if in_place {
            edges[w].extend(others);
        } else {
            copied.insert(overwrite.value);
        }
    }
    let mut phases = vec![];
    for level in levels(&edges) {
        let (loops, kernels): (Vec<usize>, Vec<usize>) =
            level.into_iter().partition(|&g| matches!(lowered[g].code, Code::Repeat(_)));
        if !kernels.is_empty() {
            phases.push(Phase::Wave(kernels));
        }
        phases.extend(loops.into_iter().map(|g| repeat(graph, fusion, lowered, g)));
    }
    Schedule { phases, copied }
}

fn repeat(graph: &Graph, fusion: &Fusion, lowered: &[Lowered], g: usize) -> Phase {
    let Code::Repeat(repeat) = &lowered[g].code else { unreachable!("the caller has looked") };
    let scan = graph.op(repeat.node).scan().expect("what repeats a region is a scan");
    let body = body(fusion, repeat.node);
    Phase::Repeat(g, schedule_in(&scan.body, &body.fusion, &repeat.body, scan.n_carries))
}

fn body(fusion: &Fusion, node: NodeId) -> &Body {
    match fusion.values.get(node).map(|v| &v.work) {
        Some(Work::Repeat { body, .. }) => body,
        _ => unreachable!("a loop is a value that repeats"),
    }
}

/// Notes which arguments a kernel writes for another to read: the value, or in the next step or
/// iteration the variable or carry that it writes over.
pub fn note_exchanged(graph: &Graph, lowered: &mut [Lowered]) {
    note_exchanged_in(graph, lowered, 0);
}

fn note_exchanged_in(graph: &Graph, lowered: &mut [Lowered], n_carries: usize) {
    let mut readers = readers(lowered);
    for overwrite in overwrites(graph, n_carries) {
        let next: Vec<usize> = overwrite.readers(&readers).collect();
        readers.entry(overwrite.value).or_default().extend(next);
    }
    for (g, l) in lowered.iter_mut().enumerate() {
        let others =
            |n: NodeId| readers.get(&n).is_some_and(|readers| readers.iter().any(|&r| r != g));
        let exchanged = |(a, written): &(Argument, bool)| *written && a.node().is_some_and(others);
        l.exchanged = l.arguments.iter().map(exchanged).collect();
        if let Code::Repeat(repeat) = &mut l.code {
            let scan = graph.op(repeat.node).scan().expect("what repeats a region is a scan");
            note_exchanged_in(&scan.body, &mut repeat.body, scan.n_carries);
        }
    }
}

/// A memory that gets a new value.
struct Overwrite {
    /// The nodes that read what it held.
    old: Vec<NodeId>,
    /// The new value.
    value: NodeId,
}

impl Overwrite {
    /// The groups that read what the memory held.
    fn readers(&self, readers: &FxHashMap<NodeId, Vec<usize>>) -> impl Iterator<Item = usize> {
        self.old.iter().filter_map(|n| readers.get(n)).flatten().copied()
    }
}

/// The updates of a graph's variables, and of the carries of the loop whose body it is.
fn overwrites(graph: &Graph, n_carries: usize) -> Vec<Overwrite> {
    let mut variables: FxHashMap<&str, Vec<NodeId>> = FxHashMap::default();
    if !graph.updates.is_empty() {
        for node in graph.order() {
            if let Op::Leaf(Leaf::Variable { name, .. }) = graph.op(node) {
                variables.entry(name).or_default().push(node);
            }
        }
    }
    let updates = graph.updates.iter().map(|update| Overwrite {
        old: variables.get(&*update.variable).cloned().unwrap_or_default(),
        value: update.value,
    });
    let carries = graph.inputs.iter().zip(&graph.outputs).take(n_carries);
    let carries = carries.map(|(&old, &(_, value))| Overwrite { old: vec![old], value });
    updates.chain(carries).collect()
}

/// The group that writes each value.
fn writers(lowered: &[Lowered]) -> FxHashMap<NodeId, usize> {
    let mut writers = FxHashMap::default();
    for (g, l) in lowered.iter().enumerate() {
        let written = l.arguments.iter().filter(|(_, w)| *w);
        writers.extend(written.filter_map(|(a, _)| Some((a.node()?, g))));
    }
    writers
}

/// The groups that read each node, once for each argument.
fn readers(lowered: &[Lowered]) -> FxHashMap<NodeId, Vec<usize>> {
    let mut readers: FxHashMap<NodeId, Vec<usize>> = FxHashMap::default();
    for (g, l) in lowered.iter().enumerate() {
        let read = l.arguments.iter().filter(|(_, written)| !written);
        read.filter_map(|(a, _)| a.node()).for_each(|n| readers.entry(n).or_default().push(g));
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

/// Every group in the level after the last of those it depends on.
fn levels(edges: &[FxHashSet<usize>]) -> Vec<Vec<usize>> {
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
    let mut levels = vec![vec![]; n];
    for (g, l) in level.into_iter().enumerate() {
        levels[l.expect("every group has a level")].push(g);
    }
    levels
}
