//! Models that ship, beside Keras: the losses of the first steps from the same weights on the same
//! batches, which `steps/steps.py` has written to `steps/steps.jsonl`.

use serde_json::Value;

use crate::workplace::Workplace;

/// A loss may be off by this part of its size.
const ALLOWED: f64 = 2e-3;

/// The draws of noise in the order of the file are data here, as they are for Keras.
const DRAW: &str = "random_normal([batch, 64])";
const DRAWS: [&str; 2] = ["noise", "other_noise"];

#[test]
fn the_first_steps_are_those_of_keras() {
    let place = Workplace::new("steps");
    place.write("data.graph", include_str!("steps/data.graph"));
    for line in include_str!("steps/steps.jsonl").lines() {
        let case: Value = serde_json::from_str(line).expect("a line is JSON");
        let model = case["model"].as_str().expect("a name");
        let losses: Vec<f64> = numbers(&case["losses"]);
        let batch = case["batch"].as_u64().expect("a number");
        let data = format!("digits?rows={}&split=train", batch * losses.len() as u64);
        place.done(&format!("predict data.graph --data {data} --output all.npz"));
        let inputs = case["inputs"].as_array().expect("a list");
        let all = place.read_npz("all.npz");
        let array = |input: &Value| all.iter().find(|(name, _)| input == name).expect("an array");
        let fed: Vec<_> = inputs.iter().map(array).map(|(n, a)| (n.as_str(), a.clone())).collect();
        place.write_npz("steps.npz", &fed);
        place.done(&format!("new {model} --model {model}"));
        let mut text = place.text(&format!("{model}.graph"));
        for draw in DRAWS {
            if text.contains(DRAW) {
                let input = format!("\ninput {draw}: f32[batch, 64]\ninput ");
                text = text.replacen(DRAW, draw, 1).replacen("\ninput ", &input, 1);
            }
        }
        place.write(&format!("{model}.graph"), text);
        let train = format!("train {model}.graph --data steps.npz --epochs 1 --batch-size {batch}");
        place.done(&format!("{train} --no-shuffle --log log.jsonl"));
        for (step, wanted) in losses.iter().enumerate() {
            let found = place.json_lines("log.jsonl")[step]["loss"].as_f64().expect("a loss");
            let off = (found - wanted).abs() / wanted.abs();
            assert!(off < ALLOWED, "{model}, step {step}: {found}, by Keras {wanted}");
        }
    }
}

fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
}
