//! The models that ship with the command are the same when they are made in Rust.

#[path = "../examples/models/catalogue.rs"]
mod catalogue;
#[path = "../examples/models/generative.rs"]
mod generative;
#[path = "../examples/models/parts.rs"]
mod parts;
#[path = "../examples/models/pictures.rs"]
mod pictures;
#[path = "../examples/models/series.rs"]
mod series;
#[path = "../examples/models/tables.rs"]
mod tables;

use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;

use brolga::{
    BatchSize, Binding, DType, DataSet, FitOptions, Literal, Metrics, Module, Name, Session,
    SessionOptions, build_module, fit, predict,
};

use catalogue::MODELS;

/// The texts of the models, by name.
fn texts() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/models");
    let entries = std::fs::read_dir(folder).expect("the models are there");
    let text = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        (name, std::fs::read(path).expect("a text"))
    };
    entries.map(text).collect()
}

/// Rows that every model can be fed: numbers from 0 to 1, and labels 0 and 1.
fn data(session: &mut Session) -> Result<DataSet, Box<dyn Error>> {
    const ROWS: usize = 6;
    let mut binding = Binding::default();
    binding.bind("batch", ROWS as u64);
    let inputs = session.data_inputs(&brolga::Entry::Train, &Binding::default(), true)?;
    let mut arrays = vec![];
    for (number, (name, ty)) in inputs.into_iter().enumerate() {
        let ty = ty.bind(&binding)?;
        let sizes = ty.sizes().ok_or("the batch is the only dimension that is not known")?;
        let n: usize = sizes.iter().product();
        let random = |i: usize| ((i * 7 + number * 13 + 3) % 31) as f32 / 31.0;
        let array = match ty.dtype {
            DType::F32 => Literal::from_vec(&sizes, (0..n).map(random).collect()),
            _ => Literal::from_vec(&sizes, (0..n).map(|i| i32::from(random(i) > 0.5)).collect()),
        };
        arrays.push((name, array.ok_or("as many numbers as the sizes ask for")?));
    }
    Ok(DataSet::new("drawn", arrays)?)
}

/// What a training has reported, the variables after it, and the outputs then.
type Trained = (Vec<Metrics>, Vec<(Name, Literal)>, Vec<(Name, Literal)>);

fn train(module: Module) -> Result<Trained, Box<dyn Error>> {
    let mut session = Session::new(module, SessionOptions { seed: 5, ..Default::default() })?;
    let data = data(&mut session)?;
    let batches = BatchSize { rows: 4.try_into()?, ..BatchSize::default() };
    let options = FitOptions { batches: batches.clone(), ..FitOptions::new(2) };
    let reports = fit(&mut session, &data, &options, &mut ())?;
    let metrics = reports.into_iter().map(|report| report.train).collect();
    let outputs = predict(&mut session, &data, &[], &batches)?.into_iter().collect();
    let variables = session.variables().map(|(name, _, value)| (name.clone(), value)).collect();
    Ok((metrics, variables, outputs))
}

#[test]
fn every_model_is_there() {
    let written: BTreeSet<String> = texts().into_iter().map(|(name, _)| name).collect();
    let made: BTreeSet<String> = MODELS.iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(made, written);
}

#[test]
fn models_are_those_of_their_texts() -> Result<(), Box<dyn Error>> {
    for (name, text) in texts() {
        let text = brolga::text::load(&name, &text, &Default::default())?.module;
        let (_, make) = MODELS.iter().find(|(model, _)| *model == name).ok_or(name.clone())?;
        let rust = build_module(make).map_err(|errors| format!("{name}: {errors:#?}"))?;
        let variables = |module: &Module| {
            let types =
                module.variables.iter().map(|(name, v)| format!("{name}: {}", v.tensor_type));
            types.collect::<BTreeSet<String>>()
        };
        assert_eq!(variables(&rust), variables(&text), "{name}");
        let ((metrics, variables, outputs), of_text) = (train(rust)?, train(text)?);
        assert_eq!(metrics, of_text.0, "{name}");
        assert_eq!(outputs, of_text.2, "{name}");
        for (variable, value) in &variables {
            let other = of_text.1.iter().find(|(other, _)| other == variable);
            assert!(other.is_some_and(|(_, other)| other == value), "{name}: {variable}");
        }
    }
    Ok(())
}
