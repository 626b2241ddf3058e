//! Training by the command: weights in and out, seeds, orders, threads and backends.

use std::path::Path;

use brolga::Literal;
use brolga::runtime::checkpoint::Checkpoint;
use serde_json::Value;

use crate::workplace::{Outcome, Workplace};

/// Of a model that is large enough for its waves to be shared among threads, with dropout.
const DIGITS: &str = "digits.graph --data digits?rows=200 --epochs 2";

fn with_digits(test: &str) -> (Workplace, String) {
    let place = Workplace::new(test);
    let digits = place.done("demo --source").stdout;
    place.write("digits.graph", &digits);
    (place, digits)
}

fn losses(place: &Workplace, log: &str) -> Vec<f64> {
    let lines = place.json_lines(log);
    lines.iter().filter_map(|line| line.get("loss").and_then(Value::as_f64)).collect()
}

#[test]
fn saved_weights_evaluate_as_the_last_validation_did() {
    let place = Workplace::new("saved");
    let train = "train mlp.graph --data points.npz --validation points.npz --epochs 3";
    let report = place.json(&format!("{train} --save mlp.safetensors"));
    let eval = place.json("eval mlp.graph --data points.npz --params mlp.safetensors");
    assert_eq!(report["epochs"][2]["validation"], eval);
    assert_ne!(place.json("eval mlp.graph --data points.npz"), eval, "they are not the initial");
}

#[test]
fn a_training_goes_on_from_saved_weights() {
    let place = Workplace::new("continued");
    place.trained("mlp.graph --data points.npz --epochs 3");
    let again = "train mlp.graph --data points.npz --params trained.safetensors --epochs 2";
    let report = place.json(&format!("{again} --log log.jsonl"));
    assert_eq!((&report["step"], &report["epoch"]), (&Value::from(10), &Value::from(5)));
    let first = &place.json_lines("log.jsonl")[0];
    assert_eq!((&first["step"], &first["epoch"]), (&Value::from(6), &Value::from(3)));
}

#[test]
fn going_on_is_the_training_that_did_not_end() {
    let place = Workplace::new("slots");
    let whole = place.trained("mlp.graph --data points.npz --epochs 4");
    place.trained("mlp.graph --data points.npz --epochs 1");
    let on = "mlp.graph --data points.npz --params trained.safetensors --epochs 3";
    assert_eq!(place.trained(on), whole, "Adam's slots are kept");
    // Without them it is another training, which is said, but not of weights alone.
    let file = Checkpoint::load(&place.path("trained.safetensors")).expect("it was written");
    let variables = file.variables.into_iter().filter(|(name, _)| !name.starts_with("optimizer."));
    let without = Checkpoint { variables: variables.collect(), ..file };
    without.save(&place.path("without.safetensors")).expect("the folder can be written");
    let on = "train mlp.graph --data points.npz --params without.safetensors";
    let warning = "warning: without.safetensors has no values for 10 of the optimiser's slots, which \
                   begin anew at step 8: another training than one that goes on\n";
    assert!(place.done(on).stderr.starts_with(warning), "{}", place.done(on).stderr);
    place.trained("mlp.graph --data points.npz --weights-only");
    let alone = Checkpoint::load(&place.path("trained.safetensors")).expect("it was written");
    assert_eq!((alone.variables.len(), alone.step, alone.epoch), (4, 0, 0));
    let on = "train mlp.graph --data points.npz --params trained.safetensors --log log.jsonl";
    let said = "trained.safetensors: 4 of 4 variables\nepoch 1/1: ";
    assert!(place.done(on).stderr.starts_with(said));
    assert_eq!(place.json_lines("log.jsonl")[0]["step"], 0);
}

#[test]
fn early_stopping_keeps_the_best_epoch() {
    let place = Workplace::new("stopped");
    let train = "mlp.graph --data points.npz --validation-split 0.3 --epochs 60 --seed 2";
    let stop = "--early-stop accuracy:3 --log log.jsonl";
    let saved = place.trained(&format!("{train} {stop}"));
    let epochs: Vec<f64> = place
        .json_lines("log.jsonl")
        .iter()
        .filter_map(|line| line["validation"]["accuracy"].as_f64())
        .collect();
    let best = epochs.iter().copied().fold(f64::MIN, f64::max);
    let at = epochs.iter().position(|&x| x == best).expect("there is one");
    assert_eq!(epochs.len(), at + 4, "three epochs are no better: {epochs:?}");
    let shorter = train.replace("--epochs 60", &format!("--epochs {}", at + 1));
    assert_eq!(place.trained(&shorter), saved);
    let wrong = place.run(&format!("train {train} --early-stop acuracy:3"));
    assert_eq!(wrong.status, 2, "{}", wrong.stderr);
    assert!(wrong.stderr.contains("write +acuracy:3 if higher ones are"), "{}", wrong.stderr);
    let wrong = place.run(&format!("train {train} --early-stop +acuracy:3"));
    assert_eq!(wrong.status, 1, "{}", wrong.stderr);
    assert!(wrong.stderr.contains("help: the metrics that are numbers are loss, accuracy"));
}

