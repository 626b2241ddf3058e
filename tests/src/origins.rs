//! From a line of a file to the machine code that is for it, and back: for every node of every model.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use brolga_compiler::codegen::code;
use brolga_compiler::compile::{Compiled, Options, compile};
use brolga_compiler::entry::Entry;
use brolga_compiler::ir::{Binding, Dim, Module, Position, Site, Symbol, Target};
use brolga_compiler::ops::Op;
use brolga_compiler::program::Phase;

/// A size that no tile or vector divides.
const SIZE: u64 = 7;

/// The models, and the inputs of the file tests, which have every operation, loops in loops, and nothing
/// where something could be.
fn files() -> Vec<PathBuf> {
    fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("the folder is there") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                collect(&path, files);
            } else if path.extension().is_some_and(|e| e == "graph") {
                files.push(path);
            }
        }
    }
    let mut files = vec![];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    collect(&root.join("../frontends/cli/models"), &mut files);
    collect(&root.join("filetests"), &mut files);
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

/// Whether a position is in a file of that name and text.
fn has_line((name, text): (&str, &str), at: &Position) -> bool {
    *at.file == *name && (1..=text.lines().count()).contains(&(at.line as usize))
}

/// What is wrong with the origins of a step of a file.
fn faults(file: (&str, &str), compiled: &Compiled, target: &Target) -> Vec<String> {
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
        for (number, (name, provenance)) in (0..).zip(&call.nodes) {
            known.insert(name.to_string());
            let lines = provenance.sites().iter().map(Site::line);
            if provenance.sites().is_empty() || lines.clone().any(|at| !has_line(file, at)) {
                faults.push(format!("`{name}` is of no line: {provenance}"));
            }
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
fn every_node_of_every_file_has_code_and_all_code_is_for_nodes() {
    let (mut found, mut n) = (vec![], 0);
    for file in files() {
        let text = std::fs::read_to_string(&file).expect("a file");
        let name = file.file_name().expect("a file").to_string_lossy().into_owned();
        let is_model = file.components().any(|part| part.as_os_str() == "models");
        let loaded = brolga_text::load(&name, text.as_bytes(), &Default::default());
        let module = match loaded {
            Ok(loaded) => loaded.module,
            // Some file tests are of errors.
            Err(_) if !is_model => continue,
            Err(_) => panic!("{name} is valid"),
        };
        for entry in [Entry::Train, Entry::Eval, Entry::Run { fetch: vec![] }] {
            for target in [&Target::X86_64_V3, &Target::AARCH64] {
                let options = Options::default();
                let compiled = compile(&module, &entry, &binding(&module), target, &options);
                let compiled = match compiled {
                    Ok(compiled) => compiled,
                    // Sizes of 7 do not fit all, and few train.
                    Err(_) if !is_model => continue,
                    Err(e) => panic!("{name} {entry:?}: {e}"),
                };
                n += 1;
                let faults = faults((&name, &text), &compiled, target).into_iter();
                let told = |fault| format!("{name} {entry:?} {}: {fault}", target.name);
                found.extend(faults.map(told));
            }
        }
    }
    assert!(n > 400, "{n} steps");
    assert!(found.is_empty(), "{}", found.join("\n"));
}
