use std::collections::BTreeMap;
use std::num::{NonZeroU64, NonZeroUsize};
use std::ops::ControlFlow;

use brolga_compiler::ir::{Binding, Dim, Literal, Name, Scalar};
use indexmap::IndexMap;

use super::*;
use crate::RunError;
use crate::data::DataSet;
use crate::data::tests::Folder;
use crate::modules::{regression, regression_of};
use crate::session::{Backend, Clock, Prepared, Session, SessionOptions};

const ROWS: usize = 21;

fn data() -> DataSet {
    let x: Vec<f32> = (0..3 * ROWS).map(|i| (i * 7 % 11) as f32 / 11.0).collect();
    let y: Vec<f32> = x.chunks(3).map(|x| x[0] - 2.0 * x[1] + 0.5 * x[2]).collect();
    let x = Literal::from_vec(&[ROWS, 3], x).expect("as many elements");
    let y = Literal::from_vec(&[ROWS], y).expect("as many elements");
    DataSet::new("test", vec![("x".to_string(), x), ("y".to_string(), y)]).expect("a data set")
}

fn session() -> Session {
    let options = SessionOptions { threads: 1, backend: Backend::Eager, ..Default::default() };
    Session::new(regression(), options).expect("a session")
}

fn size(rows: usize) -> BatchSize {
    BatchSize { rows: NonZeroUsize::new(rows).expect("not 0"), given: Binding::default() }
}

fn options(epochs: i64) -> FitOptions {
    FitOptions { batches: size(8), ..FitOptions::new(epochs) }
}

fn number(metrics: &IndexMap<Name, Literal>, name: &str) -> f64 {
    metrics[name].scalars().next().expect("a scalar").to_f64()
}

#[test]
fn fit_goes_through_all_rows_and_learns() {
    let mut session = session();
    let validation = Validation::Data(data());
    let options = FitOptions { validation, ..options(30) };
    let reports = fit(&mut session, &data(), &options, &mut ()).expect("it trains");
    assert_eq!((session.clock().epoch, session.clock().step), (30, 90));
    let losses: Vec<f64> = reports.iter().map(|r| number(&r.train, "loss")).collect();
    assert!(losses[29] < 0.1 * losses[0], "{losses:?}");
    let validation = reports[29].validation.as_ref().expect("there was one");
    let again = evaluate(&mut session, &data(), &size(5)).expect("it evaluates");
    assert!((number(validation, "loss") - number(&again, "loss")).abs() < 1e-7);
    assert!((number(&again, "rmse").powi(2) - number(&again, "loss")).abs() < 1e-6);
}

#[test]
fn rows_held_out_are_not_trained_on() {
    let options = FitOptions { validation: Validation::Fraction(0.5), ..options(1) };
    let mut session = session();
    let reports = fit(&mut session, &data(), &options, &mut ()).expect("it trains");
    assert_eq!(session.clock().step, 2);
    assert!(reports[0].validation.is_some());
}

#[test]
fn outputs_of_batches_are_joined() {
    let mut session = session();
    fit(&mut session, &data(), &options(3), &mut ()).expect("it trains");
    let joined = predict(&mut session, &data(), &[], &size(8)).expect("it predicts");
    let at_once = predict(&mut session, &data(), &[], &size(ROWS)).expect("it predicts");
    assert_eq!(joined["prediction"].sizes(), [ROWS]);
    assert_eq!(joined, at_once);
    let error = predict(&mut session, &data(), &["w".into()], &size(8)).expect_err("no batch");
    assert_eq!(error.code(), "E0663");
    assert!(error.to_string().contains("`w` is f32[3]"), "{error}");
}

#[test]
fn a_fixed_batch_leaves_rows_out_of_training_but_not_of_predictions() {
    let fixed = |rows: u64| {
        let options = SessionOptions { backend: Backend::Eager, ..Default::default() };
        Session::new(regression_of(Dim::number(rows as i64)), options).expect("a session")
    };
    let mut session = fixed(8);
    fit(&mut session, &data(), &options(1), &mut ()).expect("it trains");
    assert_eq!(session.clock().step, 2);
    let error = predict(&mut session, &data(), &[], &size(3)).expect_err("5 rows are left");
    assert_eq!(error.code(), "E0666");
    predict(&mut fixed(7), &data(), &[], &size(3)).expect("no row is left");
    for rows in [8, 22] {
        let error = evaluate(&mut fixed(rows), &data(), &size(3)).expect_err("rows are left");
        assert_eq!(error.code(), "E0666");
    }
    evaluate(&mut fixed(7), &data(), &size(3)).expect("no row is left");
}

/// Ends the training after a batch, and keeps what a checkpoint would.
struct StopAfter {
    step: i64,
    progress: Progress,
}

