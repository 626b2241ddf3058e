//! What each thread did in each step, in the trace event format that Perfetto reads.

use std::path::Path;

use brolga::compiler::compile::Timing;
use brolga::compiler::program::Program;
use brolga::runtime::profile::StepRecord;
use serde_json::{Value, json};

use crate::failure::Failure;

/// The numbers of the rows of events: the compiler's, and those of the steps' threads.
const COMPILER: u32 = 1;
const STEPS: u32 = 2;

/// Writes the phases of the compiler and the steps.
pub(super) fn write(
    file: &Path,
    program: &Program,
    phases: &[Timing],
    steps: &[StepRecord],
) -> Result<(), Failure> {
    let mut events = vec![named(COMPILER, "compiler"), named(STEPS, "steps")];
    let mut at = 0.0;
    for Timing { name, ms, .. } in phases {
        events.push(event(name, COMPILER, 0, (at, ms * 1e3), json!({})));
        at += ms * 1e3;
    }
    let calls: Vec<_> = program.calls().map(|(call, _)| call).collect();
    let us = |ns: u64| ns as f64 / 1e3;
    for (number, step) in steps.iter().enumerate() {
        let length = us(step.end - step.begin);
        events.push(event("step", STEPS, 0, (us(step.begin), length), json!({ "step": number })));
        for e in &step.events {
            let call = calls[e.call];
            let kernel = &program.kernels[call.kernel];
            let nodes: Vec<&str> = call.nodes.iter().map(|(name, _)| &**name).collect();
            let of = json!({ "call": e.call, "units": e.units, "nodes": nodes });
            let time = (us(e.begin), us(e.end - e.begin));
            events.push(event(&kernel.name, STEPS, e.thread, time, of));
        }
    }
    let text = json!({ "displayTimeUnit": "ns", "traceEvents": events }).to_string();
    std::fs::write(file, text).map_err(|e| {
        Failure::Machine(format!("error: {} cannot be written: {e}\n", file.display()))
    })
}

fn named(row: u32, name: &str) -> Value {
    json!({ "ph": "M", "name": "process_name", "pid": row, "args": { "name": name } })
}

/// Something that took a while: when it began and how long, in microseconds.
fn event(name: &str, row: u32, thread: usize, (ts, dur): (f64, f64), args: Value) -> Value {
    json!({
        "ph": "X", "name": name, "pid": row, "tid": thread, "ts": ts, "dur": dur, "args": args,
    })
}
