//! The models of the comparison, by the names of their cases.

/// A model or a single operation; shapes and batch size come with the inputs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Model {
    Mlp,
    MlpDropout,
    Autoencoder,
    Gan,
    CnnMnist,
    CnnCifar,
    ResnetSmall,
    Rnn,
    Lstm,
    TransformerSmall,
    Elementwise,
    Softmax,
    Layernorm,
    Matmul,
    AdamUpdate,
    ReduceSum,
}

impl Model {
    /// The model of a case such as `mlp_b32` or `matmul_512`.
    pub(crate) fn of(case: &str) -> Option<Self> {
        let size = |c: char| c.is_ascii_digit();
        let name = case.trim_end_matches(size);
        let name = if name == case { name } else { name.strip_suffix("_b").unwrap_or(name) };
        Some(match name.trim_end_matches('_') {
            "mlp" => Self::Mlp,
            "mlp_dropout" => Self::MlpDropout,
            "autoencoder" => Self::Autoencoder,
            "gan" => Self::Gan,
            "cnn_mnist" => Self::CnnMnist,
            "cnn_cifar" => Self::CnnCifar,
            "resnet_small" => Self::ResnetSmall,
            "rnn" => Self::Rnn,
            "lstm" => Self::Lstm,
            "transformer_small" => Self::TransformerSmall,
            "elementwise" => Self::Elementwise,
            "softmax" => Self::Softmax,
            "layernorm" => Self::Layernorm,
            "matmul" => Self::Matmul,
            "adam_update" => Self::AdamUpdate,
            "reduce_sum" => Self::ReduceSum,
            _ => return None,
        })
    }

    /// The optimiser's rate.
    pub(crate) fn rate(self) -> f64 {
        match self {
            Self::Gan => 2e-4,
            Self::TransformerSmall => 3e-4,
            Self::ResnetSmall => 1e-2,
            Self::Mlp | Self::MlpDropout | Self::Autoencoder => 1e-3,
            Self::CnnMnist | Self::CnnCifar | Self::Rnn | Self::Lstm => 1e-3,
            Self::Elementwise | Self::Softmax | Self::Layernorm => 1e-3,
            Self::Matmul | Self::AdamUpdate | Self::ReduceSum => 1e-3,
        }
    }

    /// Adam's first decay.
    pub(crate) fn beta_1(self) -> f64 {
        if self == Self::Gan { 0.5 } else { 0.9 }
    }
}

/// Adam's second decay.
pub(crate) const BETA_2: f64 = 0.999;
/// What Adam adds to the root.
pub(crate) const EPSILON: f64 = 1e-7;
/// The decoupled decay of the transformer's parameters.
pub(crate) const WEIGHT_DECAY: f64 = 0.01;
/// The momentum of the residual network's gradient descent.
pub(crate) const MOMENTUM: f64 = 0.9;
/// What batch normalisation adds to the variance, and the batch's part of the running statistics.
pub(crate) const BATCH_NORM: (f64, f64) = (1e-3, 0.1);
/// What layer normalisation adds to the variance.
pub(crate) const NORM_EPSILON: f64 = 1e-5;
/// The slope of the discriminator's leaky ReLU.
pub(crate) const LEAK: f64 = 0.2;
/// The part that dropout sets to zero.
pub(crate) const DROPPED: f64 = 0.2;
/// Units of the recurrent layers.
pub(crate) const UNITS: usize = 128;
/// Heads and blocks of the transformer.
pub(crate) const HEADS: usize = 4;
pub(crate) const BLOCKS: usize = 2;
