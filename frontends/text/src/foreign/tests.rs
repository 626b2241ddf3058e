use brolga_compiler::optimizer;

use super::*;
use crate::{LoadOptions, load, operations};

/// What stands before every example.
const BEFORE: &str = "
input x: f32[batch, 8]
input y: f32[batch, 8]
input h: f32[batch, 16]
input c: f32[batch, 16]
input series: f32[batch, 12, 8]
input image: f32[batch, 28, 28, 1]
input ids: i32[batch, 3]
input label: i32[batch]
input logits: f32[batch, 10]
input target: f32[batch, 10]
param filter: f32[3, 3, 1, 1] = ones
param v: f32[8] = ones
loss = mean(square(x * v))
output loss
";

/// What is wrong with a text after [`BEFORE`].
fn errors(text: &str) -> Option<String> {
    let import = |_: &str| Ok(b"fn nothing(x) = x".to_vec());
    let options = LoadOptions { import: &import, ..LoadOptions::default() };
    load("a.graph", format!("{BEFORE}{text}\n").as_bytes(), &options).err().map(|e| e.to_string())
}

/// Every table with the text that an entry of it stands in.
fn all() -> Vec<(Place, &'static [Row], &'static str)> {
    vec![
        (Place::Function, LAYERS, "z = @"),
        (Place::Function, LOSSES, "z = @"),
        (Place::Function, METRICS, "metric z = @"),
        (Place::Function, ARITHMETIC, "z = @"),
        (Place::Function, SHAPES, "z = @"),
        (Place::Function, CREATION, "z = @"),
        (Place::Function, INITIALISERS, "param z: f32[4, 4] = @"),
        (Place::Function, OPTIMIZER_CALLS, "@"),
        (Place::Value, VALUES, "z = @"),
        (Place::Type, TYPES, "input z: @"),
        (Place::Optimizer, OPTIMIZERS, "minimize loss with @"),
        (Place::Statement, STATEMENTS, "@"),
    ]
}

/// A use of a name that is not known, as its place has it.
fn wrong_use(place: Place, name: &str) -> String {
    match place {
        Place::Function => format!("z = {name}(x)"),
        Place::Value => format!("z = x.{name}"),
        Place::Type => format!("input z: {name}"),
        Place::Optimizer => format!("minimize loss with {name}(lr=0.1)"),
        Place::Statement => format!("{name} z"),
    }
}

#[test]
fn what_is_written_here_is_a_program() {
    for (_, table, around) in all() {
        for (_, here, _) in table {
            let text = around.replace('@', here);
            if let Some(errors) = errors(&text) {
                panic!("{text}\n{errors}");
            }
        }
    }
}

#[test]
fn every_name_gives_its_hint_where_it_is_used() {
    for (place, table, _) in all() {
        for (names, here, _) in table {
            for name in names.split_whitespace() {
                let text = wrong_use(place, name);
                let errors = errors(&text).unwrap_or_else(|| panic!("`{text}` is legal"));
                let wanted = format!("= help: `{name}` is written `{here}` here");
                assert!(errors.contains(&wanted), "{text}: wanted {wanted}\n{errors}");
            }
        }
    }
}

#[test]
fn no_name_stands_twice_for_a_place() {
    for place in [Place::Function, Place::Type, Place::Optimizer, Place::Statement] {
        let rows = tables(place).iter().copied().flatten();
        let mut names: Vec<&str> = rows.flat_map(|(names, ..)| names.split_whitespace()).collect();
        names.sort_unstable();
        let twice = names.windows(2).find(|pair| pair[0] == pair[1]);
        assert_eq!(twice, None, "{place:?}");
    }
}

/// What can be called and the names of its arguments.
fn callables() -> Vec<(String, Vec<String>)> {
    let library = crate::library::library();
    let functions = library.names().filter_map(|name| library.function(name)).map(|function| {
        let formals = function.formals.iter().map(|formal| formal.name.text.to_string());
        (format!("z = {}", function.name.text), formals.collect())
    });
    let operations = operations().into_iter().map(|operation| {
        let formals = operation.arguments.iter().map(|(name, _)| (*name).to_owned());
        (format!("z = {}", operation.name), formals.collect())
    });
    let optimizers = optimizer::signatures().into_iter().map(|signature| {
        let formals = signature.all_arguments().map(|a| a.name.to_owned());
        (format!("minimize loss with {}", signature.name), formals.collect())
    });
    functions.chain(operations).chain(optimizers).collect()
}

#[test]
fn every_argument_gives_its_hint_in_a_call() {
    let callables = callables();
    for (names, ours, _) in ARGUMENTS {
        for name in names.split_whitespace() {
            for own in ours.split_whitespace() {
                let takes = callables.iter().find(|(head, formals)| {
                    let formals: Vec<&str> = formals.iter().map(String::as_str).collect();
                    let leads_there = argument(name, &formals)
                        .is_some_and(|hint| hint.starts_with(&format!("`{name}` is `{own}` here")));
                    leads_there && !formals.contains(&name) && !is_hidden(head)
                });
                let (head, _) = takes.unwrap_or_else(|| panic!("nothing takes `{own}`"));
                let text = format!("{head}({name}=1)");
                let errors = errors(&text).unwrap_or_else(|| panic!("`{text}` is legal"));
                let wanted = format!("= help: `{name}` is `{own}` here");
                assert!(errors.contains(&wanted), "{text}: wanted {wanted}\n{errors}");
            }
            if ours.is_empty() {
                let errors = errors(&format!("z = dense({name}=1)")).unwrap_or_default();
                assert!(errors.contains(&format!("= help: leave `{name}` out")), "{errors}");
            }
        }
    }
}

/// Whether an operation is one that only dumps are written in.
fn is_hidden(head: &str) -> bool {
    ["input", "variable", "parameter", "constant", "result", "scan", "prod_others"]
        .iter()
        .any(|name| head == format!("z = {name}"))
}
