//! Models of dense layers.

use anyhow::Result;
use candle_core::{Device, Tensor};
use candle_nn::loss::{binary_cross_entropy_with_logit, cross_entropy, mse};
use candle_nn::ops::{leaky_relu, sigmoid};
use candle_nn::{Dropout, Linear, Module, Optimizer, linear};

use super::{Start, layers};
use crate::case::LEAK;
use crate::measure::Step;

pub(super) fn mlp(start: &Start<'_>, dropped: f32) -> Result<Step> {
    let variables = start.variables("")?;
    let layers = layers(&variables);
    let (hidden, output) = (linear(784, 128, layers.pp("d1"))?, linear(128, 10, layers.pp("d2"))?);
    let dropout = (dropped > 0.0).then(|| Dropout::new(dropped));
    let (images, classes) = (start.batches(0)?, start.classes(1)?);
    start.train(&variables, 0.0, move |i| {
        let i = i % images.len();
        let h = hidden.forward(&images[i])?.relu()?;
        let h = match &dropout {
            Some(dropout) => dropout.forward(&h, true)?,
            None => h,
        };
        Ok(cross_entropy(&output.forward(&h)?, &classes[i])?)
    })
}

pub(super) fn autoencoder(start: &Start<'_>) -> Result<Step> {
    let variables = start.variables("")?;
    let layers = layers(&variables);
    let hidden = [
        linear(784, 128, layers.pp("d1"))?,
        linear(128, 64, layers.pp("d2"))?,
        linear(64, 128, layers.pp("d3"))?,
    ];
    let output = linear(128, 784, layers.pp("d4"))?;
    let images = start.batches(0)?;
    start.train(&variables, 0.0, move |i| {
        let x = &images[i % images.len()];
        let h = hidden.iter().try_fold(x.clone(), |h, layer| layer.forward(&h)?.relu())?;
        Ok(mse(&sigmoid(&output.forward(&h)?)?, x)?)
    })
}

/// Judges images: a dense layer with a leak, and one to a logit.
fn judge(layers: &[Linear; 2], x: &Tensor) -> candle_core::Result<Tensor> {
    layers[1].forward(&leaky_relu(&layers[0].forward(x)?, LEAK)?)
}

fn generate(layers: &[Linear; 2], z: &Tensor) -> candle_core::Result<Tensor> {
    sigmoid(&layers[1].forward(&layers[0].forward(z)?.relu()?)?)
}

/// The same weights, which change with the layer's, without gradients.
fn frozen(layer: &Linear) -> Linear {
    Linear::new(layer.weight().detach(), layer.bias().map(Tensor::detach))
}

/// One step of the discriminator, on real and generated images, then one of the generator.
pub(super) fn gan(start: &Start<'_>) -> Result<Step> {
    let (of_d, of_g) = (start.variables("d")?, start.variables("g")?);
    let (d, g) = (layers(&of_d), layers(&of_g));
    let d = [linear(784, 128, d.pp("d1"))?, linear(128, 1, d.pp("d2"))?];
    let g = [linear(64, 128, g.pp("g1"))?, linear(128, 784, g.pp("g2"))?];
    let fixed = [frozen(&d[0]), frozen(&d[1])];
    let (images, first, second) = (start.batches(0)?, start.batches(1)?, start.batches(2)?);
    let ones = Tensor::ones((images[0].dim(0)?, 1), images[0].dtype(), &Device::Cpu)?;
    let zeros = ones.zeros_like()?;
    let mut of_d = start.adam(of_d.all_vars(), 0.0)?;
    let mut of_g = start.adam(of_g.all_vars(), 0.0)?;
    Ok(Box::new(move |i| {
        let i = i % images.len();
        let generated = generate(&g, &first[i])?.detach();
        let is_real = binary_cross_entropy_with_logit(&judge(&d, &images[i])?, &ones)?;
        let d_loss = (is_real + binary_cross_entropy_with_logit(&judge(&d, &generated)?, &zeros)?)?;
        of_d.backward_step(&d_loss)?;

        let judged = judge(&fixed, &generate(&g, &second[i])?)?;
        let g_loss = binary_cross_entropy_with_logit(&judged, &ones)?;
        of_g.backward_step(&g_loss)?;
        Ok(Some(d_loss.to_scalar::<f32>()? + g_loss.to_scalar::<f32>()?))
    }))
}
