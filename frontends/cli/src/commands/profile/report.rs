//! What a profile says, as text and as JSON.

use brolga::compiler::compile::Timing;
use brolga::compiler::program::{Program, Work};
use brolga::runtime::profile::{CallTime, Limits, Profile, Role};
use serde_json::{Value, json};

use super::Steps;
use crate::model::ReadFile;
use crate::output::outln;

/// Of what takes less than this part of the step, the text says only how much it is together.
const LEAST: f64 = 0.005;

/// A name is cut after so many characters in the text.
const WIDTH: usize = 48;

pub(super) struct Report<'a> {
    pub(super) file: &'a ReadFile,
    pub(super) program: &'a Program,
    pub(super) timings: &'a [Timing],
    /// Milliseconds that making the code of each kernel took.
    pub(super) kernel_code_ms: &'a [f64],
    pub(super) steps: &'a Steps,
    pub(super) profile: &'a Profile,
    pub(super) work: &'a [Work],
    pub(super) limits: &'a Limits,
}

/// All calls of a kernel.
struct KernelTime {
    number: usize,
    calls: f64,
    ms: f64,
    busy_ms: f64,
    given_ms: f64,
    operations: f64,
    bytes: f64,
    /// The time that the machine's limits would take, by the time that it takes.
    roofline: f64,
}

