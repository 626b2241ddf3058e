//! From a line of a file to the machine code that is for it, and back: for every node of every model.

use std::collections::BTreeSet;

use brolga_compiler::codegen::{Part, code};
use brolga_compiler::compile::Compiled;
use brolga_compiler::ir::{Position, Site, Target};
use brolga_compiler::ops::Op;
use brolga_compiler::program::Phase;

use crate::every_file::every_step;

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
    let mut with_code: Vec<BTreeSet<u32>> = vec![BTreeSet::new(); program.kernels.len()];
    for function in &code.functions {
        let (Part::Kernel(kernel) | Part::Loops(kernel)) = function.part else { continue };
        let name = &program.kernels[kernel].name;
        let mut end = 0;
        for (range, numbers) in function.origins.iter() {
            assert_eq!(range.start, end, "{name}: the ranges follow each other");
            end = range.end;
            if numbers.is_empty() {
                faults.push(format!("{name}: {range:?} is for nobody"));
            }
            with_code[kernel].extend(numbers);
        }
    }
    for (call, _) in program.calls() {
        let kernel = &program.kernels[call.kernel];
        let with_code = &with_code[call.kernel];
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
    every_step(|step| {
        for target in [&Target::X86_64_V3, &Target::AARCH64] {
            let Some(compiled) = step.compiled(target) else { continue };
            n += 1;
            let faults = faults((&step.name, &step.text), &compiled, target).into_iter();
            found.extend(faults.map(|fault| format!("{step} {}: {fault}", target.name)));
        }
    });
    assert!(n > 400, "{n} steps");
    assert!(found.is_empty(), "{}", found.join("\n"));
}