#[test]
fn folds_hold_back_every_row_once() {
    let place = Workplace::new("folds");
    let report = place.json("train mlp.graph --data points.npz --epochs 3 --folds 4");
    let folds = report["folds"].as_array().expect("a list");
    let losses: Vec<f64> = folds.iter().filter_map(|fold| fold["loss"].as_f64()).collect();
    assert_eq!(losses.len(), 4);
    let mean = losses.iter().sum::<f64>() / 4.0;
    let squares: f64 = losses.iter().map(|x| (x - mean).powi(2)).sum();
    let close = |name: &str, want: f64| {
        let got = report[name]["loss"].as_f64().expect("a number");
        assert!((got - want).abs() < 1e-12, "{name}: {got}, {want}");
    };
    close("mean", mean);
    close("deviation", (squares / 3.0).sqrt());
}

/// The params of a training, whose slots differ from another's.
fn params(place: &Workplace, arguments: &str) -> Vec<f64> {
    place.trained(&format!("{arguments} --weights-only"));
    let file = Checkpoint::load(&place.path("trained.safetensors")).expect("it was written");
    file.variables.iter().flat_map(|(_, value)| value.scalars()).map(|x| x.to_f64()).collect()
}

#[test]
fn several_batches_make_an_update() {
    let place = Workplace::new("accumulated");
    let train = "unweighted.graph --data points.npz --epochs 4";
    let small = params(&place, &format!("{train} --batch-size 5 --accumulate 5"));
    let large = params(&place, &format!("{train} --batch-size 25"));
    assert!(small.iter().zip(&large).all(|(a, b)| (a - b).abs() < 1e-6), "{small:?} {large:?}");
    // Four batches an epoch, of which three make an update: groups go on over epochs and breaks.
    let train = "mlp.graph --data points.npz --batch-size 13 --accumulate 3";
    let whole = place.trained(&format!("{train} --epochs 5"));
    assert_eq!(place.trained(&format!("{train} --epochs 5 --threads 1 --backend jit")), whole);
    place.trained(&format!("{train} --epochs 2"));
    assert_eq!(place.trained(&format!("{train} --epochs 3 --params trained.safetensors")), whole);
    let kept = format!("{train} --checkpoint kept --every 1");
    place.done(&format!("train {kept} --epochs 2"));
    assert_eq!(place.trained(&format!("{kept} --epochs 5 --resume")), whole);
    let other = place.run(&format!("train {} --resume", kept.replace(" 3", " 4")));
    assert!(other.stderr.contains("what an update is made of is 3 batches in it and 4 batches"));
    // Without it the slots of a file are of no use.
    let plain = "train mlp.graph --data points.npz --params trained.safetensors";
    assert!(place.done(plain).stderr.contains("unused: optimizer.minimize.accumulated"));
}

