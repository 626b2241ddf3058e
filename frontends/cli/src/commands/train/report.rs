//! What a training says when it has ended.

use brolga::Session;
use brolga::runtime::session::Clock;
use brolga::runtime::train::{EpochReport, FitOptions, metrics_json, rates_json};
use serde_json::{Value, json};

use crate::output::{counted, outln};
use crate::progress::metrics_text;
use crate::weights::LoadedFile;

pub(super) fn report(
    (session, begun): (&Session, Clock),
    reports: &[EpochReport],
    (options, loaded): (&FitOptions, &[LoadedFile]),
    as_json: bool,
) {
    let clock = session.clock();
    if as_json {
        let epochs = reports.iter().map(|report| {
            let mut epoch = json!({
                "epoch": report.epoch,
                "ms": report.ms,
                "train": metrics_json(&report.train),
            });
            for (name, rate) in rates_json(&report.rates) {
                epoch[name] = rate;
            }
            if let Some(validation) = &report.validation {
                epoch["validation"] = json!(metrics_json(validation));
            }
            epoch
        });
        let epochs: Vec<Value> = epochs.collect();
        let mut report = json!({"step": clock.step, "epoch": clock.epoch, "epochs": epochs});
        if !loaded.is_empty() {
            report["params"] = loaded.iter().map(LoadedFile::json).collect();
        }
        outln!("{report}");
        return;
    }
    let Some(last) = reports.last() else {
        let first = options.resume.as_ref().map_or(0, |progress| progress.first_epoch);
        match clock.epoch == first + options.epochs {
            true => outln!("it has its {} epochs already", options.epochs),
            false => outln!("ended after {} batches, within an epoch", clock.step),
        }
        return;
    };
    let is_kept = |report: &&EpochReport| report.epoch + 1 == clock.epoch;
    if let Some(rule) = &options.early_stop
        && let Some(best) = reports.iter().find(is_kept)
    {
        let epochs = counted(last.epoch + 1, "epoch", "epochs");
        let (metric, kept) = (&rule.metric, clock.epoch);
        let of = match best.validation {
            Some(_) => "",
            None => ", of the training itself, as nothing is held back",
        };
        outln!("trained {epochs}; kept is epoch {kept}, the best by {metric}{of}");
        outln!("kept: {}", metrics_text(best.monitored()));
        return;
    }
    let (batches, epochs) = (clock.step - begun.step, clock.epoch - begun.epoch);
    let (batches, epochs) =
        (counted(batches, "batch", "batches"), counted(epochs, "epoch", "epochs"));
    let Clock { step, epoch } = clock;
    let in_all = match begun.step {
        0 => String::new(),
        _ => format!("; in all {step} and {epoch}"),
    };
    outln!("trained {batches}, {epochs}{in_all}");
    outln!("train: {}", metrics_text(&last.train));
    if let Some(validation) = &last.validation {
        outln!("validation: {}", metrics_text(validation));
    }
}
