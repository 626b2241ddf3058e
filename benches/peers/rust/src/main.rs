//! Trains one model of the comparison with burn or candle and prints how long its steps take, as
//! the scripts of the other frameworks do.

mod case;
mod inputs;
mod machine;
mod measure;
mod with_burn;
mod with_candle;

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};

use case::Model;
use inputs::Inputs;
use measure::{Step, measure};

/// What trains the model.
#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Framework {
    /// burn on its back end Flex
    BurnFlex,
    /// burn on its back end NdArray
    BurnNdarray,
    /// candle on the CPU
    Candle,
}

/// Train a model with burn or candle and time its steps
#[derive(Parser)]
struct Arguments {
    framework: Framework,

    /// The model and its batch size, such as `mlp_b32`
    case: String,

    /// Threads of every pool
    #[arg(long, value_name = "N", default_value_t = 2)]
    threads: usize,

    /// The data and initial parameters that `inputs.py` has written; by default
    /// target/inputs/CASE.safetensors
    #[arg(long, value_name = "FILE")]
    inputs: Option<PathBuf>,

    /// How long to time steps for
    #[arg(long, value_name = "SECONDS", env = "PEER_MIN_S", default_value_t = 2.0)]
    seconds: f64,

    /// Report as JSON on standard output
    #[arg(long)]
    json: bool,
}

fn main() -> Result<()> {
    let start = Instant::now();
    let arguments = Arguments::parse();
    with_threads(arguments.threads)?;
    let inputs = Inputs::read(&arguments.inputs.clone().unwrap_or_else(|| written(&arguments)))?;
    let least = Duration::try_from_secs_f64(arguments.seconds).context("`--seconds`")?;
    let build = || step(&arguments, &inputs);
    let measured = measure(start, least, build)?;
    if arguments.json {
        println!("{}", report(&arguments, &measured));
    } else {
        let (median, [p10, p90]) =
            (measured.quantile(0.5), [0.1, 0.9].map(|p| measured.quantile(p)));
        println!("{}: {median:.3} ms a step ({p10:.3} to {p90:.3})", arguments.case);
        println!("losses of steps: {:?}", measured.losses);
    }
    Ok(())
}

/// Makes every pool of threads have so many: rayon's, and those that only read the environment
/// (matrixmultiply's, and the count that candle hands to its products).
fn with_threads(n_threads: usize) -> Result<()> {
    let wanted = [("RAYON_NUM_THREADS", n_threads), ("MATMUL_NUM_THREADS", n_threads)];
    let is_set = |(name, n): (&str, usize)| std::env::var(name).ok() == Some(n.to_string());
    if !wanted.into_iter().all(is_set) {
        let mut again = Command::new(std::env::current_exe()?);
        again.args(std::env::args_os().skip(1));
        again.envs(wanted.map(|(name, n)| (name, n.to_string())));
        return Err(again.exec()).context("the program does not start again");
    }
    rayon::ThreadPoolBuilder::new().num_threads(n_threads).build_global()?;
    anyhow::ensure!(rayon::current_num_threads() == n_threads, "rayon has another pool");
    Ok(())
}

fn written(arguments: &Arguments) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/inputs");
    folder.join(format!("{}.safetensors", arguments.case))
}

/// The step of the case, ready to run.
fn step(arguments: &Arguments, inputs: &Inputs) -> Result<Step> {
    let Some(model) = Model::of(&arguments.case) else {
        bail!("there is no case `{}` here", arguments.case);
    };
    match arguments.framework {
        Framework::BurnFlex => with_burn::step(burn::tensor::Device::flex(), model, inputs),
        // It is on its way out of burn, and still what many programs have.
        #[expect(deprecated)]
        Framework::BurnNdarray => with_burn::step(burn::tensor::Device::ndarray(), model, inputs),
        Framework::Candle => with_candle::step(model, inputs),
    }
}

fn report(arguments: &Arguments, measured: &measure::Measured) -> serde_json::Value {
    let (framework, crates) = match arguments.framework {
        Framework::BurnFlex => ("burn", ["burn", "burn-flex"]),
        Framework::BurnNdarray => ("burn", ["burn", "burn-ndarray"]),
        Framework::Candle => ("candle", ["candle-core", "candle-nn"]),
    };
    let mode = arguments.framework.to_possible_value().map(|v| v.get_name().to_owned());
    let versions: serde_json::Map<_, _> =
        crates.into_iter().map(|name| (name.to_owned(), locked_version(name).into())).collect();
    let mut report = measured.report();
    let own = serde_json::json!({
        "framework": framework,
        "mode": mode,
        "case": arguments.case,
        "threads": arguments.threads,
        "status": "ok",
        "versions": versions,
    });
    if let (Some(report), Some(own)) = (report.as_object_mut(), own.as_object()) {
        report.extend(own.clone());
    }
    report
}

/// The version of a crate that the lock file names.
fn locked_version(name: &str) -> Option<&'static str> {
    let after =
        include_str!("../Cargo.lock").split_once(&format!("name = \"{name}\"\nversion = \""))?;
    after.1.split('"').next()
}