impl Callbacks for StopAfter {
    fn batch(
        &mut self,
        report: &BatchReport<'_>,
        _: &Prepared<'_>,
    ) -> Result<ControlFlow<()>, RunError> {
        self.progress = report.progress();
        let stop = report.step == self.step;
        Ok(if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    fn epoch(
        &mut self,
        _: &EpochReport,
        _: &Session,
        _: &Progress,
    ) -> Result<ControlFlow<()>, RunError> {
        Ok(ControlFlow::Continue(()))
    }
}

#[test]
fn resuming_in_the_middle_of_an_epoch_gives_the_same_bits() {
    let mut whole = session();
    let want = fit(&mut whole, &data(), &options(3), &mut ()).expect("it trains");
    let mut first = session();
    let mut stop = StopAfter { step: 4, progress: Progress::default() };
    fit(&mut first, &data(), &options(3), &mut stop).expect("it trains");
    assert_eq!((first.clock().step, first.clock().epoch), (5, 1));
    let mut second = session();
    second
        .set_variables(first.variables().map(|(n, _, v)| (n.clone(), v)).collect())
        .expect("it fits");
    second.set_clock(first.clock());
    let resumed = FitOptions { resume: Some(stop.progress), ..options(3) };
    let got = fit(&mut second, &data(), &resumed, &mut ()).expect("it trains");
    assert_eq!(got[0].train, want[1].train);
    assert_eq!(second.variable("w"), whole.variable("w"));
}

#[test]
fn early_stopping_waits_and_takes_back_the_best() {
    let mut once = session();
    fit(&mut once, &data(), &options(1), &mut ()).expect("it trains");
    // The loss falls, so the first value is the highest.
    let (metric, better) = (Name::from("loss"), Better::Higher);
    let rule = |patience| Some(EarlyStop { metric: metric.clone(), better, patience });
    let mut stopped = session();
    let stopping = FitOptions { early_stop: rule(2), ..options(9) };
    let reports = fit(&mut stopped, &data(), &stopping, &mut ()).expect("it trains");
    assert_eq!((reports.len(), stopped.clock()), (3, once.clock()));
    let all = |session: &Session| -> Vec<(Name, Literal)> {
        session.variables().map(|(name, _, value)| (name.clone(), value)).collect()
    };
    assert_eq!(all(&stopped), all(&once), "the slots too");
    // To the end, the best is taken back as well.
    let patient = FitOptions { early_stop: rule(9), ..options(4) };
    let reports = fit(&mut session(), &data(), &patient, &mut ()).expect("it trains");
    assert_eq!(reports.len(), 4);
    let unknown = EarlyStop { metric: "lss".into(), better, patience: 1 };
    let options = FitOptions { early_stop: Some(unknown), ..options(1) };
    let error = fit(&mut session(), &data(), &options, &mut ()).expect_err("no such metric");
    assert_eq!((error.code(), error.help().contains("loss, rmse")), ("E0667", true), "{error}");
}

#[test]
fn a_loss_that_is_not_finite_is_explained() {
    let wrong = |row: usize| {
        let mut x: Vec<f32> = (0..3 * ROWS).map(|i| (i * 7 % 11) as f32 / 11.0).collect();
        x[3 * row + 1] = f32::NAN;
        let x = Literal::from_vec(&[ROWS, 3], x).expect("as many elements");
        let y = data().array("y").expect("it is there").whole();
        DataSet::new("wrong", vec![("x".to_string(), x), ("y".to_string(), y)]).expect("a data set")
    };
    let kept = FitOptions { shuffle: false, ..options(2) };
    let mut stopped = session();
    let error = fit(&mut stopped, &wrong(13), &kept, &mut ()).expect_err("it is NaN");
    let RunError::NotFinite { step, clock, batch, first: Some(first) } = &error else {
        panic!("{error}")
    };
    assert_eq!((*step, clock.step, *batch), (1, 1, 1));
    assert_eq!((&*first.node, &*first.position), ("x", &[5, 1][..]), "row 13 is the batch's 5");
    assert_eq!(stopped.clock().step, 1, "the step is not done");
    let all_are = stopped.variables().all(|(_, _, v)| v.scalars().all(|x| x.to_f64().is_finite()));
    assert!(all_are);
    let going_on = FitOptions { allow_nan: true, ..kept };
    fit(&mut session(), &wrong(13), &going_on, &mut ()).expect("it goes on");
}

/// Trains with checkpoints after every batch, until a step.
fn checkpointed(folder: &Folder, until: i64) -> Checkpoints {
    let identity = BTreeMap::from([("the seed".to_string(), "0".to_string())]);
    let every = NonZeroU64::new(1);
    let mut kept = Checkpoints::new(&folder.path("kept"), every, identity).expect("a folder");
    struct Until<'a>(&'a mut Checkpoints, i64);
    impl Callbacks for Until<'_> {
        fn batch(
            &mut self,
            report: &BatchReport<'_>,
            results: &Prepared<'_>,
        ) -> Result<ControlFlow<()>, RunError> {
            let _: ControlFlow<()> = self.0.batch(report, results)?;
            let ends = report.step + 1 == self.1;
            Ok(if ends { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        }
        fn epoch(
            &mut self,
            report: &EpochReport,
            session: &Session,
            progress: &Progress,
        ) -> Result<ControlFlow<()>, RunError> {
            self.0.epoch(report, session, progress)
        }
    }
    fit(&mut session(), &data(), &options(3), &mut Until(&mut kept, until)).expect("it trains");
    kept
}

#[test]
fn a_training_goes_on_from_any_checkpoint_with_the_same_bits() {
    let mut whole = session();
    let want = fit(&mut whole, &data(), &options(3), &mut ()).expect("it trains");
    for until in 1..=9 {
        let folder = Folder::new(&format!("checkpoints-{until}"));
        let kept = checkpointed(&folder, until);
        let found = kept.newest().expect("it is whole").expect("there is one");
        assert_eq!(found.clock.step, if until == 9 { 9 } else { until });
        let mut second = session();
        second.set_variables(found.variables).expect("it fits");
        second.set_clock(found.clock);
        let resumed = FitOptions { resume: Some(found.progress), ..options(3) };
        let got = fit(&mut second, &data(), &resumed, &mut ()).expect("it trains");
        let metrics = |reports: &[EpochReport]| reports.last().map(|r| r.train.clone());
        assert!(got.is_empty() || metrics(&got) == metrics(&want), "{until}");
        assert_eq!(second.variable("w").is_none(), got.is_empty());
        assert!(got.is_empty() || second.variable("w") == whole.variable("w"), "{until}");
    }
}

#[test]
fn the_newest_checkpoint_that_is_whole_is_taken() {
    let folder = Folder::new("newest");
    let kept = checkpointed(&folder, 5);
    let files = [4, 5].map(|step| format!("checkpoint-{step:012}.safetensors"));
    let there = std::fs::read_dir(folder.path("kept")).expect("a folder of our own");
    assert_eq!(there.count(), files.len());
    let path = |number: usize| folder.path("kept").join(&files[number]);
    let good = std::fs::read(path(1)).expect("it is there");
    // Any byte that changes is noticed, and any end that is missing.
    for at in (0..good.len()).step_by(97) {
        let mut bytes = good.clone();
        bytes[at] ^= 4;
        std::fs::write(path(1), &bytes).expect("a folder of our own");
        let found = kept.newest().expect("the one before").expect("there is one");
        assert_eq!((found.clock.step, found.damaged.len()), (4, 1), "byte {at}");
    }
    std::fs::write(path(1), &good[..good.len() / 2]).expect("a folder of our own");
    std::fs::write(path(0), "").expect("a folder of our own");
    assert_eq!(kept.newest().expect_err("none is whole").code(), "E0604");
    std::fs::write(path(1), &good).expect("a folder of our own");
    let identity = BTreeMap::from([("the seed".to_string(), "1".to_string())]);
    let other = Checkpoints::new(&folder.path("kept"), None, identity).expect("a folder");
    let error = other.newest().expect_err("another training");
    assert_eq!(error.code(), "E0668");
    assert!(error.to_string().contains("the seed is 0 in it and 1 here"), "{error}");
    let empty = Checkpoints::new(&folder.path("empty"), None, BTreeMap::new()).expect("a folder");
    assert!(empty.newest().expect("it can be read").is_none());
}

#[test]
fn the_log_has_a_line_a_batch_and_a_line_an_epoch() {
    let mut text = vec![];
    let options = FitOptions { validation: Validation::Data(data()), ..options(2) };
    fit(&mut session(), &data(), &options, &mut Log::new(&mut text)).expect("it trains");
    let text = String::from_utf8(text).expect("JSON is text");
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    assert_eq!(lines.len(), 8);
    assert_eq!(lines[5]["step"], 4);
    assert_eq!(lines[5]["epoch"], 1);
    assert!(lines[0]["loss"].is_f64() && lines[0]["rmse"].is_f64() && lines[0]["ms"].is_f64());
    assert_eq!(lines[7]["epoch_end"], 1);
    assert!(lines[7]["train"]["loss"].is_f64() && lines[7]["validation"]["rmse"].is_f64());
}

#[test]
fn a_log_goes_on_where_the_training_does() {
    let text = "{\"step\":0}\n{\"step\":1}\n{\"epoch_end\":0}\n{\"step\":2}\n{\"st";
    let lines = |step, epoch| lines_before(text, Clock { step, epoch }).lines().count();
    assert_eq!([lines(0, 0), lines(1, 0), lines(2, 0), lines(2, 1), lines(9, 9)], [0, 1, 2, 3, 4]);
}

#[test]
fn json_has_short_numbers_and_no_nan() {
    assert_eq!(literal_json(&Literal::scalar(Scalar::F32(0.1))).to_string(), "0.1");
    assert_eq!(literal_json(&Literal::scalar(Scalar::F32(f32::NAN))).to_string(), "null");
    assert_eq!(literal_json(&Literal::scalar(Scalar::F64(f64::INFINITY))).to_string(), "null");
    let matrix = Literal::from_vec(&[2, 2], vec![1i64, 2, 3, 4]).expect("a matrix");
    assert_eq!(literal_json(&matrix).to_string(), "[[1,2],[3,4]]");
}
