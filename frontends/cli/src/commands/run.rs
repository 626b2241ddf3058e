//! `brolga run`: one call on arrays.

use std::path::Path;

use brolga::compiler::ir::{Literal, Name};
use brolga::runtime::data::npy::{read_npy, read_npz, write_npz};
use brolga::runtime::data::{Standards, feed_whole};
use brolga::runtime::train::literal_json;
use brolga::{Entry, Module};
use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::arguments::Run;
use crate::failure::Failure;
use crate::model::{
    Purpose, binding, check_dims, check_once, check_place, load_weights, read, session,
    session_options,
};
use crate::output::outln;

pub(crate) fn run(arguments: &Run) -> Result<(), Failure> {
    let program = read(&arguments.model)?;
    check_dims(&program.module, &arguments.model.dims)?;
    let named = arguments.inputs.iter().filter_map(|input| input.split_once('='));
    check_names(&program.module, named.map(|(name, _)| name))?;
    let arrays = arrays(&arguments.inputs)?;
    check_once("--input", arrays.iter().map(|(name, _)| name.as_str()))?;
    check_names(&program.module, arrays.iter().map(|(name, _)| name.as_str()))?;
    arguments.output.as_deref().map(|path| check_place(path, "npz")).transpose()?;
    let fetch = arguments.fetch.iter().map(|n| n.as_str().into()).collect();
    let entry = Entry::Run { fetch };
    let mut session = session(&program, session_options(&arguments.model.machine))?;
    let standards = load_weights(&mut session, &program, &arguments.weights, Purpose::Results)?;
    say_as_it_is(standards.as_ref());
    let fail = |e| Failure::run(&e, &program.sources);
    let given = binding(&arguments.model.dims)?;
    let inputs = session.data_inputs(&entry, &given, false).map_err(fail)?;
    let fed = feed_whole(&inputs, &arrays, &given).map_err(|e| Failure::data(&e))?;
    let names = inputs.into_iter().map(|(name, _)| Name::from(name));
    let values: IndexMap<Name, Literal> = names.zip(fed.values).collect();
    let results = session.run(&entry, &fed.binding, &values).map_err(fail)?;
    let outputs: Vec<(String, Literal)> =
        results.outputs.into_iter().map(|(name, value)| (name.to_string(), value)).collect();
    if let Some(path) = &arguments.output {
        write_npz(path, &outputs).map_err(|e| Failure::data(&e))?;
    }
    if arguments.model.machine.json {
        let json = outputs.iter().map(|(name, value)| (name.clone(), literal_json(value)));
        outln!("{}", Value::Object(json.collect::<Map<String, Value>>()));
    } else if arguments.output.is_none() {
        for (name, value) in &outputs {
            outln!("{name}: {} = {value}", value.tensor_type());
        }
    }
    Ok(())
}

/// The arrays of `--input`: `NAME=FILE.npy`, or all of an `.npz`.
fn arrays(inputs: &[String]) -> Result<Vec<(String, Literal)>, Failure> {
    let mut arrays = vec![];
    for input in inputs {
        match input.split_once('=') {
            Some((name, path)) => {
                let array = read_npy(Path::new(path)).map_err(|e| Failure::data(&e))?;
                arrays.push((name.to_string(), array));
            }
            None if input.ends_with(".npz") => {
                arrays.extend(read_npz(Path::new(input)).map_err(|e| Failure::data(&e))?);
            }
            None => {
                let message = format!("error: `--input {input}`: write NAME=FILE.npy\n");
                return Err(Failure::Usage(message));
            }
        }
    }
    Ok(arrays)
}

/// Refuses names that the file does not declare.
fn check_names<'a>(
    module: &Module,
    mut names: impl Iterator<Item = &'a str>,
) -> Result<(), Failure> {
    let graph = &module.infer;
    let declared: Vec<&str> = graph.inputs.iter().map(|&i| &*graph.node(i).name).collect();
    match names.find(|name| !declared.contains(name)) {
        None => Ok(()),
        Some(name) => Err(Failure::Usage(format!(
            "error: `--input {name}`: the file has no input of that name; its inputs are: {}\n",
            declared.join(", ")
        ))),
    }
}

/// Says that what a call is fed is not standardised, beside weights that were trained on what was.
fn say_as_it_is(standards: Option<&Standards>) {
    let Some(standards) = standards else { return };
    let names: Vec<String> = standards.iter().map(|(name, _)| format!("`{name}`")).collect();
    eprintln!(
        "warning: the weights were trained on standardised data, but what is fed is taken as it is: \
         {}; `predict` standardises it",
        names.join(", ")
    );
}
