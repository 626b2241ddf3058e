//! From a line of a file to the machine code that is for it, and back: for every node of every model.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use brolga_compiler::codegen::code;
use brolga_compiler::compile::{Compiled, Options, compile};
use brolga_compiler::entry::Entry;
use brolga_compiler::ir::{Binding, Dim, Module, Symbol, Target};
use brolga_compiler::ops::Op;
use brolga_compiler::program::Phase;

/// A size that no tile or vector divides.
const SIZE: u64 = 7;

fn models() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../frontends/cli/models");
    let entries = std::fs::read_dir(&folder).expect("the folder of the models");
    let mut files: Vec<PathBuf> = entries.map(|e| e.expect("an entry").path()).collect();
    files.retain(|file| file.extension().is_some_and(|e| e == "graph"));
    files.sort();
    files
}

/// A number for each dimension that has none.
fn binding(module: &Module) -> Binding {
    let graphs = [&module.train, &module.infer];
    let inputs =
        graphs.into_iter().flat_map(|g| g.inputs.iter().map(|&id| &g.tensor_type(id).shape));
    let variables = module.variables.values().map(|v| &v.tensor_type.shape);
    let symbols: BTreeSet<Symbol> =
        inputs.chain(variables).flatten().flat_map(Dim::symbols).collect();
    Binding::from_iter(symbols.iter().map(|s| (&*s.0, SIZE)))
}

/// What is wrong with the origins of a step.
fn faults(compiled: &Compiled, target: &Target) -> Vec<String> {
    let program = &compiled.program;
    let code = code(program, target).expect("a verified program has code");
    let mut faults = vec![];
    let mut known: BTreeSet<String> = BTreeSet::new();
    for (kernel, origins) in program.kernels.iter().zip(&code.origins) {
        let mut end = 0;
        for (range, numbers) in origins.iter() {
            assert_eq!(range.start, end, "{}: the ranges follow each other", kernel.name);
            end = range.end;
            if numbers.is_empty() {
                faults.push(format!("{}: {range:?} is for nobody", kernel.name));
            }
        }
    }
    for (call, _) in program.calls() {
        let kernel = &program.kernels[call.kernel];
        let with_code: BTreeSet<u32> =
            code.origins[call.kernel].iter().flat_map(|(_, numbers)| numbers.to_vec()).collect();
        for (number, (name, _)) in (0..).zip(&call.nodes) {
            known.insert(name.to_string());
            if !with_code.contains(&number) {
                faults.push(format!("{}: no code for `{name}`", kernel.name));
            }
        }
        let beyond = with_code.iter().find(|&&n| n as usize >= call.nodes.len());
        faults.extend(beyond.map(|n| format!("{}: there is no node {n}", kernel.name)));
    }
    repeated(&program.phases, &mut known);
    let graph = &compiled.fusion.graph;
    for id in graph.order() {
        let name = &graph.node(id).name;
        // Neither a leaf nor the choice of a loop's result computes anything.
        let is_named =
            matches!(graph.op(id), Op::Leaf(_)) || graph.op(id).picked_result().is_some();
        if !is_named && !known.contains(&name.to_string()) {
            let op: String = format!("{:?}", graph.op(id)).chars().take(60).collect();
            faults.push(format!("`{name}` ({op}) is in no kernel"));
        }
    }
    faults
}

/// The loops of waves.
fn repeated(phases: &[Phase], known: &mut BTreeSet<String>) {
    for phase in phases {
        if let Phase::Repeat(repeat) = phase {
            known.insert(repeat.node.0.to_string());
            repeated(&repeat.phases, known);
        }
    }
}

#[test]
fn every_node_of_every_model_has_code_and_all_code_is_for_nodes() {
    let mut faults_of_all = vec![];
    for file in models() {
        let text = std::fs::read(&file).expect("a model");
        let name = file.file_name().expect("a file").to_string_lossy().into_owned();
        let loaded = brolga_text::load(&name, &text, &Default::default()).expect("it is valid");
        let module = loaded.module;
        for entry in [Entry::Train, Entry::Eval, Entry::Run { fetch: vec![] }] {
            let target = &Target::X86_64_V3;
            let compiled = compile(&module, &entry, &binding(&module), target, &Options::default());
            let compiled = match compiled {
                Ok(compiled) => compiled,
                Err(e) => {
                    faults_of_all.push(format!("{name} {entry:?}: {e}"));
                    continue;
                }
            };
            let found = faults(&compiled, target);
            println!(
                "{name} {entry:?}: {} kernels, {} faults",
                compiled.program.kernels.len(),
                found.len()
            );
            faults_of_all.extend(found.into_iter().map(|f| format!("{name} {entry:?}: {f}")));
        }
    }
    assert!(faults_of_all.is_empty(), "{}", faults_of_all.join("\n"));
}
