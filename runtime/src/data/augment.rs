//! Pictures that are changed at random each time they are trained on: mirrored, moved, turned, and
//! with noise.
//!
//! What becomes of a picture is a function of the seed, the epoch and the number of its row alone,
//! so it is the same whatever batch the row is in, on any thread, and after a break.

use std::fmt;
use std::str::FromStr;

use brolga_compiler::ir::DType;

use super::{Counter, DataError, FeedPlan};

/// Changes of pictures, one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Augment {
    changes: Vec<Change>,
}

/// A change of a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// `flip`: every second picture, by chance, is mirrored, left to right.
    Flip,
    /// `shift:N`: moved by up to N pixels each way; the pixels at the edge are repeated.
    Shift(u32),
    /// `crop:N`: N rows and columns of zeros are put around it, and a part of its own size is cut
    /// out anywhere.
    Crop(u32),
    /// `rotate:D`: turned about its middle by up to D degrees each way, each pixel a mean of the
    /// four that it falls between (bilinear); what lies outside is 0.
    Rotate(f32),
    /// `noise:S`: to each element a number of the normal distribution of standard deviation S is
    /// added.
    Noise(f32),
}

/// The most pixels that a picture can be moved by.
const MAX_PIXELS: u32 = 4096;

impl FromStr for Augment {
    type Err = DataError;

    /// Reads `flip,shift:2,crop:4,rotate:10,noise:0.1`, any of them in any order, which is that of
    /// the changes. Errors: anything else, one that stands twice.
    fn from_str(text: &str) -> Result<Augment, DataError> {
        let refused = |reason: String| DataError::Augment { text: text.to_string(), reason };
        let mut changes: Vec<Change> = vec![];
        for part in text.split(',') {
            let change = Change::parse(part.trim()).map_err(refused)?;
            let kind = std::mem::discriminant(&change);
            if changes.iter().any(|other| std::mem::discriminant(other) == kind) {
                return Err(refused(format!("`{}` stands twice", change.name())));
            }
            changes.push(change);
        }
        Ok(Augment { changes })
    }
}

impl fmt::Display for Augment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, change) in self.changes.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            write!(f, "{comma}{}", change.name())?;
            match change {
                Change::Flip => {}
                Change::Shift(n) | Change::Crop(n) => write!(f, ":{n}")?,
                Change::Rotate(x) | Change::Noise(x) => write!(f, ":{x}")?,
            }
        }
        Ok(())
    }
}

impl Change {
    fn name(self) -> &'static str {
        match self {
            Change::Flip => "flip",
            Change::Shift(_) => "shift",
            Change::Crop(_) => "crop",
            Change::Rotate(_) => "rotate",
            Change::Noise(_) => "noise",
        }
    }

    fn parse(text: &str) -> Result<Change, String> {
        let (name, amount) = match text.split_once(':') {
            Some((name, amount)) => (name, Some(amount)),
            None => (text, None),
        };
        let pixels = |example: &str| {
            let n = amount.and_then(|a| a.parse().ok()).filter(|n| (1..=MAX_PIXELS).contains(n));
            n.ok_or_else(|| format!("`{name}` takes 1 to {MAX_PIXELS} pixels, as in `{example}`"))
        };
        let number = |most: f32, what: &str| {
            let x = amount.and_then(|a| a.parse::<f32>().ok());
            let x = x.filter(|x| x.is_finite() && *x > 0.0 && *x <= most);
            x.ok_or_else(|| format!("`{name}` takes {what}"))
        };
        Ok(match (name, amount) {
            ("flip", None) => Change::Flip,
            ("flip", Some(_)) => return Err("`flip` takes no number".to_string()),
            ("shift", _) => Change::Shift(pixels("shift:2")?),
            ("crop", _) => Change::Crop(pixels("crop:4")?),
            ("rotate", _) => {
                Change::Rotate(number(180.0, "degrees above 0 up to 180, as in `rotate:10`")?)
            }
            ("noise", _) => {
                Change::Noise(number(f32::MAX, "a standard deviation above 0, as in `noise:0.1`")?)
            }
            _ => return Err(format!("`{text}` is no change of a picture")),
        })
    }
}

/// Changes the pictures of batches. Has room for one picture twice, and allocates nothing more.
#[derive(Clone, Debug)]
pub struct Augmenter {
    augment: Augment,
    seed: u64,
    /// The height, width and channels of each feed that holds pictures.
    pictures: Vec<Option<[usize; 3]>>,
    picture: Vec<f32>,
    other: Vec<f32>,
}

