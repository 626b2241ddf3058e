//! `brolga demo`: trains the built-in model of digits on the built-in data.

use std::num::NonZeroUsize;

use brolga::Binding;
use brolga::runtime::data::Split;
use brolga::runtime::train::{BatchSize, FitOptions, evaluate, metrics_json};
use brolga::text::Limits;
use serde_json::Value;

use crate::arguments::Demo;
use crate::failure::Failure;
use crate::model::{data_set, program, session, session_options};
use crate::output::{out, outln};
use crate::progress::metrics_text;
use crate::watch::{Kept, train};

const SOURCE: &str = include_str!("../../examples/digits_mlp.graph");

/// Rows of a batch.
const BATCH: NonZeroUsize = NonZeroUsize::new(32).expect("it is not 0");

pub(crate) fn run(arguments: Demo) -> Result<(), Failure> {
    if arguments.source {
        out!("{SOURCE}");
        return Ok(());
    }
    let program = program("digits_mlp.graph", SOURCE.as_bytes(), &[], Limits::default())?;
    let (data, test) = (data_set("digits", Split::Train)?, data_set("digits", Split::Test)?);
    let mut session = session(&program, session_options(&arguments.machine))?;
    let batches = BatchSize { rows: BATCH, given: Binding::default() };
    let options =
        FitOptions { batches: batches.clone(), ..FitOptions::new(i64::from(arguments.epochs)) };
    train(&mut session, &program, &data, &options, &mut Kept::default())?;
    let metrics =
        evaluate(&mut session, &test, &batches).map_err(|e| Failure::run(&e, &program.sources))?;
    if arguments.machine.json {
        outln!("{}", Value::Object(metrics_json(&metrics)));
        return Ok(());
    }
    outln!("test: {}", metrics_text(&metrics));
    outln!("the model: `brolga demo --source`");
    Ok(())
}
