//! What the models that ship reach on real data, beside what Keras reaches on the same: a table of
//! accuracies, times of an epoch and seeds. Run it with `--data DIR`, the folder of the data sets
//! (MNIST as its four files in `mnist`, and so on); `--only TEXT` takes the rows that contain it.
//!
//! `SLOW_TESTS=1 cargo test --release -p brolga-benches accuracy` fails where a row misses its bar.

#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// A row of the table.
struct Row {
    /// What is trained on what.
    what: &'static str,
    /// The model, by the name of `brolga new`.
    model: &'static str,
    /// The data, where `@` is the folder, with what follows it on the command line.
    data: &'static str,
    /// What is measured of it.
    measure: Measure,
    /// What must be reached.
    bar: Bar,
    /// What Keras reaches on the same data, and the seconds of its `fit` for an epoch.
    keras: &'static str,
    keras_epoch: &'static str,
}

/// What is measured.
enum Measure {
    /// A metric of the test part after the last epoch, or the best one: the mean of these seeds.
    Last(&'static str, &'static [u32]),
    Best(&'static str, &'static [u32]),
    /// A metric of the test part after so many epochs.
    After(&'static str, usize),
    /// The mean of a metric over folds, each trained for so many epochs.
    Folds(&'static str, usize),
    /// By how many points pre-trained convolutions are better than untrained ones.
    Transfer,
    /// The least share of a digit, judged by a trained network, among 100 generated ones.
    Digits,
}

/// What must be reached.
#[derive(Clone, Copy)]
enum Bar {
    AtLeast(f64),
    AtMost(f64),
}

impl Bar {
    fn holds(self, found: f64) -> bool {
        match self {
            Bar::AtLeast(bar) => found >= bar,
            Bar::AtMost(bar) => found <= bar,
        }
    }
}

const THREE: &[u32] = &[0, 1, 2];
const ONE: &[u32] = &[0];

/// A row of the table in a line.
const fn row(
    what: &'static str,
    model: &'static str,
    data: &'static str,
    measure: Measure,
    bar: Bar,
    (keras, keras_epoch): (&'static str, &'static str),
) -> Row {
    Row { what, model, data, measure, bar, keras, keras_epoch }
}

/// Every model. Bars and what Keras 3.15 reaches are of the same data and epochs.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    row("softmax regression, MNIST", "softmax", "mnist:@/mnist --epochs 5",
        Measure::Last("accuracy", ONE), Bar::AtLeast(0.92), ("92.6 %", "4.9 s")),
    row("MLP 784-128-10, MNIST", "mlp", "mnist:@/mnist --epochs 5",
        Measure::Last("accuracy", THREE), Bar::AtLeast(0.975), ("97.8 %", "9.3 s")),
    row("the same with dropout 0.2", "mlp", "mnist:@/mnist --epochs 5 --const rate=0.2",
        Measure::Last("accuracy", THREE), Bar::AtLeast(0.975), ("97.7 %", "8.0 s")),
    row("the same with L2 decay 1e-4", "mlp", "mnist:@/mnist --epochs 5 --const decay=1e-4",
        Measure::Last("accuracy", THREE), Bar::AtLeast(0.975), ("97.6 %", "11.4 s")),
    row("CNN 32-64-128, MNIST", "cnn", "mnist:@/mnist --epochs 5",
        Measure::Best("accuracy", ONE), Bar::AtLeast(0.989), ("99.2 %", "35.4 s")),
    row("CNN 32-64-128, Fashion-MNIST", "cnn", "fashion-mnist:@/fashion-mnist --epochs 5",
        Measure::Best("accuracy", ONE), Bar::AtLeast(0.895), ("89.7 to 91.1 %", "36.0 s")),
    row("CNN 32-64-64, one-hot, CIFAR-10 subset", "cnn_cifar",
        "cifar10:@/cifar-10 --epochs 10 --batch-size 64",
        Measure::Best("accuracy", THREE), Bar::AtLeast(0.50), ("50.5 to 54.3 %", "2.7 s")),
    row("ResNet with batch norm, flip and crop, CIFAR-10 subset", "resnet",
        "cifar10:@/cifar-10 --epochs 30 --augment flip,crop:4",
        Measure::Last("accuracy", ONE), Bar::AtLeast(0.63), ("66.9 %", "10.5 s")),
    row("Elman RNN by rows, MNIST", "rnn", "mnist:@/mnist --epochs 5 --batch-size 64",
        Measure::Best("accuracy", ONE), Bar::AtLeast(0.955), ("96.3 %", "11.1 s")),
    row("LSTM by rows, MNIST", "lstm", "mnist:@/mnist --epochs 5 --batch-size 64",
        Measure::Last("accuracy", ONE), Bar::AtLeast(0.977), ("98.2 %", "29.3 s")),
    row("GRU by rows, MNIST", "gru", "mnist:@/mnist --epochs 5 --batch-size 64",
        Measure::Last("accuracy", ONE), Bar::AtLeast(0.973), ("97.8 %", "38.9 s")),
    row("autoencoder, MNIST, mean square", "autoencoder", "mnist:@/mnist --epochs 10 --batch-size 128",
        Measure::Last("loss", ONE), Bar::AtMost(0.0070), ("0.0059", "5.0 s")),
    row("denoising autoencoder, MNIST, mean square", "denoising",
        "mnist:@/mnist --epochs 10 --batch-size 128",
        Measure::Last("loss", ONE), Bar::AtMost(0.0120), ("0.0106", "5.7 s")),
    row("variational autoencoder, MNIST, -ELBO in nats", "vae",
        "mnist:@/mnist --epochs 10 --batch-size 128",
        Measure::Last("loss", ONE), Bar::AtMost(112.0), ("107.8", "10.2 s")),
    row("GAN, MNIST, the rarest digit among 100", "gan", "mnist:@/mnist --epochs 10 --batch-size 64",
        Measure::Digits, Bar::AtLeast(0.01), ("all ten digits", "6.5 s")),
    row("sigmoid cross-entropy, 3 against 5", "binary", "mnist:@/mnist?classes=3,5 --epochs 5",
        Measure::Last("accuracy", ONE), Bar::AtLeast(0.985), ("98.9 %", "1.8 s")),
    row("hinge, 3 against 5", "hinge", "mnist:@/mnist?classes=3,5 --epochs 5",
        Measure::Last("accuracy", ONE), Bar::AtLeast(0.985), ("98.9 %", "1.8 s")),
    row("masked mean of embeddings, rt-polarity", "text_mean",
        "lines:@/text/rt-polarity/rt-polarity.neg,@/text/rt-polarity/rt-polarity.pos --epochs 5",
        Measure::Best("accuracy", ONE), Bar::AtLeast(0.75), ("77.1 %", "2.4 s")),
    row("convolution over words, rt-polarity", "text_conv",
        "lines:@/text/rt-polarity/rt-polarity.neg,@/text/rt-polarity/rt-polarity.pos --epochs 5",
        Measure::Best("accuracy", ONE), Bar::AtLeast(0.745), ("75.9 %", "4.1 s")),
    row("transformer, tiny Shakespeare, 3,920 steps of 16, nats", "transformer",
        "text:@/text/tinyshakespeare/input.txt?seq=64&stride=32 --epochs 5 --batch-size 16",
        Measure::After("loss", 2), Bar::AtMost(1.75), ("1.68 (4,292 steps)", "84.7 s")),
    row("the same after 9,800 steps", "transformer",
        "text:@/text/tinyshakespeare/input.txt?seq=64&stride=32 --epochs 5 --batch-size 16",
        Measure::After("loss", 5), Bar::AtMost(1.66), ("1.63 (8,843 steps)", "84.7 s")),
    row("translation of generated dates, whole ones right", "translation",
        "dates --epochs 5 --batch-size 64",
        Measure::Last("exact", ONE), Bar::AtLeast(0.99), ("", "")),
    row("recommendation, generated ratings, RMSE (noise 0.5)", "recommender",
        "ratings --epochs 15 --batch-size 256",
        Measure::Last("rmse", ONE), Bar::AtMost(0.525), ("", "")),
    row("sounds, generated, spectrogram in the graph", "speech", "tones --epochs 10",
        Measure::Last("accuracy", ONE), Bar::AtLeast(0.97), ("", "")),
    row("linear regression, California housing, R²", "linear",
        "@/tabular/california_housing.csv?label=median_house_value&missing=mean&test=0.2\
         &standardise=all --epochs 20",
        Measure::Last("r2", ONE), Bar::AtLeast(0.60), ("0.619", "1.2 s")),
    row("iris, 5 folds", "iris",
        "@/tabular/iris.csv?label=species&standardise --folds 5 --batch-size 8",
        Measure::Folds("accuracy", 100), Bar::AtLeast(0.92), ("94.7 %", "0.12 s")),
    row("Auto MPG, 5 folds, R²", "regression",
        "@/tabular/mpg.csv?label=mpg&ignore=name&missing=drop&standardise=all --folds 5",
        Measure::Folds("r2", 100), Bar::AtLeast(0.85), ("0.874", "0.14 s")),
    row("transfer from MNIST to Fashion-MNIST, points gained", "transfer",
        "fashion-mnist:@/fashion-mnist --epochs 2 --freeze first --freeze second",
        Measure::Transfer, Bar::AtLeast(2.0), ("3.4", "21.4 s")),
];

