//! The functions of the library, each as a method; and any function by its name.

use std::panic::Location;

use brolga_text::{Argument, LibraryCall};

use super::{Arguments, GraphBuilder, Value};

/// Calls with arguments by name: `g.named("fc1").with("act", function("relu")).dense(x, 128)`.
#[derive(Clone)]
pub struct With<'g> {
    pub(super) builder: &'g GraphBuilder,
    pub(super) named: Vec<(String, Argument)>,
}

impl GraphBuilder {
    /// Calls whose variables and random operations lie at `name`: `fc1.w`, not `dense.w`.
    ///
    /// ```
    /// use brolga::{build_module, f32};
    ///
    /// let module = build_module(|g| {
    ///     let x = g.input("x", f32([g.dim("batch"), 4.into()]));
    ///     g.output("y", g.named("fc").dense(x, 2));
    /// })?;
    /// let names: Vec<&str> = module.variables.keys().map(|name| &**name).collect();
    /// assert_eq!(names, ["fc.w", "fc.b"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn named(&self, name: &str) -> With<'_> {
        self.with("name", name)
    }

    /// Calls that are given an argument by its name.
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions};
    ///
    /// let graph = Graph::build(|g| {
    ///     let x = g.constant([[1.0, 5.0], [7.0, 2.0]]);
    ///     g.output("largest", g.with("axis", 1).call("max", (x,)));
    /// })?;
    /// let outputs = Session::new(graph, SessionOptions::default())?.outputs([])?;
    /// assert_eq!(outputs["largest"].to_string(), "[5.0, 7.0]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with(&self, argument: &str, value: impl Into<Argument>) -> With<'_> {
        self.plainly().with(argument, value)
    }

    /// What a function of the library, or an operation, gives: `g.call("dense", (x, 128))`.
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions};
    ///
    /// let graph = Graph::build(|g| {
    ///     let x = g.constant([1.0, -2.0]);
    ///     g.output("y", g.call("maximum", (x, 0.0)));
    /// })?;
    /// let outputs = Session::new(graph, SessionOptions::default())?.outputs([])?;
    /// assert_eq!(outputs["y"].to_string(), "[1.0, 0.0]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn call(&self, function: &str, arguments: impl Arguments) -> Value<'_> {
        self.plainly().call(function, arguments)
    }

    /// The same for a function that gives a list, of so many values.
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions};
    ///
    /// let graph = Graph::build(|g| {
    ///     let [left, right] = g.call_list("split", (g.constant([1, 2, 3, 4]), 2));
    ///     g.output("difference", right - left);
    /// })?;
    /// let outputs = Session::new(graph, SessionOptions::default())?.outputs([])?;
    /// assert_eq!(outputs["difference"].to_string(), "[2, 2]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn call_list<const N: usize>(
        &self,
        function: &str,
        arguments: impl Arguments,
    ) -> [Value<'_>; N] {
        self.plainly().call_list(function, arguments)
    }

    pub(super) fn plainly(&self) -> With<'_> {
        With { builder: self, named: vec![] }
    }
}

