//! The models that `brolga new --list` names, made in Rust.

use brolga::GraphBuilder;

use crate::{generative, pictures, series, tables};

/// A model: what it is called, and what makes it.
pub(crate) type Model = (&'static str, fn(&GraphBuilder));

/// Every model.
pub(crate) const MODELS: &[Model] = &[
    ("softmax", pictures::softmax),
    ("mlp", pictures::mlp),
    ("cnn", pictures::cnn),
    ("cnn_cifar", pictures::cnn_cifar),
    ("resnet", pictures::resnet),
    ("transfer", pictures::transfer),
    ("binary", pictures::binary),
    ("hinge", pictures::hinge),
    ("rnn", series::rnn),
    ("lstm", series::lstm),
    ("gru", series::gru),
    ("text_mean", series::text_mean),
    ("text_conv", series::text_conv),
    ("transformer", series::transformer),
    ("translation", series::translation),
    ("speech", series::speech),
    ("autoencoder", generative::autoencoder),
    ("denoising", generative::denoising),
    ("vae", generative::vae),
    ("gan", generative::gan),
    ("recommender", tables::recommender),
    ("linear", tables::linear),
    ("regression", tables::regression),
    ("iris", tables::iris),
];
