//! Two convolutions with pooling, then two dense layers.

use anyhow::Result;
use candle_core::Tensor;
use candle_nn::loss::cross_entropy;
use candle_nn::ops::log_softmax;
use candle_nn::{Conv2d, Linear, Module, VarMap, conv2d, linear};

use super::{Start, layers};
use crate::measure::Step;

struct Cnn {
    convolutions: [Conv2d; 2],
    hidden: Linear,
    output: Linear,
}

impl Cnn {
    fn new(start: &Start<'_>, variables: &VarMap) -> Result<Self> {
        let layers = layers(variables);
        let [n_in, n_hidden] =
            [start.inputs.parameter("c1w")?.shape[1], start.inputs.parameter("d2w")?.shape[0]];
        let n_flat = start.inputs.parameter("d1w")?.shape[0];
        let first = conv2d(n_in, 32, 3, Default::default(), layers.pp("c1"))?;
        let second = conv2d(32, 64, 3, Default::default(), layers.pp("c2"))?;
        let hidden = linear(n_flat, n_hidden, layers.pp("d1"))?;
        let output = linear(n_hidden, 10, layers.pp("d2"))?;
        Ok(Self { convolutions: [first, second], hidden, output })
    }

    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let layer = |x: Tensor, layer: &Conv2d| pool(&layer.forward(&x)?.relu()?);
        let x = self.convolutions.iter().try_fold(x.clone(), layer)?.flatten_from(1)?;
        self.output.forward(&self.hidden.forward(&x)?.relu()?)
    }
}

/// The maxima of windows of two by two, without a last odd row or column. `max_pool2d` computes the
/// same, but not its gradient: that is a quarter of what it should be where a window has one
/// maximum, and in the wrong places where a row is left over.
fn pool(x: &Tensor) -> candle_core::Result<Tensor> {
    let (batch, channels, height, width) = x.dims4()?;
    let (rows, columns) = (height / 2, width / 2);
    let x = x.narrow(2, 0, 2 * rows)?.narrow(3, 0, 2 * columns)?;
    x.reshape((batch, channels, rows, 2, columns, 2))?.max(5)?.max(3)
}

/// With classes as numbers.
pub(super) fn by_classes(start: &Start<'_>) -> Result<Step> {
    let variables = start.variables("")?;
    let cnn = Cnn::new(start, &variables)?;
    let (images, classes) = (start.batches(0)?, start.classes(1)?);
    start.train(&variables, 0.0, move |i| {
        let i = i % images.len();
        Ok(cross_entropy(&cnn.forward(&images[i])?, &classes[i])?)
    })
}

/// With classes as vectors of one one, for which candle has no loss of its own.
pub(super) fn by_one_hot(start: &Start<'_>) -> Result<Step> {
    let variables = start.variables("")?;
    let cnn = Cnn::new(start, &variables)?;
    let (images, classes) = (start.batches(0)?, start.batches(1)?);
    start.train(&variables, 0.0, move |i| {
        let i = i % images.len();
        let logits = cnn.forward(&images[i])?;
        let of_batch = (log_softmax(&logits, 1)? * &classes[i])?.sum_all()?;
        Ok((of_batch / -(logits.dim(0)? as f64))?)
    })
}