/// Separate the words of the counter: what is drawn for a row, and for its elements.
const CHANGES: u64 = u64::from_be_bytes(*b"augment\0");
const NOISE: u64 = u64::from_be_bytes(*b"noise\0\0\0");

impl Augmenter {
    /// Changes the pictures among the inputs that a plan feeds: those of f32[batch, height, width]
    /// or f32[batch, height, width, channels]. Errors: none is, or one is no larger than it would
    /// be moved by.
    pub fn new(augment: &Augment, seed: u64, plan: &FeedPlan) -> Result<Augmenter, DataError> {
        let sizes = |feed: &super::Feed| match feed.sizes(1).as_slice() {
            [_, h, w] if feed.dtype == DType::F32 => Some([*h, *w, 1]),
            [_, h, w, c] if feed.dtype == DType::F32 => Some([*h, *w, *c]),
            _ => None,
        };
        let pictures: Vec<Option<[usize; 3]>> = plan.feeds.iter().map(sizes).collect();
        let refused = |reason: String| DataError::NoPictures { reason };
        if pictures.iter().all(Option::is_none) {
            let reason = "no input that is trained on is one of f32[batch, height, width] or \
                          f32[batch, height, width, channels]";
            return Err(refused(reason.to_string()));
        }
        for [h, w, _] in pictures.iter().flatten() {
            let is_too_far = |change: &&Change| match change {
                Change::Shift(n) | Change::Crop(n) => *n as usize >= *h.min(w),
                Change::Flip | Change::Rotate(_) | Change::Noise(_) => false,
            };
            if let Some(change) = augment.changes.iter().find(is_too_far) {
                let reason = format!("`{}` would move all of {h} x {w} pixels away", change.name());
                return Err(refused(reason));
            }
        }
        let largest = pictures.iter().flatten().map(|sizes| sizes.iter().product()).max();
        let empty = vec![0.0; largest.unwrap_or(0)];
        let (augment, other) = (augment.clone(), empty.clone());
        Ok(Augmenter { augment, seed, pictures, picture: empty, other })
    }

    /// Changes a batch of one feed, whose rows have these numbers, in place: f32, row-major and
    /// little-endian.
    pub fn apply(&mut self, epoch: u64, rows: &[u32], feed_idx: usize, bytes: &mut [u8]) {
        let Some(sizes) = self.pictures[feed_idx] else { return };
        let n: usize = sizes.iter().product();
        for (&row, bytes) in rows.iter().zip(bytes.chunks_exact_mut(n * size_of::<f32>())) {
            let (elements, _) = bytes.as_chunks_mut();
            let read = |(x, bytes): (&mut f32, &[u8; 4])| *x = f32::from_le_bytes(*bytes);
            self.picture.iter_mut().zip(elements.iter()).for_each(read);
            self.change(sizes, [epoch, u64::from(row)], feed_idx);
            let write = |(x, bytes): (&f32, &mut [u8; 4])| *bytes = x.to_le_bytes();
            self.picture.iter().zip(elements).for_each(write);
        }
    }

    /// Changes the picture at hand. All pictures of a row are moved alike, each has its own noise.
    fn change(&mut self, sizes: [usize; 3], [epoch, row]: [u64; 2], feed_idx: usize) {
        let n: usize = sizes.iter().product();
        let drawn = Counter::new(&[CHANGES, self.seed, epoch, row]);
        for (i, change) in self.augment.changes.iter().enumerate() {
            // Two numbers a change.
            let at = [2 * i as u64, 2 * i as u64 + 1];
            let (from, to) = (&mut self.picture[..n], &mut self.other[..n]);
            let offsets = |most: u32| at.map(|at| within(drawn, at, most));
            match *change {
                Change::Flip if drawn.below(at[0], 2) == 0 => continue,
                Change::Flip => flipped(from, to, sizes),
                Change::Shift(most) => shifted(from, to, sizes, offsets(most), Outside::Edge),
                Change::Crop(most) => shifted(from, to, sizes, offsets(most), Outside::Zero),
                Change::Rotate(most) => {
                    let degrees = (2.0 * drawn.unit(at[0]) - 1.0) * most;
                    rotated(from, to, sizes, degrees.to_radians());
                }
                Change::Noise(deviation) => {
                    let numbers = [NOISE, self.seed, epoch, row, feed_idx as u64];
                    add_noise(from, deviation, Counter::new(&numbers));
                    continue;
                }
            }
            std::mem::swap(&mut self.picture, &mut self.other);
        }
    }
}

/// A whole number from `-most` to `most`.
fn within(drawn: Counter, at: u64, most: u32) -> isize {
    drawn.below(at, 2 * u64::from(most) + 1) as isize - most as isize
}

