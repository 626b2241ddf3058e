//! Single operations. Where gradients of a result are asked for with a cotangent, candle is given
//! the product of both: it begins with ones alone.

use anyhow::Result;
use candle_core::{Tensor, Var};
use candle_nn::Optimizer;
use candle_nn::ops::{layer_norm_slow, softmax as softmax_of};

use super::Start;
use crate::case::NORM_EPSILON;
use crate::measure::Step;

pub(super) fn elementwise(start: &Start<'_>) -> Result<Step> {
    let x = start.operand(0)?;
    Ok(Box::new(move |_| {
        drop(x.affine(1.5, 0.1)?.gelu()?.affine(0.7, 0.0)?);
        Ok(None)
    }))
}

pub(super) fn softmax(start: &Start<'_>) -> Result<Step> {
    let (x, dy) = (Var::from_tensor(&start.operand(0)?)?, start.operand(1)?);
    Ok(Box::new(move |_| {
        drop((softmax_of(x.as_tensor(), 1)? * &dy)?.backward()?);
        Ok(None)
    }))
}

pub(super) fn layernorm(start: &Start<'_>) -> Result<Step> {
    let [x, gamma, beta] = [0, 2, 3].map(|k| Ok(Var::from_tensor(&start.operand(k)?)?));
    let (x, gamma, beta): (Result<Var>, Result<Var>, Result<Var>) = (x, gamma, beta);
    let (x, gamma, beta, dy) = (x?, gamma?, beta?, start.operand(1)?);
    Ok(Box::new(move |_| {
        drop((layer_norm_slow(&x, &gamma, &beta, NORM_EPSILON as f32)? * &dy)?.backward()?);
        Ok(None)
    }))
}

pub(super) fn matmul(start: &Start<'_>) -> Result<Step> {
    let (a, b) = (start.operand(0)?, start.operand(1)?);
    Ok(Box::new(move |_| {
        drop(a.matmul(&b)?);
        Ok(None)
    }))
}

/// The optimiser makes its own moments, of zeros; that takes as long as with others.
pub(super) fn adam_update(start: &Start<'_>) -> Result<Step> {
    let (parameter, gradient) = (Var::from_tensor(&start.operand(0)?)?, start.operand(3)?);
    let mut adam = start.adam(vec![parameter.clone()], 0.0)?;
    // A store of gradients comes from a backward pass alone.
    let mut gradients = parameter.as_tensor().backward()?;
    gradients.insert(&parameter, gradient);
    Ok(Box::new(move |_| {
        adam.step(&gradients)?;
        Ok(None)
    }))
}

pub(super) fn reduce_sum(start: &Start<'_>) -> Result<Step> {
    let x: Tensor = start.operand(0)?;
    Ok(Box::new(move |_| {
        drop(x.sum_all()?);
        Ok(None)
    }))
}
