//! `brolga predict`: outputs for every row of a data set.

mod table;

use brolga::Entry;
use brolga::compiler::ir::Name;
use brolga::runtime::data::Split;
use brolga::runtime::data::npy::write_npz;
use brolga::runtime::train::predict;
use serde_json::{Map, Value, json};

use crate::arguments::Predict;
use crate::failure::Failure;
use crate::model::{
    batch_size, check_dims, check_place, data_set_as, read, say_taken, session, session_options,
};
use crate::output::outln;
use crate::weights::{
    Purpose, as_trained, check_whole, load_weights, say_untrained, trained_names,
};

pub(crate) fn run(arguments: &Predict) -> Result<(), Failure> {
    let program = read(&arguments.model)?;
    check_dims(&program.module, &arguments.model.dims)?;
    let is_table = arguments.output.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv"));
    check_place(&arguments.output, if is_table { "csv" } else { "npz" })?;
    let names = trained_names(&arguments.weights)?;
    let data = data_set_as(&arguments.data.data, Split::Test, &names)?;
    let size = batch_size(&program.module, arguments.data.batch_size, &arguments.model.dims)?;
    let mut session = session(&program, session_options(&arguments.model.machine))?;
    let loaded = load_weights(&mut session, &program, &arguments.weights, Purpose::Results)?;
    if arguments.fetch.is_empty() {
        check_whole(&session, &program, &arguments.weights)?;
    }
    let data = as_trained(data, loaded);
    let fetch: Vec<Name> = arguments.fetch.iter().map(|n| n.as_str().into()).collect();
    say_taken(&mut session, &Entry::Run { fetch: fetch.clone() }, &data);
    let outputs = predict(&mut session, &data, &fetch, &size)
        .map_err(|e| Failure::run(&e, &program.sources))?;
    let arrays: Vec<_> = outputs.into_iter().map(|(name, v)| (name.to_string(), v)).collect();
    let written = match is_table {
        true => table::write(&arguments.output, &arrays, &names),
        false => write_npz(&arguments.output, &arrays),
    };
    written.map_err(|e| Failure::data(&e))?;
    say_untrained(&program, &arguments.weights);
    if arguments.model.machine.json {
        let types = arrays.iter().map(|(n, v)| (n.clone(), json!(v.tensor_type().to_string())));
        outln!("{}", Value::Object(types.collect::<Map<String, Value>>()));
    } else {
        for (name, value) in &arrays {
            eprintln!("{name}: {}", value.tensor_type());
        }
    }
    Ok(())
}
