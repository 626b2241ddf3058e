//! Recurrent layers and attention.

use anyhow::Result;
use burn::module::{Module, ModuleDisplay, Param};
use burn::nn::loss::{CrossEntropyLoss, CrossEntropyLossConfig};
use burn::nn::{
    Embedding, EmbeddingConfig, GateController, LayerNorm, LayerNormConfig, Linear, Lstm,
    LstmConfig, Rnn, RnnConfig,
};
use burn::optim::AdamWConfig;
use burn::tensor::activation::gelu_approximate;
use burn::tensor::module::attention;
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Int, Tensor};

use super::Start;
use crate::case::{BETA_2, BLOCKS, EPSILON, HEADS, NORM_EPSILON, UNITS, WEIGHT_DECAY};
use crate::measure::Step;

/// Sets the weights of a gate to columns of those of all gates; the second bias is left out.
fn set_gate(start: &Start<'_>, gate: &mut GateController, number: usize) -> Result<()> {
    let columns = number * UNITS..(number + 1) * UNITS;
    let weight = |name| -> Result<Param<Tensor<2>>> {
        let all = start.parameter::<2>(name)?.val().inner();
        let [n_rows, _] = all.dims();
        let own = all.slice([0..n_rows, columns.clone()]).into_data();
        Ok(Param::from_tensor(Tensor::from_data(own, &start.device)))
    };
    gate.input_transform.weight = weight("wx")?;
    gate.hidden_transform.weight = weight("wh")?;
    let bias = start.parameter::<1>("b")?.val().inner().slice([columns.clone()]).into_data();
    let bias = Param::from_tensor(Tensor::from_data(bias, &start.device));
    gate.input_transform.bias = Some(bias);
    gate.hidden_transform.bias = None;
    Ok(())
}

#[derive(Module, Debug)]
struct ByRows<R: Module + ModuleDisplay> {
    recurrent: R,
    output: Linear,
}

/// Trains a recurrent layer and a dense one on its last state.
fn by_rows<R: Module + ModuleDisplay + 'static>(
    start: &Start<'_>,
    recurrent: R,
    last: fn(&R, Tensor<3>) -> Tensor<2>,
) -> Result<Step> {
    let model = ByRows { recurrent, output: start.linear("o")? };
    let (images, classes) = (start.batches(0)?, start.classes(1)?);
    let loss = CrossEntropyLossConfig::new().init(&start.device);
    Ok(start.train(model, move |model, i| {
        let i = i % images.len();
        let state = last(&model.recurrent, images[i].clone());
        loss.forward(model.output.forward(state), classes[i].clone())
    }))
}

pub(super) fn rnn(start: &Start<'_>) -> Result<Step> {
    let mut rnn = RnnConfig::new(28, UNITS, true).init(&start.device);
    set_gate(start, &mut rnn.gate, 0)?;
    by_rows::<Rnn>(start, rnn, |rnn, x| rnn.forward(x, None).1.hidden)
}

pub(super) fn lstm(start: &Start<'_>) -> Result<Step> {
    let mut lstm = LstmConfig::new(28, UNITS, true).init(&start.device);
    set_gate(start, &mut lstm.input_gate, 0)?;
    if let Some(forget) = &mut lstm.forget_gate {
        set_gate(start, forget, 1)?;
    }
    set_gate(start, &mut lstm.cell_gate, 2)?;
    set_gate(start, &mut lstm.output_gate, 3)?;
    by_rows::<Lstm>(start, lstm, |lstm, x| lstm.forward(x, None).1.hidden)
}

#[derive(Module, Debug)]
struct Block {
    attention_norm: LayerNorm,
    queries_keys_values: Linear,
    projection: Linear,
    dense_norm: LayerNorm,
    up: Linear,
    down: Linear,
}

impl Block {
    fn new(start: &Start<'_>, number: usize) -> Result<Self> {
        let name = |part| format!("l{number}{part}");
        Ok(Self {
            attention_norm: norm(start, &name("a"))?,
            queries_keys_values: start.linear(&name("qkv"))?,
            projection: start.linear(&name("p"))?,
            dense_norm: norm(start, &name("m"))?,
            up: start.linear(&name("f1"))?,
            down: start.linear(&name("f2"))?,
        })
    }

    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, length, width] = x.dims();
        let all = self.queries_keys_values.forward(self.attention_norm.forward(x.clone()));
        let all = all.reshape([batch, length, 3, HEADS, width / HEADS]).permute([2, 0, 3, 1, 4]);
        let part = |k: usize| all.clone().narrow(0, k, 1).squeeze_dim::<4>(0);
        let causal = AttentionModuleOptions { is_causal: true, ..Default::default() };
        let heads = attention(part(0), part(1), part(2), None, None, causal);
        let heads = heads.swap_dims(1, 2).reshape([batch, length, width]);
        let x = x + self.projection.forward(heads);
        let h = gelu_approximate(self.up.forward(self.dense_norm.forward(x.clone())));
        x + self.down.forward(h)
    }
}

fn norm(start: &Start<'_>, name: &str) -> Result<LayerNorm> {
    let gamma = start.parameter::<1>(&format!("{name}g"))?;
    let config = LayerNormConfig::new(gamma.dims()[0]).with_epsilon(NORM_EPSILON);
    let mut layer = config.init(&start.device);
    layer.gamma = gamma;
    layer.beta = Some(start.parameter(&format!("{name}b"))?);
    Ok(layer)
}

#[derive(Module, Debug)]
struct Transformer {
    tokens: Embedding,
    positions: Param<Tensor<2>>,
    blocks: [Block; BLOCKS],
    norm: LayerNorm,
    head: Linear,
}

impl Transformer {
    fn new(start: &Start<'_>) -> Result<Self> {
        let weight = start.parameter::<2>("tok")?;
        let [n_tokens, width] = weight.dims();
        let mut tokens = EmbeddingConfig::new(n_tokens, width).init(&start.device);
        tokens.weight = weight;
        Ok(Self {
            tokens,
            positions: start.parameter("pos")?,
            blocks: [Block::new(start, 0)?, Block::new(start, 1)?],
            norm: norm(start, "lf")?,
            head: start.linear("head")?,
        })
    }

    fn forward(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        let x = self.tokens.forward(tokens) + self.positions.val().unsqueeze();
        let x = self.blocks.iter().fold(x, |x, block| block.forward(x));
        self.head.forward(self.norm.forward(x))
    }
}

pub(super) fn transformer(start: &Start<'_>) -> Result<Step> {
    let (tokens, next) = (start.classes::<2>(0)?, start.classes::<2>(1)?);
    let next: Vec<Tensor<1, Int>> = next.into_iter().map(|next| next.flatten(0, 1)).collect();
    let loss: CrossEntropyLoss = CrossEntropyLossConfig::new().init(&start.device);
    let config = AdamWConfig::new().with_beta_1(start.model.beta_1() as f32);
    let config = config.with_beta_2(BETA_2 as f32).with_epsilon(EPSILON as f32);
    let optimizer = config.with_weight_decay(WEIGHT_DECAY as f32).init();
    Ok(start.train_with(optimizer, Transformer::new(start)?, move |model, i| {
        let i = i % tokens.len();
        loss.forward(model.forward(tokens[i].clone()).flatten(0, 1), next[i].clone())
    }))
}
