//! Every model that ships with the command, made and trained in Rust:
//! `cargo run --release -p brolga --example models -- MODEL DATA [EPOCHS]`, as in
//! `cargo run --release -p brolga --example models -- cnn digits 2`.

mod catalogue;
mod generative;
mod parts;
mod pictures;
mod series;
mod tables;

use brolga::{FitOptions, Session, SessionOptions, build_module, fit, load_data};

use catalogue::MODELS;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (name, data, epochs) = match &arguments[..] {
        [name, data] => (name, data, 1),
        [name, data, epochs] => (name, data, epochs.parse()?),
        _ => {
            let names: Vec<&str> = MODELS.iter().map(|(name, _)| *name).collect();
            return Err(format!("MODEL DATA [EPOCHS]: MODEL is one of {}", names.join(", ")).into());
        }
    };
    let found = MODELS.iter().find(|(model, _)| model == name);
    let (_, make) = found.ok_or_else(|| format!("there is no model `{name}`"))?;
    let module = build_module(make)?;
    let mut session = Session::new(module, SessionOptions::default())?;
    for report in fit(&mut session, &load_data(data)?, &FitOptions::new(epochs), &mut ())? {
        let metrics = report.train.iter().map(|(name, value)| format!("{name} {value}"));
        println!("epoch {}: {}", report.epoch + 1, metrics.collect::<Vec<_>>().join(", "));
    }
    Ok(())
}
