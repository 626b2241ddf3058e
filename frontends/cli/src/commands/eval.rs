//! `brolga eval`: loss and metrics over a data set.

use brolga::Entry;
use brolga::runtime::data::Split;
use brolga::runtime::train::{evaluate, metrics_json};
use serde_json::Value;

use crate::arguments::Eval;
use crate::failure::Failure;
use crate::model::{
    batch_size, check_dims, data_set_as, read, say_taken, session, session_options,
};
use crate::output::outln;
use crate::tables::matrix;
use crate::weights::{
    Purpose, as_trained, check_whole, load_weights, say_untrained, trained_names,
};

pub(crate) fn run(arguments: &Eval) -> Result<(), Failure> {
    let program = read(&arguments.model)?;
    check_dims(&program.module, &arguments.model.dims)?;
    let names = trained_names(&arguments.weights)?;
    let data = data_set_as(&arguments.data.data, Split::Test, &names)?;
    let size = batch_size(&program.module, arguments.data.batch_size, &arguments.model.dims)?;
    let mut session = session(&program, session_options(&arguments.model.machine))?;
    let loaded = load_weights(&mut session, &program, &arguments.weights, Purpose::Results)?;
    check_whole(&session, &program, &arguments.weights)?;
    let data = as_trained(data, loaded);
    say_taken(&mut session, &Entry::Eval, &data);
    let metrics =
        evaluate(&mut session, &data, &size).map_err(|e| Failure::run(&e, &program.sources))?;
    say_untrained(&program, &arguments.weights);
    if arguments.model.machine.json {
        outln!("{}", Value::Object(metrics_json(&metrics)));
        return Ok(());
    }
    for (name, value) in &metrics {
        match (value.scalars().next(), matrix(value)) {
            (Some(x), _) if value.sizes().is_empty() => outln!("{name}: {:.6}", x.to_f64()),
            (_, Some(table)) => outln!("{name}, rows by columns:\n{table}"),
            (_, None) => outln!("{name}: {value}"),
        }
    }
    Ok(())
}
