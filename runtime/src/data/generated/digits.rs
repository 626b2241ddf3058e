//! Handwritten-like digits of 28x28 pixels.

use brolga_compiler::ir::Literal;

use super::row_numbers;
use crate::data::{Counter, Split};

/// Rows and columns of an image.
pub(super) const SIDE: usize = 28;

/// Returns `image` (f32 `[rows, 28, 28]` in [0, 1]) and `label` (i32 `[rows]`).
pub(super) fn arrays(split: Split, rows: usize) -> Option<Vec<(String, Literal)>> {
    let mut pixels = vec![0f32; rows * SIDE * SIDE];
    let mut labels = Vec::with_capacity(rows);
    for (row, image) in pixels.chunks_exact_mut(SIDE * SIDE).enumerate() {
        labels.push(draw(row_numbers(KEY, split, row), image));
    }
    let images = Literal::from_vec(&[rows, SIDE, SIDE], pixels)?;
    let labels = Literal::from_vec(&[rows], labels)?;
    Some(vec![("image".to_string(), images), ("label".to_string(), labels)])
}

type Point = (f32, f32);

/// A part of a digit, in a box where x goes from -0.6 (left) to 0.6 and y from -1 (top) to 1.
enum Stroke {
    /// Straight lines from point to point.
    Line(&'static [Point]),
    /// The part of an ellipse between two of its twelve points, clockwise from the top; a number
    /// past 12 has gone round.
    Arc { centre: Point, radii: Point, from: usize, to: usize },
}

/// The unit circle in steps of 30 degrees, clockwise from the top.
const CIRCLE: [Point; 12] = [
    (0.0, -1.0),
    (0.5, -0.866),
    (0.866, -0.5),
    (1.0, 0.0),
    (0.866, 0.5),
    (0.5, 0.866),
    (0.0, 1.0),
    (-0.5, 0.866),
    (-0.866, 0.5),
    (-1.0, 0.0),
    (-0.866, -0.5),
    (-0.5, -0.866),
];

const fn arc(centre: Point, radii: Point, from: usize, to: usize) -> Stroke {
    Stroke::Arc { centre, radii, from, to }
}

/// The ways in which each digit is written.
const GLYPHS: [&[&[Stroke]]; 10] = [
    &[&[arc((0.0, 0.0), (0.56, 0.95), 0, 12)]],
    &[
        &[Stroke::Line(&[(-0.3, -0.55), (0.05, -0.95), (0.05, 0.95)])],
        &[Stroke::Line(&[(0.0, -0.95), (0.0, 0.95)])],
        &[
            Stroke::Line(&[(-0.3, -0.55), (0.05, -0.95), (0.05, 0.95)]),
            Stroke::Line(&[(-0.35, 0.95), (0.42, 0.95)]),
        ],
    ],
    &[&[
        arc((0.0, -0.42), (0.52, 0.53), 9, 16),
        Stroke::Line(&[(0.45, -0.16), (0.1, 0.4), (-0.55, 0.95), (0.58, 0.95)]),
    ]],
    &[&[arc((-0.02, -0.48), (0.5, 0.47), 10, 18), arc((-0.02, 0.47), (0.56, 0.48), 12, 20)]],
    &[
        &[
            Stroke::Line(&[(0.15, -0.95), (-0.58, 0.32), (0.62, 0.32)]),
            Stroke::Line(&[(0.25, -0.25), (0.25, 0.95)]),
        ],
        &[Stroke::Line(&[(0.3, 0.95), (0.3, -0.95), (-0.58, 0.32), (0.62, 0.32)])],
        &[
            Stroke::Line(&[(-0.45, -0.95), (-0.5, 0.05), (0.42, 0.05)]),
            Stroke::Line(&[(0.42, -0.95), (0.38, 0.95)]),
        ],
    ],
    &[&[
        Stroke::Line(&[(0.5, -0.95), (-0.4, -0.95), (-0.47, -0.1), (-0.3, -0.17)]),
        arc((-0.02, 0.36), (0.56, 0.6), 11, 20),
    ]],
    &[&[
        Stroke::Line(&[(0.35, -0.95), (-0.1, -0.6), (-0.45, -0.05), (-0.52, 0.42)]),
        arc((0.0, 0.42), (0.52, 0.53), 0, 12),
    ]],
    &[
        &[Stroke::Line(&[(-0.55, -0.92), (0.55, -0.92), (-0.12, 0.95)])],
        &[
            Stroke::Line(&[(-0.55, -0.92), (0.55, -0.92), (-0.12, 0.95)]),
            Stroke::Line(&[(-0.28, 0.0), (0.45, 0.0)]),
        ],
    ],
    &[&[arc((0.0, -0.48), (0.44, 0.46), 0, 12), arc((0.0, 0.47), (0.53, 0.48), 0, 12)]],
    &[
        &[
            arc((0.0, -0.42), (0.52, 0.53), 0, 12),
            Stroke::Line(&[(0.52, -0.42), (0.45, 0.2), (0.1, 0.95)]),
        ],
        &[arc((0.0, -0.42), (0.52, 0.53), 0, 12), Stroke::Line(&[(0.52, -0.42), (0.52, 0.95)])],
    ],
];

/// Draws one image (28x28, zeros) and returns its label.
fn draw(numbers: Counter, image: &mut [f32]) -> i32 {
    let label = numbers.below(0, GLYPHS.len() as u64) as usize;
    let ways = GLYPHS[label];
    let way = ways[numbers.below(1, ways.len() as u64) as usize];
    let hand = Hand::new(numbers);
    let mut squared = [f32::INFINITY; SIDE * SIDE];
    for (k, stroke) in way.iter().enumerate() {
        let points = hand.points(stroke, k as u64);
        for ends in points.windows(2) {
            lower_distances(&mut squared, ends[0], ends[1], hand.radius + 1.0);
        }
    }
    for (i, (pixel, d)) in image.iter_mut().zip(squared).enumerate() {
        // Half the pixel before the edge and half after it: a ramp of one pixel.
        let ink = (hand.radius + 0.5 - d.sqrt()).clamp(0.0, 1.0) * hand.darkness;
        let noise = NOISE * (2.0 * numbers.unit(PIXELS + i as u64) - 1.0);
        *pixel = (ink + noise).clamp(0.0, 1.0);
    }
    label as i32
}

/// The key of all rows.
const KEY: u64 = u64::from_be_bytes(*b"digits\0\0");
/// Positions of the numbers that move points, from here on.
const POINTS: u64 = 1 << 8;
/// Positions of the numbers for the pixels' noise, from here on.
const PIXELS: u64 = 1 << 16;

// How far the hand strays. Chosen by trial so that a linear classifier stays well behind a hidden
// layer of 128 while the digits remain legible (see the tests for both ends).
/// Pixels from the middle, across and down.
const SHIFT: f32 = 2.5;
/// The tangent of half the largest turn, 18 degrees either way.
const HALF_TURN: f32 = 0.16;
/// The largest slant, x per y.
const SLANT: f32 = 0.25;
/// How far one point of a stroke strays, in the box of the glyph.
const WOBBLE: f32 = 0.07;
/// The largest change of a pixel.
const NOISE: f32 = 0.15;

/// How one image is written: an affine map from the glyph's box to pixels, and the pen.
struct Hand {
    numbers: Counter,
    /// Pixels for a step of x in the box.
    x_axis: Point,
    /// Pixels for a step of y in the box.
    y_axis: Point,
    middle: Point,
    /// Half the pen's width in pixels.
    radius: f32,
    darkness: f32,
}

impl Hand {
    fn new(numbers: Counter) -> Hand {
        let between = |i: u64, lo: f32, hi: f32| lo + (hi - lo) * numbers.unit(i);
        // A turn with cosine (1 - t²)/(1 + t²) and sine 2t/(1 + t²): no library function needed.
        let t = between(2, -HALF_TURN, HALF_TURN);
        let (cosine, sine) = ((1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t));
        let (width, height) = (between(3, 7.5, 11.5), between(4, 7.5, 11.0));
        let slant = between(5, -SLANT, SLANT) * height;
        let centre = (SIDE as f32 - 1.0) / 2.0;
        Hand {
            numbers,
            x_axis: (width * cosine, width * sine),
            y_axis: (slant * cosine - height * sine, slant * sine + height * cosine),
            middle: (centre + between(6, -SHIFT, SHIFT), centre + between(7, -SHIFT, SHIFT)),
            radius: between(8, 0.7, 1.7),
            darkness: between(9, 0.65, 1.0),
        }
    }

