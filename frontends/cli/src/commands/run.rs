//! `brolga run`: one call on arrays.

use std::path::Path;

use brolga::compiler::ir::{Literal, Name};
use brolga::runtime::data::npy::{read_npy, read_npz, write_npz};
use brolga::runtime::data::{Standards, write_grid};
use brolga::runtime::train::literal_json;
use brolga::{Entry, Module};
use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::arguments::Run;
use crate::characters::Characters;
use crate::failure::Failure;
use crate::model::{binding, check_dims, check_once, check_place, read, session, session_options};
use crate::output::outln;
use crate::weights::{Purpose, load_weights};

pub(crate) fn run(arguments: &Run) -> Result<(), Failure> {
    let program = read(&arguments.model)?;
    check_dims(&program.module, &arguments.model.dims)?;
    let named = arguments.inputs.iter().filter_map(|input| input.split_once('='));
    check_names(&program.module, named.map(|(name, _)| name))?;
    let arrays = arrays(arguments, &program.module)?;
    check_once("--input", arrays.iter().map(|(name, _)| name.as_str()))?;
    check_names(&program.module, arrays.iter().map(|(name, _)| name.as_str()))?;
    let draws = arguments.output.as_deref().is_some_and(is_picture);
    let format = if draws { "png" } else { "npz" };
    arguments.output.as_deref().map(|path| check_place(path, format)).transpose()?;
    let fetch = arguments.fetch.iter().map(|n| n.as_str().into()).collect();
    let entry = Entry::Run { fetch };
    let mut session = session(&program, session_options(&arguments.model.machine))?;
    let loaded = load_weights(&mut session, &program, &arguments.weights, Purpose::Results)?;
    say_as_it_is(loaded.standards.as_ref());
    let fail = |e| Failure::run(&e, &program.sources);
    let given = binding(&arguments.model.dims)?;
    let arrays: IndexMap<Name, Literal> =
        arrays.into_iter().map(|(name, array)| (name.into(), array)).collect();
    let results = session.run(&entry, &given, &arrays).map_err(fail)?;
    let outputs: Vec<(String, Literal)> =
        results.outputs.into_iter().map(|(name, value)| (name.to_string(), value)).collect();
    match &arguments.output {
        Some(path) if draws => draw(path, &outputs)?,
        Some(path) => write_npz(path, &outputs).map_err(|e| Failure::data(&e))?,
        None => {}
    }
    if arguments.model.machine.json {
        let json = outputs.iter().map(|(name, value)| (name.clone(), literal_json(value)));
        outln!("{}", Value::Object(json.collect::<Map<String, Value>>()));
    } else if arguments.output.is_none() {
        let characters = arguments.text.as_ref();
        let characters = characters.map(|name| Characters::of(&arguments.weights, name));
        let characters = characters.transpose()?;
        for (name, value) in &outputs {
            match characters.as_ref().and_then(|characters| characters.texts(value)) {
                Some(texts) => texts.iter().for_each(|text| outln!("{text}")),
                None => outln!("{name}: {} = {value}", value.tensor_type()),
            }
        }
    }
    Ok(())
}

/// What stands before a text that is fed.
const TEXT: &str = "text:";

/// How many tokens an input takes in a row.
fn length_of(module: &Module, name: &str) -> Result<usize, Failure> {
    let graph = &module.infer;
    let input = graph.inputs.iter().find(|&&input| *graph.node(input).name == *name);
    let of_input = input.map(|&input| graph.tensor_type(input));
    let length = of_input.and_then(|t| match &t.shape[..] {
        [_, length] => length.as_number().and_then(|n| usize::try_from(n).ok()),
        _ => None,
    });
    length.ok_or_else(|| {
        Failure::Usage(format!(
            "error: `--input {name}={TEXT}...`: a text is fed to an input of i32[batch, N] with a \
             number N\n"
        ))
    })
}

fn is_picture(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("png"))
}

/// Writes the one output as a grid of pictures.
fn draw(path: &Path, outputs: &[(String, Literal)]) -> Result<(), Failure> {
    let [(_, picture)] = outputs else {
        let names: Vec<&str> = outputs.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(", ");
        let path = path.display();
        return Err(Failure::Usage(format!(
            "error: `{path}` takes one array, and the outputs are {names}: choose with --fetch\n"
        )));
    };
    write_grid(path, picture).map_err(|e| Failure::data(&e))
}

/// The arrays of `--input`: `NAME=FILE.npy`, `NAME=text:TEXT`, or all of an `.npz`.
fn arrays(arguments: &Run, module: &Module) -> Result<Vec<(String, Literal)>, Failure> {
    let mut arrays = vec![];
    for input in &arguments.inputs {
        match input.split_once('=') {
            Some((name, value)) if value.starts_with(TEXT) => {
                let characters = Characters::of(&arguments.weights, name)?;
                let numbers = characters.numbers(&value[TEXT.len()..], length_of(module, name)?)?;
                arrays.push((name.to_string(), numbers));
            }
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
