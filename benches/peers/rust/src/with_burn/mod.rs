//! The models in burn: its layers, losses and optimisers, as its book shows them. Tensors carry
//! their back end in their device, so that one text serves all.

mod cnn;
mod dense;
mod operations;
mod resnet;
mod sequences;

use anyhow::{Context, Result};
use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::case::{BETA_2, EPSILON, Model};
use crate::inputs::{Array, Inputs};
use crate::measure::Step;

/// The step of a model on a device.
pub(crate) fn step(device: Device, model: Model, inputs: &Inputs) -> Result<Step> {
    let start = Start { inputs, model, device: device.clone().autodiff(), plain: device };
    match model {
        Model::Mlp => dense::mlp(&start, 0.0),
        Model::MlpDropout => dense::mlp(&start, crate::case::DROPPED),
        Model::Autoencoder => dense::autoencoder(&start),
        Model::Gan => dense::gan(&start),
        Model::CnnMnist => cnn::by_classes(&start),
        Model::CnnCifar => cnn::by_one_hot(&start),
        Model::ResnetSmall => resnet::by_classes(&start),
        Model::Rnn => sequences::rnn(&start),
        Model::Lstm => sequences::lstm(&start),
        Model::TransformerSmall => sequences::transformer(&start),
        Model::Elementwise => operations::elementwise(&start),
        Model::Softmax => operations::softmax(&start),
        Model::Layernorm => operations::layernorm(&start),
        Model::Matmul => operations::matmul(&start),
        Model::AdamUpdate => operations::adam_update(&start),
        Model::ReduceSum => operations::reduce_sum(&start),
    }
}

/// What a model begins with.
struct Start<'a> {
    inputs: &'a Inputs,
    model: Model,
    /// Records what is computed, for gradients.
    device: Device,
    /// The same without.
    plain: Device,
}

impl Start<'_> {
    fn parameter<const D: usize>(&self, name: &str) -> Result<Param<Tensor<D>>> {
        Ok(Param::from_tensor(floats(self.inputs.parameter(name)?, &self.device)?))
    }

    fn linear(&self, name: &str) -> Result<Linear> {
        let weight = self.parameter(&format!("{name}w"))?;
        Ok(Linear { weight, bias: Some(self.parameter(&format!("{name}b"))?) })
    }

    /// One input in all batches.
    fn batches<const D: usize>(&self, input: usize) -> Result<Vec<Tensor<D>>> {
        self.inputs.batches(input).map(|array| floats(array, &self.device)).collect()
    }

    /// One input of classes in all batches.
    fn classes<const D: usize>(&self, input: usize) -> Result<Vec<Tensor<D, Int>>> {
        self.inputs.batches(input).map(|array| integers(array, &self.device)).collect()
    }

    /// An operand that needs no gradient.
    fn operand<const D: usize>(&self, number: usize) -> Result<Tensor<D>> {
        floats(self.inputs.operand(number)?, &self.plain)
    }

    /// An operand whose gradient is asked for.
    fn variable<const D: usize>(&self, number: usize) -> Result<Tensor<D>> {
        Ok(floats::<D>(self.inputs.operand(number)?, &self.device)?.require_grad())
    }

    fn adam_config(&self) -> AdamConfig {
        let beta_1 = self.model.beta_1();
        let config = AdamConfig::new().with_beta_1(beta_1 as f32).with_beta_2(BETA_2 as f32);
        config.with_epsilon(EPSILON as f32)
    }

    /// The step that lowers the loss by Adam.
    fn train<M: Module + 'static>(
        &self,
        model: M,
        loss: impl Fn(&M, usize) -> Tensor<1> + 'static,
    ) -> Step {
        self.train_with(self.adam_config().init(), model, loss)
    }

    fn train_with<M: Module + 'static>(
        &self,
        mut optimizer: ModuleOptimizer,
        model: M,
        loss: impl Fn(&M, usize) -> Tensor<1> + 'static,
    ) -> Step {
        let (rate, mut model) = (self.model.rate(), Some(model));
        Box::new(move |i| {
            let before = model.take().context("the step before failed")?;
            let loss = loss(&before, i);
            let gradients = GradientsParams::from_grads(loss.backward(), &before);
            model = Some(optimizer.step(rate, before, gradients));
            Ok(Some(loss.into_scalar()))
        })
    }
}

fn floats<const D: usize>(array: &Array, device: &Device) -> Result<Tensor<D>> {
    let values = TensorData::new(array.floats()?.to_vec(), array.shape.clone());
    Ok(Tensor::from_data(values, device))
}

fn integers<const D: usize>(array: &Array, device: &Device) -> Result<Tensor<D, Int>> {
    let values = TensorData::new(array.integers()?.to_vec(), array.shape.clone());
    Ok(Tensor::from_data(values, device))
}
