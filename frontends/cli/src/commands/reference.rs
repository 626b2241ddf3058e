//! `brolga std`, `brolga ops`, `brolga explain`: what can be looked up.

use brolga::compiler::ops::signatures;
use brolga::compiler::optimizer::{self, ArgumentSignature, Default, OptimizerSignature};
use brolga::text::codes::Code;
use brolga::text::spelling::similar;
use brolga::text::{ELEMENT_TYPES, Operation, operations, std_functions, std_source, support};
use serde_json::{Map, Value, json};

use crate::arguments::{Explain, Named};
use crate::failure::Failure;
use crate::output::{out, outln};

/// Prints the standard library, or a function of it.
pub(crate) fn std(arguments: &Named) -> Result<(), Failure> {
    let functions = std_functions();
    if arguments.json {
        let wanted = |name: &str| arguments.name.as_deref().is_none_or(|n| n == name);
        let list = functions.iter().filter(|(name, _)| wanted(name));
        let list: Vec<Value> =
            list.map(|(name, text)| json!({"name": name, "source": text})).collect();
        outln!("{}", Value::Array(list));
        return Ok(());
    }
    let Some(name) = &arguments.name else {
        out!("{}", std_source());
        return Ok(());
    };
    match functions.iter().find(|(function, _)| function == name) {
        Some((_, text)) => outln!("{text}"),
        None => {
            if listed().iter().any(|listed| listed.name == name) {
                return Err(Failure::Usage(format!(
                    "error: `{name}` is not written in the language: see `brolga ops {name}`\n"
                )));
            }
            let names: Vec<&str> = functions.iter().map(|(name, _)| name.as_str()).collect();
            return Err(unknown("function of the library", name, &names, "std"));
        }
    }
    Ok(())
}

/// What is not known; `command` lists what is.
fn unknown(what: &str, name: &str, known: &[&str], command: &str) -> Failure {
    let help = match similar(name, known.iter().copied()) {
        Some(similar) => format!("did you mean `{similar}`?"),
        None => format!("`brolga {command}` lists all"),
    };
    Failure::Usage(format!("error: there is no {what} `{name}`\n  = help: {help}\n"))
}

/// The kind of what is no optimiser.
const OPERATION: &str = "operation";

/// What `ops` lists.
struct Listed {
    kind: &'static str,
    name: &'static str,
    /// With the text of the default, if one may be left out.
    arguments: Vec<(&'static str, Option<String>)>,
    doc: &'static str,
    /// What arguments mean, where it is said one by one.
    meanings: Vec<(&'static str, &'static str)>,
}

/// The operations, then the optimisers.
fn listed() -> Vec<Listed> {
    let of_compiler = signatures();
    let operation = |operation: Operation| {
        let exact = of_compiler.iter().find(|s| s.name == operation.name);
        let attributes = exact.iter().flat_map(|s| s.attributes);
        let is_argument = |name: &str| operation.arguments.iter().any(|(n, _)| *n == name);
        let meanings = attributes.filter(|a| is_argument(a.name)).map(|a| (a.name, a.doc));
        let arguments = operation.arguments.iter();
        Listed {
            kind: OPERATION,
            name: operation.name,
            arguments: arguments.map(|(name, text)| (*name, text.map(str::to_string))).collect(),
            doc: operation.doc,
            meanings: meanings.collect(),
        }
    };
    let optimiser = |signature: &'static OptimizerSignature| Listed {
        kind: "optimiser",
        name: signature.name,
        arguments: signature.all_arguments().map(|a| (a.name, Some(default(a)))).collect(),
        doc: signature.doc,
        meanings: signature.all_arguments().map(|a| (a.name, a.doc)).collect(),
    };
    let operations = operations().into_iter().map(operation);
    operations.chain(optimizer::signatures().into_iter().map(optimiser)).collect()
}

/// The text of an optimiser's default; empty for what is off.
fn default(argument: &ArgumentSignature) -> String {
    match argument.default {
        Default::Number(x) | Default::Fixed(x) => x.to_string(),
        Default::Bool(b) => b.to_string(),
        Default::Off => String::new(),
    }
}

