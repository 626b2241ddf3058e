//! Folders of pictures: one folder a class, PNG and JPEG, brought to one size.

use std::path::{Path, PathBuf};

use brolga_compiler::ir::Literal;
use image::codecs::png::PngEncoder;
use image::imageops::{FilterType, resize};
use image::{
    DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageError, ImageReader,
    Rgb32FImage,
};

use super::bytes::open_file;
use super::{DataError, HeldBackOptions, Split};

/// Red, green and blue.
const CHANNELS: usize = 3;

/// The endings of files that are read.
const ENDINGS: [&str; 3] = ["png", "jpg", "jpeg"];

/// The most pixels of a picture: as red, green and blue in f32 they take 768 MiB for a moment.
const MAX_PIXELS: u64 = 1 << 26;

/// How pictures become rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ImageOptions {
    /// Rows and columns of an image.
    pub size: usize,
    /// What is the test part.
    pub held_back: HeldBackOptions,
}

/// Pictures by class.
pub struct Pictures {
    /// `image` (f32 `[rows, size, size, 3]`) and `label` (i32 `[rows]`).
    pub arrays: Vec<(String, Literal)>,
    /// The folders' names.
    pub classes: Vec<String>,
}

/// Returns the pictures below `folder`: each folder in it is a class, numbered in the order of
/// names, and holds its pictures, which stand in the order of their names. Hidden files are left
/// out, and so are files beside the folders.
///
/// A picture becomes red, green and blue in [0, 1] (grey is repeated, transparency dropped, an
/// orientation in its metadata is not looked at) and is stretched to `size` x `size`: a pixel is
/// the mean, with weights that fall off linearly, of the pixels that it comes from, which for
/// enlarging is bilinear interpolation. Errors: no class, a class without pictures, any other
/// file in a class, a damaged picture.
pub fn read_folders(
    folder: &Path,
    options: &ImageOptions,
    split: Split,
) -> Result<Pictures, DataError> {
    let (mut classes, mut files) = (vec![], vec![]);
    for class in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
        let label = i32::try_from(classes.len()).map_err(|_| too_large(folder, "its classes"))?;
        let of_class = pictures(&class)?;
        files.extend(of_class.into_iter().map(|path| (path, label)));
        classes.push(class.file_name().unwrap_or_default().to_string_lossy().into_owned());
    }
    if classes.is_empty() {
        let reason = "it holds no folders, and each is a class".to_string();
        return Err(DataError::Folder { path: folder.to_path_buf(), reason });
    }
    if let Some(held_back) = options.held_back.held_back() {
        let rows = held_back.rows(files.len(), split)?;
        files = rows.iter().map(|&row| files[row as usize].clone()).collect();
    }
    let (n, size) = (files.len(), options.size);
    let n_numbers = [size, size, CHANNELS].iter().try_fold(n, |n, &d| n.checked_mul(d));
    let mut pixels: Vec<f32> = vec![];
    n_numbers
        .and_then(|n| pixels.try_reserve_exact(n).ok())
        .ok_or_else(|| too_large(folder, "its pictures"))?;
    for (path, _) in &files {
        pixels.extend(read_picture(path, size as u32)?.as_raw());
    }
    let images = Literal::from_vec(&[n, size, size, CHANNELS], pixels).expect("an image a file");
    let labels = files.into_iter().map(|(_, label)| label).collect();
    let labels = Literal::from_vec(&[n], labels).expect("one axis");
    let arrays = vec![("image".to_string(), images), ("label".to_string(), labels)];
    Ok(Pictures { arrays, classes })
}

/// What is in a folder but hidden files, in the order of names.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let fail = |e: &std::io::Error| DataError::read(folder, e);
    let mut paths = vec![];
    for entry in std::fs::read_dir(folder).map_err(|e| fail(&e))? {
        let entry = entry.map_err(|e| fail(&e))?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

/// The pictures of a class. Errors: there are none, or something else, which would silently be
/// missing.
fn pictures(class: &Path) -> Result<Vec<PathBuf>, DataError> {
    let files = entries(class)?;
    let is_picture = |path: &PathBuf| {
        let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
        path.is_file() && ENDINGS.iter().any(|e| *e == ending)
    };
    if let Some(other) = files.iter().find(|path| !is_picture(path)) {
        let reason = "a class holds .png, .jpg and .jpeg files alone".to_string();
        return Err(DataError::Folder { path: other.clone(), reason });
    }
    if files.is_empty() {
        let reason = "this class holds no pictures".to_string();
        return Err(DataError::Folder { path: class.to_path_buf(), reason });
    }
    Ok(files)
}

fn read_picture(path: &Path, size: u32) -> Result<Rgb32FImage, DataError> {
    let (file, _) = open_file(path)?;
    // The bytes tell the format, whatever the name's ending says.
    let reader = ImageReader::new(std::io::BufReader::new(file)).with_guessed_format();
    let decoder = reader.map_err(|e| DataError::read(path, &e))?.into_decoder();
    let decoder = decoder.map_err(|e| refused(path, e))?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        let reason = format!("it has {width} x {height} pixels");
        return Err(DataError::TooLarge { name: path.display().to_string(), reason });
    }
    let picture = DynamicImage::from_decoder(decoder).map_err(|e| refused(path, e))?;
    Ok(resize(&picture.into_rgb32f(), size, size, FilterType::Triangle))
}

/// What the decoder says, and who is at fault.
fn refused(path: &Path, error: ImageError) -> DataError {
    match error {
        ImageError::IoError(e) if e.kind() != std::io::ErrorKind::UnexpectedEof => {
            DataError::read(path, &e)
        }
        ImageError::Limits(e) => {
            DataError::TooLarge { name: path.display().to_string(), reason: e.to_string() }
        }
        e => DataError::corrupt(path, e.to_string()),
    }
}

fn too_large(folder: &Path, what: &str) -> DataError {
    let reason = format!("memory for {what} is refused");
    DataError::TooLarge { name: folder.display().to_string(), reason }
}

/// A picture `[h, w]`, `[h, w, 1]` or `[h, w, 3]` as the bytes of a PNG file, `lo` black and `hi`
/// white; what is no number is black. `None` for any other tensor.
pub fn to_png(picture: &Literal, (lo, hi): (f64, f64)) -> Option<Vec<u8>> {
    let (h, w, colour) = match *picture.sizes() {
        [h, w] | [h, w, 1] => (h, w, ExtendedColorType::L8),
        [h, w, CHANNELS] => (h, w, ExtendedColorType::Rgb8),
        _ => return None,
    };
    let scale = 255.0 / (hi - lo).max(f64::MIN_POSITIVE);
    let pixels = picture.scalars().map(|x| ((x.to_f64() - lo) * scale).round() as u8);
    let pixels: Vec<u8> = pixels.collect();
    let (h, w) = (u32::try_from(h).ok()?, u32::try_from(w).ok()?);
    let mut file = vec![];
    PngEncoder::new(&mut file).write_image(&pixels, w, h, colour).ok()?;
    Some(file)
}
