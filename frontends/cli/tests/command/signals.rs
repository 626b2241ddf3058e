//! Ends that come from outside: a reader that has seen enough, Ctrl-C.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::Instant;

use brolga::runtime::data::Counter;

use crate::workplace::{Outcome, Workplace};

#[test]
fn a_reader_that_has_seen_enough_does_no_harm() {
    let place = Workplace::new("pipe");
    for arguments in ["std", "dump several.graph --stage asm --dim batch=4", "std --json"] {
        let mut command = place.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the command starts");
        drop(child.stdout.take());
        let outcome = Outcome::of(child.wait_with_output().expect("it ends"));
        assert_eq!((outcome.status, outcome.stderr.as_str()), (0, ""), "{arguments}");
    }
}

#[test]
fn a_program_comes_from_standard_input() {
    let place = Workplace::new("stdin");
    let file = std::fs::File::open(place.path("mlp.graph")).expect("it is there");
    let mut command = place.command("eval - --data points.npz --json");
    let outcome = Outcome::of(command.stdin(file).output().expect("the command starts"));
    let warning = "warning: no --params, so the variables had their initial values\n";
    assert_eq!((outcome.status, outcome.stderr.as_str()), (0, warning));
    assert_eq!(outcome.stdout, place.done("eval mlp.graph --data points.npz --json").stdout);
}

#[test]
fn ctrl_c_ends_after_the_step_and_saves() {
    ends_after_the_step("INT");
}

#[test]
fn a_wish_to_end_is_heard_as_ctrl_c_is() {
    ends_after_the_step("TERM");
}

fn ends_after_the_step(signal: &str) {
    let place = Workplace::new(&format!("interrupt-{signal}"));
    let train = "train mlp.graph --data points.npz --epochs 2000000000 --save mlp.safetensors";
    let mut command = place.command(train);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("it is piped"));
    let mut line = String::new();
    stderr.read_line(&mut line).expect("an epoch is reported");
    assert!(line.starts_with("epoch 1/2000000000: "), "{line}");
    let pid = child.id().to_string();
    let sent =
        Command::new("kill").args([&format!("-{signal}"), &pid]).status().expect("there is `kill`");
    assert!(sent.success());
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).expect("the command writes text");
    let outcome = Outcome::of(child.wait_with_output().expect("it ends"));
    assert_eq!(outcome.status, 0, "{rest}");
    assert!(rest.contains("ending after this step"), "{rest}");
    assert!(outcome.stdout.starts_with("trained "), "{}", outcome.stdout);
    place.done("eval mlp.graph --data points.npz --params mlp.safetensors");
}

/// Whatever moment a training is killed at, it goes on to the same bits: 8 moments, with `SLOW_TESTS`
/// 56, of seven trainings.
#[test]
fn a_killed_training_goes_on() {
    let place = Workplace::new("killed");
    place.write("digits.graph", &place.done("demo --source").stdout);
    let train = "train digits.graph --data digits?rows=600 --epochs 8 --batch-size 8 \
                 --validation-split 0.2 --early-stop loss:3 --every 7";
    let whole = Instant::now();
    place.done(&format!("{train} --checkpoint whole --log whole.jsonl --save whole.safetensors"));
    let whole = whole.elapsed();
    let moments = Counter::new(&[9]);
    let lines = |log: &str| {
        let mut lines = place.json_lines(log);
        lines.iter_mut().for_each(|line| drop(line.as_object_mut().map(|l| l.remove("ms"))));
        lines
    };
    let trainings = if std::env::var_os("SLOW_TESTS").is_some() { 7 } else { 1 };
    for training in 0..trainings {
        let kept = format!("kept{training}");
        let again =
            format!("{train} --checkpoint {kept} --log {kept}.jsonl --save {kept}.safetensors");
        for kill in 0..8 {
            let mut command = place.command(&format!("{again} --resume"));
            command.stdout(Stdio::null()).stderr(Stdio::null());
            let mut child = command.spawn().expect("the command starts");
            std::thread::sleep(whole.mul_f32(0.8 * moments.unit(8 * training + kill)));
            child.kill().expect("it is our own");
            child.wait().expect("it ends");
        }
        place.done(&format!("{again} --resume"));
        assert_eq!(place.bytes(&format!("{kept}.safetensors")), place.bytes("whole.safetensors"));
        assert_eq!(lines(&format!("{kept}.jsonl")), lines("whole.jsonl"));
    }
}
