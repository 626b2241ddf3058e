//! What steps that were recorded have in common: the time of each call, and what is lost between.

use brolga_compiler::ir::{Name, Site};
use brolga_compiler::program::{Phase, Program, Wave, Work, shares};
use indexmap::IndexMap;
use rustc_hash::FxHashSet;

use super::{Event, StepRecord};

/// What a call took in a step, on average.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallTime {
    /// How often it ran: more than once in a loop.
    pub times: f64,
    /// Milliseconds of the step: its share of the waves that it is in, by the time that threads spent
    /// in its kernel.
    pub ms: f64,
    /// Milliseconds that all threads spent in its kernel together.
    pub busy_ms: f64,
    /// Milliseconds that the threads had for it, those that waited for others included.
    pub given_ms: f64,
}

/// Where the time of a step goes. All are averages of the steps of which as many took longer as took
/// less time; `ms` of all calls and `between_ms` are `step_ms`.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Milliseconds of a step.
    pub step_ms: f64,
    /// Of these, those in which no kernel ran: before, between and after waves.
    pub between_ms: f64,
    /// Each call, in the order of the program.
    pub calls: Vec<CallTime>,
}

impl Profile {
    /// What steps of a program have in common, run on so many threads: of all steps the half that is
    /// neither short nor long.
    pub fn of(program: &Program, threads: usize, steps: &[StepRecord]) -> Profile {
        let mut by_length: Vec<&StepRecord> = steps.iter().collect();
        by_length.sort_by_key(|step| step.end - step.begin);
        let quarter = by_length.len() / 4;
        let middle = &by_length[quarter..by_length.len() - quarter];
        let mut waves = vec![];
        collect(&program.phases, &mut waves);
        let units = |wave: &Wave| -> usize {
            wave.calls.iter().map(|call| program.kernels[call.kernel].n_units()).sum()
        };
        let n_calls = waves.iter().map(|(wave, _)| wave.calls.len()).sum();
        let mut wave_of = vec![0; n_calls];
        for (number, (wave, first)) in waves.iter().enumerate() {
            wave_of[*first..first + wave.calls.len()].fill(number);
        }
        let mut sum = Sum {
            calls: vec![CallTime::default(); n_calls],
            between: 0.0,
            waves: waves
                .iter()
                .map(|(wave, _)| (if wave.serial { 1 } else { threads }, units(wave)))
                .collect(),
            wave_of,
        };
        middle.iter().for_each(|step| sum.add(step));
        let n = middle.len().max(1) as f64;
        let step = middle.iter().map(|step| ms(step.end - step.begin)).sum::<f64>() / n;
        let mean = |t: CallTime| CallTime {
            times: t.times / n,
            ms: t.ms / n,
            busy_ms: t.busy_ms / n,
            given_ms: t.given_ms / n,
        };
        let calls = sum.calls.into_iter().map(mean).collect();
        Profile { step_ms: step, between_ms: sum.between / n, calls }
    }

    /// The milliseconds of a step that are for each node: names, with their places. Within a call they
    /// are estimated, by the operations that are for each.
    pub fn by_node<'p>(&self, program: &'p Program, work: &[Work]) -> Vec<(&'p Node, f64)> {
        let mut nodes = vec![];
        for ((call, _), time) in program.calls().zip(&self.calls) {
            let shares = shares(&program.kernels[call.kernel], call, &work[call.kernel]);
            nodes
                .extend(call.nodes.iter().zip(shares).map(|(node, share)| (node, share * time.ms)));
        }
        nodes
    }

    /// The same for each line of the user's files, in their order: milliseconds by role.
    pub fn by_line(&self, program: &Program, work: &[Work]) -> Vec<((String, u32), [f64; 3])> {
        let mut lines: IndexMap<(String, u32), [f64; 3]> = IndexMap::new();
        for ((_, provenance), ms) in self.by_node(program, work) {
            let sites = provenance.sites();
            for site in sites {
                let at = site.line();
                let line = lines.entry((at.file.to_string(), at.line)).or_default();
                line[role(site) as usize] += ms / sites.len() as f64;
            }
        }
        lines.sort_unstable_keys();
        lines.into_iter().collect()
    }

    /// The same for each layer, in the order of the program.
    pub fn by_layer(&self, program: &Program, work: &[Work]) -> Vec<(String, [f64; 3])> {
        let mut layers: IndexMap<String, [f64; 3]> = IndexMap::new();
        for ((name, provenance), ms) in self.by_node(program, work) {
            let role = provenance.sites().first().map_or(Role::Forward, role);
            layers.entry(layer(name).to_string()).or_default()[role as usize] += ms;
        }
        layers.into_iter().collect()
    }
}

