//! The text of a program, as `dump --stage memory` shows it: the memories, then the calls wave by
//! wave with the place of every argument.

use std::fmt;

use super::{Call, Location, OutputKind, Program};
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

    /// The number of calls of kernels in a step.
    pub fn n_calls(&self) -> usize {
        self.waves.iter().map(|w| w.calls.len()).sum()
    }
}

fn n_bytes(tensor_type: &TensorType) -> usize {
    tensor_type.n_bytes().unwrap_or(usize::MAX)
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kernels, waves) = (self.kernels.len(), self.waves.len());
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
        for (i, wave) in self.waves.iter().enumerate() {
            writeln!(f, "\nwave {i}{}", if wave.serial { ", on one thread" } else { "" })?;
            wave.calls.iter().try_for_each(|call| self.call(f, call))?;
        }
        Ok(())
    }
}

impl Program {
    fn call(&self, f: &mut fmt::Formatter<'_>, call: &Call) -> fmt::Result {
        let kernel = &self.kernels[call.kernel];
        let (units, cost) = (kernel.n_units(), kernel.cost);
        writeln!(f, "  kernel {} {}: {units} units of {cost} ns", call.kernel, kernel.name)?;
        for (buffer, &location) in kernel.buffers.iter().zip(&call.arguments) {
            let how = if buffer.written { "writes" } else { "reads" };
            writeln!(f, "    {how:<6} {}  {}", self.place(location, buffer), buffer.name)?;
        }
        for (name, provenance) in &call.nodes {
            writeln!(f, "    makes  {name}  #@ {provenance}")?;
        }
        Ok(())
    }

    /// A place with the bytes that the buffer may reach there.
    fn place(&self, location: Location, buffer: &Buffer) -> String {
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
        }
    }
}
