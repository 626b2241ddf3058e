//! Models of dense layers.

use anyhow::{Context, Result};
use burn::module::Module;
use burn::nn::loss::{BinaryCrossEntropyLossConfig, CrossEntropyLossConfig, MseLoss, Reduction};
use burn::nn::{Dropout, DropoutConfig, Linear};
use burn::optim::GradientsParams;
use burn::tensor::activation::{leaky_relu, relu, sigmoid};
use burn::tensor::{Int, Tensor};

use super::Start;
use crate::case::LEAK;
use crate::measure::Step;

#[derive(Module, Debug)]
struct Mlp {
    hidden: Linear,
    dropout: Dropout,
    output: Linear,
}

impl Mlp {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.output.forward(self.dropout.forward(relu(self.hidden.forward(x))))
    }
}

pub(super) fn mlp(start: &Start<'_>, dropped: f64) -> Result<Step> {
    let dropout = DropoutConfig::new(dropped).init();
    let mlp = Mlp { hidden: start.linear("d1")?, dropout, output: start.linear("d2")? };
    let (images, classes) = (start.batches(0)?, start.classes(1)?);
    let loss = CrossEntropyLossConfig::new().init(&start.device);
    start.device.seed(0);
    Ok(start.train(mlp, move |mlp, i| {
        let i = i % images.len();
        loss.forward(mlp.forward(images[i].clone()), classes[i].clone())
    }))
}

#[derive(Module, Debug)]
struct Autoencoder {
    hidden: [Linear; 3],
    output: Linear,
}

impl Autoencoder {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let h = self.hidden.iter().fold(x, |h, layer| relu(layer.forward(h)));
        sigmoid(self.output.forward(h))
    }
}

pub(super) fn autoencoder(start: &Start<'_>) -> Result<Step> {
    let hidden = [start.linear("d1")?, start.linear("d2")?, start.linear("d3")?];
    let model = Autoencoder { hidden, output: start.linear("d4")? };
    let images = start.batches(0)?;
    Ok(start.train(model, move |model, i| {
        let x = images[i % images.len()].clone();
        MseLoss::new().forward(model.forward(x.clone()), x, Reduction::Mean)
    }))
}

#[derive(Module, Debug)]
struct Generator {
    hidden: Linear,
    output: Linear,
}

impl Generator {
    fn forward(&self, z: Tensor<2>) -> Tensor<2> {
        sigmoid(self.output.forward(relu(self.hidden.forward(z))))
    }
}

#[derive(Module, Debug)]
struct Discriminator {
    hidden: Linear,
    output: Linear,
}

impl Discriminator {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.output.forward(leaky_relu(self.hidden.forward(x), LEAK))
    }
}

/// One step of the discriminator, on real and generated images, then one of the generator.
pub(super) fn gan(start: &Start<'_>) -> Result<Step> {
    let generator = Generator { hidden: start.linear("g1")?, output: start.linear("g2")? };
    let discriminator = Discriminator { hidden: start.linear("d1")?, output: start.linear("d2")? };
    let images: Vec<Tensor<2>> = start.batches(0)?;
    let (first, second) = (start.batches::<2>(1)?, start.batches::<2>(2)?);
    let first: Vec<Tensor<2>> = first.into_iter().map(Tensor::inner).collect();
    let loss = BinaryCrossEntropyLossConfig::new().with_logits(true).init(&start.device);
    let [n, _] = images[0].dims();
    let ones = Tensor::<2, Int>::ones([n, 1], &start.device);
    let zeros = Tensor::<2, Int>::zeros([n, 1], &start.device);
    let rate = start.model.rate();
    let (mut of_d, mut of_g) = (start.adam_config().init(), start.adam_config().init());
    let mut models = Some((discriminator, generator));
    Ok(Box::new(move |i| {
        let i = i % images.len();
        let (d, g) = models.take().context("the step before failed")?;
        let generated = Tensor::from_inner(g.valid().forward(first[i].clone()));
        let is_real = loss.forward(d.forward(images[i].clone()), ones.clone());
        let d_loss = is_real + loss.forward(d.forward(generated), zeros.clone());
        let gradients = GradientsParams::from_grads(d_loss.backward(), &d);
        let d = of_d.step(rate, d, gradients);

        let judged = d.clone().no_grad().forward(g.forward(second[i].clone()));
        let g_loss = loss.forward(judged, ones.clone());
        let gradients = GradientsParams::from_grads(g_loss.backward(), &g);
        let g = of_g.step(rate, g, gradients);
        models = Some((d, g));
        Ok(Some(d_loss.into_scalar::<f32>() + g_loss.into_scalar::<f32>()))
    }))
}
