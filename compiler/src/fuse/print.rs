//! Prints the groups: the `fused` stage of a dump.
//!
//! ```text
//! group 0: units 32 in blocks of 8
//!   tile
//!     hidden.1: f32[32, 128] in local = product of x, hidden.w
//!   loops 32 x 128
//!     hidden: f32[32, 128] in memory = map of hidden.1, hidden.b
//! ```
//!
//! The groups of a loop's body stand below the loop.

use std::fmt;

use super::{Body, Form, Fusion, Group, Residence, Stage, Values, Work};
use crate::ir::NodeId;

impl fmt::Display for Fusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print(f, "")
    }
}

fn units(group: &Group) -> String {
    if group.units.is_empty() {
        return "one unit".to_string();
    }
    let dims = group.units.iter().map(|u| match u.block {
        1 => format!("{}", u.extent),
        block => format!("{} in blocks of {block}", u.extent),
    });
    format!("units {}", dims.collect::<Vec<_>>().join(" x "))
}

impl Fusion {
    fn print(&self, f: &mut fmt::Formatter<'_>, indent: &str) -> fmt::Result {
        for (g, group) in self.groups.iter().enumerate() {
            writeln!(f, "{indent}group {g}: {}", units(group))?;
            for stage in &group.stages {
                self.stage(f, indent, group, stage)?;
            }
        }
        Ok(())
    }

    fn stage(
        &self,
        f: &mut fmt::Formatter<'_>,
        indent: &str,
        group: &Group,
        stage: &Stage,
    ) -> fmt::Result {
        let values = &self.values;
        match &stage.domain {
            Some(domain) => {
                let sizes: Vec<String> = domain.iter().map(ToString::to_string).collect();
                let sizes = if sizes.is_empty() { "1".to_string() } else { sizes.join(" x ") };
                writeln!(f, "{indent}  loops {sizes}")?;
            }
            None => writeln!(f, "{indent}  {}", kind(values, group, stage))?,
        }
        for &at in &stage.members {
            let member = &group.members[at];
            let value = &values.list[member.value];
            let name = &self.graph.node(value.node).name;
            let residence = match member.residence {
                Residence::Register => "register",
                Residence::Local => "local",
                Residence::Memory => "memory",
            };
            let work = match &value.work {
                Work::Map(_) => "map",
                Work::Reduce { monoid, .. } => monoid.name(),
                Work::Contract(_) => "product",
                Work::Placement { .. } => "place",
                Work::Scatter(_) => "scatter",
                Work::Prefix(_) => "prefix",
                Work::Sort(_) => "order",
                Work::Random { .. } => "random",
                Work::Repeat { .. } => "repeat",
                Work::Result => "result",
            };
            let reads: Vec<String> = value.reads.iter().map(|&n| self.name(n)).collect();
            writeln!(
                f,
                "{indent}    {name}: {} in {residence} = {work} of {}",
                value.tensor_type,
                reads.join(", ")
            )?;
            if let Work::Repeat { length, body } = &value.work {
                print_body(f, indent, *length, body)?;
            }
        }
        Ok(())
    }

    fn name(&self, node: NodeId) -> String {
        self.graph.node(node).name.to_string()
    }
}

/// The groups of a loop's body, each a kernel or all in one.
fn print_body(f: &mut fmt::Formatter<'_>, indent: &str, length: usize, body: &Body) -> fmt::Result {
    let how = match body.form {
        Form::Kernel => "in one kernel",
        Form::Waves => "as waves",
    };
    writeln!(f, "{indent}    {length} times {how}:")?;
    body.fusion.print(f, &format!("{indent}      "))
}

fn kind(values: &Values, group: &Group, stage: &Stage) -> &'static str {
    match values.list[group.members[stage.members[0]].value].work {
        Work::Contract(_) => "tile",
        Work::Placement { .. } => "parts",
        Work::Scatter(_) => "scatter",
        Work::Prefix(_) => "steps",
        Work::Sort(_) | Work::Random { .. } => "library",
        Work::Repeat { .. } | Work::Result => "loop",
        Work::Map(_) | Work::Reduce { .. } => "loops",
    }
}
