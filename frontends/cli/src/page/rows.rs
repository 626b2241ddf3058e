//! Rows of a data set as a page shows them: pictures, texts or numbers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use brolga::runtime::data::Array;
use brolga::runtime::data::images::to_png;
use brolga::{DType, DataSet, Literal};

use super::classes::{Classified, Mistake};
use super::escaped;
use crate::tokens;

/// Sides below this are numbers rather than a picture.
const MIN_SIDE: usize = 8;

/// Numbers of a row that are shown.
const NUMBERS: usize = 12;

/// Characters of a text that are shown.
const CHARACTERS: usize = 200;

/// The worst mistakes of a classifier, each with what it was given.
pub(super) fn mistakes(data: &DataSet, classified: &Classified) -> String {
    let figure = |mistake: &Mistake| {
        let name = |class: usize| escaped(&classified.names[class]);
        let (found, label) = (name(mistake.found), name(mistake.label));
        let (wrong, right) = mistake.scores;
        format!(
            "<figure>{}<figcaption><b>{label}</b> taken for <b>{found}</b><br>\
             <small>{wrong:.3} against {right:.3}, row {}</small></figcaption></figure>\n",
            shown(data, mistake.row),
            mistake.row,
        )
    };
    let figures: String = classified.mistakes.iter().map(figure).collect();
    match figures.is_empty() {
        true => "<p>There are none.</p>\n".to_string(),
        false => format!("<div class=\"examples\">\n{figures}</div>\n"),
    }
}

/// A row: its pictures, or else its texts and numbers.
fn shown(data: &DataSet, row: usize) -> String {
    let rows = || {
        let arrays = data.arrays().iter();
        arrays.map(|(name, array)| (name, array, array.row(row)))
    };
    let pictures: String =
        rows().filter_map(|(_, array, value)| picture(&value, array.dtype())).collect();
    if !pictures.is_empty() {
        return pictures;
    }
    let text = |(name, _, value): (&String, &Array, Literal)| {
        let text = match tokens::text(data.classes(name), &value) {
            Some(text) => text.chars().take(CHARACTERS).collect(),
            None => numbers(&value),
        };
        format!("<p><small>{}</small> {}</p>", escaped(name), escaped(&text))
    };
    rows().filter(|(_, array, _)| array.sizes().len() > 1).map(text).collect()
}

fn numbers(value: &Literal) -> String {
    let shown: Vec<String> = value.scalars().take(NUMBERS).map(|x| x.to_string()).collect();
    let dots = if value.n_elements() > shown.len() { ", ..." } else { "" };
    format!("{}{dots}", shown.join(", "))
}

/// A picture as part of the page: bytes from black to white, floats from 0 to 1, or where they go
/// beyond that from their least to their largest.
fn picture(value: &Literal, dtype: DType) -> Option<String> {
    let (h, w) = match *value.sizes() {
        [h, w] | [h, w, 1 | 3] => (h, w),
        _ => return None,
    };
    if h < MIN_SIDE || w < MIN_SIDE {
        return None;
    }
    let range = match dtype {
        DType::U8 => (0.0, 255.0),
        DType::F32 | DType::F64 => {
            let numbers = value.scalars().map(|x| x.to_f64());
            let (lo, hi) =
                numbers.fold((0.0, 1.0), |(lo, hi): (f64, f64), x| (lo.min(x), hi.max(x)));
            (lo, hi)
        }
        DType::I32 | DType::I64 | DType::Bool => return None,
    };
    let file = STANDARD.encode(to_png(value, range)?);
    Some(format!("<img alt=\"\" src=\"data:image/png;base64,{file}\">"))
}