    /// The pixels where the points of a stroke come to lie.
    fn points(&self, stroke: &Stroke, stroke_idx: u64) -> Vec<Point> {
        let point = |i: usize, p: Point| self.place(p, POINTS + stroke_idx * 64 + 2 * i as u64);
        match stroke {
            Stroke::Line(points) => points.iter().enumerate().map(|(i, p)| point(i, *p)).collect(),
            Stroke::Arc { centre, radii, from, to } => (*from..=*to)
                .map(|i| {
                    let (x, y) = CIRCLE[i % 12];
                    // A closed curve ends where it began.
                    point(i % 12, (centre.0 + radii.0 * x, centre.1 + radii.1 * y))
                })
                .collect(),
        }
    }

    fn place(&self, (x, y): Point, position: u64) -> Point {
        let stray = |i| WOBBLE * (2.0 * self.numbers.unit(position + i) - 1.0);
        let (x, y) = (x + stray(0), y + stray(1));
        (
            self.middle.0 + x * self.x_axis.0 + y * self.y_axis.0,
            self.middle.1 + x * self.x_axis.1 + y * self.y_axis.1,
        )
    }
}

/// Lowers the squared distances of the pixels within `reach` of the line from `a` to `b` to their
/// distance from it.
fn lower_distances(squared: &mut [f32], a: Point, b: Point, reach: f32) {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let length = (dx * dx + dy * dy).max(1e-6);
    let cells = |p: f32, q: f32| {
        let last = SIDE as f32 - 1.0;
        let (lo, hi) = ((p.min(q) - reach).clamp(0.0, last), (p.max(q) + reach).clamp(0.0, last));
        lo as usize..=hi as usize
    };
    for row in cells(a.1, b.1) {
        for column in cells(a.0, b.0) {
            let (x, y) = (column as f32 - a.0, row as f32 - a.1);
            let along = ((x * dx + y * dy) / length).clamp(0.0, 1.0);
            let (x, y) = (x - along * dx, y - along * dy);
            let cell = &mut squared[row * SIDE + column];
            *cell = cell.min(x * x + y * y);
        }
    }
}