#[test]
fn classes_weigh_what_is_asked_for() {
    let place = Workplace::new("weighed");
    place.write("two.txt", "# of two\n0 2\n2 0.5\n");
    place.write("weights.json", r#"{"2": 0.5, "0": 2.0}"#);
    place.write("alike.txt", "0 1\n");
    let train = "weighted.graph --data points.npz --epochs 2 --validation-split 0.3";
    let given = place.trained(&format!("{train} --class-weight two.txt"));
    assert_eq!(place.trained(&format!("{train} --class-weight weights.json")), given);
    // The weights are those of an array that says them row by row.
    let mut arrays = place.read_npz("points.npz");
    let weight = |class: brolga::Scalar| [2.0f32, 1.0, 0.5][class.to_f64() as usize];
    let each: Vec<f32> = arrays[1].1.scalars().map(weight).collect();
    arrays.push(("weight".to_string(), Literal::from_vec(&[each.len()], each).expect("one a row")));
    let named: Vec<(&str, Literal)> = arrays.iter().map(|(n, a)| (n.as_str(), a.clone())).collect();
    place.write_npz("weighed.npz", &named);
    assert_eq!(place.trained(&train.replace("points", "weighed")), given);
    // Where all weigh 1 it is the training that weighs nothing; what is evaluated weighs nothing.
    let alike = place.trained(&format!("{train} --class-weight alike.txt"));
    assert_eq!(place.trained(&train.replace("weighted", "unweighted")), alike);
    let balanced = place.trained(&format!("{train} --class-weight balanced --threads 2"));
    assert_eq!(place.trained(&format!("{train} --class-weight balanced --threads 1")), balanced);
    assert!(balanced != alike && balanced != given);
    let eval = |graph: &str| {
        place.json(&format!("eval {graph} --data points.npz --params trained.safetensors"))
    };
    assert_eq!(eval("weighted.graph"), eval("unweighted.graph"));
    for refused in [
        "mlp.graph --data points.npz --class-weight balanced",
        "weighted.graph --data points.npz",
        "weighted.graph --data weighed.npz --class-weight balanced",
    ] {
        assert_eq!(place.run(&format!("train {refused}")).status, 1, "{refused}");
    }
    place.done(&format!("train {train} --class-weight two.txt --checkpoint kept"));
    let other = format!("train {train} --class-weight balanced --checkpoint kept --resume");
    assert!(place.run(&other).stderr.contains("what classes weigh is 0 2, 2 0.5 in it"));
}

#[test]
fn pictures_that_are_trained_on_are_changed_anew() {
    let place = Workplace::new("pictures");
    let train = "pictures.graph --data digits?rows=70 --validation digits?rows=40&split=test";
    let augment = "--augment flip,shift:2,crop:1,rotate:10,noise:0.1";
    let whole = place.trained(&format!("{train} {augment} --epochs 3"));
    assert_eq!(place.trained(&format!("{train} {augment} --epochs 3 --threads 1")), whole);
    assert_ne!(place.trained(&format!("{train} --epochs 3")), whole);
    // From within the second epoch, and with the order of the changes another training.
    let kept = format!("{train} {augment} --checkpoint kept --every 2");
    place.done(&format!("train {kept} --epochs 2"));
    std::fs::remove_file(place.path("kept/checkpoint-000000000006.safetensors"))
        .expect("it is kept");
    assert_eq!(place.trained(&format!("{kept} --epochs 3 --resume")), whole);
    let other = format!("train {} --resume", kept.replace("flip,shift:2", "shift:2,flip"));
    assert!(place.run(&other).stderr.contains("how pictures are changed is flip,shift:2,"));
    // Nothing is trained: what is evaluated is not changed.
    let still = format!("train {train} --const lr=0.0 --epochs 2");
    let (plain, changed) = (place.json(&still), place.json(&format!("{still} {augment}")));
    let loss =
        |report: &Value, epoch: usize, part: &str| report["epochs"][epoch][part]["loss"].clone();
    assert_eq!(loss(&plain, 1, "validation"), loss(&changed, 1, "validation"));
    assert_ne!(loss(&plain, 0, "train"), loss(&changed, 0, "train"));
    assert_ne!(loss(&changed, 0, "train"), loss(&changed, 1, "train"));
}

#[test]
fn data_are_measured_by_what_was_trained_on() {
    let place = Workplace::new("standardised");
    let lines = (0..40).map(|i| format!("{},{},{}.5\n", 1000 + i * i, i % 7, 5 * i + i % 3));
    place.write("table.csv", format!("a,b,y\n{}", lines.collect::<String>()));
    place.write(
        "line.graph",
        "input x: f32[batch, 2]\ninput label: f32[batch]\noutput y = squeeze(dense(x, 1), 1)\n\
         metric r = r2(y, label)\nminimize mean_squared_error(y, label) with sgd(lr=0.2)\n",
    );
    let (table, other) = ("table.csv?label=y&test=0.25", "table.csv?label=y&test=0.25&split=train");
    let train =
        format!("line.graph --data {table}&standardise=all --validation {table} --epochs 9");
    let report = place.json(&format!("train {train} --save a.safetensors --checkpoint kept"));
    assert!(report["epochs"][8]["validation"]["r"].as_f64().is_some_and(|r| r > 0.5), "{report}");
    // Whatever the source says, the weights' own standards count.
    for (text, params) in [
        (table, "a.safetensors"),
        (&format!("{table}&standardise"), "a.safetensors"),
        (table, "kept/checkpoint-000000000009.safetensors"),
    ] {
        let eval = place.json(&format!("eval line.graph --data {text} --params {params}"));
        assert_eq!(eval, report["epochs"][8]["validation"], "{text} {params}");
    }
    let alone = place.json(&format!("eval line.graph --data {other} --params a.safetensors"));
    assert!(alone["loss"].as_f64().is_some_and(|loss| loss < 1.0), "in deviations: {alone}");
    // The same bits on any number of threads, and after a break.
    place.done(&format!("train {train} --save b.safetensors --threads 1"));
    assert_eq!(place.bytes("a.safetensors"), place.bytes("b.safetensors"));
    place.done(&format!("train {}", train.replace("--epochs 9", "--epochs 4 --checkpoint k")));
    place.done(&format!("train {train} --checkpoint k --resume --save b.safetensors"));
    assert_eq!(place.bytes("a.safetensors"), place.bytes("b.safetensors"));
    // What is held back is not among what the data are measured by.
    let split = "train line.graph --data table.csv?label=y&standardise --validation-split 0.5";
    place.done(&format!("{split} --save c.safetensors"));
    let standards = |name: &str| {
        let path = place.path(name);
        let file = Checkpoint::load(&path).expect("it was written");
        file.standards(&path).expect("they are whole").expect("there are some")
    };
    let (some, all) = (standards("c.safetensors"), standards("a.safetensors"));
    assert_eq!(some.iter().map(|(name, _)| name).collect::<Vec<&str>>(), ["x"]);
    assert_eq!(all.iter().map(|(name, _)| name).collect::<Vec<&str>>(), ["label", "x"]);
    assert_ne!(some.iter().next(), all.iter().nth(1));
    place.done("train line.graph --data table.csv?label=y&standardise --folds 4");
    let warned = place.done(&format!("train line.graph --data {table} --params a.safetensors"));
    assert!(warned.stderr.contains("warning: the weights were trained on standardised data"));
    place.write_npz("x.npz", &[("x", Literal::from_vec(&[1, 2], vec![1f32, 2.0]).expect("two"))]);
    let run = place.done("run line.graph --input x.npz --params a.safetensors");
    assert!(run.stderr.contains("what is fed is taken as it is: `label`, `x`"), "{}", run.stderr);
}

#[test]
fn tensorboard_gets_two_folders() {
    let place = Workplace::new("board");
    place.done("train mlp.graph --data points.npz --validation-split 0.3 --tensorboard board");
    for part in ["train", "validation"] {
        let files = std::fs::read_dir(place.path("board").join(part)).expect("it is made");
        let sizes = files.map(|file| file.and_then(|f| f.metadata()).map(|m| m.len()).unwrap_or(0));
        let sizes: Vec<u64> = sizes.collect();
        assert!(sizes.len() == 1 && sizes[0] > 100, "{part}: {sizes:?}");
    }
}

#[test]
fn frozen_params_stay_as_they_are() {
    let place = Workplace::new("frozen");
    place.trained("mlp.graph --data points.npz --freeze hidden --epochs 2");
    place.done("run mlp.graph --input points.npz --fetch hidden.dense.w logits.w --output a.npz");
    let fetch = "--fetch hidden.dense.w logits.w --params trained.safetensors";
    place.done(&format!("run mlp.graph --input points.npz {fetch} --output b.npz"));
    let (before, after) = (place.read_npz("a.npz"), place.read_npz("b.npz"));
    assert_eq!(before[0], after[0], "hidden is frozen");
    assert_ne!(before[1], after[1], "logits are trained");
}

#[test]
fn a_checkpoint_of_another_training_is_refused() {
    let place = Workplace::new("other");
    let train = "train mlp.graph --data points.npz --checkpoint kept";
    place.done(train);
    place.done(&format!("{train} --resume --epochs 2"));
    for (change, what) in [
        ("--seed 1", "the seed is 0 in it and 1 here"),
        ("--batch-size 7", "the batch size is 32 in it and 7 here"),
        ("--no-shuffle", "the order of rows is shuffled in it and kept here"),
        ("--validation-split 0.5", "the validation is none in it and 0.5 of the rows here"),
    ] {
        let refused = place.run(&format!("{train} --resume {change}"));
        assert_eq!(refused.status, 1);
        assert!(refused.stderr.contains(what), "{}", refused.stderr);
    }
    let text = place.text("mlp.graph");
    place.write("mlp.graph", text.replace("graph mlp", "# Another remark.\ngraph  mlp"));
    place.done(&format!("{train} --resume --epochs 3"));
    place.write("mlp.graph", text.replace("1e-2", "1e-3"));
    let refused = place.run(&format!("{train} --resume"));
    assert!(refused.stderr.contains("the program is "), "{}", refused.stderr);
}

#[test]
fn a_scope_puts_weights_below_its_name() {
    let place = Workplace::new("scoped");
    place.trained("mlp.graph --data points.npz");
    let fetch = "--fetch hidden.dense.w hidden.dense.b";
    let from = "--params trained.safetensors";
    place.done(&format!("run mlp.graph --input points.npz {fetch} {from} --output inner.npz"));
    let fetch = "--fetch encoder.hidden.dense.w encoder.hidden.dense.b head.b";
    let from = "--params encoder=trained.safetensors";
    let arrays = format!("--input x.npz --output outer.npz {fetch}");
    let x = place.read_npz("points.npz").swap_remove(0).1;
    place.write_npz("x.npz", &[("x", x)]);
    let outcome = place.done(&format!("run scoped.graph {arrays} {from}"));
    let (inner, outer) = (place.read_npz("inner.npz"), place.read_npz("outer.npz"));
    assert!(inner.len() == 2 && outer.len() == 3);
    for (name, value) in inner {
        let scoped = format!("encoder.{name}");
        assert!(outer.contains(&(scoped, value)), "{name} is loaded");
    }
    // The head of the other file has another name, which is said.
    let said = "trained.safetensors: 2 of 2 variables\n\
                trained.safetensors: unused: encoder.logits.b, encoder.logits.w\n";
    assert_eq!(outcome.stderr, said);
}

/// What a file gave, by name: all of it as JSON, and every tensor of another type as one error.
#[test]
fn what_became_of_weights_is_reported() {
    let place = Workplace::new("matched");
    place.trained("mlp.graph --data points.npz");
    let text = place.text("mlp.graph");
    place.write("renamed.graph", text.replace("logits", "scores"));
    let train = "train renamed.graph --data points.npz --params trained.safetensors";
    let report = place.json(train);
    let wanted = serde_json::json!([{
        "file": "trained.safetensors",
        "matched": ["hidden.dense.b", "hidden.dense.w"],
        "slots": 0,
        "unused": ["logits.b", "logits.w"],
        "missing": ["scores.w", "scores.b"],
    }]);
    assert_eq!(report["params"], wanted);
    let said = "trained.safetensors: 2 of 4 variables\n\
                trained.safetensors: unused: logits.b, logits.w\n\
                trained.safetensors: not in the file: scores.w, scores.b\n";
    assert!(place.done(train).stderr.starts_with(said), "{}", place.done(train).stderr);
    place.write("wider.graph", text.replace("dense(x, 8)", "dense(x, 9)"));
    let refused = place.run("train wider.graph --data points.npz --params trained.safetensors");
    let said = "the variable `hidden.dense.b` is f32[9], but f32[8] was loaded for it; \
                `hidden.dense.w` is f32[4, 9], but f32[4, 8]; \
                `logits.w` is f32[9, 3], but f32[8, 3]\n";
    assert!(refused.status == 1 && refused.stderr.contains("error[E0661]"), "{}", refused.stderr);
    assert!(refused.stderr.contains(said), "{}", refused.stderr);
}

/// A row of the data is told by its number there, whatever the order of the batches.
#[test]
fn what_is_wrong_in_the_data_is_told_by_its_row() {
    let place = Workplace::new("rows");
    let [(_, x), (_, label)] = &place.read_npz("points.npz")[..] else { panic!("two arrays") };
    let mut numbers: Vec<f32> = x.scalars().map(|x| x.to_f64() as f32).collect();
    numbers[4 * 37 + 2] = f32::NAN;
    let x = Literal::from_vec(&[50, 4], numbers).expect("four a row");
    place.write_npz("nan.npz", &[("x", x), ("label", label.clone())]);
    let row = "of `x`, row 37 of `nan.npz`, counted from 0";
    let row_of_labels = "`label` is 11 in row 7 of `labels.npz`, counted from 0";
    for order in ["", "--no-shuffle", "--seed 5 --batch-size 7"] {
        let refused = place.run(&format!("train mlp.graph --data nan.npz {order}"));
        assert!(refused.status == 1 && refused.stderr.contains(row), "{}", refused.stderr);
        let refused = place.run(&format!("train mlp.graph --data labels.npz {order}"));
        let said = &refused.stderr;
        assert!(refused.status == 1 && said.contains(row_of_labels), "{said}");
    }
}

#[test]
fn no_shuffle_keeps_the_order_of_the_rows() {
    let place = Workplace::new("order");
    let train = "train still.graph --data points.npz --batch-size 10 --epochs 2";
    place.done(&format!("{train} --no-shuffle --log kept.jsonl"));
    place.done(&format!("{train} --log shuffled.jsonl"));
    // Nothing is learned, so the same rows have the same loss.
    let (kept, shuffled) = (losses(&place, "kept.jsonl"), losses(&place, "shuffled.jsonl"));
    assert_eq!((kept.len(), shuffled.len()), (10, 10));
    assert_eq!(kept[..5], kept[5..]);
    assert_ne!(shuffled[..5], shuffled[5..]);
    assert_ne!(kept[..5], shuffled[..5]);
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let (place, _) = with_digits("threads");
    let one = place.trained(&format!("{DIGITS} --threads 1"));
    for threads in [2, 3, 4] {
        let several = place.trained(&format!("{DIGITS} --threads {threads}"));
        assert!(one == several, "{threads} threads");
    }
}

#[test]
fn the_seed_alone_decides() {
    let place = Workplace::new("seeds");
    let points = "mlp.graph --data points.npz";
    let seven = place.trained(&format!("{points} --seed 7"));
    assert_eq!(place.trained(&format!("{points} --seed 7")), seven);
    assert_ne!(place.trained(&format!("{points} --seed 8")), seven);
    assert_ne!(place.trained(&format!("{points} --seed -7")), seven);
}

#[test]
fn eager_mode_has_the_losses_of_machine_code() {
    let (place, _) = with_digits("backends");
    place.done(&format!("train {DIGITS} --log jit.jsonl"));
    place.done(&format!("train {DIGITS} --backend eager --log eager.jsonl"));
    let (jit, eager) = (losses(&place, "jit.jsonl"), losses(&place, "eager.jsonl"));
    assert_eq!((jit.len(), eager.len()), (14, 14));
    for (a, b) in jit.iter().zip(&eager) {
        assert!((a - b).abs() < 1e-4, "{a} is not {b}");
    }
}

#[test]
fn other_lines_of_the_file_leave_the_masks_as_they_were() {
    let (place, digits) = with_digits("masks");
    let before = place.trained(DIGITS);
    let lines = "output doubled = 2.0 * hidden\nmetric noise = mean(random_uniform([3]))\n";
    place.write("digits.graph", format!("{digits}\n{lines}"));
    assert!(place.trained(DIGITS) == before, "a line after the dropout");
    let digits = digits.replace("hidden = ", "noise = dropout(x, rate=0.5)\nhidden = ");
    let digits = format!("{digits}\nmetric kept = mean(noise)\n");
    place.write("digits.graph", &digits);
    assert!(place.trained(DIGITS) == before, "a dropout before the dropout");
}

#[test]
fn the_last_smaller_batch_is_trained_too() {
    let place = Workplace::new("tail");
    let log = "--no-shuffle --batch-size 49 --log log.jsonl";
    place.done(&format!("train mlp.graph --data points.npz {log}"));
    assert_eq!(losses(&place, "log.jsonl").len(), 2);
}

#[test]
fn the_batch_dimension_says_the_rows_of_a_batch() {
    let place = Workplace::new("batch_dim");
    for rows in [1, 7, 33] {
        let train = format!("train mlp.graph --data points.npz --dim batch={rows}");
        place.done(&format!("{train} --log log.jsonl"));
        assert_eq!(losses(&place, "log.jsonl").len(), 50_usize.div_ceil(rows));
        let (by_dim, by_size) = (format!("--dim batch={rows}"), format!("--batch-size {rows}"));
        let eval = "eval mlp.graph --data points.npz";
        assert_eq!(
            place.done(&format!("{eval} {by_dim}")).stdout,
            place.done(&format!("{eval} {by_size}")).stdout
        );
    }
    place.done("train mlp.graph --data points.npz --dim batch=7 --batch-size 7");
}

#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_written_to_and_links_are_followed() {
    use std::os::unix::fs::{FileTypeExt, symlink};
    let place = Workplace::new("written_to");
    place.write("target.safetensors", "");
    symlink("target.safetensors", place.path("link")).expect("the link can be made");
    symlink("made.safetensors", place.path("open_link")).expect("the link can be made");
    let train = "train mlp.graph --data points.npz";
    let wanted = place.trained("mlp.graph --data points.npz");
    for (link, target) in [("link", "target.safetensors"), ("open_link", "made.safetensors")] {
        place.done(&format!("{train} --save {link}"));
        assert!(place.path(link).is_symlink() && place.bytes(target) == wanted, "{link}");
    }
    let made = std::process::Command::new("mkfifo").arg(place.path("pipe")).status();
    assert!(made.expect("mkfifo starts").success());
    place.done("predict mlp.graph --data points.npz --output file.npz");
    let pipe = place.path("pipe");
    let reader = std::thread::spawn(move || std::fs::read(pipe).expect("the pipe can be read"));
    place.done("predict mlp.graph --data points.npz --output pipe");
    assert!(reader.join().expect("the reader ends") == place.bytes("file.npz"));
    let kind = std::fs::metadata(place.path("pipe")).expect("it is still there").file_type();
    assert!(kind.is_fifo());
}

