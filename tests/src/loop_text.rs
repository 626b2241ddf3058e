//! The text of kernels reads back: of every step of every file, after each pass over its loops, and what
//! is read makes code of the same instructions. Where loops are interpreted, in file tests and on random
//! graphs, it is what is read that runs.

use brolga_compiler::codegen::{CodeText, code};
use brolga_compiler::compile::{Compiled, Options, kernels};
use brolga_compiler::ir::Target;
use brolga_compiler::loop_ir::{Kernel, verify};
use brolga_compiler::program::Program;

use crate::every_file::every_step;

const TARGET: &Target = &Target::X86_64_V3;

/// The kernel that the text of a kernel is read as.
fn read_back(kernel: &Kernel) -> Result<Kernel, String> {
    let text = kernel.to_string();
    let read: Kernel = text.parse().map_err(|e| format!("{e}\n{text}"))?;
    let again = read.to_string();
    if again != text {
        let diff = similar::TextDiff::from_lines(&text, &again);
        return Err(diff.unified_diff().header("printed", "read back").to_string());
    }
    Ok(read)
}

/// The program with the kernels that the texts of its own are read as.
pub(crate) fn of_texts(program: &Program) -> Result<Program, String> {
    let kernels = program.kernels.iter().map(|kernel| {
        let read = read_back(kernel)?;
        verify(&read).map_err(|e| e.to_string())?;
        Ok(read)
    });
    Ok(Program { kernels: kernels.collect::<Result<_, String>>()?, ..program.clone() })
}

/// The instructions of a function without the numbers of values, in alphabetical order: the terms of a
/// position are added in the order of their ids, which are others.
fn instructions(text: &CodeText) -> Vec<String> {
    let is_value = |word: &str| word.strip_prefix('v').is_some_and(|n| n.parse::<u32>().is_ok());
    let line = |line: &str| {
        let (line, _) = line.split_once(';').unwrap_or((line, ""));
        let words = line.split([' ', ',', '(', ')', '+', ':']);
        let says = |word: &&str| !word.is_empty() && !word.starts_with('@') && !is_value(word);
        words.filter(says).collect::<Vec<_>>().join(" ")
    };
    let mut lines: Vec<String> = text.clif.lines().map(line).collect();
    lines.sort();
    lines
}

/// What is wrong with the texts of a step.
fn faults(compiled: &Compiled) -> Vec<String> {
    let mut faults = vec![];
    kernels(&compiled.fusion, TARGET, &Options::default(), &mut |_, kernel| {
        faults.extend(read_back(kernel).err());
    });
    let read = match of_texts(&compiled.program) {
        Ok(read) => read,
        Err(fault) => return vec![fault],
    };
    let code = |program| code(program, TARGET).expect("a verified program has code");
    let (before, after) = (code(&compiled.program), code(&read));
    for (a, b) in before.functions.iter().zip(&after.functions) {
        let (a, b) = (instructions(&a.text), instructions(&b.text));
        let other = a.iter().zip(&b).find(|(a, b)| a != b);
        faults.extend(other.map(|(a, b)| format!("other code: `{a}` and `{b}`")));
    }
    faults
}

#[test]
fn the_text_of_every_kernel_reads_back() {
    let (mut found, mut n) = (vec![], 0);
    every_step(|step| {
        let Some(compiled) = step.compiled(TARGET) else { return };
        n += 1;
        found.extend(faults(&compiled).into_iter().map(|fault| format!("{step}: {fault}")));
    });
    assert!(n > 200, "{n} steps");
    assert!(found.is_empty(), "{} faults, of which the first:\n{}", found.len(), found[0]);
}
