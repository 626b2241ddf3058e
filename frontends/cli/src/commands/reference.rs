//! `brolga std`, `brolga ops`, `brolga explain`: what can be looked up.

use brolga::compiler::ops::{Signature, signatures};
use brolga::text::codes::Code;
use brolga::text::{std_functions, std_source};
use serde_json::{Value, json};

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
            let names: Vec<&str> = functions.iter().map(|(name, _)| name.as_str()).collect();
            return Err(unknown("function of the library", name, &names));
        }
    }
    Ok(())
}

fn unknown(what: &str, name: &str, known: &[&str]) -> Failure {
    Failure::Usage(format!("error: there is no {what} `{name}`; there are: {}\n", known.join(", ")))
}

/// Lists the operations, or describes one.
pub(crate) fn ops(arguments: &Named) -> Result<(), Failure> {
    let all = signatures();
    let chosen: Vec<&Signature> = match &arguments.name {
        None => all,
        Some(name) => {
            let found: Vec<&Signature> = all.iter().copied().filter(|s| s.name == name).collect();
            if found.is_empty() {
                let names: Vec<&str> = all.iter().map(|s| s.name).collect();
                return Err(unknown("operation", name, &names));
            }
            found
        }
    };
    if arguments.json {
        outln!("{}", chosen.iter().map(|s| signature_json(s)).collect::<Value>());
        return Ok(());
    }
    for signature in &chosen {
        outln!("{}", call(signature));
        if arguments.name.is_some() {
            outln!("    {}", signature.doc);
            for attribute in signature.attributes {
                outln!("    {}: {}", attribute.name, attribute.doc);
            }
        }
    }
    Ok(())
}

/// `sum(x, axis)`, attributes with their defaults.
fn call(signature: &Signature) -> String {
    let operands = signature.operands.iter().map(ToString::to_string);
    let attributes = signature.attributes.iter().map(|a| match a.default {
        Some(default) => format!("{}={default}", a.name),
        None => format!("{}=", a.name),
    });
    let arguments: Vec<String> = operands.chain(attributes).collect();
    format!("{}({})", signature.name, arguments.join(", "))
}

fn signature_json(signature: &Signature) -> Value {
    let attributes = signature.attributes.iter();
    let attributes: Vec<Value> =
        attributes.map(|a| json!({"name": a.name, "default": a.default, "doc": a.doc})).collect();
    json!({
        "name": signature.name,
        "operands": signature.operands,
        "attributes": attributes,
        "doc": signature.doc,
    })
}

/// Explains an error code, or lists all.
pub(crate) fn explain(arguments: &Explain) -> Result<(), Failure> {
    let Some(text) = &arguments.code else {
        for code in Code::ALL {
            outln!("{code}: {}", code.title());
        }
        return Ok(());
    };
    match Code::from_id(text) {
        Some(code) => {
            outln!("{code}: {}\n\n{}", code.title(), code.explanation());
            Ok(())
        }
        None => Err(Failure::Usage(format!(
            "error: there is no code `{text}`; `brolga explain` lists all\n"
        ))),
    }
}
