//! What debuggers and profilers see of a compiled model: the lines that its code is for.

use std::collections::BTreeSet;

use super::{DIGIT, done};
use crate::workplace::Workplace;

const PROGRAM: &str = "#include <stdlib.h>\n#include <sys/resource.h>\n#include \"digit.h\"\n\
    int main(void) {\n\
    static float image[28 * 28];\nstatic int32_t label[1];\n\
    digit *model = digit_init(aligned_alloc(64, (digit_bytes() + 63) / 64 * 64), 0);\n\
    digit_train_io io = {.image = image, .label = label};\n\
    return digit_train(model, &io);\n}\n";

/// Every instruction of every kernel is for a line of the file, and every line that computes something
/// has instructions: the model's, the loss's and the optimiser's.
#[test]
fn instructions_are_for_lines_of_the_file() {
    let place = Workplace::empty("lines");
    place.write("digit.graph", DIGIT);
    place.write("main.c", PROGRAM);
    place.done("compile digit.graph -o digit.a --entry train:batch=1");
    done(&place, "cc", &["main.c", "digit.a", "-lpthread", "-lm", "-o", "main"]);
    done(&place, "./main", &[]);
    let symbols = done(&place, "nm", &["-S", "main"]).stdout;
    let mut addresses = vec![];
    for line in symbols.lines().filter(|line| line.contains("digit_train_kernel_")) {
        let mut parts = line.split_whitespace();
        let mut number = || u64::from_str_radix(parts.next().expect("a number"), 16);
        let (start, size) = (number().expect("in hex"), number().expect("in hex"));
        // The end of a function is numbers that it loads.
        addresses.extend((start..start + size / 2).step_by(7).map(|at| format!("{at:#x}")));
    }
    assert!(addresses.len() > 100, "{symbols}");
    let mut arguments = vec!["-e", "main"];
    arguments.extend(addresses.iter().map(String::as_str));
    let found = done(&place, "addr2line", &arguments).stdout;
    let lines: BTreeSet<&str> = found.lines().map(|l| l.split(' ').next().unwrap_or(l)).collect();
    for line in &lines {
        assert!(line.contains("digit.graph:"), "{line} is no line of the file: {lines:?}");
    }
    let numbers: BTreeSet<u32> =
        lines.iter().filter_map(|l| l.rsplit(':').next()?.parse().ok()).collect();
    // The layers, the outputs and metrics of training, the optimiser.
    let wanted: BTreeSet<u32> =
        (1..).zip(DIGIT.lines()).filter(|(_, l)| is_computed(l)).map(|(n, _)| n).collect();
    assert!(numbers.is_superset(&wanted), "{numbers:?} of {wanted:?}");
}

/// Whether a training step computes something for a line.
fn is_computed(line: &str) -> bool {
    !line.starts_with("graph") && !line.starts_with("input") && !line.starts_with("output")
}
