//! The text of a program, as `dump --stage memory` shows it: the memories, then the calls wave by
//! wave with the place of every argument.

use std::fmt;

use super::{Address, Call, Location, Motion, OutputKind, Phase, Program};
use crate::ir::TensorType;
use crate::loop_ir::Buffer;

impl Program {
    /// Bytes that a step holds: variables, feeds, outputs, constants and the arena, without the
    /// threads' scratch. Saturates.
    pub fn peak_bytes(&self) -> usize {
        let tables = self.variables.iter().chain(&self.feeds).map(|(_, t)| t);
        let types = tables.chain(self.outputs.iter().map(|o| &o.tensor_type));
        let blocks = self.arena_bytes.saturating_add(self.constants_bytes);
        types.map(n_bytes).fold(blocks, usize::saturating_add)
    }
}

fn n_bytes(tensor_type: &TensorType) -> usize {
    tensor_type.n_bytes().unwrap_or(usize::MAX)
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kernels, waves) = (self.kernels.len(), self.n_waves());
        writeln!(f, "program: {kernels} kernels, {} calls, {waves} waves", self.n_calls())?;
        writeln!(
            f,
            "memory: {} bytes, of which arena {} and constants {}; scratch {} a thread",
            self.peak_bytes(),
            self.arena_bytes,
            self.constants_bytes,
            self.scratch_bytes
        )?;
        for (i, (name, tensor_type)) in self.variables.iter().enumerate() {
            writeln!(f, "variable {i}: {name}: {tensor_type}")?;
        }
        for (i, (name, tensor_type)) in self.feeds.iter().enumerate() {
            writeln!(f, "feed {i}: {name}: {tensor_type}")?;
        }
        for (i, output) in self.outputs.iter().enumerate() {
            let kind = match output.kind {
                OutputKind::Output => "",
                OutputKind::Metric { .. } => " (metric)",
            };
            writeln!(f, "output {i}: {}: {}{kind}", output.name, output.tensor_type)?;
        }
        for (offset, literal) in &self.constants {
            writeln!(f, "constant at {offset}: {}", literal.tensor_type())?;
        }
        for (i, check) in self.checks.iter().enumerate() {
            writeln!(f, "check {i}: {}", check.node)?;
        }
        let mut number = 0;
        self.phases.iter().try_for_each(|phase| self.phase(f, phase, 0, &mut number))
    }
}

impl Program {
    /// Prints a phase inside of so many loops; `number` counts the waves.
    fn phase(
        &self,
        f: &mut fmt::Formatter<'_>,
        phase: &Phase,
        depth: usize,
        number: &mut usize,
    ) -> fmt::Result {
        let indent = "  ".repeat(depth);
        match phase {
            Phase::Wave(wave) => {
                let threads = if wave.serial { ", on one thread" } else { "" };
                writeln!(f, "\n{indent}wave {number}{threads}")?;
                *number += 1;
                wave.calls.iter().try_for_each(|call| self.call(f, call, &indent))
            }
            Phase::Repeat(repeat) => {
                let (name, provenance) = &repeat.node;
                let order = if repeat.reverse { " backwards" } else { "" };
                let (length, axis) = (repeat.length, format!("t{depth}"));
                writeln!(f, "\n{indent}repeat {axis} < {length}{order}: {name}  #@ {provenance}")?;
                let mut phases = repeat.phases.iter();
                phases.try_for_each(|phase| self.phase(f, phase, depth + 1, number))
            }
        }
    }

    fn call(&self, f: &mut fmt::Formatter<'_>, call: &Call, indent: &str) -> fmt::Result {
        let kernel = &self.kernels[call.kernel];
        let (units, cost) = (kernel.n_units(), kernel.cost);
        let (number, name) = (call.kernel, &kernel.name);
        writeln!(f, "{indent}  kernel {number} {name}: {units} units of {cost} ns")?;
        for (buffer, place) in kernel.buffers.iter().zip(&call.arguments) {
            let how = if buffer.written { "writes" } else { "reads" };
            let place = self.place(place, buffer);
            writeln!(f, "{indent}    {how:<6} {place}  {}", buffer.name)?;
        }
        for (name, provenance) in &call.nodes {
            writeln!(f, "{indent}    makes  {name}  #@ {provenance}")?;
        }
        Ok(())
    }

    /// A place with the bytes that the buffer may reach there, and how they move.
    fn place(&self, place: &Address, buffer: &Buffer) -> String {
        let mut text = self.location(place.location, buffer);
        for m in &place.moves {
            let axis = format!("t{}", m.depth);
            text.push_str(&match m.motion {
                Motion::Along { step } => format!(" + {step} {axis}"),
                Motion::Alternate { bytes, from_second } => {
                    let turns = if from_second { "even" } else { "odd" };
                    format!(" + {bytes} in {turns} turns of {axis}")
                }
            });
        }
        text
    }

    fn location(&self, location: Location, buffer: &Buffer) -> String {
        let bytes = buffer.len.saturating_mul(buffer.dtype.size());
        match location {
            Location::Variable(i) => format!("variable {}", self.variables[i].0),
            Location::Feed(i) => format!("feed {}", self.feeds[i].0),
            Location::Output(i) => format!("output {}", self.outputs[i].name),
            Location::Arena(at) => format!("arena {at}..{}", at.saturating_add(bytes)),
            Location::Constant(at) => format!("constants {at}..{}", at.saturating_add(bytes)),
            Location::Seed => "seed".to_string(),
            Location::Step => "step".to_string(),
            Location::Epoch => "epoch".to_string(),
            Location::Batch => "batch".to_string(),
            Location::Iteration(depth) => format!("t{depth}"),
        }
    }
}
