//! What the compiler prints parses again to the same graph, at every stage that is in the
//! language.

use brolga_compiler::entry::{Entry, entry_graph};
use brolga_compiler::error::CompileError;
use brolga_compiler::ir::{Binding, Costs, Graph, GraphText, Module, Name, Variable};
use brolga_compiler::passes::{PassOptions, optimize};
use brolga_compiler::specialise::{specialise, specialise_variable};
use brolga_text::{LoadOptions, load};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::random_graphs::{fail, runner};

/// Checks that the texts of the stages `typed`, `gradient` and `optimized` parse to equal graphs.
pub(crate) fn reads_back(module: &Module, entry: &Entry, binding: &Binding) -> Result<(), String> {
    let said = |e: CompileError| e.to_string();
    let typed = match entry {
        Entry::Train => &module.train,
        Entry::Eval | Entry::Run { .. } => &module.infer,
    };
    let variables: Vec<(&Name, &Variable)> = module.variables.iter().collect();
    stage_reads_back("typed", typed, &variables)?;
    let entry = entry_graph(module, entry).map_err(said)?;
    let all: Vec<(&Name, &Variable)> = module.variables.iter().chain(&entry.slots).collect();
    stage_reads_back("gradient", &entry.graph, &all)?;
    let mut graph = specialise(&entry.graph, binding).map_err(said)?;
    optimize(&mut graph, &Costs::default(), &PassOptions::default(), &mut |_, _| {})
        .map_err(said)?;
    let bound = all.iter().map(|(_, variable)| specialise_variable(variable, binding));
    let bound: Vec<Variable> = bound.collect::<Result<_, CompileError>>().map_err(said)?;
    let all: Vec<(&Name, &Variable)> =
        all.iter().zip(&bound).map(|((name, _), variable)| (*name, variable)).collect();
    stage_reads_back("optimized", &graph, &all)
}

fn stage_reads_back(
    stage: &str,
    graph: &Graph,
    variables: &[(&Name, &Variable)],
) -> Result<(), String> {
    if graph.roots().is_empty() {
        return Ok(());
    }
    let text = GraphText { name: None, variables: variables.to_vec(), graph }.to_string();
    let read = load("dump.graph", text.as_bytes(), &LoadOptions::default())
        .map_err(|e| format!("the {stage} stage does not read back:\n{e}\n{text}"))?;
    if read.module.train == *graph {
        return Ok(());
    }
    let (before, after) = (graph.to_string(), read.module.train.to_string());
    let diff = similar::TextDiff::from_lines(&before, &after);
    let diff = diff.unified_diff().header("printed", "read back").to_string();
    let first = graph.order().into_iter().zip(read.module.train.order()).find(|(a, b)| {
        let (a, b) = (graph.node(*a), read.module.train.node(*b));
        a.op != b.op || a.types != b.types || a.name != b.name
    });
    let first = first.map_or(String::new(), |(a, b)| {
        let (a, b) = (graph.node(a), read.module.train.node(b));
        format!("first {} {:?}\nand   {} {:?}\n", a.name, a.op, b.name, b.op)
    });
    Err(format!("the {stage} stage reads back as another graph:\n{diff}{first}\n{text}"))
}

/// Few names, so that they are taken again and again.
const NAMES: [&str; 5] = ["x", "h", "h.1", "_step", "last"];

/// A program of random statements on vectors of three elements.
#[derive(Default)]
struct RandomText {
    text: String,
    indent: usize,
    /// The names of outputs and metrics, which may not be declared twice.
    reported: Vec<String>,
}

impl RandomText {
    fn of(choices: &[u32]) -> String {
        let mut program = RandomText::default();
        program.line("input rows: f32[5, 3]\ny = mean(rows, axis=0)");
        program.line("param w: f32[3] = ones\nstate s: f32[3] = zeros");
        NAMES.iter().for_each(|name| program.line(&format!("{name} = tanh(y)")));
        program.line("x = 2.0 * x\nminimize sum(square(w * x)) with adam(lr=1e-2)");
        let mut choices = choices.iter().copied();
        while let Some(choice) = choices.next() {
            program.statement(choice, &mut choices, 0);
        }
        program.line("output end = h");
        program.text
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(&format!("{:1$}{line}\n", "", 4 * self.indent));
    }

    fn statement(&mut self, choice: u32, choices: &mut dyn Iterator<Item = u32>, depth: usize) {
        let pick = |k: u32| NAMES[(choice >> (4 * k)) as usize % NAMES.len()];
        let (a, b, c) = (pick(1), pick(2), pick(3));
        match choice & 0xf {
            0..4 => self.line(&format!("{a} = {b} + {c}")),
            4 => self.line(&format!("{a} = tanh({b}) * 0.5")),
            5 => self.line(&format!("{a} = {b}")),
            6 => self.line(&format!("{a}, {b} = [{c}, {a}]")),
            7 => self.line(&format!("{a} = [1.0, 2.0, 3.0] * {b}")),
            8 => self.line(&format!("{a} = {b} * w + stop_gradient(s)")),
            9 if depth == 0 && self.is_new("output", a) => {
                self.line(&format!("output {a} = {b}"));
            }
            10 if depth == 0 && self.is_new("metric", a) => {
                self.line(&format!("metric {a} = sum({b})\n{a} = tanh(y)"));
            }
            11 if depth == 0 => self.line(&format!("update s <- s + {a}")),
            _ if depth < 2 => self.scan([a, b, c], choice >> 16, choices, depth),
            _ => self.line(&format!("{a} = {b} - {c}")),
        }
    }

    fn is_new(&mut self, word: &str, name: &str) -> bool {
        let declaration = format!("{word} {name}");
        let is_new = !self.reported.contains(&declaration);
        self.reported.push(declaration);
        is_new
    }

    /// A scan over some of the next choices.
    fn scan(
        &mut self,
        [a, b, c]: [&str; 3],
        choice: u32,
        choices: &mut dyn Iterator<Item = u32>,
        depth: usize,
    ) {
        let carry = ["h", "last", "x"][choice as usize % 3];
        let element = ["x", "e", "h"].into_iter().filter(|name| *name != carry);
        let element = element.cycle().nth(choice as usize / 3 % 4).unwrap_or("e");
        let reverse = choice & 8 > 0;
        let results = format!("{a}, rows, _");
        let scan = format!("scan({element} in rows, {carry} = {c}, reverse={reverse})");
        self.line(&format!("{results} = {scan} {{"));
        self.indent += 1;
        for _ in 0..1 + choice % 4 {
            if let Some(choice) = choices.next() {
                self.statement(choice, choices, depth + 1);
            }
        }
        self.line(&format!("emit {a} + {element}, {b}"));
        self.indent -= 1;
        self.line("}");
    }
}

#[test]
fn programs_that_take_names_again_read_back() {
    let result = runner(192).run(&vec(any::<u32>(), 1..24), |choices| {
        let text = RandomText::of(&choices);
        let loaded = load("random.graph", text.as_bytes(), &LoadOptions::default());
        let module = loaded.map_err(|e| fail(format!("{e}\n{text}")))?.module;
        for entry in [Entry::Train, Entry::Run { fetch: vec![] }] {
            reads_back(&module, &entry, &Binding::default())
                .map_err(|why| fail(format!("{text}\n{why}")))?;
        }
        Ok(())
    });
    assert!(result.is_ok(), "{}", result.err().map(|e| e.to_string()).unwrap_or_default());
}
