//! Single operations. Where gradients of a result are asked for with a cotangent, burn is given the
//! product of both: it begins with ones alone.

use anyhow::Result;
use burn::optim::Optimizer;
use burn::optim::{AdamState, AdaptiveMomentumState};
use burn::tensor::Tensor;
use burn::tensor::activation::{self, gelu_approximate};
use burn::tensor::module::layer_norm;

use super::Start;
use crate::case::NORM_EPSILON;
use crate::measure::Step;

pub(super) fn elementwise(start: &Start<'_>) -> Result<Step> {
    let x = start.operand::<1>(0)?;
    Ok(Box::new(move |_| {
        drop(gelu_approximate(x.clone() * 1.5 + 0.1) * 0.7);
        Ok(None)
    }))
}

pub(super) fn softmax(start: &Start<'_>) -> Result<Step> {
    let (x, dy) = (start.variable::<2>(0)?, Tensor::from_inner(start.operand::<2>(1)?));
    Ok(Box::new(move |_| {
        let gradients = (activation::softmax(x.clone(), 1) * dy.clone()).backward();
        drop(x.grad(&gradients));
        Ok(None)
    }))
}

pub(super) fn layernorm(start: &Start<'_>) -> Result<Step> {
    let (x, dy) = (start.variable::<2>(0)?, Tensor::from_inner(start.operand::<2>(1)?));
    let (gamma, beta) = (start.variable::<1>(2)?, start.variable::<1>(3)?);
    Ok(Box::new(move |_| {
        let y = layer_norm(x.clone(), gamma.clone(), Some(beta.clone()), NORM_EPSILON);
        let gradients = (y * dy.clone()).backward();
        drop((x.grad(&gradients), gamma.grad(&gradients), beta.grad(&gradients)));
        Ok(None)
    }))
}

pub(super) fn matmul(start: &Start<'_>) -> Result<Step> {
    let (a, b) = (start.operand::<2>(0)?, start.operand::<2>(1)?);
    Ok(Box::new(move |_| {
        drop(a.clone().matmul(b.clone()));
        Ok(None)
    }))
}

pub(super) fn adam_update(start: &Start<'_>) -> Result<Step> {
    let (adam, rate) = (start.adam_config().build(), start.model.rate());
    let [parameter, first, second, gradient] = [0, 1, 2, 3].map(|k| start.operand::<1>(k));
    let (mut parameter, gradient) = (Some(parameter?), gradient?);
    let mut state = Some(AdamState::new(AdaptiveMomentumState::new(0, first?, second?)));
    Ok(Box::new(move |_| {
        parameter = parameter.take().map(|before| {
            let (after, next) = adam.step(rate, before, gradient.clone(), state.take());
            state = next;
            after
        });
        Ok(None)
    }))
}

pub(super) fn reduce_sum(start: &Start<'_>) -> Result<Step> {
    let x = start.operand::<1>(0)?;
    Ok(Box::new(move |_| {
        drop(x.clone().sum());
        Ok(None)
    }))
}
