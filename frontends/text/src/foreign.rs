//! What Keras, PyTorch and NumPy call things that have another name here, or none: the tables that
//! errors about unknown names look into.
//!
//! Invariant, which the tests hold: what a table says is written here is a program, no name in it
//! is one of this language, and the error about each of its names gives its hint.

/// What to write where other libraries have `None`, `?` or -1.
pub(crate) const OPEN_DIMENSION: &str =
    "a dimension that is not known has a name, as in `f32[batch, 3]`";

/// Where a name stands that is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Before `(`.
    Function,
    /// Where a value is read.
    Value,
    /// Where an element type is read.
    Type,
    /// After `with`.
    Optimizer,
    /// At the start of a line.
    Statement,
}

/// One thing of this language: what others call it, with spaces between; how it is written here;
/// what else is to be known, if anything.
type Row = (&'static str, &'static str, &'static str);

/// How a name of another library is written here, as advice; of `torch.nn.functional.relu6` what
/// stands after the last dot counts.
pub(crate) fn hint(place: Place, name: &str) -> Option<String> {
    let last = name.rsplit('.').next().unwrap_or(name);
    let mut rows = tables(place).iter().copied().flatten();
    let (_, here, remark) = rows.find(|(names, ..)| names.split(' ').any(|n| n == last))?;
    let remark = if remark.is_empty() { String::new() } else { format!(": {remark}") };
    Some(format!("`{last}` is written `{here}` here{remark}"))
}

/// What another library's argument is called here, as advice, in a call of what has these formals.
pub(crate) fn argument(name: &str, formals: &[&str]) -> Option<String> {
    for (names, ours, remark) in ARGUMENTS {
        if !names.split(' ').any(|n| n == name) {
            continue;
        }
        let own = ours.split_whitespace().find(|own| formals.contains(own));
        let remark = if remark.is_empty() { String::new() } else { format!(": {remark}") };
        match own {
            Some(own) => return Some(format!("`{name}` is `{own}` here{remark}")),
            None if ours.is_empty() => return Some(format!("leave `{name}` out{remark}")),
            None => (),
        }
    }
    None
}

/// Whether a name is that of a module of another library: `np` in `np.exp`.
pub(crate) fn is_module(name: &str) -> bool {
    MODULES.contains(&name)
}

/// The tables for a place, the first that knows a name wins.
fn tables(place: Place) -> &'static [&'static [Row]] {
    match place {
        Place::Function => {
            &[LAYERS, LOSSES, METRICS, ARITHMETIC, SHAPES, CREATION, INITIALISERS, OPTIMIZER_CALLS]
        }
        Place::Value => &[VALUES, TYPES, LAYERS, ARITHMETIC, INITIALISERS],
        Place::Type => &[TYPES],
        Place::Optimizer => &[OPTIMIZERS],
        Place::Statement => &[STATEMENTS],
    }
}

const MODULES: &[&str] = &[
    "np",
    "numpy",
    "jnp",
    "jax",
    "tf",
    "torch",
    "keras",
    "nn",
    "F",
    "K",
    "math",
    "layers",
    "ops",
    "losses",
    "metrics",
    "activations",
    "optim",
    "optimizers",
    "initializers",
    "init",
];

