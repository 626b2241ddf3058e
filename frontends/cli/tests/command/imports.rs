//! Weights that other software has written, with what it computes from them.

use std::path::{Path, PathBuf};

use brolga::Literal;
use brolga::runtime::data::npy::read_npy;

use crate::workplace::Workplace;

/// A folder of models beside the workspace.
fn models(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/models").join(name);
    if !folder.exists() {
        eprintln!("skipped: no models in {}", folder.display());
        return None;
    }
    Some(folder)
}

fn numbers(literal: &Literal) -> Vec<f64> {
    literal.scalars().map(|x| x.to_f64()).collect()
}

fn assert_close(found: &[f64], wanted: &[f64], by: f64) {
    assert_eq!(found.len(), wanted.len());
    for (found, wanted) in found.iter().zip(wanted) {
        assert!((found - wanted).abs() <= by, "{found}, not {wanted}");
    }
}

/// MLPerf Tiny's ResNet-8 by its Keras file, beside the outputs that come with it.
#[test]
fn weights_of_keras_are_read() {
    let Some(folder) = models("keras") else { return };
    let place = Workplace::new("keras");
    let file = |end: &str| folder.join(format!("mlperf-tiny-resnet8-cifar10.{end}"));
    let wanted = read_npy(&file("output.npy")).expect("it comes with the weights");
    let (input, weights) = (file("input.npy"), file("h5"));
    let run = format!("--input image={} --params {}", input.display(), weights.display());
    place.done(&format!("run resnet8.graph {run} --output found.npz"));
    assert_close(&numbers(&place.read_npz("found.npz")[0].1), &numbers(&wanted), 1e-5);
}

/// The numbers at the end of an ONNX tensor, which are all of them.
fn at_the_end(path: &Path, n: usize) -> Vec<f32> {
    let bytes = std::fs::read(path).expect("it comes with the weights");
    let (numbers, _) = bytes[bytes.len() - 4 * n..].as_chunks::<4>();
    numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// A network of PyTorch, whose tensors a file of names brings into our form.
#[test]
fn weights_of_other_names_are_read() {
    let Some(folder) = models("safetensors") else { return };
    let place = Workplace::new("torch");
    let vector = |name: &str| folder.join("burn-mnist.test_data_set_0").join(name);
    let image = Literal::from_vec(&[1, 28, 28, 1], at_the_end(&vector("input_0.pb"), 784));
    place.write_npz("image.npz", &[("image", image.expect("an image"))]);
    let weights = folder.join("burn-mnist.safetensors");
    let weights = format!("--params {} --names torch_cnn.names", weights.display());
    let run = "run torch_cnn.graph --input image.npz --output found.npz";
    let outcome = place.done(&format!("{run} {weights}"));
    let wanted: Vec<f64> =
        at_the_end(&vector("output_0.pb"), 10).into_iter().map(f64::from).collect();
    assert_close(&numbers(&place.read_npz("found.npz")[0].1), &wanted, 1e-4);
    assert!(outcome.stderr.contains("num_batches_tracked"), "{}", outcome.stderr);
}

/// Recurrent layers of PyTorch, which has the parts of a GRU's weights in another order
/// (`files/torch_rnn.py`).
#[test]
fn weights_of_recurrent_layers_are_read() {
    let place = Workplace::new("torch-recurrent");
    let run = "run torch_rnn.graph --params torch_rnn.safetensors --names torch_rnn.names";
    let given = place.read_npz("torch_rnn.npz");
    place.write_npz("x.npz", &[("x", given[0].1.clone())]);
    place.done(&format!("{run} --input x.npz --output found.npz"));
    let found = place.read_npz("found.npz");
    for layer in ["gru", "lstm"] {
        let of = |arrays: &[(String, Literal)], name: &str| {
            numbers(&arrays.iter().find(|(n, _)| n == name).expect("it is there").1)
        };
        assert_close(&of(&found, &format!("{layer}_output")), &of(&given, layer), 1e-6);
    }
}
