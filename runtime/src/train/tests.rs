use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use brolga_compiler::ir::{Binding, Dim, Literal, Name, Scalar};
use indexmap::IndexMap;

use super::*;
use crate::RunError;
use crate::data::DataSet;
use crate::modules::{regression, regression_of};
use crate::session::{Backend, Prepared, Session, SessionOptions};

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
    FitOptions {
        epochs,
        batches: size(8),
        shuffle: true,
        validation: Validation::None,
        resume: None,
    }
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
    let error = evaluate(&mut fixed(22), &data(), &size(3)).expect_err("there is no batch");
    assert_eq!(error.code(), "E0666");
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
        let sums = report.averages.sums().map(|(_, sum)| sum.clone()).collect();
        let (batches, rows) = (report.batch + 1, report.averages.rows);
        self.progress = Progress { batches, rows, sums };
        let stop = report.step == self.step;
        Ok(if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    fn epoch(&mut self, _: &EpochReport, _: &Session) -> Result<ControlFlow<()>, RunError> {
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
    second.load(first.variables().map(|(n, _, v)| (n.clone(), v)).collect()).expect("it fits");
    second.set_clock(first.clock());
    let resumed = FitOptions { resume: Some(stop.progress), ..options(3) };
    let got = fit(&mut second, &data(), &resumed, &mut ()).expect("it trains");
    assert_eq!(got[0].train, want[1].train);
    assert_eq!(second.variable("w"), whole.variable("w"));
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
fn json_has_short_numbers_and_no_nan() {
    assert_eq!(literal_json(&Literal::scalar(Scalar::F32(0.1))).to_string(), "0.1");
    assert_eq!(literal_json(&Literal::scalar(Scalar::F32(f32::NAN))).to_string(), "null");
    assert_eq!(literal_json(&Literal::scalar(Scalar::F64(f64::INFINITY))).to_string(), "null");
    let matrix = Literal::from_vec(&[2, 2], vec![1i64, 2, 3, 4]).expect("a matrix");
    assert_eq!(literal_json(&matrix).to_string(), "[[1,2],[3,4]]");
}
