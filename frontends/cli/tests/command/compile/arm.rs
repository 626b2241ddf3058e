//! Libraries for 64-bit ARM, run by an emulator where there is one.

use std::process::Command;

use super::{DIGIT, done, write_digits};
use crate::workplace::Workplace;

/// Debian's `gcc-aarch64-linux-gnu` and `qemu-user`.
const LINKER: &str = "aarch64-linux-gnu-gcc";
const EMULATOR: &str = "qemu-aarch64";

/// What a training prints: losses and metrics of each batch.
fn numbers(said: &str) -> Vec<f64> {
    let lines = said.lines().take(3);
    lines.flat_map(|line| line.split(' ').map(|n| n.parse().expect("a number"))).collect()
}

#[test]
fn a_program_for_arm_follows_the_host_s() {
    let place = Workplace::empty("arm");
    place.write("digit.graph", DIGIT);
    write_digits(&place, 96);
    place.write("train.c", include_str!("train.c"));
    let compile = "compile digit.graph --entry train:batch=32 --entry predict:batch=32";
    place.done(&format!("{compile} -o digit.a"));
    let link = |compiler: &str, program: &str| {
        let flags = ["-static", "-O1", "train.c", "digit.a", "-lpthread", "-lm", "-o", program];
        done(&place, compiler, &flags);
    };
    link("cc", "here");
    let made = place.run(&format!("{compile} -o digit.a --target aarch64"));
    if made.status != 0 {
        assert!(made.stderr.contains("E0673"), "{}", made.stderr);
        return eprintln!("skipped: the toolchain has no core library for aarch64");
    }
    let is_here = |program: &str| Command::new(program).arg("--version").output().is_ok();
    if !is_here(LINKER) || !is_here(EMULATOR) {
        return eprintln!("skipped: there is no {LINKER} or no {EMULATOR}");
    }
    link(LINKER, "there");
    let arguments = |threads, out| [threads, "image.bin", "label.bin", "96", out];
    let wanted = numbers(&done(&place, "./here", &arguments("1", "here.bin")).stdout);
    for threads in ["1", "2"] {
        let emulated = [&["./there"][..], &arguments(threads, "there.bin")].concat();
        let found = numbers(&done(&place, EMULATOR, &emulated).stdout);
        assert_eq!(found.len(), wanted.len());
        for (found, wanted) in found.iter().zip(&wanted) {
            assert!((found - wanted).abs() <= 1e-5 * wanted.abs(), "{found} is not {wanted}");
        }
    }
}