/// What stands where a picture was moved away from.
#[derive(Clone, Copy)]
enum Outside {
    /// The pixel at the edge.
    Edge,
    Zero,
}

fn flipped(from: &[f32], to: &mut [f32], [_, w, c]: [usize; 3]) {
    for (from, to) in from.chunks_exact(w * c).zip(to.chunks_exact_mut(w * c)) {
        to.copy_from_slice(from);
        to.reverse();
        if c > 1 {
            to.chunks_exact_mut(c).for_each(<[f32]>::reverse);
        }
    }
}

/// Moves a picture by less than its sides.
fn shifted(
    from: &[f32],
    to: &mut [f32],
    [h, w, c]: [usize; 3],
    [down, right]: [isize; 2],
    outside: Outside,
) {
    // The columns of the result that lie within the picture.
    let (first, end) = (right.max(0) as usize, (w as isize + right.min(0)) as usize);
    let start = (-right).max(0) as usize;
    for (y, to) in to.chunks_exact_mut(w * c).enumerate() {
        let y = y as isize - down;
        let y = match outside {
            Outside::Edge => y.clamp(0, h as isize - 1) as usize,
            Outside::Zero if (0..h as isize).contains(&y) => y as usize,
            Outside::Zero => {
                to.fill(0.0);
                continue;
            }
        };
        let line = &from[y * w * c..(y + 1) * w * c];
        let (before, rest) = to.split_at_mut(first * c);
        let (within, after) = rest.split_at_mut((end - first) * c);
        within.copy_from_slice(&line[start * c..][..within.len()]);
        match outside {
            Outside::Edge => {
                let (left, right) = (&line[..c], &line[(w - 1) * c..]);
                before.chunks_exact_mut(c).for_each(|pixel| pixel.copy_from_slice(left));
                after.chunks_exact_mut(c).for_each(|pixel| pixel.copy_from_slice(right));
            }
            Outside::Zero => {
                before.fill(0.0);
                after.fill(0.0);
            }
        }
    }
}

/// Each pixel is what lies at its place turned back, between four others.
fn rotated(from: &[f32], to: &mut [f32], [h, w, c]: [usize; 3], angle: f32) {
    let (sin, cos) = angle.sin_cos();
    let (middle_y, middle_x) = ((h as f32 - 1.0) / 2.0, (w as f32 - 1.0) / 2.0);
    for (line, to) in to.chunks_exact_mut(w * c).enumerate() {
        let dy = line as f32 - middle_y;
        for (column, to) in to.chunks_exact_mut(c).enumerate() {
            let dx = column as f32 - middle_x;
            let y = cos * dy - sin * dx + middle_y;
            let x = sin * dy + cos * dx + middle_x;
            between(from, to, [h, w], [y, x]);
        }
    }
}

/// The mean of the four pixels that a place lies between, by how near they are; 0 is outside.
fn between(from: &[f32], to: &mut [f32], [h, w]: [usize; 2], [y, x]: [f32; 2]) {
    let (above, left) = (floor(y), floor(x));
    let (of_y, of_x) = (y - above as f32, x - left as f32);
    let shares =
        [(1.0 - of_y) * (1.0 - of_x), (1.0 - of_y) * of_x, of_y * (1.0 - of_x), of_y * of_x];
    let (height, width, c) = (h as i32, w as i32, to.len());
    if above >= 0 && left >= 0 && above + 1 < height && left + 1 < width {
        // All four are inside.
        let first = (above as usize * w + left as usize) * c;
        let (upper, lower) = from[first..].split_at(w * c);
        for (i, to) in to.iter_mut().enumerate() {
            let of_upper = shares[0] * upper[i] + shares[1] * upper[c + i];
            *to = of_upper + (shares[2] * lower[i] + shares[3] * lower[c + i]);
        }
        return;
    }
    to.fill(0.0);
    let places = [(above, left), (above, left + 1), (above + 1, left), (above + 1, left + 1)];
    for ((y, x), share) in places.into_iter().zip(shares) {
        if (0..height).contains(&y) && (0..width).contains(&x) {
            let place = (y as usize * w + x as usize) * c;
            let add = |(to, from): (&mut f32, &f32)| *to += share * from;
            to.iter_mut().zip(&from[place..place + c]).for_each(add);
        }
    }
}

/// The largest integer that is not above: of numbers of the size of pictures, by their integer part,
/// which is an instruction of its own on any processor.
fn floor(x: f32) -> i32 {
    let whole = x as i32;
    whole - i32::from((whole as f32) > x)
}

