//! The models that ship with the command: each trains, and its gradients are slopes.

use std::path::Path;

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

/// The files that the command ships, by name.
fn shipped() -> Vec<(String, String)> {
    let folder = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let mut files = vec![];
    for folder in [folder("models"), folder("examples")] {
        for entry in std::fs::read_dir(folder).expect("the folder is there") {
            let path = entry.expect("the folder can be read").path();
            let name = path.file_name().expect("it is a file").to_string_lossy().into_owned();
            files.push((name, std::fs::read_to_string(&path).expect("it is a text")));
        }
    }
    files.sort();
    files
}

/// With `SLOW_TESTS` steps of a usual batch are timed, in turns; else each is run alone.
#[test]
fn no_model_is_slower_than_eager() {
    let place = Workplace::new("against_eager");
    let is_slow = std::env::var_os("SLOW_TESTS").is_some();
    let size = if is_slow { "--batch-size 32 --steps 50" } else { "--batch-size 2 --steps 5" };
    let mut slower = vec![];
    for (name, text) in shipped() {
        place.write(&name, &text);
        let report = place.json(&format!("bench {name} --against eager {size}"));
        let speedup = report["speedup"].as_f64().expect("a number");
        println!("{name}: {speedup:.2} times as fast as eager");
        if is_slow && speedup < 1.0 {
            slower.push(format!("{name}: {speedup:.2}"));
        }
    }
    assert!(slower.is_empty(), "{slower:?}");
}