/// From a mirror on this machine: once, and only what was published.
#[test]
fn a_data_set_is_fetched_once() {
    let mirror = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if !mirror.exists() {
        eprintln!("skipped: no data sets in {}", mirror.display());
        return;
    }
    let place = Workplace::new("fetched");
    let mirror = std::fs::canonicalize(mirror).expect("it exists");
    let data = |source: &str, mirror: &str| {
        let mut command = place.command(&format!("data {source} --json"));
        command.env("BROLGA_DATA", place.path("cache")).env("BROLGA_MIRROR", mirror);
        Outcome::of(command.output().expect("the command starts"))
    };
    let mirror = format!("file://{}", mirror.display());
    let first = data("mnist?split=test", &mirror);
    assert!(first.status == 0 && first.stderr.contains("fetching"), "{}", first.stderr);
    let again = data("mnist?split=test", "file:///nowhere");
    assert!(again.status == 0 && again.stderr.is_empty(), "{}", again.stderr);
    assert_eq!(again.stdout, first.stdout);
    let nowhere = data("mnist", "file:///nowhere");
    assert!(nowhere.status == 3 && nowhere.stderr.contains("E0635"), "{}", nowhere.stderr);
    // Under the name of one data set the files of another.
    std::fs::create_dir_all(place.path("other")).expect("a folder of our own");
    let link = std::os::unix::fs::symlink(&mirror["file://".len()..], place.path("other/it"));
    link.expect("a folder of our own");
    let there = place.path("other/it/mnist");
    std::os::unix::fs::symlink(there, place.path("other/fashion-mnist")).expect("a folder");
    let other = data("fashion-mnist", &format!("file://{}", place.path("other").display()));
    assert!(other.status == 1 && other.stderr.contains("SHA-256"), "{}", other.stderr);
    assert!(!place.path("cache/fashion-mnist/train-images-idx3-ubyte.gz").exists());
}