impl<'g> With<'g> {
    /// The same with another argument.
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions};
    ///
    /// let graph = Graph::build(|g| {
    ///     let x = g.constant([[1.0, 5.0], [7.0, 2.0]]);
    ///     g.output("y", g.with("axis", 1).with("keepdims", true).call("max", (x,)));
    /// })?;
    /// let outputs = Session::new(graph, SessionOptions::default())?.outputs([])?;
    /// assert_eq!(outputs["y"].to_string(), "[[5.0], [7.0]]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with(mut self, argument: &str, value: impl Into<Argument>) -> With<'g> {
        self.named.push((argument.to_owned(), value.into()));
        self
    }

    /// What a function of the library, or an operation, gives.
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions};
    ///
    /// let graph = Graph::build(|g| {
    ///     let x = g.constant([[1, 5], [7, 2]]);
    ///     g.output("y", g.with("axis", 1).call("reverse", (x,)));
    /// })?;
    /// let outputs = Session::new(graph, SessionOptions::default())?.outputs([])?;
    /// assert_eq!(outputs["y"].to_string(), "[[5, 1], [2, 7]]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn call(&self, function: &str, arguments: impl Arguments) -> Value<'g> {
        let (call, at) = (self.to(function, arguments), Location::caller());
        self.builder.value_of(|c| c.call(&call, at))
    }

    /// The same for a function that gives a list, of so many values.
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions};
    ///
    /// let graph = Graph::build(|g| {
    ///     let x = g.constant([[1, 5], [7, 2]]);
    ///     let [first, _] = g.with("axis", 1).call_list("split", (x, 2));
    ///     g.output("first", first);
    /// })?;
    /// let outputs = Session::new(graph, SessionOptions::default())?.outputs([])?;
    /// assert_eq!(outputs["first"].to_string(), "[[1], [7]]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn call_list<const N: usize>(
        &self,
        function: &str,
        arguments: impl Arguments,
    ) -> [Value<'g>; N] {
        let list = self.list(function, arguments, Some(N));
        std::array::from_fn(|i| list.get(i).copied().unwrap_or(Value::new(self.builder, None)))
    }

    /// What a function gives that gives a list: what could not be made is `wanted` values that stand
    /// for themselves.
    #[track_caller]
    fn list(
        &self,
        function: &str,
        arguments: impl Arguments,
        wanted: Option<usize>,
    ) -> Vec<Value<'g>> {
        let (call, at) = (self.to(function, arguments), Location::caller());
        let list = self.builder.construction.borrow_mut().call_list(&call, wanted, at);
        let value = |x| Value::new(self.builder, x);
        match list {
            Some(list) => list.into_iter().map(|x| value(Some(x))).collect(),
            None => vec![value(None); wanted.unwrap_or(0)],
        }
    }

    fn to(&self, function: &str, arguments: impl Arguments) -> LibraryCall {
        let (positional, named) = (arguments.list(), self.named.clone());
        LibraryCall { function: function.to_owned(), positional, named }
    }
}

