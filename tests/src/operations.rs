//! Every operation of the language with every element type: it runs, and the same three ways, or it
//! is refused with a code.

use brolga_text::{ELEMENT_TYPES, Support, natural_entry, operations, support};

use crate::filetests::{headers, runs_alike};

/// The error code of an element type that no operation has yet.
const NO_SUCH_TYPE: (&str, &str) = ("bf16", "E0222");

/// Errors in element types: two that differ, what does not exist, what has no gradient, an argument
/// or a parameter that must be a float.
const OF_TYPES: [&str; 5] = ["E0201", "E0204", "E0214", "E0304", "E0413"];

#[test]
fn every_operation_runs_or_is_refused_with_every_element_type() {
    let header = headers("# test: run --range ids=2;x=5;a=5;b=5").expect("a header").remove(0);
    let mut wrong = vec![];
    for operation in operations() {
        let mut n_runs = 0;
        for element in ELEMENT_TYPES {
            let found = support(operation.name, element);
            let Support { program, outcome } = found.expect("every operation has a program");
            let why = match outcome {
                Ok(module) => {
                    n_runs += 1;
                    runs_alike(&header, &module, natural_entry(&module)).err()
                }
                Err(code) if (element, &*code) == NO_SUCH_TYPE => None,
                Err(code) => {
                    let is_of_types = OF_TYPES.contains(&&*code);
                    (!is_of_types).then(|| format!("refused with `{code}`"))
                }
            };
            wrong.extend(
                why.map(|why| format!("{} of {element}: {why}\n{program}", operation.name)),
            );
        }
        if n_runs == 0 {
            wrong.push(format!("{} runs with no element type", operation.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