/// Where the command is, and where it runs.
struct Place {
    brolga: PathBuf,
    data: String,
    folder: PathBuf,
    /// The epochs of what was trained already, by its command line.
    trained: RefCell<HashMap<String, Vec<Value>>>,
}

/// What a row has found.
struct Found {
    value: f64,
    /// Milliseconds of an epoch, the median of all.
    epoch_ms: f64,
}

impl Place {
    fn new(data: &Path) -> Result<Place> {
        let here = std::env::current_exe().context("the path of this program")?;
        let folders = here.ancestors().skip(1).take(2);
        let brolga = folders.map(|folder| folder.join("brolga")).find(|path| path.is_file());
        let brolga =
            brolga.context("`cargo build --release --workspace` makes the command first")?;
        let data = std::fs::canonicalize(data)
            .with_context(|| format!("the data sets in {}", data.display()))?;
        let folder = std::env::temp_dir().join(format!("brolga-accuracy-{}", std::process::id()));
        std::fs::create_dir_all(&folder).context("a folder for what is trained")?;
        let (data, trained) = (data.display().to_string(), RefCell::default());
        Ok(Place { brolga, data, folder, trained })
    }

    /// Runs the command with arguments separated by spaces.
    fn run(&self, arguments: &str) -> Result<Value> {
        let arguments = arguments.replace('@', &self.data);
        let mut command = Command::new(&self.brolga);
        command.current_dir(&self.folder).args(arguments.split_whitespace()).arg("--json");
        let output = command.output().context("the command starts")?;
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            bail!("brolga {arguments}\n{text}{}", String::from_utf8_lossy(&output.stderr));
        }
        serde_json::from_str(&text).with_context(|| format!("brolga {arguments}: no JSON"))
    }

    /// Writes the file of a model, unless it is there.
    fn write(&self, model: &str) -> Result<()> {
        if !self.folder.join(format!("{model}.graph")).exists() {
            self.run(&format!("new {model} --model {model}"))?;
        }
        Ok(())
    }

    /// Trains a model with its test part as validation, and returns the epochs.
    fn train(&self, model: &str, data: &str, more: &str) -> Result<Vec<Value>> {
        self.write(model)?;
        let source = data.split(' ').next().unwrap_or_default();
        let line = format!("train {model}.graph --data {data} --validation {source} {more}");
        if let Some(epochs) = self.trained.borrow().get(&line) {
            return Ok(epochs.clone());
        }
        let report = self.run(&line)?;
        let epochs = report["epochs"].as_array().context("a report has epochs")?.clone();
        self.trained.borrow_mut().insert(line, epochs.clone());
        Ok(epochs)
    }

    fn measure(&self, row: &Row) -> Result<Found> {
        let train = |more: &str| self.train(row.model, row.data, more);
        match row.measure {
            Measure::Last(metric, seeds) => {
                self.of_seeds(row, seeds, |epochs| of(epochs.last(), metric))
            }
            Measure::Best(metric, seeds) => self.of_seeds(row, seeds, |epochs| {
                let all = epochs.iter().map(|epoch| of(Some(epoch), metric));
                Ok(all.collect::<Result<Vec<f64>>>()?.into_iter().fold(f64::MIN, f64::max))
            }),
            Measure::After(metric, n) => {
                let epochs = train("")?;
                let value = of(n.checked_sub(1).and_then(|at| epochs.get(at)), metric)?;
                Ok(Found { value, epoch_ms: epoch_ms(&epochs) })
            }
            Measure::Folds(metric, epochs) => {
                self.write(row.model)?;
                let begin = std::time::Instant::now();
                let line = format!("train {}.graph --data {}", row.model, row.data);
                let report = self.run(&format!("{line} --epochs {epochs}"))?;
                let folds = report["folds"].as_array().context("a report has folds")?.len();
                let value = report["mean"][metric].as_f64().context("the mean over folds")?;
                let all = (folds * epochs) as f64;
                Ok(Found { value, epoch_ms: begin.elapsed().as_secs_f64() * 1e3 / all })
            }
            Measure::Transfer => {
                let source = "mnist:@/mnist --epochs 1 --save cnn.safetensors";
                self.train("cnn", source, "")?;
                let untrained = of(train("")?.last(), "accuracy")?;
                let epochs = train("--params cnn.safetensors")?;
                let value = 100.0 * (of(epochs.last(), "accuracy")? - untrained);
                Ok(Found { value, epoch_ms: epoch_ms(&epochs) })
            }
            Measure::Digits => {
                let epochs = train("--save gan.safetensors")?;
                self.train("cnn", "mnist:@/mnist --epochs 1 --save judge.safetensors", "")?;
                self.run("run gan.graph --dim batch=100 --params gan.safetensors --output g.npz")?;
                let judge = "predict cnn.graph --data g.npz --params judge.safetensors";
                self.run(&format!("{judge} --output judged.npz"))?;
                let judged =
                    brolga::data::npy::read_npz(&self.folder.join("judged.npz"))?.swap_remove(0).1;
                let scores: Vec<f64> = judged.scalars().map(|score| score.to_f64()).collect();
                let digit = |scores: &[f64]| {
                    (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b]))
                };
                let digits: Vec<Option<usize>> = scores.chunks(10).map(digit).collect();
                let count = |d: usize| digits.iter().filter(|digit| **digit == Some(d)).count();
                let rarest = (0..10).map(count).min().unwrap_or(0);
                let value = rarest as f64 / digits.len() as f64;
                Ok(Found { value, epoch_ms: epoch_ms(&epochs) })
            }
        }
    }

    fn of_seeds(
        &self,
        row: &Row,
        seeds: &[u32],
        value: impl Fn(&[Value]) -> Result<f64>,
    ) -> Result<Found> {
        let (mut sum, mut times) = (0.0, vec![]);
        for seed in seeds {
            let epochs = self.train(row.model, row.data, &format!("--seed {seed}"))?;
            sum += value(&epochs)?;
            times.extend(epochs);
        }
        Ok(Found { value: sum / seeds.len() as f64, epoch_ms: epoch_ms(&times) })
    }
}