const LAYERS: &[Row] = &[
    ("Linear FullyConnected fully_connected fc", "dense(x, 10)", ""),
    ("Sequential Model Module", "relu(dense(x, 128))", "a model is a line for each of its values"),
    ("Activation", "relu(dense(x, 10))", ""),
    ("Conv1d Conv1D", "conv(series, 32, 3)", ""),
    ("Conv2d Conv2D Convolution2D", "conv(image, 32, 3)", ""),
    (
        "ConvTranspose2d Conv2DTranspose conv_transpose2d",
        "conv2d_transpose(image, filter, strides=2)",
        "the filter is a param [height, width, outputs, inputs]",
    ),
    (
        "DepthwiseConv2D depthwise_conv",
        "depthwise_conv2d(image, filter)",
        "the filter is a param [height, width, channels, multiplier]",
    ),
    ("SeparableConv2D SeparableConv2d separable_conv2d", "separable_conv(image, 32, 3)", ""),
    ("MaxPool1d MaxPool1D MaxPooling1D", "max_pool(series, 2)", ""),
    ("MaxPool2d MaxPool2D MaxPooling2D max_pooling2d", "max_pool(image, 2)", ""),
    ("AvgPool1d AvgPool1D AveragePooling1D", "avg_pool(series, 2)", ""),
    ("AvgPool2d AvgPool2D AveragePooling2D average_pooling2d", "avg_pool(image, 2)", ""),
    (
        "GlobalAveragePooling1D GlobalAveragePooling2D AdaptiveAvgPool2d GlobalAvgPool2D \
         adaptive_avg_pool2d",
        "global_avg_pool(image)",
        "",
    ),
    (
        "GlobalMaxPooling1D GlobalMaxPooling2D AdaptiveMaxPool2d GlobalMaxPool2D",
        "max(image, axis=[1, 2])",
        "",
    ),
    (
        "BatchNormalization batch_normalization BatchNorm1d BatchNorm2d BatchNorm3d",
        "batch_norm(x)",
        "",
    ),
    ("LayerNormalization layer_normalization", "layer_norm(x)", ""),
    ("GroupNormalization", "group_norm(series, groups=4)", ""),
    ("RMSNormalization rms_normalization", "rms_norm(x)", ""),
    ("RNN SimpleRNNCell RNNCell Elman elman", "simple_rnn(series, 64)", ""),
    ("LSTMCell", "lstm_cell(x, h, c)", "it gives both states after the step"),
    ("GRUCell", "gru_cell(x, h)", ""),
    ("Dropout1d Dropout2d SpatialDropout1D SpatialDropout2D", "dropout(x, 0.2)", ""),
    ("UpSampling2D interpolate", "upsample(image, 2)", ""),
    ("ZeroPadding2D ZeroPad2d ConstantPad2d", "pad(image, [[0, 0], [1, 1], [1, 1], [0, 0]])", ""),
    ("MultiheadAttention SelfAttention", "multi_head_attention(series, 4)", ""),
    ("scaled_dot_product_attention", "attention(series, series, series)", ""),
    ("TransformerEncoderLayer TransformerEncoder", "transformer_block(series, 4)", ""),
    ("swish Swish", "silu(x)", ""),
    ("logistic expit", "sigmoid(x)", ""),
    ("LogSigmoid log_sigmoid logsigmoid", "-softplus(-x)", ""),
    ("identity_activation Identity", "linear(x)", ""),
];

/// Losses of probabilities elsewhere take logits here.
const LOSSES: &[Row] = &[
    ("mse MSE MSELoss mse_loss squared_error", "mean_squared_error(x, y)", ""),
    ("mae MAE L1Loss l1_loss absolute_error", "mean_absolute_error(x, y)", ""),
    ("SmoothL1Loss smooth_l1_loss HuberLoss huber_loss", "huber(x, y)", ""),
    (
        "binary_crossentropy BinaryCrossentropy BCELoss BCEWithLogitsLoss bce BCE \
         binary_cross_entropy binary_cross_entropy_with_logits sigmoid_cross_entropy_with_logits",
        "sigmoid_cross_entropy(logits, target)",
        "it takes logits, so no `sigmoid` stands before it",
    ),
    (
        "categorical_crossentropy CategoricalCrossentropy softmax_cross_entropy_with_logits",
        "softmax_cross_entropy(logits, target)",
        "it takes logits, so no `softmax` stands before it",
    ),
    (
        "sparse_categorical_crossentropy SparseCategoricalCrossentropy CrossEntropyLoss \
         cross_entropy crossentropy CrossEntropy NLLLoss nll_loss \
         sparse_softmax_cross_entropy_with_logits",
        "sparse_softmax_cross_entropy(logits, label)",
        "it takes logits, so no `softmax` stands before it; `softmax_cross_entropy` takes one-hot \
         targets",
    ),
    (
        "KLDivLoss kl_div kld kullback_leibler_divergence",
        "kl_divergence(softmax(logits), target)",
        "",
    ),
    ("HingeLoss HingeEmbeddingLoss hinge_loss", "hinge(x, y)", ""),
    ("MultiMarginLoss", "categorical_hinge(logits, target)", ""),
    ("CosineEmbeddingLoss", "cosine_similarity(x, y)", ""),
    ("L1L2 l1_l2 regularizer", "l2(x)", "it is added to the loss"),
];

