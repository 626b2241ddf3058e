//! What a run is given: the memories of inputs, and its place among others.

use brolga_compiler::ir::{Literal, Name, TensorType};

use super::Clock;
use crate::RunError;
use crate::arena::{Budget, Memory};

/// An input of a program with the memory that it is fed through.
#[derive(Debug)]
pub struct Feed {
    /// The input.
    pub name: Name,
    /// Its type; every dimension is a number.
    pub tensor_type: TensorType,
    n_bytes: usize,
    block: Memory,
}

/// An input of a program, to be fed. The memory itself stays where it is, as machine code knows it.
#[derive(Debug)]
pub struct FeedMut<'a> {
    /// The input.
    pub name: &'a Name,
    /// Its type; every dimension is a number.
    pub tensor_type: &'a TensorType,
    /// The elements in row-major order, little-endian; what is written stays for the following runs.
    pub bytes: &'a mut [u8],
}

impl Feed {
    pub(super) fn new(
        name: &Name,
        tensor_type: &TensorType,
        budget: &Budget,
    ) -> Result<Feed, RunError> {
        let n_bytes = n_bytes(tensor_type)?;
        let block = budget.block(n_bytes, &format!("the input `{name}`"))?;
        Ok(Feed { name: name.clone(), tensor_type: tensor_type.clone(), n_bytes, block })
    }

    /// The elements in row-major order, little-endian.
    pub fn bytes(&self) -> &[u8] {
        &self.block.bytes()[..self.n_bytes]
    }

    /// The elements as a tensor; a copy.
    pub fn literal(&self) -> Literal {
        let sizes = self.tensor_type.sizes().expect("a program has only numbers");
        Literal::from_bytes(self.tensor_type.dtype, &sizes, self.bytes())
            .expect("the bytes are those of the type")
    }

    /// The input, to write.
    pub(super) fn writable(&mut self) -> FeedMut<'_> {
        FeedMut {
            name: &self.name,
            tensor_type: &self.tensor_type,
            bytes: &mut self.block.bytes_mut()[..self.n_bytes],
        }
    }

    /// Takes over what a memory holds that is large enough: where both are of one size they change
    /// places.
    pub(crate) fn take(&mut self, filled: &mut Memory) {
        if self.block.size() == filled.size() {
            std::mem::swap(&mut self.block, filled);
        } else {
            let n = self.n_bytes;
            self.block.bytes_mut()[..n].copy_from_slice(&filled.bytes()[..n]);
        }
    }

    pub(super) fn pointer(&self) -> *mut u8 {
        self.block.pointer()
    }
}

/// What a run is told of its place among others.
#[derive(Clone, Copy)]
pub(super) struct Clocks {
    pub(super) seed: i64,
    /// What the variables have been trained for.
    pub(super) clock: Clock,
    /// The number of the batch.
    pub(super) batch: i64,
}

/// The bytes of a type of numbers.
pub(super) fn n_bytes(tensor_type: &TensorType) -> Result<usize, RunError> {
    tensor_type.n_bytes().ok_or_else(|| RunError::MemoryLimit {
        purpose: format!("a tensor of {tensor_type}"),
        bytes: u64::MAX,
        taken: 0,
        limit: i64::MAX as u64,
    })
}
