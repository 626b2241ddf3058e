//! The models in candle: the layers, losses and optimiser of `candle-nn`.

mod cnn;
mod dense;
mod operations;
mod sequences;

use anyhow::{Result, bail};
use candle_core::{DType, Device, Tensor, Var};
use candle_nn::{AdamW, Optimizer, ParamsAdamW, VarBuilder, VarMap};

use crate::case::{BETA_2, EPSILON, Model};
use crate::inputs::{Array, Inputs};
use crate::measure::Step;

/// The step of a model.
pub(crate) fn step(model: Model, inputs: &Inputs) -> Result<Step> {
    let start = Start { inputs, model };
    match model {
        Model::Mlp => dense::mlp(&start, 0.0),
        Model::MlpDropout => dense::mlp(&start, crate::case::DROPPED as f32),
        Model::Autoencoder => dense::autoencoder(&start),
        Model::Gan => dense::gan(&start),
        Model::CnnMnist => cnn::by_classes(&start),
        Model::CnnCifar => cnn::by_one_hot(&start),
        Model::ResnetSmall => bail!("candle has no descent with momentum"),
        Model::Rnn => bail!("candle has no plain recurrent layer"),
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
}

impl Start<'_> {
    /// The parameters whose names begin so, named as `candle_nn` names those of its layers.
    fn variables(&self, prefix: &str) -> Result<VarMap> {
        let variables = VarMap::new();
        let mut named = variables.data().lock().expect("nothing panics while it holds the map");
        for name in self.inputs.parameters().filter(|name| name.starts_with(prefix)) {
            let value = floats(self.inputs.parameter(name)?)?;
            let is_table = name == "tok" || name == "pos";
            // A dense layer's weights are [out, in].
            let value = if value.rank() == 2 && !is_table { value.t()? } else { value };
            named.insert(layer_name(name), Var::from_tensor(&value.contiguous()?)?);
        }
        drop(named);
        Ok(variables)
    }

    /// One input in all batches.
    fn batches(&self, input: usize) -> Result<Vec<Tensor>> {
        self.inputs.batches(input).map(floats).collect()
    }

    /// One input of classes in all batches.
    fn classes(&self, input: usize) -> Result<Vec<Tensor>> {
        self.inputs.batches(input).map(classes).collect()
    }

    fn operand(&self, number: usize) -> Result<Tensor> {
        floats(self.inputs.operand(number)?)
    }

    /// Adam for these variables; with a decay of weights it is AdamW.
    fn adam(&self, variables: Vec<Var>, weight_decay: f64) -> Result<AdamW> {
        let (lr, beta1) = (self.model.rate(), self.model.beta_1());
        let params = ParamsAdamW { lr, beta1, beta2: BETA_2, eps: EPSILON, weight_decay };
        Ok(AdamW::new(variables, params)?)
    }

    /// The step that lowers the loss by Adam.
    fn train(
        &self,
        variables: &VarMap,
        weight_decay: f64,
        loss: impl Fn(usize) -> Result<Tensor> + 'static,
    ) -> Result<Step> {
        let mut adam = self.adam(variables.all_vars(), weight_decay)?;
        Ok(Box::new(move |i| {
            let loss = loss(i)?;
            adam.backward_step(&loss)?;
            Ok(Some(loss.to_scalar()?))
        }))
    }
}

/// Where layers find their parameters.
fn layers(variables: &VarMap) -> VarBuilder<'static> {
    VarBuilder::from_varmap(variables, DType::F32, &Device::Cpu)
}

/// `d1w` is the weight of the layer `d1`; the recurrent layer's are named after it.
fn layer_name(name: &str) -> String {
    match (name, name.split_at(name.len() - 1)) {
        ("wx", _) => "weight_ih_l0".to_owned(),
        ("wh", _) => "weight_hh_l0".to_owned(),
        ("b", _) => "bias_ih_l0".to_owned(),
        ("tok", _) => "tok.weight".to_owned(),
        (_, (layer, "w" | "g")) => format!("{layer}.weight"),
        (_, (layer, "b")) => format!("{layer}.bias"),
        (name, _) => name.to_owned(),
    }
}

fn floats(array: &Array) -> Result<Tensor> {
    Ok(Tensor::from_slice(array.floats()?, array.shape.clone(), &Device::Cpu)?)
}

fn classes(array: &Array) -> Result<Tensor> {
    let values: Result<Vec<u32>, _> = array.integers()?.iter().map(|&c| u32::try_from(c)).collect();
    Ok(Tensor::from_vec(values?, array.shape.clone(), &Device::Cpu)?)
}