/// Adds numbers of a normal distribution, two from each draw (Box and Muller 1958).
fn add_noise(to: &mut [f32], deviation: f32, drawn: Counter) {
    for (at, pair) in to.chunks_mut(2).enumerate() {
        let bits = drawn.at(at as u64);
        // Multiples of 2^-24, the first above 0.
        let unit = |bits: u64| (bits >> 8) as f32 * (1.0 / (1u32 << 24) as f32);
        let half = 0.5 / (1u32 << 24) as f32;
        let (first, second) = (unit(bits >> 32) + half, unit(bits & u64::from(u32::MAX)));
        let size = deviation * (-2.0 * first.ln()).sqrt();
        let (sin, cos) = (std::f32::consts::TAU * second).sin_cos();
        pair.iter_mut().zip([cos, sin]).for_each(|(x, share)| *x += size * share);
    }
}

#[cfg(test)]
mod tests {
    use brolga_compiler::ir::{Binding, Dim, Literal, TensorType};

    use super::super::{DataSet, feed_plan};
    use super::*;

    fn augment(text: &str) -> Augment {
        text.parse().expect(text)
    }

    /// The changer of the pictures of an input, and so many rows of them: 1, 2, 3 ...
    fn changer(text: &str, sizes: &[usize]) -> Result<(Augmenter, Vec<f32>), DataError> {
        let n: usize = sizes.iter().product();
        let pictures: Vec<f32> = (1..=n).map(|i| i as f32).collect();
        let array = Literal::from_vec(sizes, pictures.clone()).expect("as many elements");
        let data = DataSet::new("test", vec![("x".to_string(), array)])?;
        let mut shape = vec![Dim::symbol("batch")];
        shape.extend(sizes[1..].iter().map(|&n| Dim::number(n as i64)));
        let inputs = [("x".to_string(), TensorType::new(DType::F32, shape))];
        let plan = feed_plan(&inputs, &data, &Binding::default())?;
        Ok((Augmenter::new(&augment(text), 5, &plan)?, pictures))
    }

    /// The pictures of rows of these numbers after the change, in an epoch.
    fn changed(text: &str, sizes: &[usize], epoch: u64, rows: &[u32]) -> Vec<f32> {
        let (mut augmenter, pictures) = changer(text, sizes).expect("pictures");
        let n: usize = sizes[1..].iter().product();
        let of_row = |row: &u32| pictures[*row as usize * n..][..n].to_vec();
        let mut bytes: Vec<u8> = rows.iter().flat_map(of_row).flat_map(f32::to_le_bytes).collect();
        augmenter.apply(epoch, rows, 0, &mut bytes);
        bytes.chunks(4).map(|x| f32::from_le_bytes([x[0], x[1], x[2], x[3]])).collect()
    }

    #[test]
    fn changes_are_read_as_they_are_printed() {
        for text in ["flip", "flip,shift:2,crop:4,rotate:10,noise:0.1", "rotate:0.5,flip"] {
            assert_eq!(augment(text).to_string(), text);
        }
        for text in [
            "",
            "flip,",
            "turn:3",
            "flip:1",
            "shift",
            "shift:0",
            "shift:-1",
            "shift:1.5",
            "crop:4097",
            "rotate:0",
            "rotate:181",
            "rotate:nan",
            "noise:-1",
            "noise:inf",
            "flip,crop:1,flip",
        ] {
            let error = text.parse::<Augment>().expect_err(text);
            assert_eq!(error.code(), "E0628", "{error}");
        }
    }

    #[test]
    fn pictures_alone_are_changed() {
        for sizes in [&[2, 6][..], &[2, 1, 6], &[2, 6, 1, 1], &[2, 2, 2, 2, 2]] {
            let error = changer("crop:1", sizes).expect_err("no such pictures");
            assert_eq!(error.code(), "E0629", "{error}");
        }
        changer("flip,rotate:5,noise:1", &[2, 1, 6]).expect("a line is a picture");
        changer("crop:1", &[2, 2, 2]).expect("larger than what it is moved by");
    }

    #[test]
    fn a_row_is_changed_alike_in_every_batch() {
        let text = "flip,shift:2,crop:1,rotate:10,noise:0.1";
        let sizes = [7, 5, 4, 3];
        let all = changed(text, &sizes, 3, &[0, 1, 2, 3, 4, 5, 6]);
        let some = changed(text, &sizes, 3, &[5, 2]);
        assert_eq!(some, [&all[5 * 60..6 * 60], &all[2 * 60..3 * 60]].concat());
        assert_ne!(changed(text, &sizes, 4, &[5, 2]), some, "each epoch draws anew");
    }

