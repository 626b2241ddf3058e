//! One array of a data set.

use brolga_compiler::ir::{DType, Literal, TensorType};
use brolga_compiler::with_array;
use ndarray::Axis;

use super::DataError;
use super::mapped::Mapped;
use super::rows::{Elements, write_one_hot, write_rows};

/// Bytes of a block of rows of an array in a file.
const BLOCK: usize = 4 << 20;

/// An array: its elements in memory, or where they lie in a file.
#[derive(Clone, Debug)]
pub enum Array {
    /// In memory, row-major. Cloning shares the elements.
    Held(Literal),
    /// In a file, which is read row by row as the rows are wanted.
    Mapped(Mapped),
}

impl Array {
    /// The element type.
    pub fn dtype(&self) -> DType {
        match self {
            Array::Held(literal) => literal.dtype(),
            Array::Mapped(mapped) => mapped.stored().dtype(),
        }
    }

    /// The dimensions.
    pub fn sizes(&self) -> &[usize] {
        match self {
            Array::Held(literal) => literal.sizes(),
            Array::Mapped(mapped) => mapped.sizes(),
        }
    }

    /// The number of elements.
    pub fn n_elements(&self) -> usize {
        self.sizes().iter().product()
    }

    /// The type.
    pub fn tensor_type(&self) -> TensorType {
        TensorType::of_sizes(self.dtype(), self.sizes())
    }

    /// The bytes that the elements take in memory.
    pub fn n_bytes(&self) -> usize {
        match self {
            Array::Held(literal) => literal.n_elements().saturating_mul(literal.dtype().size()),
            Array::Mapped(_) => 0,
        }
    }

    /// The row of that number; a scalar is its own row.
    pub fn row(&self, row: usize) -> Literal {
        match self {
            Array::Held(literal) => with_array!(literal, a => match a.ndim() {
                0 => literal.clone(),
                _ => Literal::new(a.index_axis(Axis(0), row).to_owned()),
            }),
            Array::Mapped(_) => {
                let sizes = &self.sizes()[1..];
                self.converted(&[row as u32], sizes)
            }
        }
    }

    /// The rows of these numbers, in this order.
    pub fn select(&self, rows: &[u32]) -> Literal {
        match self.sizes() {
            [] => self.whole(),
            [_, row @ ..] => self.converted(rows, &[&[rows.len()], row].concat()),
        }
    }

    /// All elements, in memory.
    pub fn whole(&self) -> Literal {
        match self {
            Array::Held(literal) => literal.clone(),
            Array::Mapped(_) => self.between(0, self.sizes()[0]),
        }
    }

    /// All rows in their order, so many at a time, each block with the number of its first; what is
    /// in memory is one block.
    pub fn blocks(&self) -> impl Iterator<Item = (usize, Literal)> + '_ {
        let n_rows = self.sizes().first().copied().unwrap_or(1);
        let rows = match self {
            Array::Held(_) => n_rows.max(1),
            Array::Mapped(_) => {
                let row = self.sizes()[1..].iter().product::<usize>() * self.dtype().size();
                (BLOCK / row.max(1)).max(1)
            }
        };
        (0..n_rows).step_by(rows).map(move |first| {
            let block = match self {
                Array::Held(literal) => literal.clone(),
                Array::Mapped(_) => self.between(first, (first + rows).min(n_rows)),
            };
            (first, block)
        })
    }

    fn between(&self, first: usize, end: usize) -> Literal {
        // A data set has fewer than 2^32 rows.
        self.select(&(first as u32..end as u32).collect::<Vec<u32>>())
    }

    fn converted(&self, rows: &[u32], sizes: &[usize]) -> Literal {
        let width = self.sizes()[1..].iter().product();
        let dtype = self.dtype();
        let mut bytes = vec![0; rows.len() * width * dtype.size()];
        self.write_rows(dtype, rows, width, &mut bytes);
        Literal::from_bytes(dtype, sizes, &bytes).expect("as many bytes as the sizes ask for")
    }

    /// Writes the rows of these numbers, of `width` elements each, as elements of `dtype`, row-major
    /// and little-endian; a scalar is one row. Allocates nothing.
    pub(super) fn write_rows(&self, dtype: DType, rows: &[u32], width: usize, bytes: &mut [u8]) {
        write_rows(self.elements(), dtype, rows, width, bytes);
    }

    /// Writes a vector of `classes` elements for each of these rows: 1 at the row's label, 0
    /// elsewhere. Allocates nothing.
    pub(super) fn write_one_hot(
        &self,
        dtype: DType,
        rows: &[u32],
        classes: usize,
        bytes: &mut [u8],
    ) {
        write_one_hot(self.elements(), dtype, rows, classes, bytes);
    }

    fn elements(&self) -> Elements<'_> {
        match self {
            Array::Held(literal) => Elements::Held(literal),
            Array::Mapped(mapped) => Elements::Mapped(mapped),
        }
    }

    /// Errors: the elements are in a file that was cut.
    pub(crate) fn check(&self) -> Result<(), DataError> {
        match self {
            Array::Held(_) => Ok(()),
            Array::Mapped(mapped) => mapped.check(),
        }
    }
}

/// The same elements, wherever they are.
impl PartialEq for Array {
    fn eq(&self, other: &Array) -> bool {
        self.tensor_type() == other.tensor_type() && self.whole() == other.whole()
    }
}

impl From<Literal> for Array {
    fn from(literal: Literal) -> Array {
        Array::Held(row_major(literal))
    }
}

impl From<Mapped> for Array {
    fn from(mapped: Mapped) -> Array {
        Array::Mapped(mapped)
    }
}

/// The same tensor with its elements in row-major order in memory.
pub(super) fn row_major(literal: Literal) -> Literal {
    with_array!(&literal, a => if a.is_standard_layout() {
        literal
    } else {
        Literal::new(a.as_standard_layout().into_owned())
    })
}