/// Written after `metric NAME =`.
const METRICS: &[Row] = &[
    (
        "acc categorical_accuracy CategoricalAccuracy sparse_categorical_accuracy \
         SparseCategoricalAccuracy accuracy_score",
        "accuracy(logits, label)",
        "",
    ),
    (
        "TopKCategoricalAccuracy SparseTopKCategoricalAccuracy top_k_categorical_accuracy",
        "top_k_accuracy(logits, label, k=3)",
        "",
    ),
    ("roc_auc roc_auc_score", "auc(sigmoid(logits), target)", ""),
    ("F1Score f1_score", "f1(sigmoid(logits), target)", ""),
    ("precision_score", "precision(sigmoid(logits), target)", ""),
    ("recall_score", "recall(sigmoid(logits), target)", ""),
    ("RootMeanSquaredError root_mean_squared_error", "rmse(x, y)", ""),
    ("R2Score r2_score", "r2(x, y)", ""),
];

const ARITHMETIC: &[Row] = &[
    ("where", "select(x > 0, x, y)", ""),
    ("power float_power", "x ** 2", ""),
    ("absolute fabs", "abs(x)", ""),
    ("negative", "-x", ""),
    ("Add", "x + y", ""),
    ("subtract Subtract", "x - y", ""),
    ("multiply Multiply", "x * y", ""),
    ("divide true_divide", "x / y", ""),
    ("floor_divide", "label // 2", ""),
    ("remainder fmod", "label % 2", ""),
    ("dot mm bmm tensordot addmm", "x @ transpose(y)", ""),
    ("logical_and", "x > 0 and y > 0", ""),
    ("logical_or", "x > 0 or y > 0", ""),
    ("logical_not", "not (x > 0)", ""),
    ("eq", "label == 3", ""),
    ("isfinite is_finite", "not (is_nan(x) or is_inf(x))", ""),
    ("clamp clip_by_value", "clip(x, 0, 1)", ""),
    ("amax reduce_max", "max(x, axis=1)", ""),
    ("amin reduce_min", "min(x, axis=1)", ""),
    ("reduce_sum", "sum(x, axis=1)", ""),
    ("reduce_mean average", "mean(x, axis=1)", ""),
    ("reduce_prod", "prod(x, axis=1)", ""),
    ("reduce_any", "any(x > 0, axis=1)", ""),
    ("reduce_all", "all(x > 0, axis=1)", ""),
    ("reduce_logsumexp", "logsumexp(x, axis=1)", ""),
    ("var reduce_variance", "variance(x, axis=1)", ""),
    ("reduce_std", "std(x, axis=1)", ""),
    ("gradient gradients backward GradientTape", "grad(mean(square(x)), x)", ""),
    ("detach no_grad", "stop_gradient(x)", ""),
    ("checkpoint", "remat(x)", ""),
    ("clip_grad_norm clip_grad_norm_", "clip_by_global_norm([x, y], 1)", ""),
    ("CosineAnnealingLR", "cosine_decay(0.1, 1000)", ""),
    ("ExponentialLR StepLR", "exponential_decay(0.1, 1000, 0.5)", ""),
    ("LinearLR", "warmup(0.1, 100)", ""),
];