/// A metric of an epoch's validation.
fn of(epoch: Option<&Value>, metric: &str) -> Result<f64> {
    let value = epoch.and_then(|epoch| epoch["validation"][metric].as_f64());
    value.with_context(|| format!("an epoch reports no `{metric}`"))
}

/// The median of the times of epochs.
fn epoch_ms(epochs: &[Value]) -> f64 {
    let mut times: Vec<f64> = epochs.iter().filter_map(|epoch| epoch["ms"].as_f64()).collect();
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The seeds of a row, for people to read.
fn seeds(measure: &Measure) -> String {
    match measure {
        Measure::Last(_, seeds) | Measure::Best(_, seeds) => {
            seeds.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
        }
        Measure::After(..) | Measure::Folds(..) | Measure::Transfer | Measure::Digits => "0".into(),
    }
}

/// Prints the table; returns the rows that miss their bar.
fn table(data: &Path, only: &str) -> Result<Vec<String>> {
    let place = Place::new(data)?;
    println!("| model, data | reached | bar | Keras | an epoch | of Keras | seeds |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | --- |");
    let mut missed = vec![];
    for row in ROWS.iter().filter(|row| row.what.contains(only) || row.model.contains(only)) {
        let found = place.measure(row)?;
        ensure!(found.value.is_finite(), "{}: {}", row.what, found.value);
        let (sign, bar) = match row.bar {
            Bar::AtLeast(bar) => ("≥", bar),
            Bar::AtMost(bar) => ("≤", bar),
        };
        let epoch = found.epoch_ms / 1e3;
        let digits = if epoch < 0.05 { 4 } else { 2 };
        let (what, keras, seeds) = (row.what, row.keras, seeds(&row.measure));
        println!(
            "| {what} | {:.4} | {sign} {bar} | {keras} | {epoch:.digits$} s | {} | {seeds} |",
            found.value, row.keras_epoch
        );
        if !row.bar.holds(found.value) {
            missed.push(format!("{what}: {} ({sign} {bar})", found.value));
        }
    }
    std::fs::remove_dir_all(&place.folder).context("the folder of what was trained")?;
    Ok(missed)
}

fn main() -> Result<ExitCode> {
    let (mut data, mut only) = (None, String::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().with_context(|| format!("{argument} needs a value"))?;
        match argument.as_str() {
            "--data" => data = Some(PathBuf::from(value)),
            "--only" => only = value,
            other => bail!("unknown argument `{other}`: --data DIR, --only TEXT"),
        }
    }
    let missed = table(&data.context("--data DIR is the folder of the data sets")?, &only)?;
    for row in &missed {
        eprintln!("missed: {row}");
    }
    Ok(if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The folder of the data sets, beside the workspace.
    fn data() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data")
    }

    #[test]
    fn every_model_reaches_its_bar() {
        if std::env::var_os("SLOW_TESTS").is_none_or(|v| v != "1") || !data().exists() {
            eprintln!("skipped: it takes half an hour with SLOW_TESTS=1 and the data sets");
            return;
        }
        let missed = table(&data(), "").expect("every model trains");
        assert!(missed.is_empty(), "{}", missed.join("\n"));
    }
}
