//! A row for people to look at: a picture in characters, a text, or numbers.

use brolga::runtime::data::Statistics;
use brolga::{DataSet, Literal};

use crate::output::outln;
use crate::tokens::{class, text};

/// From dark to bright.
const SHADES: &[u8; 10] = b" .:-=+*#%@";

/// The columns of a picture; a larger image is averaged down.
const COLUMNS: usize = 40;

/// Sides below this are a table of numbers rather than an image.
const MIN_SIDE: usize = 8;

/// Numbers of a row that are printed.
const NUMBERS: usize = 16;

/// Characters of a text that are printed.
const CHARACTERS: usize = 400;

/// Prints one array's part of a row.
pub(super) fn show(data: &DataSet, name: &str, value: &Literal, statistics: &Statistics) {
    if let Some(picture) = picture(value, statistics) {
        outln!("  {name}:");
        for line in picture {
            outln!("{}", format!("    {line}").trim_end());
        }
    } else if let Some(text) = text(data.classes(name), value) {
        let shown: String = text.chars().take(CHARACTERS).collect();
        let dots = if shown.len() < text.len() { " ..." } else { "" };
        outln!("  {name}: {shown:?}{dots}");
    } else {
        outln!("  {name}: {}", numbers(data, name, value));
    }
}

/// A name without what would end its line.
pub(super) fn one_line(name: &str) -> String {
    let shown = |c: char| if c.is_control() { c.escape_default().collect() } else { c.to_string() };
    name.chars().map(shown).collect::<Vec<String>>().concat()
}

fn numbers(data: &DataSet, name: &str, value: &Literal) -> String {
    let (classes, columns) = (data.classes(name), data.columns(name));
    let number = |(i, x): (usize, brolga::Scalar)| match (columns.get(i), class_of(classes, x)) {
        (Some(column), _) => format!("{}={x}", one_line(column)),
        (None, Some(class)) => format!("{x} ({})", one_line(class)),
        (None, None) => x.to_string(),
    };
    let shown: Vec<String> = value.scalars().take(NUMBERS).enumerate().map(number).collect();
    let rest = value.n_elements() - shown.len();
    let dots = if rest > 0 { format!(", ... ({rest} more)") } else { String::new() };
    match value.sizes() {
        [] => shown.concat(),
        _ => format!("[{}{dots}]", shown.join(", ")),
    }
}

fn class_of(names: &[String], x: brolga::Scalar) -> Option<&str> {
    if names.is_empty() { None } else { class(names, x.to_f64() as i64) }
}

/// An image `[h, w]`, `[h, w, 1]` or `[h, w, 3]` as lines of characters, from the array's smallest
/// number, dark, to its largest, bright. A character stands for two rows of pixels, which makes it
/// about as high as wide. `None` for what is no image.
fn picture(value: &Literal, statistics: &Statistics) -> Option<Vec<String>> {
    let (h, w, channels) = match *value.sizes() {
        [h, w] => (h, w, 1),
        [h, w, channels @ (1 | 3)] => (h, w, channels),
        _ => return None,
    };
    let (lo, hi) = match statistics {
        Statistics::Floats { finite, .. } => finite.map(|(lo, hi, _)| (lo, hi))?,
        Statistics::Integers { range, .. } if value.dtype() == brolga::DType::U8 => {
            range.map(|(lo, hi)| (lo as f64, hi as f64))?
        }
        Statistics::Integers { .. } | Statistics::Bools { .. } => return None,
    };
    if h < MIN_SIDE || w < MIN_SIDE {
        return None;
    }
    let pixels: Vec<f64> = value.scalars().map(|x| x.to_f64()).collect();
    let block = w.div_ceil(COLUMNS);
    let shade = |top: usize, left: usize| {
        let rows = top..(top + 2 * block).min(h);
        let cells = rows.flat_map(|y| (left..(left + block).min(w)).map(move |x| y * w + x));
        let of_block = cells.flat_map(|cell| &pixels[cell * channels..(cell + 1) * channels]);
        let (sum, n) = of_block.fold((0.0, 0usize), |(sum, n), x| (sum + x, n + 1));
        let bright = (sum / n as f64 - lo) / (hi - lo).max(f64::MIN_POSITIVE);
        let last = (SHADES.len() - 1) as f64;
        // What is no number has no shade.
        if bright.is_nan() {
            return '?';
        }
        char::from(SHADES[(bright.clamp(0.0, 1.0) * last).round() as usize])
    };
    let line = |top| (0..w).step_by(block).map(|left| shade(top, left)).collect();
    Some((0..h).step_by(2 * block).map(line).collect())
}
