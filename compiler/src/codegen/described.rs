//! What the parts of a function's code are for, by name and line.

use std::fmt::Write;

use super::CodeOrigins;
use crate::ir::{OriginId, Position, Provenance};
use crate::program::{Call, Program};

/// The most nodes that a line names.
const MAX_NAMES: usize = 4;

/// The bytes of a function, and what the linker puts into them.
#[derive(Clone, Debug, Default)]
pub struct MachineCode {
    /// Instructions, then numbers that they load.
    pub bytes: Vec<u8>,
    /// Where addresses go: the offset, and whose.
    pub relocations: Vec<(u32, String)>,
}

/// Who the numbers of a function's origins are.
#[derive(Clone, Copy, Debug)]
pub struct Described<'a> {
    calls: &'a [&'a Call],
    program: &'a Program,
    /// Whether it is the step's, whose numbers are those of calls.
    is_step: bool,
}

impl<'a> Described<'a> {
    /// Of a kernel that these calls share.
    pub fn kernel(program: &'a Program, calls: &'a [&'a Call]) -> Described<'a> {
        Described { calls, program, is_step: false }
    }

    /// Of the step, which makes all calls.
    pub fn step(program: &'a Program, calls: &'a [&'a Call]) -> Described<'a> {
        Described { calls, program, is_step: true }
    }

    /// The names of what a range is for, for each call that shares it.
    pub fn names(&self, numbers: &[u32]) -> Vec<Vec<&'a str>> {
        let Described { calls, program, is_step } = *self;
        if is_step {
            let kernel = |&n: &u32| &*program.kernels[calls[n as usize].kernel].name;
            return vec![numbers.iter().map(kernel).collect()];
        }
        let of_call =
            |call: &&'a Call| numbers.iter().map(|&n| &*call.nodes[n as usize].0).collect();
        calls.iter().map(of_call).collect()
    }

    /// Where the user wrote what a range is for: of several places the first.
    pub fn position(&self, numbers: &[u32]) -> Option<&'a Position> {
        let Described { calls, is_step, .. } = *self;
        let nodes = match is_step {
            true => numbers.iter().filter_map(|&n| calls[n as usize].nodes.first()).collect(),
            false => {
                let nodes = &calls.first()?.nodes;
                numbers.iter().map(|&n| &nodes[n as usize]).collect::<Vec<_>>()
            }
        };
        nodes.into_iter().find_map(|(_, provenance)| {
            let site = provenance.sites().first()?;
            Some(site.line())
        })
    }

    /// From which byte of a function on which line is in force.
    pub fn rows(&self, origins: &CodeOrigins) -> Vec<(u32, Option<Position>)> {
        let mut rows: Vec<(u32, Option<Position>)> = vec![];
        for (range, numbers) in origins.iter() {
            let position = self.position(numbers);
            if rows.last().is_none_or(|(_, last)| last.as_ref() != position) {
                rows.push((range.start, position.cloned()));
            }
        }
        rows
    }

    /// What a range is for, on a line: of a kernel that several calls share, for the first of them.
    pub fn line(&self, numbers: &[u32]) -> String {
        let names = self.names(numbers).into_iter().next().unwrap_or_default();
        let mut line = names.iter().take(MAX_NAMES).copied().collect::<Vec<_>>().join(", ");
        if names.len() > MAX_NAMES {
            let _ = write!(line, " and {} more", names.len() - MAX_NAMES);
        }
        if !self.is_step
            && let Some(call) = self.calls.first()
        {
            let mut places: Vec<String> = vec![];
            for &n in numbers.iter().take(MAX_NAMES) {
                for place in lines(&call.nodes[n as usize].1) {
                    if !places.contains(&place) {
                        places.push(place);
                    }
                }
            }
            if !places.is_empty() {
                let _ = write!(line, "  {}", places.join(", "));
            }
        }
        line
    }
}

/// Where the user wrote what a node is for.
fn lines(provenance: &Provenance) -> impl Iterator<Item = String> {
    provenance.sites().iter().map(|site| {
        let at = site.line();
        let role = site.role.as_ref().map_or(String::new(), |role| format!(" ({role})"));
        format!("{}:{}:{}{role}", at.file, at.line, at.column)
    })
}

/// The sets that the locations in the code generator's input stand for.
pub fn legend(origins: &CodeOrigins, described: &Described<'_>) -> String {
    let mut ids: Vec<_> = origins.ranges.iter().map(|(_, id)| *id).collect();
    ids.sort_unstable();
    ids.dedup();
    let line = |id| format!("; @{:04x} {}\n", id, described.line(origins.sets.get(OriginId(id))));
    ids.into_iter().map(|id| line(id.0)).collect()
}