/// Lists functions with the arguments that they cannot do without.
impl<'g> With<'g> {
    /// One step of `lstm`, as [`GraphBuilder::lstm_cell`].
    ///
    /// ```
    /// use brolga::{build_module, f32};
    ///
    /// let module = build_module(|g| {
    ///     let x = g.input("x", f32([g.dim("batch"), 4.into()]));
    ///     let zeros = g.call("zeros", (vec![g.dim("batch"), 8.into()],));
    ///     let [h, _] = g.named("cell").lstm_cell(x, zeros, zeros);
    ///     g.output("h", h);
    /// })?;
    /// let names: Vec<&str> = module.variables.keys().map(|name| &**name).collect();
    /// assert_eq!(names, ["cell.wx", "cell.wh", "cell.b"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn lstm_cell(&self, x: Value<'_>, h: Value<'_>, c: Value<'_>) -> [Value<'g>; 2] {
        self.call_list("lstm_cell", (x, h, c))
    }
}

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident($($x:ident),*);)*) => {
        /// The library's functions. What else they take is given by [`GraphBuilder::with`].
        impl GraphBuilder {$(
            $(#[$doc])*
            #[track_caller]
            pub fn $name(&self, $($x: impl Into<Argument>),*) -> Value<'_> {
                self.plainly().$name($($x),*)
            }
        )*}

        /// The library's functions.
        impl<'g> With<'g> {$(
            $(#[$doc])*
            #[track_caller]
            pub fn $name(&self, $($x: impl Into<Argument>),*) -> Value<'g> {
                self.call(stringify!($name), vec![$($x.into()),*])
            }
        )*}

        /// The functions with their arguments.
        #[cfg(test)]
        pub(super) const FUNCTIONS: &[(&str, &[&str])] =
            &[$((stringify!($name), &[$(stringify!($x)),*])),*];
    };
}
functions! {
    // Elementwise.

    /// `x`.
    linear(x);
    /// `x²`.
    square(x);
    /// `1 / x`.
    reciprocal(x);
    /// `1 / √x`.
    rsqrt(x);
    /// The tangent.
    tan(x);
    /// The hyperbolic sine.
    sinh(x);
    /// The hyperbolic cosine.
    cosh(x);
    /// `e^x - 1`, exact for small `x`.
    expm1(x);
    /// `log(1 + x)`, exact for small `x`.
    log1p(x);
    /// `min(max(x, lo), hi)`.
    clip(x, lo, hi);
    /// Where `x` is NaN, as bool.
    is_nan(x);
    /// Where `x` is infinite, as bool.
    is_inf(x);

    // Activations.

    /// `min(max(x, 0), 6)`.
    relu6(x);
    /// `x` where it is positive, `slope · x` elsewhere; `slope` is 0.2.
    leaky_relu(x);
    /// `x` where it is positive, `alpha (e^x - 1)` elsewhere; `alpha` is 1. (Clevert et al. 2016.)
    elu(x);
    /// `elu`, scaled to keep mean and variance. (Klambauer et al. 2017.)
    selu(x);
    /// `x / (1 + e^-x)`.
    silu(x);
    /// `log(1 + e^x)`.
    softplus(x);
    /// `x / (1 + |x|)`.
    softsign(x);
    /// `x / 6 + 1 / 2`, clipped to [0, 1].
    hard_sigmoid(x);
    /// `x · hard_sigmoid(x)`.
    hard_swish(x);
    /// `x tanh(softplus(x))`. (Misra 2019.)
    mish(x);
    /// `x Φ(x)` with the standard normal distribution's Φ; or `approximate`. (Hendrycks and
    /// Gimpel 2016.)
    gelu(x);
    /// `e^x / Σ e^x` along `axis`, the last one by default.
    softmax(x);
    /// `x - log Σ e^x` along `axis`, the last one by default.
    log_softmax(x);

    // Reductions, over `axis` or all, with `keepdims`.

    /// The population variance.
    variance(x);
    /// The population standard deviation.
    std(x);
    /// The Euclidean norm; its gradient at 0 is 0.
    norm(x);
    /// `log Σ e^x`, without overflow.
    logsumexp(x);

    // Layers.

    /// A product with weights, plus a bias: `[..., n]` to `[..., units]`; variables `w b`; takes
    /// `act`, `bias`, `init`.
    dense(x, units);
    /// A filter of `size` moved over `[batch, ..., channels]`, with one or two axes between, plus a
    /// bias; variables `w b`; takes `strides`, `padding`, `dilation`, `groups`, `act`, `bias`, `init`.
    conv(x, filters, size);
    /// Filters of `size` of each channel's own over `[batch, height, width, channels]`, then a mix of
    /// channels, plus a bias; variables `depthwise pointwise b`; takes what `conv` takes but `groups`,
    /// and `depth`. (Chollet 2017.)
    separable_conv(x, filters, size);
    /// A row of a table for each index: `[...]` to `[..., size]`; variable `table`; takes `init`.
    embedding(ids, count, size);
    /// Zero mean and unit variance over all axes but the last, in training those of the batch;
    /// variables `gamma beta mean variance`; takes `momentum`, `eps`. (Ioffe and Szegedy 2015.)
    batch_norm(x);
    /// Zero mean and unit variance over the last axis; variables `gamma beta`; takes `eps`. (Ba et
    /// al. 2016.)
    layer_norm(x);
    /// Unit mean square over the last axis; variable `gamma`; takes `eps`. (Zhang and Sennrich
    /// 2019.)
    rms_norm(x);
    /// Zero mean and unit variance over groups of channels of one example; variables `gamma beta`;
    /// takes `groups`, `eps`. (Wu and He 2018.)
    group_norm(x);
    /// `h = tanh(x wx + h wh + b)` over `x: [batch, time, n]`; the last output `[batch, units]`;
    /// takes `return_sequences`, `return_state`, `reverse`, `act`, `mask`, `start`.
    simple_rnn(x, units);
    /// Long short-term memory, as `simple_rnn`. (Hochreiter and Schmidhuber 1997.)
    lstm(x, units);
    /// A gated recurrent unit, as `simple_rnn`. (Cho et al. 2014.)
    gru(x, units);
    /// A recurrent layer in both directions, their outputs side by side; takes `mask`.
    bidirectional(x, layer, units);
    /// One step of `gru`: `x: [batch, n]` and the state before it give the state after it.
    gru_cell(x, h);
    /// `softmax(q kᵀ / √d) v`; takes `mask`. (Vaswani et al. 2017, section 3.2.1.)
    attention(q, k, v);
    /// Self-attention by several heads over `x: [batch, time, n]`; takes `mask`. (Vaswani et al.
    /// 2017, section 3.2.2.)
    multi_head_attention(x, heads);
    /// Attention and a layer of `hidden` units, each after a norm and added to what it was given;
    /// takes `hidden`, `act`, `rate`, `mask`.
    transformer_block(x, heads);
    /// The largest in each place of a window over `[batch, ..., channels]`; takes `window`, 2 by
    /// default, `strides`, the window's length by default, and `padding`.
    max_pool(x);
    /// The mean of what each place of a window sees, padding left out; as `max_pool`.
    avg_pool(x);
    /// The mean over all axes between the first and the last.
    global_avg_pool(x);
    /// Images `[batch, height, width, channels]` with each pixel repeated `size` times both ways.
    upsample(x);

    // Losses: the prediction first; the mean over all examples, or by `reduction` "none" or "sum".

    /// Of logits `[..., classes]` and probabilities of the same shape.
    softmax_cross_entropy(logits, target);
    /// Of logits `[..., classes]` and labels `[...]`.
    sparse_softmax_cross_entropy(logits, labels);
    /// Of logits and probabilities, element by element.
    sigmoid_cross_entropy(logits, target);
    /// The mean of squares.
    mean_squared_error(prediction, target);
    /// The mean of absolute values.
    mean_absolute_error(prediction, target);
    /// Square within `delta`, linear outside. (Huber 1964.)
    huber(prediction, target);
    /// `max(1 - target · prediction, 0)` for targets -1 and 1.
    hinge(prediction, target);
    /// The hinge of the largest wrong class; targets are one-hot.
    categorical_hinge(prediction, target);
    /// Of probabilities `[..., classes]`.
    kl_divergence(prediction, target);
    /// The cosine along the last axis, negative as a loss.
    cosine_similarity(prediction, target);
    /// The mean of what a mask of bools keeps, or weighted by numbers; the mask has the first axes
    /// of `x`.
    masked_mean(x, mask);
    /// The sum of absolute values of a tensor or list.
    l1(x);
    /// The sum of squares of a tensor or list.
    l2(x);

    // Metrics: the prediction first. Those over the whole epoch are for `metric_of`.

    /// How often the largest of scores `[..., classes]` is at the label.
    accuracy(prediction, labels);
    /// How often the label's score is among the `k` largest, 5 unless said.
    top_k_accuracy(prediction, labels);
    /// How often prediction and target lie on the same side of `threshold`.
    binary_accuracy(prediction, target);
    /// Of what is predicted, how much is right; over the whole epoch.
    precision(prediction, target);
    /// Of what is there, how much is predicted; over the whole epoch.
    recall(prediction, target);
    /// The harmonic mean of precision and recall, over the whole epoch.
    f1(prediction, target);
    /// The area under the ROC curve of probabilities, over the whole epoch.
    auc(prediction, target);
    /// The share of the target's variance that is explained, over the whole epoch.
    r2(prediction, target);
    /// The root of the mean square, over the whole epoch.
    rmse(prediction, target);
    /// The exponential of the mean cross-entropy, over the whole epoch.
    perplexity(logits, labels);
    /// How often class i (row) was taken for class j (column), over the whole epoch.
    confusion_matrix(prediction, labels);

    // Gradients and schedules.

    /// `x`, scaled to a norm of at most `max`.
    clip_by_norm(x, max);
    /// From `lr` to 0 along a cosine, over so many steps. (Loshchilov and Hutter 2017.)
    cosine_decay(lr, steps);
    /// `lr · rate^(step / steps)`.
    exponential_decay(lr, steps, rate);
    /// Rises to `lr` in a straight line over the first steps.
    warmup(lr, steps);

    // Operations that layers are made of. Those with windows take `strides`, `padding`, `dilation`
    // and `layout`.

    /// `[n, i, c]` with a filter `[k, c, f]`; takes `groups`.
    conv1d(x, w);
    /// `[n, h, w, c]` with a filter `[kh, kw, c, f]`; takes `groups`.
    conv2d(x, w);
    /// The gradient of `conv2d` by its input, as a layer: a filter `[kh, kw, f, c]`; takes `groups`.
    conv2d_transpose(x, w);
    /// Each channel with filters of its own, `[kh, kw, c, m]`.
    depthwise_conv2d(x, w);
    /// The largest in each place of a window over `[n, i, c]`.
    max_pool1d(x, window);
    /// The largest in each place of a window over `[n, h, w, c]`.
    max_pool2d(x, window);
    /// The mean of what each place of a window sees of `[n, i, c]`.
    avg_pool1d(x, window);
    /// The mean of what each place of a window sees of `[n, h, w, c]`.
    avg_pool2d(x, window);

    /// Zeros with probability `rate` in training, and the rest scaled by `1 / (1 - rate)`.
    dropout(x, rate);
}

