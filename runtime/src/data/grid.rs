//! Arrays as a picture: a grid of their rows, in PNG.

use std::path::Path;

use brolga_compiler::ir::Literal;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

use super::{DataError, write_atomically};

/// Pixels between two pictures.
const GAP: usize = 2;

/// The most bytes of a grid.
const MAX_BYTES: usize = 1 << 30;

/// Writes the rows of `pictures`, f32 `[rows, height, width]`, or with 1 or 3 channels as the last
/// axis, as one picture: as many in a line as there are lines, or one more. 0 is black and 1 white
/// or a full colour; what is below or above is cut off, and NaN is black. Errors: another shape or
/// element type, a picture that is too large, and what writing meets.
pub fn write_grid(path: &Path, pictures: &Literal) -> Result<(), DataError> {
    let refused = |reason: String| DataError::Undrawn { path: path.to_path_buf(), reason };
    let sizes = pictures.sizes();
    let (rows, height, width, channels) = match sizes[..] {
        [rows, height, width] => (rows, height, width, 1),
        [rows, height, width, channels @ (1 | 3)] => (rows, height, width, channels),
        _ => return Err(refused(pictures.tensor_type().to_string())),
    };
    let Literal::F32(pixels) = pictures else {
        return Err(refused(pictures.tensor_type().to_string()));
    };
    if rows == 0 || height == 0 || width == 0 {
        return Err(refused(pictures.tensor_type().to_string()));
    }
    let columns = (1..=rows).find(|n| n.saturating_mul(*n) >= rows).unwrap_or(1);
    let side = |n: usize, size: usize| size.checked_add(GAP)?.checked_mul(n)?.checked_add(GAP);
    let (across, down) = (side(columns, width), side(rows.div_ceil(columns), height));
    let bytes = across.zip(down).and_then(|(a, d)| a.checked_mul(d)?.checked_mul(channels));
    let (Some(across), Some(down), Some(bytes)) = (across, down, bytes.filter(|n| *n <= MAX_BYTES))
    else {
        return Err(refused(format!("too large: {}", pictures.tensor_type())));
    };
    let mut grid = vec![128u8; bytes];
    for (i, x) in pixels.iter().enumerate() {
        let (channel, i) = (i % channels, i / channels);
        let (x_at, i) = (i % width, i / width);
        let (y_at, row) = (i % height, i / height);
        let column = GAP + row % columns * (width + GAP) + x_at;
        let line = GAP + row / columns * (height + GAP) + y_at;
        // A cast of a float to an integer takes NaN to 0.
        grid[(line * across + column) * channels + channel] = (x * 255.0).round() as u8;
    }
    let colour = if channels == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    write_atomically(path, |file| {
        PngEncoder::new(file).write_image(&grid, across as u32, down as u32, colour)
    })
}