const SHAPES: &[Row] = &[
    ("view reshape_as", "reshape(x, [batch, 2, 4])", ""),
    ("ravel", "reshape(x, [-1])", ""),
    ("permute Permute swapaxes moveaxis", "transpose(series, [0, 2, 1])", ""),
    ("unsqueeze", "expand_dims(x, 1)", ""),
    ("expand expand_as RepeatVector", "broadcast_to(expand_dims(x, 1), [batch, 5, 8])", ""),
    ("repeat", "tile(x, [1, 2])", ""),
    ("cat concatenate Concatenate hstack vstack", "concat([x, y], axis=1)", ""),
    ("chunk array_split tensor_split unstack", "split(x, 2, axis=1)", ""),
    ("flip fliplr flipud", "reverse(x, 1)", ""),
    ("index_select take embedding_lookup gather_nd", "gather(x, label)", ""),
    ("take_along_dim", "take_along_axis(x, ids, 1)", ""),
    ("scatter index_add scatter_nd", "scatter_add(x, label, y)", ""),
    ("msort", "sort(x, axis=1)", ""),
    ("astype to type_as convert_to_tensor", "cast(x, f32)", ""),
    ("size", "dim(x, 0)", ""),
    ("numel", "prod(shape(x))", ""),
    ("ndim", "rank(x)", ""),
];

const CREATION: &[Row] = &[
    ("array tensor asarray", "[0.5, 0.25]", ""),
    ("arange range", "iota(10)", ""),
    ("linspace", "cast(iota(11), f32) / 10", ""),
    ("zeros_like", "zeros(shape(x), dtype(x))", ""),
    ("ones_like", "ones(shape(x), dtype(x))", ""),
    ("full_like fill", "full(shape(x), 0.5)", ""),
    ("eye", "identity([4, 4], f32)", ""),
    ("tril triu band_part", "iota([4, 4], axis=0) >= iota([4, 4], axis=1)", "a mask of bools"),
    ("rand", "random_uniform([batch, 8])", ""),
    ("randn", "random_normal([batch, 8])", ""),
    ("multinomial", "categorical(logits)", ""),
];

/// Written after `param NAME: TYPE =`, or as `init=`.
const INITIALISERS: &[Row] = &[
    ("xavier_uniform xavier_uniform_ XavierUniform", "glorot_uniform", ""),
    ("xavier_normal xavier_normal_ XavierNormal", "glorot_normal", ""),
    ("kaiming_uniform kaiming_uniform_", "he_uniform", ""),
    ("kaiming_normal kaiming_normal_", "he_normal", ""),
    ("RandomNormal normal_", "normal(std=0.05)", ""),
    ("RandomUniform uniform_", "uniform(-0.05, 0.05)", ""),
    ("zeros_", "zeros", ""),
    ("ones_", "ones", ""),
];

/// Optimisers where a function is called.
const OPTIMIZER_CALLS: &[Row] = &[
    ("SGD", "minimize loss with sgd(lr=0.01)", ""),
    ("Adam", "minimize loss with adam(lr=1e-3)", ""),
    ("AdamW", "minimize loss with adamw(lr=1e-3)", ""),
    ("RMSprop RMSProp", "minimize loss with rmsprop(lr=1e-3)", ""),
    ("Adagrad", "minimize loss with adagrad(lr=0.01)", ""),
    ("Adadelta", "minimize loss with adadelta(lr=1)", ""),
    ("Lamb", "minimize loss with lamb(lr=1e-3)", ""),
    ("Lion", "minimize loss with lion(lr=1e-4)", ""),
];

/// Optimisers after `with`, but for those whose letters are those of ours.
const OPTIMIZERS: &[Row] = &[
    ("momentum Momentum MomentumOptimizer", "sgd(lr=0.01, momentum=0.9)", ""),
    ("nesterov Nesterov", "sgd(lr=0.01, momentum=0.9, nesterov=true)", ""),
    ("gd GradientDescent GradientDescentOptimizer", "sgd(lr=0.01)", ""),
    ("amsgrad AMSGrad", "adam(lr=1e-3, amsgrad=true)", ""),
    ("AdamOptimizer", "adam(lr=1e-3)", ""),
    ("RMSPropOptimizer", "rmsprop(lr=1e-3)", ""),
    ("AdagradOptimizer", "adagrad(lr=0.01)", ""),
];