/// A node of a call: its name and where it came from.
pub type Node = (Name, brolga_compiler::ir::Provenance);

/// What a node is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The model.
    Forward,
    /// Its gradients.
    Gradient,
    /// The optimiser.
    Update,
}

impl Role {
    /// All of them.
    pub const ALL: [Role; 3] = [Role::Forward, Role::Gradient, Role::Update];

    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Forward => "forward",
            Role::Gradient => "gradient",
            Role::Update => "update",
        }
    }
}

/// What a node is there for, of a place that it came from.
pub fn role(site: &Site) -> Role {
    match site.role.as_deref() {
        None => Role::Forward,
        Some("update") => Role::Update,
        Some(_) => Role::Gradient,
    }
}

/// What optimisers call the state that they keep for each parameter.
const SLOTS: [&str; 8] = ["a", "accumulated", "ema", "ema_has_begun", "m", "u", "v", "v_max"];

/// The layer that a node belongs to: the outermost part of its name, after what tells that it is a
/// gradient, a new value or an optimiser's; `optimizer` for what an optimiser has of no parameter.
pub fn layer(name: &str) -> &str {
    let mut rest = name;
    for before in ["new.", "sum.", "d."] {
        rest = rest.strip_prefix(before).unwrap_or(rest);
    }
    let first = |text: &str| text.split('.').next().map_or(0, str::len);
    let Some(of_step) = rest.strip_prefix("optimizer.") else { return &rest[..first(rest)] };
    // After the step's name a slot's may come, and then the parameter's.
    let mut parts = after(of_step);
    if SLOTS.contains(&&parts[..first(parts)]) {
        parts = after(parts);
    }
    let is_name = |part: &str| part.starts_with(|c: char| c.is_alphabetic() || c == '_');
    match parts.split('.').nth(1) {
        Some(second) if is_name(second) => &parts[..first(parts)],
        _ => "optimizer",
    }
}

/// What comes after the first part of a name.
fn after(name: &str) -> &str {
    name.split_once('.').map_or("", |(_, rest)| rest)
}

/// The waves that a program lists, each with the number of its first call.
fn collect<'a>(phases: &'a [Phase], waves: &mut Vec<(&'a Wave, usize)>) {
    for phase in phases {
        match phase {
            Phase::Wave(wave) => {
                let first = waves.last().map_or(0, |(last, first)| first + last.calls.len());
                waves.push((wave, first));
            }
            Phase::Repeat(repeat) => collect(&repeat.phases, waves),
        }
    }
}

fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

struct Sum {
    calls: Vec<CallTime>,
    between: f64,
    /// How many threads each wave is for, and the units of its calls.
    waves: Vec<(usize, usize)>,
    wave_of: Vec<usize>,
}

impl Sum {
    fn add(&mut self, step: &StepRecord) {
        let (mut end, mut first, mut done) = (step.begin, 0, 0);
        for (i, event) in step.events.iter().enumerate() {
            done += event.units;
            if done >= self.waves[self.wave_of[event.call]].1 {
                end = self.wave(&step.events[first..=i], end);
                (first, done) = (i + 1, 0);
            }
        }
        self.between += ms(step.end.saturating_sub(end));
    }

    /// Adds a wave that ran after something had ended; when it ended itself.
    fn wave(&mut self, events: &[Event], before: u64) -> u64 {
        let begin = events.iter().map(|e| e.begin).min().unwrap_or(before).max(before);
        let end = events.iter().map(|e| e.end).max().unwrap_or(before).max(begin);
        self.between += ms(begin - before);
        let busy = |e: &Event| ms(e.end - e.begin);
        let all: f64 = events.iter().map(busy).sum();
        let threads = self.waves[self.wave_of[events[0].call]].0 as f64;
        let mut seen: FxHashSet<usize> = FxHashSet::default();
        for event in events {
            let share = if all > 0.0 { busy(event) / all } else { 1.0 / events.len() as f64 };
            let call = &mut self.calls[event.call];
            call.ms += share * ms(end - begin);
            call.given_ms += share * ms(end - begin) * threads;
            call.busy_ms += busy(event);
            call.times += f64::from(u8::from(seen.insert(event.call)));
        }
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_the_outermost_parts_of_names() {
        let names = [
            ("hidden.dense.w", "hidden"),
            ("d.hidden.3.1", "hidden"),
            ("new.logits.w", "logits"),
            ("new.optimizer.minimize.m.logits.w", "logits"),
            ("optimizer.minimize.lr.10", "optimizer"),
            ("optimizer.minimize.code.w.21", "code"),
            ("loss", "loss"),
        ];
        for (name, wanted) in names {
            assert_eq!(layer(name), wanted, "{name}");
        }
    }
}
