//! A small residual network, trained by gradient descent with momentum. Convolutions of stride two
//! are padded on both sides, as PyTorch's are.

use anyhow::Result;
use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::{BatchNorm, BatchNormConfig, Linear, PaddingConfig2d};
use burn::optim::SgdConfig;
use burn::optim::momentum::MomentumConfig;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;

use super::Start;
use crate::case::{BATCH_NORM, MOMENTUM};
use crate::measure::Step;

/// A convolution without bias, then batch normalisation.
#[derive(Module, Debug)]
struct Normed {
    convolution: Conv2d,
    norm: BatchNorm,
}

impl Normed {
    fn new(start: &Start<'_>, names: [&str; 2], stride: usize) -> Result<Self> {
        let [convolution, norm] = names;
        let weight = start.parameter::<4>(convolution)?;
        let [n_out, n_in, side, _] = weight.dims();
        let around = side / 2;
        let config = Conv2dConfig::new([n_in, n_out], [side, side]).with_bias(false);
        let padding = PaddingConfig2d::Explicit(around, around, around, around);
        let config = config.with_stride([stride, stride]).with_padding(padding);
        let mut convolution = config.init(&start.device);
        convolution.weight = weight;
        let (epsilon, of_batch) = BATCH_NORM;
        let config = BatchNormConfig::new(n_out).with_epsilon(epsilon).with_momentum(of_batch);
        let mut layer = config.init(&start.device);
        layer.gamma = start.parameter(&format!("{norm}g"))?;
        layer.beta = start.parameter(&format!("{norm}b"))?;
        Ok(Self { convolution, norm: layer })
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.norm.forward(self.convolution.forward(x))
    }
}

#[derive(Module, Debug)]
struct Block {
    first: Normed,
    second: Normed,
    /// Where the number of channels changes.
    shortcut: Option<Normed>,
}

impl Block {
    fn new(start: &Start<'_>, number: usize, stride: usize) -> Result<Self> {
        let layer = |convolution: &str, norm: &str, stride| {
            let [convolution, norm] = [convolution, norm].map(|part| format!("k{number}{part}"));
            Normed::new(start, [&convolution, &norm], stride)
        };
        let shortcut = (stride > 1).then(|| layer("cp", "np", stride)).transpose()?;
        Ok(Self { first: layer("c1", "n1", stride)?, second: layer("c2", "n2", 1)?, shortcut })
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let y = self.second.forward(relu(self.first.forward(x.clone())));
        let x = match &self.shortcut {
            Some(shortcut) => shortcut.forward(x),
            None => x,
        };
        relu(x + y)
    }
}

#[derive(Module, Debug)]
struct Resnet {
    first: Normed,
    blocks: [Block; 3],
    output: Linear,
}

impl Resnet {
    fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let x = relu(self.first.forward(x));
        let x = self.blocks.iter().fold(x, |x, block| block.forward(x));
        self.output.forward(x.flatten::<3>(2, 3).mean_dim(2).squeeze_dim(2))
    }
}

pub(super) fn by_classes(start: &Start<'_>) -> Result<Step> {
    let blocks = [Block::new(start, 1, 1)?, Block::new(start, 2, 2)?, Block::new(start, 3, 2)?];
    let first = Normed::new(start, ["c0", "n0"], 1)?;
    let resnet = Resnet { first, blocks, output: start.linear("o")? };
    let (images, classes) = (start.batches(0)?, start.classes(1)?);
    let loss = CrossEntropyLossConfig::new().init(&start.device);
    let momentum = MomentumConfig::new().with_momentum(MOMENTUM).with_dampening(0.0);
    let optimizer = SgdConfig::new().with_momentum(Some(momentum)).init();
    Ok(start.train_with(optimizer, resnet, move |resnet, i| {
        let i = i % images.len();
        loss.forward(resnet.forward(images[i].clone()), classes[i].clone())
    }))
}
