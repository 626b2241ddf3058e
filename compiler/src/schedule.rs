//! Puts kernels into waves: a kernel comes after those whose values it reads, and a kernel that
//! writes over a memory in place comes after every reader of what it held. A loop comes after the
//! waves of its level; its body has waves of its own.
//!
//! A value that no kernel reads again may be written over by what the last one makes of it
//! (`Heirs`). What must be written over is a variable by its update, and in a loop a carry by its
//! next value. Where that is impossible in place (`a <- b`, `b <- a`; a product that reads what it
//! writes), the new value goes to a memory of its own: a variable's is copied home after all
//! readers, and a carry alternates between two memories.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::fuse::{Fusion, may_overwrite};
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
    /// Of values that are dead after a kernel: the value of the same type that it writes over them.
    pub heirs: FxHashMap<NodeId, NodeId>,
}

/// Groups by number.
#[derive(Clone, Debug)]
pub enum Phase {
    /// Kernels side by side.
    Wave(Vec<usize>),
    /// A loop of waves, with the schedule of its body.
    Repeat(usize, Schedule),
}

/// Kernels that need each other, so that none of them can be first: a bug of whoever made them.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("the groups {} need each other", names(.groups))]
pub struct Cycle {
    /// The groups of the cycle, each by what it makes.
    pub groups: Vec<String>,
}

fn names(groups: &[String]) -> String {
    let quoted: Vec<String> = groups.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// Schedules the kernels of a graph and of the loops in it. Quadratic only in the updates that
/// conflict.
///
/// # Errors
/// Kernels that need each other.
pub fn schedule(fusion: &Fusion, lowered: &[Lowered]) -> Result<Schedule, Cycle> {
    schedule_in(fusion, lowered, 0)
}

/// The same for a graph that is the body of a loop with so many carries.
fn schedule_in(fusion: &Fusion, lowered: &[Lowered], n_carries: usize) -> Result<Schedule, Cycle> {
    let graph = &fusion.graph;
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
        // Nothing writes what has no elements where a kernel for it would hold no statement.
        let empty = || graph.tensor_type(overwrite.value).n_elements() == Some(0);
        let Some(&w) = writer.get(&overwrite.value) else {
            assert!(empty(), "`{}` is written", graph.node(overwrite.value).name);
            continue;
        };
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
    let levels = levels(&edges).map_err(|groups| cycle(graph, lowered, groups))?;
    let heirs = Heirs::new((fusion, n_carries), lowered, &levels, &readers, &writer).all();
    for level in levels {
        let (loops, kernels): (Vec<usize>, Vec<usize>) =
            level.into_iter().partition(|&g| matches!(lowered[g].code, Code::Repeat(_)));
        if !kernels.is_empty() {
            phases.push(Phase::Wave(kernels));
        }
        for g in loops {
            phases.push(repeat(fusion, lowered, g)?);
        }
    }
    Ok(Schedule { phases, copied, heirs })
}

/// Looks for values that are dead after a kernel, and that it may write another one over.
struct Heirs<'a> {
    fusion: &'a Fusion,
    lowered: &'a [Lowered],
    /// The level of each group.
    level: Vec<usize>,
    readers: &'a FxHashMap<NodeId, Vec<usize>>,
    writer: &'a FxHashMap<NodeId, usize>,
    /// Values that are seen from outside of the graph.
    roots: FxHashSet<NodeId>,
    /// Those of them that have a memory which holds nothing else.
    outputs: FxHashSet<NodeId>,
}

impl<'a> Heirs<'a> {
    fn new(
        (fusion, n_carries): (&'a Fusion, usize),
        lowered: &'a [Lowered],
        levels: &[Vec<usize>],
        readers: &'a FxHashMap<NodeId, Vec<usize>>,
        writer: &'a FxHashMap<NodeId, usize>,
    ) -> Heirs<'a> {
        let graph = &fusion.graph;
        let mut level = vec![0; lowered.len()];
        for (number, groups) in levels.iter().enumerate() {
            groups.iter().for_each(|&g| level[g] = number);
        }
        let metrics = graph.metrics.iter().flat_map(|m| m.kind.nodes()).copied();
        // The next value of a carry comes where the last one is.
        let outputs = graph.outputs.iter().skip(n_carries).map(|&(_, node)| node);
        let outputs = outputs.chain(metrics).collect();
        let roots = graph.roots().into_iter().collect();
        Heirs { fusion, lowered, level, readers, writer, roots, outputs }
    }

