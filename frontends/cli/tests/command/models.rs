//! The models that ship with the command: each trains, and its gradients are slopes.

use std::path::Path;

use crate::workplace::Workplace;

/// The names of the models.
pub(crate) fn names(place: &Workplace) -> Vec<String> {
    let models = place.json("new --list");
    let models = models.as_array().expect("a list").iter();
    models.map(|model| model["name"].as_str().expect("a name").to_string()).collect()
}

/// A few rows of the kind that a model is for: as a source, with the options of a training.
fn rows(place: &Workplace, model: &str) -> String {
    match model {
        "binary" | "hinge" => "digits?rows=600&classes=3,5 --batch-size 30".to_string(),
        "cnn_cifar" | "resnet" => {
            std::fs::create_dir_all(place.path("pictures")).expect("a folder of our own");
            place.write("pictures/data_batch_1.bin", pictures(64));
            "cifar10:pictures --batch-size 16".to_string()
        }
        "linear" => table(place, 13, |x| format!("{}", x[0] - 0.5 * x[1])),
        "regression" => table(place, 9, |x| format!("{}", x[0] * x[1])),
        "iris" => table(place, 4, |x| ["a", "b", "c"][(x[0] * 2.99) as usize].to_string()),
        "text_mean" | "text_conv" => {
            place.write("bad.txt", "a dull and empty story\na bore\n".repeat(20));
            place.write("good.txt", "a fine, warm film\nmoving\n".repeat(20));
            "lines:bad.txt,good.txt --batch-size 18".to_string()
        }
        "transformer" => {
            let song = "Row, row, row your boat\ngently down the stream.\n";
            place.write("song.txt", song.repeat(20));
            "text:song.txt?seq=64&stride=32 --batch-size 8".to_string()
        }
        "translation" => "dates?rows=120 --batch-size 30".to_string(),
        "recommender" => "ratings?rows=3000 --batch-size 100".to_string(),
        "speech" => "tones?rows=90 --batch-size 15".to_string(),
        _ => "digits?rows=300 --batch-size 30".to_string(),
    }
}

/// Records of CIFAR-10: a label, then three planes of 32 x 32, of one colour a class.
fn pictures(rows: usize) -> Vec<u8> {
    let record = |row: usize| {
        let label = (row % 10) as u8;
        let pixel = move |i: usize| (i / 1024 + 1) as u8 * 8 * label + (row * i % 7) as u8;
        std::iter::once(label).chain((0..3072).map(pixel))
    };
    (0..rows).flat_map(record).collect()
}

/// A table of so many columns in [0, 1) and a label.
fn table(place: &Workplace, columns: usize, label: impl Fn(&[f64]) -> String) -> String {
    let mut text = (0..columns).map(|c| format!("column{c},")).collect::<String>() + "label\n";
    for row in 0..96 {
        let x: Vec<f64> = (0..columns)
            .map(|c| ((row * 37 + c * 59 + row * row * c) % 101) as f64 / 101.0)
            .collect();
        text += &x.iter().map(|x| format!("{x:.4},")).collect::<String>();
        text += &format!("{}\n", label(&x));
    }
    let name = format!("table{columns}.csv");
    place.write(&name, text);
    format!("{name}?label=label --batch-size 12")
}

/// In small batches of what it is for: the loss falls from the first epoch to the last, and the same
/// command gives the same bits.
#[test]
fn every_model_trains() {
    let place = Workplace::new("models");
    for name in names(&place) {
        place.done(&format!("new my_{name} --model {name}"));
        let train = format!("my_{name}.graph --epochs 3 --data {}", rows(&place, &name));
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
            if !name.ends_with(".graph") {
                continue;
            }
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
