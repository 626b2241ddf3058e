//! Rows of arrays as the bytes of an input: row-major and little-endian, without an allocation.

use brolga_compiler::ir::{DType, Element, Literal};
use brolga_compiler::with_array;

use super::mapped::Mapped;
use super::stored::with_stored;

/// Where the elements of an array lie, row-major.
#[derive(Clone, Copy)]
pub(super) enum Elements<'a> {
    Held(&'a Literal),
    Mapped(&'a Mapped),
}

/// An element that can be written as any type; total, though plans use only what the match of
/// types allows.
trait Number: Element {
    fn to_f32(self) -> f32;
    fn to_f64(self) -> f64;
    fn to_i32(self) -> i32;
    fn to_i64(self) -> i64;
    fn to_u8(self) -> u8;
    fn to_bool(self) -> bool;
    /// The class that a label is; `None` below 0.
    fn class(self) -> Option<usize>;
    /// Writes `convert` of each element of `source`, little-endian. Here the size of an element
    /// is known to the compiler, which makes of it whole vectors at a time.
    fn write_each<S: Copy>(source: &[S], bytes: &mut [u8], convert: impl Fn(S) -> Self);
}

macro_rules! number {
    ($($t:ty: $x:ident => $n:expr, $bytes:expr);*) => {$(
        impl Number for $t {
            fn to_f32(self) -> f32 { let $x = self; $n as f32 }
            fn to_f64(self) -> f64 { let $x = self; $n as f64 }
            fn to_i32(self) -> i32 { let $x = self; $n as i32 }
            fn to_i64(self) -> i64 { let $x = self; $n as i64 }
            fn to_u8(self) -> u8 { let $x = self; $n as u8 }
            fn to_bool(self) -> bool { self.to_f64() != 0.0 }
            fn class(self) -> Option<usize> { usize::try_from(self.to_i64()).ok() }
            fn write_each<S: Copy>(source: &[S], bytes: &mut [u8], convert: impl Fn(S) -> Self) {
                let (chunks, _) = bytes.as_chunks_mut::<{ <$t as Element>::SIZE }>();
                for (&x, chunk) in source.iter().zip(chunks) {
                    let $x = convert(x);
                    *chunk = $bytes;
                }
            }
        }
    )*};
}
number! {
    f32: x => x, x.to_le_bytes();
    f64: x => x, x.to_le_bytes();
    i32: x => x, x.to_le_bytes();
    i64: x => x, x.to_le_bytes();
    u8: x => x, [x];
    bool: x => u8::from(x), [u8::from(x)]
}

/// Runs `$body` with `$source` the elements of an array as they lie, row-major, and `$number` what
/// makes a number of one of them.
macro_rules! with_source {
    ($elements:expr, ($source:ident, $number:ident) => $body:expr) => {
        match $elements {
            Elements::Held(literal) => with_array!(literal, a => {
                let $source = a.as_slice().expect("a data set is row-major");
                let $number = |x| x;
                $body
            }),
            Elements::Mapped(mapped) => with_stored!(mapped.stored(), (N, $number) => {
                let ($source, _) = mapped.bytes().as_chunks::<N>();
                $body
            }),
        }
    };
}

/// Writes rows of `width` elements of an array as elements of `dtype`.
pub(super) fn write_rows(
    elements: Elements<'_>,
    dtype: DType,
    rows: &[u32],
    width: usize,
    bytes: &mut [u8],
) {
    fn each<S: Copy, D: Number>(
        source: &[S],
        (rows, width): (&[u32], usize),
        bytes: &mut [u8],
        convert: impl Fn(S) -> D,
    ) {
        if width == 0 {
            return;
        }
        for (&row, bytes) in rows.iter().zip(bytes.chunks_exact_mut(width * D::SIZE)) {
            let start = row as usize * width;
            D::write_each(&source[start..start + width], bytes, &convert);
        }
    }
    let which = (rows, width);
    with_source!(elements, (source, number) => match dtype {
        DType::F32 => each(source, which, bytes, |x| number(x).to_f32()),
        DType::F64 => each(source, which, bytes, |x| number(x).to_f64()),
        DType::I32 => each(source, which, bytes, |x| number(x).to_i32()),
        DType::I64 => each(source, which, bytes, |x| number(x).to_i64()),
        DType::U8 => each(source, which, bytes, |x| number(x).to_u8()),
        DType::Bool => each(source, which, bytes, |x| number(x).to_bool()),
    });
}

/// Writes a vector of `classes` elements a row: 1 at the row's label, 0 elsewhere.
pub(super) fn write_one_hot(
    elements: Elements<'_>,
    dtype: DType,
    rows: &[u32],
    classes: usize,
    bytes: &mut [u8],
) {
    fn each<D: Element>(
        label: impl Fn(u32) -> Option<usize>,
        rows: &[u32],
        bytes: &mut [u8],
        (classes, one): (usize, D),
    ) {
        bytes.fill(0);
        for (i, &row) in rows.iter().enumerate() {
            if let Some(class) = label(row).filter(|c| *c < classes) {
                let at = (i * classes + class) * D::SIZE;
                one.write(&mut bytes[at..at + D::SIZE]);
            }
        }
    }
    with_source!(elements, (source, number) => {
        let label = |row: u32| number(source[row as usize]).class();
        match dtype {
            DType::F32 => each(label, rows, bytes, (classes, 1f32)),
            DType::F64 => each(label, rows, bytes, (classes, 1f64)),
            DType::I32 => each(label, rows, bytes, (classes, 1i32)),
            DType::I64 => each(label, rows, bytes, (classes, 1i64)),
            DType::U8 => each(label, rows, bytes, (classes, 1u8)),
            DType::Bool => each(label, rows, bytes, (classes, true)),
        }
    });
}
