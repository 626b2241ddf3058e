//! The models that ship with the command: each trains, and its gradients are slopes.

use crate::workplace::Workplace;

fn names(place: &Workplace) -> Vec<String> {
    let models = place.json("new --list");
    let models = models.as_array().expect("a list").iter();
    models.map(|model| model["name"].as_str().expect("a name").to_string()).collect()
}

/// On generated digits in small batches: the loss falls from the first epoch to the last, and the
/// same command gives the same bits.
#[test]
fn every_model_trains() {
    let place = Workplace::new("models");
    for name in names(&place) {
        place.done(&format!("new my_{name} --model {name}"));
        let train = format!("my_{name}.graph --data digits?rows=300 --epochs 3 --batch-size 30");
        let report = place.json(&format!("train {train} --save {name}.safetensors"));
        let loss = |epoch: usize| report["epochs"][epoch]["train"]["loss"].as_f64();
        let (first, last) = (loss(0).expect("a loss"), loss(2).expect("a loss"));
        assert!(name == "gan" || last < first, "{name}: {first}, {last}");
        assert_eq!(place.trained(&train), place.bytes(&format!("{name}.safetensors")), "{name}");
    }
}

#[test]
fn gradients_of_every_model_are_slopes() {
    let place = Workplace::new("slopes");
    for name in names(&place) {
        place.done(&format!("new my_{name} --model {name}"));
        place.done(&format!("gradcheck my_{name}.graph --batch-size 2"));
    }
}
