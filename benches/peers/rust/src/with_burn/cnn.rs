//! Two convolutions with pooling, then two dense layers.

use anyhow::Result;
use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{Linear, PaddingConfig2d};
use burn::tensor::Tensor;
use burn::tensor::activation::{log_softmax, relu};

use super::Start;
use crate::measure::Step;

#[derive(Module, Debug)]
struct Cnn {
    convolutions: [Conv2d; 2],
    pool: MaxPool2d,
    hidden: Linear,
    output: Linear,
}

impl Cnn {
    fn new(start: &Start<'_>) -> Result<Self> {
        let convolutions = [convolution(start, "c1")?, convolution(start, "c2")?];
        let pool = MaxPool2dConfig::new([2, 2]).init();
        Ok(Self { convolutions, pool, hidden: start.linear("d1")?, output: start.linear("d2")? })
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let layer = |x, convolution: &Conv2d| self.pool.forward(relu(convolution.forward(x)));
        let x = self.convolutions.iter().fold(x, layer).flatten(1, 3);
        self.output.forward(relu(self.hidden.forward(x)))
    }
}

fn convolution(start: &Start<'_>, name: &str) -> Result<Conv2d> {
    let weight = start.parameter::<4>(&format!("{name}w"))?;
    let [n_out, n_in, height, width] = weight.dims();
    let config = Conv2dConfig::new([n_in, n_out], [height, width]);
    let mut layer = config.with_padding(PaddingConfig2d::Valid).init(&start.device);
    layer.weight = weight;
    layer.bias = Some(start.parameter(&format!("{name}b"))?);
    Ok(layer)
}

/// With classes as numbers.
pub(super) fn by_classes(start: &Start<'_>) -> Result<Step> {
    let (images, classes) = (start.batches(0)?, start.classes(1)?);
    let loss = CrossEntropyLossConfig::new().init(&start.device);
    Ok(start.train(Cnn::new(start)?, move |cnn, i| {
        let i = i % images.len();
        loss.forward(cnn.forward(images[i].clone()), classes[i].clone())
    }))
}

/// With classes as vectors of one one, for which burn has no loss of its own.
pub(super) fn by_one_hot(start: &Start<'_>) -> Result<Step> {
    let (images, classes) = (start.batches(0)?, start.batches::<2>(1)?);
    Ok(start.train(Cnn::new(start)?, move |cnn, i| {
        let i = i % images.len();
        let logits = cnn.forward(images[i].clone());
        (log_softmax(logits, 1) * classes[i].clone()).sum_dim(1).mean().neg()
    }))
}
