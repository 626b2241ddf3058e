//! Whether a value may be written over a memory that its own group reads.

use std::cmp::Ordering;

use super::stages::is_own_place;
use super::{Group, Value, Values, Work};
use crate::ir::{IndexId, NodeId};

/// Whether a group that computes `value` reads the nodes `old` only before `value`, written over
/// them, destroys them: in the same loop at the same index, or in an earlier stage of the same unit.
/// A loop reads all the time.
pub fn may_overwrite(values: &Values, group: &Group, old: &[NodeId], value: NodeId) -> bool {
    let position = values.position[&value];
    let at = group.members.iter().position(|m| m.value == position).expect("the writer's group");
    let stage_of = |m: usize| group.stages.iter().position(|s| s.members.contains(&m));
    let written = stage_of(at);
    (0..group.members.len()).all(|m| {
        let reader = &values.list[group.members[m].value];
        let reads = values.elements(reader);
        let mut reads = reads.iter().filter(|(node, _)| old.contains(node));
        reads.all(|(_, index)| match stage_of(m).cmp(&written) {
            Ordering::Greater => false,
            Ordering::Equal => {
                let is_nest = matches!(reader.work, Work::Map(_) | Work::Reduce { .. });
                is_nest && is_own_place(values, [at, m].map(|m| &group.members[m]), index)
            }
            Ordering::Less => {
                let repeats = matches!(reader.work, Work::Repeat { .. });
                !repeats && is_own_unit(values, group, (at, m), reader, index)
            }
        })
    })
}

/// Whether member `m` reads at `index` only what is of its own unit in the place of member `at`.
fn is_own_unit(
    values: &Values,
    group: &Group,
    (at, m): (usize, usize),
    reader: &Value,
    index: &[IndexId],
) -> bool {
    let dims = group.members[at].dims.iter().zip(&group.members[m].dims);
    dims.into_iter().all(|(&written, &own)| {
        index.len() > written.dim
            && written.scale == own.scale
            && values.exprs.as_axis(index[written.dim]) == Some(reader.axes[own.dim])
    })
}