impl Report<'_> {
    /// The kernels, those that take longest first.
    fn kernels(&self) -> Vec<KernelTime> {
        let set = self.bytes_of_step();
        let mut times = vec![CallTime::default(); self.program.kernels.len()];
        for ((call, _), time) in self.program.calls().zip(&self.profile.calls) {
            let sum = &mut times[call.kernel];
            sum.times += time.times;
            sum.ms += time.ms;
            sum.busy_ms += time.busy_ms;
            sum.given_ms += time.given_ms;
        }
        let of_kernel = |(number, time): (usize, CallTime)| {
            let work = &self.work[number];
            let (operations, bytes) = (work.operations * time.times, work.bytes * time.times);
            let least_ms = 1e3 * self.limits.least(operations, bytes, set);
            let (ms, busy_ms, given_ms) = (time.ms, time.busy_ms, time.given_ms);
            let roofline = if ms > 0.0 { least_ms / ms } else { 0.0 };
            let calls = time.times;
            KernelTime { number, calls, ms, busy_ms, given_ms, operations, bytes, roofline }
        };
        let mut kernels: Vec<KernelTime> = times.into_iter().enumerate().map(of_kernel).collect();
        kernels.sort_by(|a, b| b.ms.total_cmp(&a.ms));
        kernels
    }

    /// Bytes that a step goes through: from step to step they must come from a cache that holds them.
    fn bytes_of_step(&self) -> usize {
        let types = self.program.variables.iter().chain(&self.program.feeds).map(|(_, t)| t);
        let tables: usize = types.filter_map(|t| t.n_bytes()).sum();
        tables + self.program.arena_bytes
    }

    fn share(&self, ms: f64) -> f64 {
        ms / self.profile.step_ms
    }

    pub(super) fn print(&self) {
        let [plain, recorded] = self.steps.medians();
        let n = self.steps.plain.len();
        let slower = 100.0 * (recorded / plain - 1.0);
        outln!(
            "step      {plain:.4} ms, the median of {n}, on {} threads; while recorded {slower:+.1} %",
            self.limits.threads
        );
        let operations: f64 = self.kernels().iter().map(|k| k.operations).sum();
        outln!(
            "          {:.2} GFLOP, {:.1} GFLOP/s of at most {:.0}; {} in memory",
            operations / 1e9,
            operations / plain / 1e6,
            self.limits.operations / 1e9,
            bytes(self.bytes_of_step() as f64)
        );
        self.print_kernels();
        self.print_lines();
        self.print_layers();
        self.print_compile_time();
    }

    fn print_kernels(&self) {
        outln!(
            "\n{:WIDTH$} {:>5} {:>9} {:>6} {:>9} {:>9} {:>8} {:>7}",
            "kernel",
            "calls",
            "ms",
            "share",
            "GFLOP/s",
            "GB/s",
            "roofline",
            "balance"
        );
        let (mut few, mut few_ms) = (0, 0.0);
        for kernel in self.kernels() {
            if self.share(kernel.ms) < LEAST {
                (few, few_ms) = (few + 1, few_ms + kernel.ms);
                continue;
            }
            let KernelTime { calls, ms, operations, bytes, roofline, .. } = kernel;
            let balance = kernel.busy_ms / kernel.given_ms;
            outln!(
                "{:WIDTH$} {:>5.0} {:>9.4} {:>5.1}% {:>9.2} {:>9.2} {:>7.0}% {:>6.0}%",
                cut(&self.program.kernels[kernel.number].name),
                calls,
                ms,
                100.0 * self.share(ms),
                operations / ms / 1e6,
                bytes / ms / 1e6,
                100.0 * roofline,
                100.0 * balance
            );
        }
        if few > 0 {
            let name = format!("{few} others");
            outln!("{name:WIDTH$} {:>5} {few_ms:>9.4} {:>5.1}%", "", 100.0 * self.share(few_ms));
        }
        let between = self.profile.between_ms;
        let name = "between waves";
        outln!("{name:WIDTH$} {:>5} {between:>9.4} {:>5.1}%", "", 100.0 * self.share(between));
    }

    fn print_lines(&self) {
        outln!("\n{:>5}  {:WIDTH$} {:>9} {:>6}", "line", "", "ms", "share");
        for ((file, line), by_role) in self.profile.by_line(self.program, self.work) {
            let ms: f64 = by_role.iter().sum();
            if self.share(ms) >= LEAST {
                let text = self.file.sources.line(&file, line).unwrap_or("").trim();
                let share = 100.0 * self.share(ms);
                let text = cut(text);
                outln!("{line:>5}  {text:WIDTH$} {ms:>9.4} {share:>5.1}%  {}", roles(&by_role, ms));
            }
        }
    }

    fn print_layers(&self) {
        outln!("\n{:55} {:>9} {:>6}", "layer", "ms", "share");
        for (layer, by_role) in self.profile.by_layer(self.program, self.work) {
            let ms: f64 = by_role.iter().sum();
            if self.share(ms) >= LEAST {
                let share = 100.0 * self.share(ms);
                outln!("{:55} {ms:>9.4} {share:>5.1}%  {}", cut(&layer), roles(&by_role, ms));
            }
        }
    }

    fn print_compile_time(&self) {
        let all: f64 = self.timings.iter().map(|t| t.ms).sum::<f64>() + self.file.ms;
        outln!("\ncompiled in {all:.2} ms");
        outln!("    {:<16} {:>8.3} ms", "language", self.file.ms);
        for Timing { name, ms, .. } in self.timings {
            outln!("    {name:<16} {ms:>8.3} ms");
        }
    }

    pub(super) fn json(&self) -> Value {
        let [plain, recorded] = self.steps.medians();
        let kernels = self.kernels();
        let kernel = |k: &KernelTime| {
            let nodes: Vec<&str> = self.nodes_of(k.number);
            json!({
                "kernel": k.number, "name": self.program.kernels[k.number].name, "nodes": nodes,
                "calls": k.calls, "ms": k.ms, "share": self.share(k.ms), "busy_ms": k.busy_ms,
                "balance": k.busy_ms / k.given_ms, "flop": k.operations, "bytes": k.bytes,
                "gflop_per_s": k.operations / k.ms / 1e6, "gb_per_s": k.bytes / k.ms / 1e6,
                "roofline": k.roofline, "code_ms": self.kernel_code_ms.get(k.number),
            })
        };
        let by_role = |by_role: &[f64; 3]| {
            let role = |role: Role| (role.name().to_string(), json!(by_role[role as usize]));
            Value::Object(Role::ALL.into_iter().map(role).collect())
        };
        let line = |((file, line), ms): &((String, u32), [f64; 3])| {
            let text = self.file.sources.line(file, *line).map(str::trim);
            let all: f64 = ms.iter().sum();
            json!({
                "file": file, "line": line, "text": text, "ms": all, "share": self.share(all),
                "by_role": by_role(ms),
            })
        };
        let layer = |(layer, ms): &(String, [f64; 3])| {
            let all: f64 = ms.iter().sum();
            json!({"layer": layer, "ms": all, "share": self.share(all), "by_role": by_role(ms)})
        };
        let phase = |t: &Timing| {
            let passes: Vec<Value> =
                t.passes.iter().map(|(name, ms)| json!({"pass": name, "ms": ms})).collect();
            json!({"phase": t.name, "ms": t.ms, "passes": passes})
        };
        let mut phases = vec![json!({"phase": "language", "ms": self.file.ms, "passes": []})];
        phases.extend(self.timings.iter().map(phase));
        let lines = self.profile.by_line(self.program, self.work);
        let layers = self.profile.by_layer(self.program, self.work);
        json!({
            "threads": self.limits.threads, "steps": self.steps.plain.len(),
            "median_ms": plain, "recorded_median_ms": recorded,
            "step_ms": self.profile.step_ms, "between_ms": self.profile.between_ms,
            "kernels": kernels.iter().map(kernel).collect::<Vec<_>>(),
            "lines": lines.iter().map(line).collect::<Vec<_>>(),
            "layers": layers.iter().map(layer).collect::<Vec<_>>(),
            "limits": {
                "flop_per_s": self.limits.operations, "bytes_per_s": self.limits.bytes,
                "bytes_of_step": self.bytes_of_step(),
            },
            "compile": phases,
        })
    }

    fn nodes_of(&self, kernel: usize) -> Vec<&str> {
        let first = self.program.calls().find(|(call, _)| call.kernel == kernel);
        first.map_or(vec![], |(call, _)| call.nodes.iter().map(|(name, _)| &**name).collect())
    }
}

/// `forward 40 %, gradient 60 %`.
fn roles(by_role: &[f64; 3], all: f64) -> String {
    let part = |role: Role| (role, 100.0 * by_role[role as usize] / all);
    let parts = Role::ALL.into_iter().map(part).filter(|(_, percent)| *percent >= 0.5);
    let parts = parts.map(|(role, percent)| format!("{} {percent:.0}%", role.name()));
    parts.collect::<Vec<_>>().join(", ")
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(WIDTH) {
        None => text.to_string(),
        Some(_) => text.chars().take(WIDTH - 3).chain("...".chars()).collect(),
    }
}

fn bytes(n: f64) -> String {
    match n {
        1e9.. => format!("{:.2} GB", n / 1e9),
        1e6.. => format!("{:.2} MB", n / 1e6),
        _ => format!("{:.1} kB", n / 1e3),
    }
}