impl GraphBuilder {
    /// The gradients of a float scalar with respect to values of any kind, each of the type of its
    /// value.
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions, f32};
    ///
    /// let graph = Graph::build(|g| {
    ///     let [a, b] = ["a", "b"].map(|name| g.param(name, f32([]), 3.0));
    ///     let gradients = g.grad(a * a * b, &[a, b]);
    ///     g.output("da", gradients[0]);
    ///     g.output("db", gradients[1]);
    /// })?;
    /// let outputs = Session::new(graph, SessionOptions::default())?.outputs([])?;
    /// assert_eq!(outputs["da"].to_string(), "18.0");
    /// assert_eq!(outputs["db"].to_string(), "9.0");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn grad(&self, y: Value<'_>, of: &[Value<'_>]) -> Vec<Value<'_>> {
        self.plainly().list("grad", (y, of), Some(of.len()))
    }

    /// The params made so far that a pattern matches, in order.
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions, f32};
    ///
    /// let graph = Graph::build(|g| {
    ///     for name in ["a.w", "a.b", "b.w"] {
    ///         g.param(name, f32([]), 2.0);
    ///     }
    ///     g.output("penalty", g.l2(g.params("*.w")));
    /// })?;
    /// let outputs = Session::new(graph, SessionOptions::default())?.outputs([])?;
    /// assert_eq!(outputs["penalty"].to_string(), "8.0");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn params(&self, pattern: &str) -> Vec<Value<'_>> {
        self.plainly().list("params", (pattern,), None)
    }

    /// One step of `lstm`: `x: [batch, n]` with output and cell before it give both after it.
    ///
    /// ```
    /// use brolga::{build_module, f32};
    ///
    /// let module = build_module(|g| {
    ///     let x = g.input("x", f32([g.dim("batch"), 4.into()]));
    ///     let zeros = g.call("zeros", (vec![g.dim("batch"), 8.into()],));
    ///     let [h, _] = g.lstm_cell(x, zeros, zeros);
    ///     g.output("h", h);
    /// })?;
    /// let names: Vec<&str> = module.variables.keys().map(|name| &**name).collect();
    /// assert_eq!(names, ["lstm_cell.wx", "lstm_cell.wh", "lstm_cell.b"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn lstm_cell(&self, x: Value<'_>, h: Value<'_>, c: Value<'_>) -> [Value<'_>; 2] {
        self.plainly().lstm_cell(x, h, c)
    }

    /// A list of tensors, scaled so that the norm of all together is at most `max`.
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions};
    ///
    /// let graph = Graph::build(|g| {
    ///     let list = [g.constant([3.0]), g.constant([4.0])];
    ///     // Their norm is 5.
    ///     let clipped = g.clip_by_global_norm(&list, 2.5);
    ///     g.output("first", clipped[0]);
    /// })?;
    /// let outputs = Session::new(graph, SessionOptions::default())?.outputs([])?;
    /// assert_eq!(outputs["first"].to_string(), "[1.5]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn clip_by_global_norm(
        &self,
        list: &[Value<'_>],
        max: impl Into<Argument>,
    ) -> Vec<Value<'_>> {
        self.plainly().list("clip_by_global_norm", (list, max), Some(list.len()))
    }
}
