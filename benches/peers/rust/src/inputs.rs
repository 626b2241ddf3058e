//! The data and initial parameters of a case, as `inputs.py` has written them: batches as
//! `batch.NUMBER.INPUT`, parameters as `parameter.NAME`, operands of single operations as
//! `operand.NUMBER`. Images are NCHW, convolutions OIHW, dense layers `[in, out]`.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use safetensors::{Dtype, SafeTensors};

/// Numbers in row-major order.
pub(crate) struct Array {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Values,
}

pub(crate) enum Values {
    F32(Vec<f32>),
    I32(Vec<i32>),
}

impl Array {
    /// The numbers, where they are floats.
    pub(crate) fn floats(&self) -> Result<&[f32]> {
        match &self.values {
            Values::F32(values) => Ok(values),
            Values::I32(_) => bail!("integers where floats belong"),
        }
    }

    /// The numbers, where they are integers.
    pub(crate) fn integers(&self) -> Result<&[i32]> {
        match &self.values {
            Values::I32(values) => Ok(values),
            Values::F32(_) => bail!("floats where integers belong"),
        }
    }
}

/// The arrays of a case by name.
pub(crate) struct Inputs {
    arrays: HashMap<String, Array>,
}

impl Inputs {
    /// Reads the file of a case.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path)
            .with_context(|| format!("{}: no inputs; `inputs.py` writes them", path.display()))?;
        let file = SafeTensors::deserialize(&bytes)?;
        let arrays = file.iter().map(|(name, view)| {
            let words = view.data().chunks_exact(4).map(|w| [w[0], w[1], w[2], w[3]]);
            let values = match view.dtype() {
                Dtype::F32 => Values::F32(words.map(f32::from_le_bytes).collect()),
                Dtype::I32 => Values::I32(words.map(i32::from_le_bytes).collect()),
                other => bail!("`{name}` is of {other:?}"),
            };
            Ok((name.to_owned(), Array { shape: view.shape().to_vec(), values }))
        });
        Ok(Self { arrays: arrays.collect::<Result<_>>()? })
    }

    /// The initial value of a parameter.
    pub(crate) fn parameter(&self, name: &str) -> Result<&Array> {
        let found = self.arrays.get(&format!("parameter.{name}"));
        found.with_context(|| format!("no parameter `{name}` among the inputs"))
    }

    /// The names of the parameters.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &str> {
        self.arrays.keys().filter_map(|name| name.strip_prefix("parameter."))
    }

    /// One input in all batches, in their order.
    pub(crate) fn batches(&self, input: usize) -> impl Iterator<Item = &Array> {
        (0..).map_while(move |batch| self.arrays.get(&format!("batch.{batch}.{input}")))
    }

    /// An operand of a single operation.
    pub(crate) fn operand(&self, number: usize) -> Result<&Array> {
        let found = self.arrays.get(&format!("operand.{number}"));
        found.with_context(|| format!("no operand {number} among the inputs"))
    }
}