/// The letters that follow one another are learnt, and written from a beginning.
#[test]
fn a_text_is_continued() {
    let place = Workplace::new("letters");
    place.write("letters.txt", "abcd".repeat(60));
    place.write(
        "letters.graph",
        "input tokens: i32[batch, 4]\ninput next: i32[batch, 4]\nparam table: f32[4, 4] = zeros\n\
         minimize sparse_softmax_cross_entropy(gather(table, tokens), next) with adam(lr=0.5)\n\
         _, line = scan(i in iota([6]), t = tokens[:, -1]) {\n\
         t = argmax(gather(table, t), axis=-1)\n emit t\n}\noutput line = transpose(line)\n",
    );
    let data = "text:letters.txt?seq=4&stride=1";
    place.done(&format!("train letters.graph --data {data} --epochs 3 --save l.safetensors"));
    let run = |input: &str| {
        place.run(&format!("run letters.graph --params l.safetensors {input} --text tokens"))
    };
    assert_eq!(run("--input tokens=text:ab").stdout, "cdabcd\n");
    assert_eq!(run("--input tokens=text:abcdabcda").stdout, "bcdabc\n");
    let unknown = run("--input tokens=text:abx");
    assert!(unknown.status == 1 && unknown.stderr.contains("E0636"), "{}", unknown.stderr);
}