    #[test]
    fn half_of_the_pictures_are_mirrored() {
        let rows: Vec<u32> = (0..1000).collect();
        let found = changed("flip", &[1000, 1, 2, 2], 0, &rows);
        let mirrored = found.chunks(4).enumerate().filter(|(row, picture)| {
            let first = 4.0 * *row as f32 + 1.0;
            let [a, b, c, d] = [first, first + 1.0, first + 2.0, first + 3.0];
            assert!(*picture == [a, b, c, d] || *picture == [c, d, a, b], "{picture:?}");
            *picture == [c, d, a, b]
        });
        assert!((450..550).contains(&mirrored.count()));
    }

    #[test]
    fn what_a_picture_is_moved_from_is_its_edge_or_zero() {
        let from = [1., 2., 3., 4., 5., 6., 7., 8., 9.];
        let moved = |by: [isize; 2], outside: Outside| {
            let mut to = [f32::NAN; 9];
            shifted(&from, &mut to, [3, 3, 1], by, outside);
            to
        };
        assert_eq!(moved([0, 0], Outside::Edge), from);
        assert_eq!(moved([1, 0], Outside::Edge), [1., 2., 3., 1., 2., 3., 4., 5., 6.]);
        assert_eq!(moved([1, -1], Outside::Zero), [0., 0., 0., 2., 3., 0., 5., 6., 0.]);
        assert_eq!(moved([-2, 2], Outside::Edge), [7., 7., 7., 7., 7., 7., 7., 7., 7.]);
        // Every place is as likely.
        let mut counts = std::collections::BTreeMap::new();
        let rows: Vec<u32> = (0..900).collect();
        for picture in changed("crop:1", &[900, 3, 3], 0, &rows).chunks(9) {
            let place = picture.iter().position(|x| *x > 0.0).expect("some of it is seen");
            let n_zeros = picture.iter().filter(|x| **x == 0.0).count();
            *counts.entry((place, n_zeros, picture[8] == 0.0, picture[2] == 0.0)).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 9, "{counts:?}");
        assert!(counts.values().all(|n| (60..140).contains(n)), "{counts:?}");
    }

    #[test]
    fn pictures_are_turned_about_their_middle() {
        let from = [1., 2., 3., 4., 5., 6., 7., 8., 9.];
        let turned = |degrees: f32| {
            let mut to = [f32::NAN; 9];
            rotated(&from, &mut to, [3, 3, 1], degrees.to_radians());
            to
        };
        let close = |got: [f32; 9], want: [f32; 9]| {
            assert!(got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-5), "{got:?} {want:?}");
        };
        close(turned(0.0), from);
        close(turned(90.0), [7., 4., 1., 8., 5., 2., 9., 6., 3.]);
        close(turned(180.0), [9., 8., 7., 6., 5., 4., 3., 2., 1.]);
        // By 45 degrees a corner falls outside by √2 - 1, at the middle of a side: of 6 the share
        // within is 2 - √2; the middle of a side falls on √½ along both axes.
        let far = 2f32.sqrt();
        let (r, out) = (0.5 * far, 2.0 - far);
        let mix =
            |a: f32, b: f32, c: f32| (1. - r) * (1. - r) * 5. + r * (1. - r) * (a + b) + r * r * c;
        let got = turned(45.0);
        let sides = [mix(2., 4., 1.), mix(2., 6., 3.), mix(4., 8., 7.), mix(6., 8., 9.)];
        close(
            got,
            [4. * out, sides[0], 2. * out, sides[2], 5., sides[1], 8. * out, sides[3], 6. * out],
        );
    }

    #[test]
    fn noise_is_normal() {
        let mut numbers = vec![0f32; 100_001];
        add_noise(&mut numbers, 2.0, Counter::new(&[3]));
        let n = numbers.len() as f64;
        let moment = |k: i32| numbers.iter().map(|x| f64::from(*x).powi(k)).sum::<f64>() / n;
        assert!(
            moment(1).abs() < 0.02 && (moment(2) - 4.0).abs() < 0.06,
            "{} {}",
            moment(1),
            moment(2)
        );
        assert!(
            moment(3).abs() < 0.3 && (moment(4) - 48.0).abs() < 2.0,
            "{} {}",
            moment(3),
            moment(4)
        );
        let beyond = numbers.iter().filter(|x| x.abs() > 6.0).count() as f64 / n;
        assert!((0.002..0.0035).contains(&beyond), "{beyond}");
    }
}