    /// Linear in the arguments of kernels, but for those of one kernel.
    fn all(&self) -> FxHashMap<NodeId, NodeId> {
        let mut heirs = FxHashMap::default();
        for (g, l) in self.lowered.iter().enumerate() {
            let nodes = |written: bool| {
                l.arguments.iter().filter(move |a| a.1 == written).filter_map(|(a, _)| a.node())
            };
            let mut dying: Vec<NodeId> = nodes(false).filter(|&n| self.dies_in(n, g)).collect();
            for value in nodes(true).filter(|n| self.is_own(*n)) {
                let found = dying.iter().position(|&old| self.takes(g, old, value));
                heirs.extend(found.map(|at| (dying.remove(at), value)));
            }
        }
        heirs
    }

    fn is_kernel(&self, g: usize) -> bool {
        matches!(self.lowered[g].code, Code::Kernel(_))
    }

    /// Whether a value needs its memory no longer once a kernel has run: the kernel is the last to
    /// read it.
    fn dies_in(&self, node: NodeId, g: usize) -> bool {
        let written = self.writer.get(&node).is_some_and(|&w| self.is_kernel(w));
        let is_last = |&r: &usize| r == g || self.level[r] < self.level[g];
        written && !self.roots.contains(&node) && self.readers[&node].iter().all(is_last)
    }

    /// Whether a value may lie in any memory.
    fn is_own(&self, node: NodeId) -> bool {
        !self.roots.contains(&node) || self.outputs.contains(&node)
    }

    fn takes(&self, g: usize, old: NodeId, value: NodeId) -> bool {
        let Fusion { graph, values, groups, .. } = self.fusion;
        self.is_kernel(g)
            && graph.tensor_type(old) == graph.tensor_type(value)
            && may_overwrite(values, &groups[g], &[old], value)
    }
}

/// Groups by what they make.
fn cycle(graph: &Graph, lowered: &[Lowered], groups: Vec<usize>) -> Cycle {
    let name = |g: usize| match &lowered[g].code {
        Code::Kernel(kernel) => kernel.name.clone(),
        Code::Repeat(repeat) => graph.node(repeat.node).name.to_string(),
    };
    Cycle { groups: groups.into_iter().map(name).collect() }
}

fn repeat(fusion: &Fusion, lowered: &[Lowered], g: usize) -> Result<Phase, Cycle> {
    let Code::Repeat(repeat) = &lowered[g].code else { unreachable!("the caller has looked") };
    let scan = fusion.graph.op(repeat.node).scan().expect("what repeats a region is a scan");
    let inside = schedule_in(&fusion.body(repeat.node).fusion, &repeat.body, scan.n_carries)?;
    Ok(Phase::Repeat(g, inside))
}

/// Notes which arguments a kernel writes for another to read: the value, or in the next step or
/// iteration the variable or carry that it writes over.
pub fn note_exchanged(fusion: &Fusion, lowered: &mut [Lowered]) {
    note_exchanged_in(&fusion.graph, lowered, 0);
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

/// Every group in the level after the last of those it depends on. Errors: the groups that depend
/// on themselves. (Kahn 1962, "Topological sorting of large networks".)
fn levels(edges: &[FxHashSet<usize>]) -> Result<Vec<Vec<usize>>, Vec<usize>> {
    let mut after: Vec<Vec<usize>> = vec![vec![]; edges.len()];
    for (g, before) in edges.iter().enumerate() {
        before.iter().for_each(|&e| after[e].push(g));
    }
    let mut open: Vec<usize> = edges.iter().map(FxHashSet::len).collect();
    let mut levels: Vec<Vec<usize>> = vec![];
    let mut next: Vec<usize> = (0..edges.len()).filter(|&g| open[g] == 0).collect();
    while !next.is_empty() {
        let mut level = std::mem::take(&mut next);
        level.sort_unstable();
        for &g in level.iter().flat_map(|&g| &after[g]) {
            open[g] -= 1;
            if open[g] == 0 {
                next.push(g);
            }
        }
        levels.push(level);
    }
    let stuck: Vec<usize> = (0..edges.len()).filter(|&g| open[g] > 0).collect();
    if stuck.is_empty() { Ok(levels) } else { Err(stuck) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(list: &[&[usize]]) -> Vec<FxHashSet<usize>> {
        list.iter().map(|reads| reads.iter().copied().collect()).collect()
    }

    #[test]
    fn a_level_comes_after_what_it_needs() {
        let diamond = edges(&[&[], &[0], &[0, 1], &[], &[2, 3]]);
        assert_eq!(levels(&diamond), Ok(vec![vec![0, 3], vec![1], vec![2], vec![4]]));
        assert_eq!(levels(&[]), Ok(vec![]));
    }

    #[test]
    fn what_needs_itself_is_refused() {
        assert_eq!(levels(&edges(&[&[], &[0, 3], &[1], &[2]])), Err(vec![1, 2, 3]));
    }
}