/// What a number stands for is that of the training, or an error.
#[test]
fn tables_are_read_in_the_terms_of_the_weights() {
    let place = Workplace::new("other-names");
    let rows = "1,red,2,oak\n2,blue,1,elm\n3,red,5,ash\n4,blue,4,oak\n";
    let table = format!("age,colour,size,kind\n{}", rows.repeat(6));
    place.write("trees.csv", &table);
    let text = "input x: f32[batch, 4]\ninput label: i32[batch]\nlogits = dense(x, 3)\n\
                output class = argmax(logits, axis=-1)\nmetric accuracy = accuracy(logits, label)\n\
                minimize sparse_softmax_cross_entropy(logits, label) with adam(lr=0.1)\n";
    place.write("trees.graph", text);
    place.done("train trees.graph --data trees.csv?label=kind --epochs 2 --save w.safetensors");
    let weights = "--params w.safetensors";
    place.done(&format!("eval trees.graph --data trees.csv?label=kind {weights}"));
    // Rows in another order of columns and rows, one of them alone: the same predictions.
    let predicted = |data: &str| {
        place.done(&format!("predict trees.graph --data {data} {weights} --output p.csv"));
        let text = String::from_utf8(place.bytes("p.csv")).expect("a table");
        text.lines().map(str::to_string).collect::<Vec<String>>()
    };
    let all = predicted("trees.csv?label=kind");
    assert_eq!((all[0].as_str(), all.len()), ("class,class.name", 25));
    place.write("few.csv", "kind,size,colour,age\nash,5,red,3\nelm,1,blue,2\n");
    assert_eq!(predicted("few.csv?label=kind")[1..], [all[3].clone(), all[2].clone()]);
    for (other, reason) in [
        (table.replace("ash", "yew"), "`yew` is no kind that was trained on"),
        (table.replace("blue", "green"), "`green` is no colour that was trained on"),
        (table.replace("age", "years"), "it has no column `age`, trained on; new is `years`"),
    ] {
        place.write("other.csv", &other);
        let outcome = place.run(&format!("eval trees.graph --data other.csv?label=kind {weights}"));
        assert!(outcome.status == 1 && outcome.stderr.contains("E0631"), "{}", outcome.stderr);
        let reason = reason.replace('`', "");
        let said = outcome.stderr.replace('`', "");
        assert!(said.contains(&reason), "{reason}: {said}");
    }
    let known = place.done("data w.safetensors").stdout;
    assert!(known.contains("    colour: one of blue, red\n"), "{known}");
    assert!(known.contains("the numbers of label: ash, elm, oak\n"), "{known}");
    assert!(known.contains("saved at step 2, epoch 2\n"), "{known}");
    // So are what checkpoints hold, and data that a training is validated by; whoever goes on with
    // other data is warned.
    let train = "train trees.graph --data trees.csv?label=kind";
    place.done(&format!("{train} --checkpoint kept"));
    let newest = std::fs::read_dir(place.path("kept")).expect("a folder").next();
    let newest = newest.expect("a checkpoint").expect("an entry").path();
    let eval = "eval trees.graph --data other.csv?label=kind";
    assert_eq!(place.run(&format!("{eval} --params {}", newest.display())).status, 1);
    let validated = place.run(&format!("{train} --validation other.csv?label=kind"));
    assert!(validated.status == 1 && validated.stderr.contains("E0631"), "{}", validated.stderr);
    let warned = place.done(&format!("train trees.graph --data other.csv?label=kind {weights}"));
    let warning = "warning: numbers and columns are those of `other.csv?label=kind`, not of the";
    assert!(warned.stderr.contains(warning), "{}", warned.stderr);
    let goes_on = place.done(&format!("train trees.graph --data few.csv?label=kind {weights}"));
    assert!(!goes_on.stderr.contains("warning: numbers"), "{}", goes_on.stderr);
    // Without labels there is nothing to compare them with.
    let rest: Vec<&str> =
        table.lines().map(|line| line.rsplit_once(',').expect("four").0).collect();
    place.write("other.csv", rest.join("\n"));
    place.done(&format!("predict trees.graph --data other.csv {weights} --output p.npz"));
    assert_eq!(place.read_npz("p.npz")[0].1.sizes(), [24]);
}

