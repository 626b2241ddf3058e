//! What a prediction is compared with. A target of another shape would broadcast: `[batch, 1]`
//! against `[batch]` is every pair of examples, and its mean is no loss of anything.

use brolga_compiler::ir::{Agreement, DType, Dim};

use super::super::value::Value;
use super::{Args, Elaborator, Entry, Result, entry};
use crate::codes::Code;
use crate::diagnostics::Diagnostic;

/// The operations of this file.
pub(super) const ENTRIES: &[Entry] = &[
    entry(
        "paired",
        "prediction, target",
        "`target`, whose shape must be that of `prediction`: nothing is repeated",
        paired,
    ),
    entry(
        "labelled",
        "prediction, labels",
        "`labels`, whose shape must be that of `prediction` without its last axis, the classes",
        labelled,
    ),
];

/// `paired(prediction, target)`
fn paired(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let [prediction, target] = [side(e, &args, 0, None)?, side(e, &args, 1, None)?];
    if equal(&prediction.shape, &target.shape) {
        return Ok(target.value);
    }
    let label = format!("the prediction is {}, the target {}", prediction.text, target.text);
    let error = Diagnostic::error(Code::ShapesUnequal, "prediction and target differ in shape");
    let error = error.at(args.span, label);
    Err(e.push(error.help(advice_for_target(&prediction.shape, &target.shape))))
}

/// `labelled(prediction, labels)`
fn labelled(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let prediction = side(e, &args, 0, None)?;
    let labels = side(e, &args, 1, Some(DType::I32))?;
    let rows = prediction.shape.split_last().map(|(_, rows)| rows);
    if rows.is_some_and(|rows| equal(rows, &labels.shape)) {
        return Ok(labels.value);
    }
    let label = format!("the prediction is {}, the labels {}", prediction.text, labels.text);
    let message = "labels have the shape of the prediction without its last axis";
    let error = Diagnostic::error(Code::ShapesUnequal, message).at(args.span, label);
    Err(e.push(error.help(advice_for_labels(&prediction.shape, &labels.shape))))
}

/// One of the two: the value, its shape, and both as text.
struct Side {
    value: Value,
    shape: Vec<Dim>,
    text: String,
}

/// An argument; a list becomes a tensor of type `wanted`, or of the other argument's.
fn side(e: &mut Elaborator<'_>, args: &Args, k: usize, wanted: Option<DType>) -> Result<Side> {
    let (value, span) = args.value(k);
    if let Value::Bare(_) = value {
        return Ok(Side { value: value.clone(), shape: vec![], text: value.kind().to_string() });
    }
    let other = match args.value(1 - k).0 {
        Value::Tensor(x) => Some(e.tensor_type(*x).dtype),
        _ => None,
    };
    let x = e.materialise(&value.clone(), wanted.or(other), span)?;
    e.at = args.span;
    let of_x = e.tensor_type(x);
    Ok(Side { value: Value::Tensor(x), shape: of_x.shape.clone(), text: of_x.to_string() })
}

/// Whether nothing broadcasts between two shapes: what is open is decided with the symbols, but a
/// literal 1 would be repeated whatever they are.
fn equal(a: &[Dim], b: &[Dim]) -> bool {
    let same = |(a, b): (&Dim, &Dim)| match a.agreement(b) {
        Agreement::Equal => true,
        Agreement::Different => false,
        Agreement::Open => !a.is_one() && !b.is_one(),
    };
    a.len() == b.len() && a.iter().zip(b).all(same)
}

/// Whether `longer` is `shorter` and one axis more.
fn extends<'d>(longer: &'d [Dim], shorter: &[Dim]) -> Option<&'d Dim> {
    longer.split_last().filter(|(_, rows)| equal(rows, shorter)).map(|(last, _)| last)
}

/// What to write where a target has the wrong shape.
fn advice_for_target(prediction: &[Dim], target: &[Dim]) -> String {
    match (extends(prediction, target), extends(target, prediction)) {
        (Some(last), _) if last.is_one() => {
            "write `squeeze(.., -1)` around the prediction, or `expand_dims(.., -1)` around the \
             target"
                .to_owned()
        }
        (_, Some(last)) if last.is_one() => "write `squeeze(.., -1)` around the target".to_owned(),
        (Some(n), _) => format!(
            "of numbers of classes `one_hot(.., {n})` makes such targets; \
             `sparse_softmax_cross_entropy` and `accuracy` take them as they are"
        ),
        (None, _) => "write `squeeze`, `expand_dims`, `reshape` or `flatten` around one of them; \
             `broadcast_to(.., shape)` says that it is to be repeated"
            .to_owned(),
    }
}

/// What to write where labels have the wrong shape.
fn advice_for_labels(prediction: &[Dim], labels: &[Dim]) -> String {
    let rows = prediction.split_last().map(|(_, rows)| rows).unwrap_or_default();
    if extends(labels, rows).is_some_and(Dim::is_one) {
        return "write `squeeze(.., -1)` around the labels".to_owned();
    }
    if equal(prediction, labels) {
        return "`softmax_cross_entropy` takes one number a class; `argmax(.., axis=-1)` makes \
                labels of them"
            .to_owned();
    }
    if labels.len() < rows.len() && equal(&rows[..labels.len()], labels) {
        return "write `flatten(..)` around what the first `dense` layer is given: the prediction \
                has more axes than examples and classes"
            .to_owned();
    }
    "a prediction [batch, classes] has labels [batch], numbers of classes".to_owned()
}