const VALUES: &[Row] = &[
    ("None newaxis", "expand_dims(x, 1)", "that is how an axis of 1 is made"),
    ("True", "true", ""),
    ("False", "false", ""),
    ("shape", "shape(x)", ""),
    ("T mT", "transpose(x)", ""),
    ("ndim", "rank(x)", ""),
    ("pi", "3.141592653589793", ""),
    ("Inf infinity", "inf", ""),
    ("NaN", "nan", ""),
];

const TYPES: &[Row] = &[
    ("float32 float Float single FloatTensor", "f32", ""),
    ("float64 double DoubleTensor", "f64", ""),
    ("int32 int Int IntTensor", "i32", ""),
    ("int64 long Long LongTensor", "i64", ""),
    ("uint8 byte", "u8", ""),
    ("bool_ boolean", "bool", ""),
    ("Tensor tensor ndarray array", "f32[batch, 784]", "an element type and a shape"),
];

const STATEMENTS: &[Row] = &[
    ("def lambda function func", "fn block(x, units) = relu(dense(x, units))", ""),
    (
        "class",
        "fn block(x, units) = relu(dense(x, units))",
        "a function that makes variables is a layer",
    ),
    ("let var val auto", "h = relu(x)", ""),
    ("from", "import \"layers.graph\"", "operations and layers are there without one"),
    ("elif", "if training { h = x } else if true { h = y }", ""),
    ("while", "h = scan(p in series, s = zeros([12, 8])) { s = s + p }", ""),
];

/// What others call an argument, the names that it has here, and what else is to be known. An
/// argument without a name here is left out.
const ARGUMENTS: &[Row] = &[
    (
        "activation nonlinearity activation_fn",
        "act",
        "a function without quotes, as in `dense(x, 10, act=relu)` or `relu(dense(x, 10))`",
    ),
    ("use_bias", "bias", ""),
    (
        "kernel_initializer initializer embeddings_initializer",
        "init",
        "a function without quotes, as in `init=he_normal`",
    ),
    ("out_features num_units n_units hidden_size", "units", ""),
    ("out_channels num_filters n_filters", "filters", ""),
    ("kernel_size filter_size pool_size", "size window", ""),
    ("stride", "strides", ""),
    ("dilation_rate dilations", "dilation", ""),
    ("dim dims axes", "axis perm", ""),
    ("keepdim keep_dims", "keepdims", ""),
    ("epsilon variance_epsilon", "eps", ""),
    ("num_embeddings vocab_size input_dim", "count", ""),
    ("embedding_dim output_dim", "size units", ""),
    ("num_heads n_heads nhead", "heads", ""),
    ("num_groups", "groups", ""),
    ("p prob drop_prob", "rate", ""),
    ("negative_slope alpha", "slope rho", ""),
    ("num_classes depth", "n", ""),
    ("go_backwards", "reverse", ""),
    ("target_shape newshape new_shape", "shape", ""),
    ("y_pred preds", "prediction logits x", ""),
    ("y_true", "target labels", ""),
    ("target", "labels", ""),
    ("label", "labels target", ""),
    ("smoothing", "label_smoothing", ""),
    ("min a_min min_value clip_value_min", "lo", ""),
    ("max a_max max_value clip_value_max", "hi", ""),
    ("indices index", "ids", ""),
    ("learning_rate step_size", "lr", ""),
    ("betas", "beta1", "and `beta2`: `adam(lr=1e-3, beta1=0.9, beta2=0.999)`"),
    ("global_clipnorm max_norm", "clip_norm", ""),
    ("decay wd", "weight_decay", ""),
    ("use_ema ema_momentum", "ema", ""),
    ("initial_accumulator_value", "initial", ""),
    (
        "in_features in_channels input_shape input_size num_features normalized_shape d_model",
        "",
        "it is known from the shape of what the layer is given",
    ),
    ("batch_first time_major", "", "series are [batch, time, features]"),
    ("from_logits", "", "the cross-entropies take logits"),
    ("inplace device requires_grad trainable", "", "there is nothing to say about it here"),
];

#[cfg(test)]
mod tests;
