//! A recurrent layer and attention.

use anyhow::{Context, Result};
use candle_core::{D, Device, Tensor};
use candle_nn::loss::cross_entropy;
use candle_nn::ops::{layer_norm_slow, softmax};
use candle_nn::rnn::{LSTMConfig, RNN, lstm as lstm_layer};
use candle_nn::{Embedding, Linear, Module, VarBuilder, embedding, linear};

use super::{Start, layers};
use crate::case::{BLOCKS, HEADS, NORM_EPSILON, UNITS, WEIGHT_DECAY};
use crate::measure::Step;

pub(super) fn lstm(start: &Start<'_>) -> Result<Step> {
    let variables = start.variables("")?;
    let layers = layers(&variables);
    let config = LSTMConfig { b_hh_init: None, ..LSTMConfig::default() };
    let lstm = lstm_layer(28, UNITS, config, layers.clone())?;
    let output = linear(UNITS, 10, layers.pp("o"))?;
    let (images, classes) = (start.batches(0)?, start.classes(1)?);
    start.train(&variables, 0.0, move |i| {
        let i = i % images.len();
        let states = lstm.seq(&images[i])?;
        let last = states.last().context("images have rows")?.h();
        Ok(cross_entropy(&output.forward(last)?, &classes[i])?)
    })
}

/// Layer normalisation with gradients, which `candle_nn::LayerNorm` has not.
struct Norm {
    gamma: Tensor,
    beta: Tensor,
}

impl Norm {
    fn new(width: usize, layer: VarBuilder<'_>) -> candle_core::Result<Self> {
        Ok(Self { gamma: layer.get(width, "weight")?, beta: layer.get(width, "bias")? })
    }

    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        layer_norm_slow(x, &self.gamma, &self.beta, NORM_EPSILON as f32)
    }
}

struct Block {
    attention_norm: Norm,
    queries_keys_values: Linear,
    projection: Linear,
    dense_norm: Norm,
    up: Linear,
    down: Linear,
}

impl Block {
    fn new(width: usize, number: usize, layers: &VarBuilder<'_>) -> Result<Self> {
        let layer = |part| layers.pp(format!("l{number}{part}"));
        Ok(Self {
            attention_norm: Norm::new(width, layer("a"))?,
            queries_keys_values: linear(width, 3 * width, layer("qkv"))?,
            projection: linear(width, width, layer("p"))?,
            dense_norm: Norm::new(width, layer("m"))?,
            up: linear(width, 4 * width, layer("f1"))?,
            down: linear(4 * width, width, layer("f2"))?,
        })
    }

    /// `mask` is added to the scores: -inf at what comes later.
    fn forward(&self, x: &Tensor, mask: &Tensor) -> candle_core::Result<Tensor> {
        let (batch, length, width) = x.dims3()?;
        let all = self.queries_keys_values.forward(&self.attention_norm.forward(x)?)?;
        let all =
            all.reshape((batch, length, 3, HEADS, width / HEADS))?.permute((2, 0, 3, 1, 4))?;
        let part = |k: usize| all.get(k)?.contiguous();
        let (queries, keys, values) = (part(0)?, part(1)?, part(2)?);
        let scale = ((width / HEADS) as f64).powf(-0.5);
        let scores = (queries.matmul(&keys.t()?)? * scale)?.broadcast_add(mask)?;
        let heads = softmax(&scores, D::Minus1)?.matmul(&values)?;
        let heads = heads.transpose(1, 2)?.reshape((batch, length, width))?;
        let x = (x + self.projection.forward(&heads)?)?;
        let h = self.up.forward(&self.dense_norm.forward(&x)?)?.gelu()?;
        x + self.down.forward(&h)?
    }
}

struct Transformer {
    tokens: Embedding,
    positions: Tensor,
    mask: Tensor,
    blocks: [Block; BLOCKS],
    norm: Norm,
    head: Linear,
}

impl Transformer {
    fn new(start: &Start<'_>, layers: &VarBuilder<'_>) -> Result<Self> {
        let shape = |name| Ok::<_, anyhow::Error>(&start.inputs.parameter(name)?.shape);
        let ([n_tokens, width], length) =
            (<[usize; 2]>::try_from(shape("tok")?.as_slice())?, shape("pos")?[0]);
        let later = |row: usize, column: usize| if column > row { f32::NEG_INFINITY } else { 0.0 };
        let rows = (0..length).flat_map(|row| (0..length).map(move |column| later(row, column)));
        Ok(Self {
            tokens: embedding(n_tokens, width, layers.pp("tok"))?,
            positions: layers.get((length, width), "pos")?,
            mask: Tensor::from_iter(rows, &Device::Cpu)?.reshape((length, length))?,
            blocks: [Block::new(width, 0, layers)?, Block::new(width, 1, layers)?],
            norm: Norm::new(width, layers.pp("lf"))?,
            head: linear(width, n_tokens, layers.pp("head"))?,
        })
    }

    fn forward(&self, tokens: &Tensor) -> candle_core::Result<Tensor> {
        let x = self.tokens.forward(tokens)?.broadcast_add(&self.positions)?;
        let x = self.blocks.iter().try_fold(x, |x, block| block.forward(&x, &self.mask))?;
        self.head.forward(&self.norm.forward(&x)?)
    }
}

pub(super) fn transformer(start: &Start<'_>) -> Result<Step> {
    let variables = start.variables("")?;
    let model = Transformer::new(start, &layers(&variables))?;
    let (tokens, next) = (start.classes(0)?, start.classes(1)?);
    let next: Vec<Tensor> =
        next.iter().map(|next| next.flatten_all()).collect::<candle_core::Result<_>>()?;
    start.train(&variables, WEIGHT_DECAY, move |i| {
        let i = i % tokens.len();
        Ok(cross_entropy(&model.forward(&tokens[i])?.flatten_to(1)?, &next[i])?)
    })
}