/// What would lose rows, weights or checkpoints is said, or refused.
#[test]
fn nothing_is_lost_in_silence() {
    let place = Workplace::new("silence");
    let train = "train mlp.graph --data points.npz?rows=20 --batch-size 10";
    let said = place.done(&format!("{train} --epochs 1 --checkpoint kept --save w.safetensors"));
    assert!(said.stdout.contains("trained 2 batches"), "{}", said.stdout);
    place.write("wider.graph", place.text("mlp.graph") + "\noutput more = dense(hidden, 2)\n");
    place.write_npz(
        "other.npz",
        &place
            .read_npz("points.npz")
            .iter()
            .map(|(name, array)| (if name == "x" { "point" } else { "label" }, array.clone()))
            .collect::<Vec<_>>(),
    );
    for (arguments, status, reason) in [
        (&*format!("{train} --checkpoint kept"), 2, "is of an earlier training"),
        (&*format!("{train} --checkpoint kept --resume"), 0, "resumed at step"),
        ("train mlp.graph --data points.npz?rows=51", 1, "more rows than there are: 50"),
        ("train mlp.graph --data points.npz?rows=20 --folds 21", 2, "there are 20 rows"),
        ("eval wider.graph --data points.npz --params w.safetensors", 1, "no values for `dense.w`"),
        (
            "eval mlp.graph --data other.npz --params w.safetensors",
            0,
            "`x` takes the array `point`",
        ),
        ("eval mlp.graph --data points.npz --params w.safetensors", 0, ""),
        (
            "predict mlp.graph --data points.npz --output p.txt",
            2,
            "tables of predictions end in .csv",
        ),
    ] {
        let outcome = place.run(arguments);
        assert_eq!(outcome.status, status, "{arguments}\n{}", outcome.stderr);
        assert!(outcome.stderr.contains(reason), "{arguments}\n{}", outcome.stderr);
    }
    let fixed = place.text("mlp.graph").replace("batch", "8");
    place.write("eights.graph", fixed);
    let said = place.done("train eights.graph --data points.npz --epochs 1").stderr;
    assert!(said.contains("so 2 of 50 are left out in every epoch"), "{said}");
    for (arguments, reason) in [
        ("eval eights.graph --data points.npz --params w.safetensors", "(`?rows=48`)"),
        ("train eights.graph --data points.npz --batch-size 4", "has batches of 8 rows"),
    ] {
        let outcome = place.run(arguments);
        assert!(outcome.status > 0 && outcome.stderr.contains(reason), "{}", outcome.stderr);
    }
    place.done("eval eights.graph --data points.npz?rows=48 --params w.safetensors");
}
