//! `brolga new`: a model that ships with the command, as a file to begin with.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::Path;

use brolga::runtime::data::DataError;
use brolga::text::spelling::similar;
use serde_json::{Value, json};

use crate::arguments::New;
use crate::failure::Failure;
use crate::output::outln;

/// Lists the models by the names of their files.
macro_rules! models {
    ($($name:literal),*) => {
        [$(($name, include_str!(concat!("../../models/", $name, ".graph")))),*]
    };
}
/// The models by name: the first line of each says what it is.
const MODELS: [(&str, &str); 24] = models![
    "softmax",
    "mlp",
    "cnn",
    "cnn_cifar",
    "resnet",
    "transfer",
    "binary",
    "hinge",
    "linear",
    "regression",
    "iris",
    "rnn",
    "lstm",
    "gru",
    "text_mean",
    "text_conv",
    "transformer",
    "translation",
    "recommender",
    "speech",
    "autoencoder",
    "denoising",
    "vae",
    "gan"
];

/// What a model's file is called in its own remark.
const FILE: &str = "FILE";

pub(crate) fn run(arguments: &New) -> Result<(), Failure> {
    let Some(name) = &arguments.name else {
        list(arguments.json);
        return Ok(());
    };
    let Some((_, text)) = MODELS.iter().find(|(model, _)| *model == arguments.model) else {
        let known: Vec<&str> = MODELS.iter().map(|(name, _)| *name).collect();
        let model = &arguments.model;
        let meant =
            similar(model, known.iter().copied()).map(|near| format!(" (is `{near}` meant?)"));
        let text = format!(
            "error: there is no model `{model}`{}; the models are: {}\n",
            meant.unwrap_or_default(),
            known.join(", ")
        );
        return Err(Failure::Usage(text));
    };
    let file = if name.ends_with(".graph") { name.clone() } else { format!("{name}.graph") };
    write(Path::new(&file), &text.replace(FILE, &file))?;
    match arguments.json {
        true => outln!("{}", json!({"file": file, "model": arguments.model})),
        false => outln!("{file}: {}", summary(text)),
    }
    Ok(())
}

/// Writes a file that is not there yet.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let made = File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()));
    made.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            let text = format!("error: `{}` is there already: give another name\n", path.display());
            Failure::Usage(text)
        }
        _ => {
            Failure::data(&DataError::Write { path: path.to_path_buf(), reason: error.to_string() })
        }
    })
}

fn list(as_json: bool) {
    if as_json {
        let models = MODELS.iter();
        let models = models.map(|(name, text)| json!({"name": name, "summary": summary(text)}));
        outln!("{}", Value::Array(models.collect()));
        return;
    }
    let width = MODELS.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, text) in MODELS {
        outln!("{name:width$}  {}", summary(text));
    }
}

/// What a model is: the first line of its text.
fn summary(text: &str) -> &str {
    let line = text.lines().next().and_then(|line| line.strip_prefix("# "));
    line.unwrap_or_default().trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_say_what_they_are() {
        for (name, text) in MODELS {
            assert!(summary(text).len() > 10, "{name}");
            assert!(text.contains(&format!("brolga train {FILE} ")), "{name} says how to train it");
        }
    }
}