/// Lists the operations and optimisers, or describes one.
pub(crate) fn ops(arguments: &Named) -> Result<(), Failure> {
    let all = listed();
    let is_chosen = |listed: &&Listed| arguments.name.as_deref().is_none_or(|n| n == listed.name);
    let chosen: Vec<&Listed> = all.iter().filter(is_chosen).collect();
    if let (Some(name), true) = (&arguments.name, chosen.is_empty()) {
        if std_functions().iter().any(|(function, _)| function == name) {
            return Err(Failure::Usage(format!(
                "error: `{name}` is written in the language: see `brolga std {name}`\n"
            )));
        }
        let names: Vec<&str> = all.iter().map(|listed| listed.name).collect();
        return Err(unknown("operation", name, &names, "ops"));
    }
    if arguments.json {
        outln!("{}", chosen.iter().map(|listed| listed_json(listed)).collect::<Value>());
        return Ok(());
    }
    for listed in chosen {
        outln!("{}", call(listed));
        if arguments.name.is_some() {
            outln!("    {}: {}", listed.kind, listed.doc);
            for (name, meaning) in &listed.meanings {
                outln!("    {name}: {meaning}");
            }
            let cell = |(element, code): (&str, Option<String>)| match code {
                Some(code) => format!("{element} ({code})"),
                None => element.to_string(),
            };
            if let Some(types) = types(listed) {
                let (refused, accepted): (Vec<_>, Vec<_>) =
                    types.into_iter().partition(|(_, code)| code.is_some());
                let list =
                    |cells: Vec<_>| cells.into_iter().map(cell).collect::<Vec<_>>().join(" ");
                outln!("    runs with: {}", list(accepted));
                outln!("    refused: {}", list(refused));
            }
        }
    }
    Ok(())
}

/// What is said of an element type with which an operation runs.
const RUNS: &str = "runs";

/// For each element type, the code with which an operation is refused, or none where it runs.
fn types(listed: &Listed) -> Option<Vec<(&'static str, Option<String>)>> {
    let of_type = |element: &'static str| {
        let outcome = support(listed.name, element)?.outcome;
        Some((element, outcome.err()))
    };
    (listed.kind == OPERATION).then(|| ELEMENT_TYPES.into_iter().filter_map(of_type).collect())
}

/// `sum(x, axis=, keepdims=false)`: what has a `=` may be left out.
fn call(listed: &Listed) -> String {
    let argument = |(name, default): &(&str, Option<String>)| match default {
        Some(default) => format!("{name}={default}"),
        None => name.to_string(),
    };
    let arguments: Vec<String> = listed.arguments.iter().map(argument).collect();
    format!("{}({})", listed.name, arguments.join(", "))
}

fn listed_json(listed: &Listed) -> Value {
    let meaning = |name: &str| listed.meanings.iter().find(|(n, _)| *n == name).map(|(_, doc)| doc);
    let arguments = listed.arguments.iter();
    let arguments: Vec<Value> = arguments
        .map(|(name, default)| {
            let is_needed = default.is_none();
            let default = default.as_ref().filter(|text| !text.is_empty());
            json!({"name": name, "required": is_needed, "default": default, "doc": meaning(name)})
        })
        .collect();
    let mut json = json!({
        "kind": listed.kind, "name": listed.name, "arguments": arguments, "doc": listed.doc
    });
    if let Some(types) = types(listed) {
        let cell = |(element, code): (&str, Option<String>)| {
            (element.to_string(), json!(code.unwrap_or_else(|| RUNS.to_string())))
        };
        json["types"] = types.into_iter().map(cell).collect::<Map<String, Value>>().into();
    }
    json
}

/// Explains an error code, or lists all.
pub(crate) fn explain(arguments: &Explain) -> Result<(), Failure> {
    let chosen = match &arguments.code {
        None => Code::ALL.to_vec(),
        Some(text) => vec![Code::from_id(text).ok_or_else(|| {
            let message = format!("error: there is no code `{text}`; `brolga explain` lists all\n");
            Failure::Usage(message)
        })?],
    };
    if arguments.json {
        outln!("{}", chosen.into_iter().map(code_json).collect::<Value>());
        return Ok(());
    }
    for code in chosen {
        match arguments.code {
            None => outln!("{code}: {}", code.title()),
            Some(_) => outln!("{code}: {}\n\n{}", code.title(), code.explanation()),
        }
    }
    Ok(())
}

fn code_json(code: Code) -> Value {
    json!({"code": code.id(), "title": code.title(), "explanation": code.explanation()})
}
