"""Losses, metrics, layers, loops, optimisers and schedules, against Keras (on JAX), optax and JAX.

Layers are written in JAX, in f64, and compared with Keras' own, which get the same weights and
compute in f32. Losses are the mean over examples.

Optimisers: three steps of Keras' on the gradients that JAX computes of the same loss, by its own
classes. Keras' `clipnorm` is per variable, `global_clipnorm` is the language's `clip_norm`.
"""

import os

os.environ["KERAS_BACKEND"] = "jax"

import jax
import jax.numpy as jnp
import keras
import numpy as np
import optax

from by_jax import as_f64, case
from elementwise import absolute
from references import add, declared, numbers
from shapes import grouped

# Losses and optimisers in f64, layers in f32.
keras.config.set_floatx("float64")
keras.config.set_dtype_policy("float32")
keras.config.set_epsilon(1e-7)

f32 = lambda *values: np.array(values, np.float32)
ids = lambda *values: np.array(values, np.int32)
softmax32 = lambda x: np.asarray(jax.nn.softmax(jnp.asarray(x, jnp.float64)), np.float32)


def huber(x, t, delta=1.0):
    """Keras' formula; optax' shares the second derivative at `delta` between both sides."""
    error = x - t
    far = absolute(error)
    return jnp.where(far <= delta, 0.5 * error**2, delta * far - 0.5 * delta**2)


def losses():
    family = "losses"
    logits = numbers("logits", (4, 5), -3, 3)
    target = softmax32(numbers("target", (4, 5)))
    labels = ids(0, 4, 2, 2)
    p, t = numbers("p", (4, 3)), numbers("t", (4, 3))
    binary = np.array([[0, 1, 1], [1, 0, 0], [0, 0, 1], [1, 1, 1]], np.float32)
    sides = 2 * binary - 1
    chance, other = softmax32(numbers("chance", (4, 3))), softmax32(numbers("other", (4, 3)))
    one_hot = np.eye(3, dtype=np.float32)[[0, 2, 1, 1]]
    K = keras.losses
    # name: (arguments, inputs, value per example, software, gradients of)
    table = {
        "softmax_cross_entropy": (
            "x, t",
            {"x": logits, "t": target},
            lambda x, t: optax.softmax_cross_entropy(x, t),
            "optax",
        ),
        "sparse_softmax_cross_entropy": (
            "x, i",
            {"x": logits, "i": labels},
            lambda x, i: optax.softmax_cross_entropy_with_integer_labels(x, i),
            "optax",
        ),
        "sigmoid_cross_entropy": (
            "x, t",
            {
                "x": np.concatenate([p * 4, [[30, -30, 0]]]).astype(np.float32),
                "t": np.concatenate([binary, [[1, 0, 0.5]]]).astype(np.float32),
            },
            lambda x, t: optax.sigmoid_binary_cross_entropy(x, t),
            "optax",
        ),
        "mean_squared_error": ("x, t", {"x": p, "t": t}, lambda x, t: jnp.square(x - t), "JAX"),
        "mean_absolute_error": (
            "x, t",
            {"x": p, "t": np.where(np.arange(3) == 1, p, t)},
            lambda x, t: absolute(x - t),
            "JAX",
        ),
        "huber": (
            "x, t",
            {"x": f32([0, 1, 2.5], [-1, -3, 0.25]), "t": f32([0, 0, 0], [0, 0.5, 0])},
            lambda x, t: huber(x, t),
            "Keras' formula",
        ),
        "hinge": (
            "x, t",
            {"x": p, "t": sides},
            lambda x, t: jnp.maximum(1 - t * x, 0),
            "Keras' formula",
        ),
        "categorical_hinge": (
            "x, t",
            {"x": p, "t": one_hot},
            lambda x, t: K.categorical_hinge(t, x),
            "Keras",
        ),
        "kl_divergence": (
            "x, t",
            {"x": chance, "t": other},
            lambda x, t: K.kl_divergence(t, x),
            "Keras",
        ),
        "cosine_similarity": (
            "x, t",
            {"x": p, "t": t},
            lambda x, t: -jnp.sum(x * t, -1) / jnp.sqrt(jnp.sum(x * x, -1) * jnp.sum(t * t, -1)),
            "Keras' formula, in JAX",
        ),
    }
    for name, (arguments, inputs, f, software) in table.items():
        for reduction, r in [("mean", jnp.mean), ("sum", jnp.sum), ("none", lambda v: v)]:
            text = "" if reduction == "mean" else f', reduction="{reduction}"'
            case(
                family,
                f"{name}.{reduction}",
                f"{name}({arguments}{text})",
                inputs,
                lambda **k: r(f(**k)),
                software=software,
            )
        if "i" not in inputs:
            doubles = {k: v.astype(np.float64) for k, v in inputs.items()}
            case(
                family,
                f"{name}.f64",
                f"{name}({arguments})",
                doubles,
                lambda **k: jnp.mean(f(**k)),
                software=software,
                order=1,
            )
    dense = lambda f: lambda x, t: jnp.mean(f(t, x, from_logits=True, label_smoothing=0.1))
    case(
        family,
        "softmax_cross_entropy.smoothed",
        "softmax_cross_entropy(x, t, label_smoothing=0.1)",
        {"x": logits, "t": target},
        dense(K.categorical_crossentropy),
        software="Keras",
    )
    case(
        family,
        "sparse_softmax_cross_entropy.smoothed",
        "sparse_softmax_cross_entropy(x, i, label_smoothing=0.1)",
        {"x": logits, "i": labels},
        lambda x, i: dense(K.categorical_crossentropy)(x, jax.nn.one_hot(i, 5, dtype=x.dtype)),
        software="Keras",
    )
    case(
        family,
        "sparse_softmax_cross_entropy.all_smoothed",
        'sparse_softmax_cross_entropy(x, i, label_smoothing=1, reduction="none")',
        {"x": logits, "i": labels},
        lambda x, i: -jnp.mean(jax.nn.log_softmax(x), -1),
        software="JAX",
    )
    case(
        family,
        "sigmoid_cross_entropy.smoothed",
        "sigmoid_cross_entropy(x, t, label_smoothing=0.1)",
        {"x": p * 4, "t": binary},
        dense(K.binary_crossentropy),
        software="Keras",
    )
    weighted = lambda loss: loss(reduction="mean_with_sample_weight", dtype="float64")
    case(
        family,
        "masked_mean.weights",
        'masked_mean(mean_squared_error(x, t, reduction="none"), w)',
        {"x": p, "t": t, "w": f32(1, 0, 0.5, 3)},
        lambda x, t, w: weighted(K.MeanSquaredError)(t, x, sample_weight=w),
        software="Keras",
        wrt=["x"],
    )
    case(
        family,
        "masked_mean.labels",
        'masked_mean(sparse_softmax_cross_entropy(x, i, reduction="none"), w)',
        {"x": logits, "i": labels, "w": f32(1, 2, 0, 0.25)},
        lambda x, i, w: jnp.sum(w * optax.softmax_cross_entropy_with_integer_labels(x, i))
        / jnp.sum(w),
        software="optax",
        wrt=["x"],
    )
    by_size = lambda loss, **k: loss(reduction="sum_over_batch_size", dtype="float64", **k)
    for name, inputs, loss in [
        ("mean_squared_error", {"x": p, "t": t}, by_size(K.MeanSquaredError)),
        (
            "softmax_cross_entropy",
            {"x": logits, "t": target},
            by_size(K.CategoricalCrossentropy, from_logits=True),
        ),
        (
            "sigmoid_cross_entropy",
            {"x": p * 4, "t": binary},
            by_size(K.BinaryCrossentropy, from_logits=True),
        ),
    ]:
        case(
            family,
            f"{name}.weight",
            f"{name}(x, t, weight=w)",
            inputs | {"w": f32(1, 0, 0.5, 3)},
            lambda x, t, w: loss(t, x, sample_weight=w),
            software="Keras",
            wrt=["x"],
        )
    case(
        family,
        "sparse_softmax_cross_entropy.weight",
        "sparse_softmax_cross_entropy(x, i, weight=w)",
        {"x": logits, "i": labels, "w": f32(1, 2, 0, 0.25)},
        lambda x, i, w: jnp.mean(w * optax.softmax_cross_entropy_with_integer_labels(x, i)),
        software="optax",
        wrt=["x"],
    )
    for name, text, f in [
        ("weighted", "weighted(x, w)", lambda x, w: x * w[:, None]),
        ("beside", "beside(w, x) * x", lambda x, w: x * w[:, None]),
    ]:
        case(family, name, text, {"x": p, "w": f32(1, 0, 0.5, 3)}, f, software="JAX")
    # One row of the mask is empty; what it hides may be no number.
    rows = numbers("masked", (3, 4, 2))
    seen = np.array([[1, 1, 0, 0], [0, 0, 0, 0], [1, 0, 1, 1]], bool)
    hidden = np.where(seen[..., None], rows, np.float32(np.nan))
    count = np.maximum(seen.sum(1), 1)[:, None]
    case(
        family,
        "masked_mean.axis",
        "masked_mean(x, m, axis=1)",
        {"x": hidden, "m": seen},
        lambda x, m: jnp.sum(jnp.where(m[..., None], x, 0), 1) / count,
        software="JAX",
    )
    far = f32([100, 0, -100], [0, 0, 0], [-1000, 1000, 0])
    case(
        family,
        "softmax_cross_entropy.far",
        'softmax_cross_entropy(x, t, reduction="none")',
        {"x": far, "t": one_hot[:3]},
        table["softmax_cross_entropy"][2],
        software="optax",
        wrt=["x"],
    )
    case(
        family,
        "sparse_softmax_cross_entropy.far",
        'sparse_softmax_cross_entropy(x, i, reduction="none")',
        {"x": far, "i": ids(2, 0, 1)},
        table["sparse_softmax_cross_entropy"][2],
        software="optax",
    )
    case(
        family,
        "sparse_softmax_cross_entropy.deep",
        'sparse_softmax_cross_entropy(x, i, reduction="none")',
        {"x": numbers("deep", (2, 3, 4)), "i": ids([0, 1, 3], [2, 2, 0])},
        table["sparse_softmax_cross_entropy"][2],
        software="optax",
    )
    case(
        family,
        "sigmoid_cross_entropy.far",
        'sigmoid_cross_entropy(x, t, reduction="none")',
        {
            "x": f32(-80, -20, -16.5, -15.5, -10, 10, 15.5, 16.5, 20, 80),
            "t": f32(0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
        },
        table["sigmoid_cross_entropy"][2],
        software="optax",
        terms=0,
        floor=8,
        wrt=["x"],
    )
    case(
        family,
        "huber.delta",
        "huber(x, t, delta=0.5)",
        {"x": p, "t": t},
        lambda x, t: jnp.mean(huber(x, t, 0.5)),
        software="Keras' formula",
    )
    case(
        family,
        "hinge.binary",
        "hinge(x, t)",
        {"x": p, "t": binary},
        lambda x, t: jnp.mean(jnp.maximum(1 - (2 * t - 1) * x, 0)),
        software="Keras' formula",
        wrt=["x"],
    )
    case(
        family,
        "hinge.ties",
        'hinge(x, t, reduction="none")',
        {"x": f32(1, -1, 0.5), "t": f32(1, -1, 1)},
        lambda x, t: jnp.maximum(1 - t * x, 0),
        software="Keras' formula",
        wrt=["x"],
    )
    case(
        family,
        "categorical_hinge.ties",
        'categorical_hinge(x, t, reduction="none")',
        {"x": f32([1, 1, 1], [2, -1, 2]), "t": one_hot[:2]},
        lambda x, t: K.categorical_hinge(t, x),
        software="Keras",
        wrt=["x"],
    )
    case(
        family,
        "kl_divergence.zeros",
        'kl_divergence(x, t, reduction="none")',
        {"x": f32([0, 0.25, 0.75], [0.5, 0.5, 0]), "t": f32([0, 1, 0], [0, 0, 1])},
        lambda x, t: K.kl_divergence(t, x),
        software="Keras",
        order=0,
        terms=0,
    )
    for name, f in [("l1", absolute), ("l2", jnp.square)]:
        case(
            family,
            name,
            f"{name}(x)",
            {"x": f32([0, 1, -2], [0.5, -0.25, 3])},
            lambda x: jnp.sum(f(x)),
        )
        case(
            family,
            f"{name}.list",
            f"{name}([x, [z]])",
            {"x": p, "z": logits},
            lambda x, z: jnp.sum(f(x)) + jnp.sum(f(z)),
        )
    case(family, "reduce_loss", 'reduce_loss(x * x, "mean")', {"x": p}, lambda x: jnp.mean(x * x))
    case(
        family,
        "clip_by_norm",
        "clip_by_norm(x, 1)",
        {"x": p},
        lambda x: x / jnp.maximum(1, jnp.sqrt(jnp.sum(x * x))),
    )
    case(family, "clip_by_norm.small", "clip_by_norm(x, 100)", {"x": p}, lambda x: x * 1.0)
    case(
        family,
        "clip_by_norm.zero",
        "clip_by_norm(x, 1)",
        {"x": np.zeros(3, np.float32)},
        lambda x: x * 1.0,
        order=1,
    )
    case(
        family,
        "clip_by_norm.huge",
        "clip_by_norm(x, 1)",
        {"x": f32(3e25, -4e25, 0)},
        lambda x: x / jnp.sqrt(jnp.sum(x * x)),
        order=0,
    )
    lists = {"a": p, "b": logits}
    total = lambda a, b: jnp.sqrt(jnp.sum(a * a) + jnp.sum(b * b))
    case(
        family,
        "clip_by_global_norm",
        "y, z = clip_by_global_norm([a, b], 2)",
        lists,
        lambda a, b: (a * 2 / total(a, b), b * 2 / total(a, b)),
        results=("y", "z"),
        software="optax' formula",
    )
    case(
        family,
        "clip_by_global_norm.huge",
        "y, z = clip_by_global_norm([a, b], 2)",
        {"a": f32(3e25), "b": f32(-4e25, 0)},
        lambda a, b: (a * 2 / total(a, b), b * 2 / total(a, b)),
        results=("y", "z"),
        software="optax' formula",
        order=0,
    )


def metrics():
    family = "metrics"

    def metric(name, text, inputs, value, software, kind="f32"):
        lines = [f"input {k}: {declared(v)}" for k, v in inputs.items()] + [f"metric y = {text}"]
        add(family, name, software, "eval", lines, [inputs], {}, {"y": (value, kind)}, "f32", 64)

    scores = numbers("scores", (6, 3))
    labels = ids(0, 1, 2, 0, 2, 1)
    guess = np.abs(numbers("guess", (8,))) / 2
    truth = f32(0, 1, 1, 0, 1, 0, 1, 1)
    hits, real = guess > 0.5, truth > 0.5
    metric(
        "accuracy",
        "accuracy(x, i)",
        {"x": scores, "i": labels},
        np.mean(scores.argmax(1) == labels),
        "NumPy",
    )
    metric(
        "binary_accuracy",
        "binary_accuracy(x, t)",
        {"x": guess, "t": truth},
        np.mean(hits == real),
        "NumPy",
    )
    metric(
        "binary_accuracy.threshold",
        "binary_accuracy(x, t, threshold=0.25)",
        {"x": guess, "t": truth},
        np.mean((guess > 0.25) == real),
        "NumPy",
    )
    k = keras.metrics
    of = lambda m, t, x: (m.update_state(t, x), float(m.result()))[1]
    metric(
        "precision",
        "precision(x, t)",
        {"x": guess, "t": truth},
        of(k.Precision(), truth, guess),
        "Keras",
    )
    metric(
        "recall", "recall(x, t)", {"x": guess, "t": truth}, of(k.Recall(), truth, guess), "Keras"
    )
    both = (hits & real).sum()
    metric(
        "f1", "f1(x, t)", {"x": guess, "t": truth}, 2 * both / (hits.sum() + real.sum()), "NumPy"
    )
    metric("precision.none", "precision(x, t)", {"x": guess * 0, "t": truth}, 0.0, "Keras")
    metric("hits", "mean(hits(x, 0.25))", {"x": guess}, np.mean(guess > 0.25), "NumPy")
    p, t = numbers("mp", (7, 2)), numbers("mt", (7, 2))
    r2 = lambda p, t: np.mean(1 - ((p - t) ** 2).sum(0) / ((t - t.mean(0)) ** 2).sum(0))
    metric("r2", "r2(x, t)", {"x": p, "t": t}, r2(p.astype(float), t.astype(float)), "NumPy")
    far = (3000 + numbers("far", (40, 1), -1, 1)).astype(np.float32)
    near = (far + numbers("near", (40, 1), -0.1, 0.1)).astype(np.float32)
    metric(
        "r2.far",
        "r2(x, t)",
        {"x": near, "t": far},
        r2(near.astype(float), far.astype(float)),
        "NumPy",
    )
    metric(
        "rmse",
        "rmse(x, t)",
        {"x": p, "t": t},
        np.sqrt(np.mean((p.astype(float) - t) ** 2)),
        "NumPy",
    )
    ce = optax.softmax_cross_entropy_with_integer_labels(jnp.asarray(scores, jnp.float64), labels)
    metric(
        "perplexity",
        "perplexity(x, i)",
        {"x": scores, "i": labels},
        float(jnp.exp(ce.mean())),
        "optax",
    )
    # The third has the label's score twice, the last another's; k=1 is the largest alone.
    ranked = np.concatenate([scores, f32([1, 1, 0], [2, 0, 2])])
    of_ranked = np.concatenate([labels, ids(0, 1)])
    for n in (1, 2, 3, 7):
        metric(
            f"top_k_accuracy.{n}",
            f"top_k_accuracy(x, i, k={n})",
            {"x": ranked, "i": of_ranked},
            of(k.SparseTopKCategoricalAccuracy(n), of_ranked, ranked),
            "Keras",
        )
    wide = numbers("topk", (2, 3, 9))
    chosen = numbers("topk ids", (2, 3), 0, 0.03).astype(np.float64) * 256
    chosen = chosen.astype(np.int32)
    metric(
        "top_k_accuracy",
        "top_k_accuracy(x, i)",
        {"x": wide, "i": chosen},
        of(k.SparseTopKCategoricalAccuracy(5), chosen, wide),
        "Keras",
    )
    # Keras computes this one in f32, which its thresholds need.
    auc = lambda t, x, n=200: of(k.AUC(n, dtype="float32"), t, x)
    many = (np.abs(numbers("auc", (77,))) / 2).astype(np.float32)
    sides = (many + numbers("auc noise", (77,), -0.6, 0.6) > 0.5).astype(np.float32)
    metric("auc", "auc(x, t)", {"x": many, "t": sides}, auc(sides, many), "Keras")
    for n in (2, 3, 11, 1000):
        metric(
            f"auc.thresholds.{n}",
            f"auc(x, t, thresholds={n})",
            {"x": many, "t": sides},
            auc(sides, many, n),
            "Keras",
        )
    # Ties, both ends, and what is beyond them.
    ends = f32(0, 0, 1, 1, 0.5, 0.5, -0.5, 1.5)
    metric("auc.ends", "auc(x, t)", {"x": ends, "t": truth}, auc(truth, ends), "Keras")
    none = np.zeros_like(truth)
    metric("auc.none", "auc(x, t)", {"x": guess, "t": none}, auc(none, guess), "Keras")
    metric("auc.all", "auc(x, t)", {"x": guess, "t": none + 1}, auc(none + 1, guess), "Keras")
    metric(
        "auc.bool",
        "auc(x, t > 0.5)",
        {"x": guess.reshape(2, 4), "t": truth.reshape(2, 4)},
        auc(truth, guess),
        "Keras",
    )
    matrix = np.zeros((3, 3))
    np.add.at(matrix, (labels, scores.argmax(1)), 1)
    metric(
        "confusion_matrix", "confusion_matrix(x, i)", {"x": scores, "i": labels}, matrix, "NumPy"
    )
    metric(
        "total",
        "total(sum(x)) / total(dim(x, 0))",
        {"x": guess},
        guess.astype(float).mean(),
        "NumPy",
    )


def checked(formula, layer, call=lambda layer, x: layer(x)):
    """The formula, once it has been compared with Keras' layer, which computes in f32."""

    def f(x, *weights):
        found = formula(x, *weights)
        if isinstance(x, jax.core.Tracer):
            return found
        kind = layer()
        kind.build(x.shape)
        given = [v for v in kind.variables if "seed" not in v.path]
        values = [np.asarray(w, np.float32) for w in weights]
        with keras.StatelessScope(state_mapping=list(zip(given, values))):
            wanted = call(kind, np.asarray(x, np.float32))
        for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
        return found

    return f


def layer_norm(x, gamma, beta, eps=1e-3):
    centred = x - jnp.mean(x, -1, keepdims=True)
    return centred / jnp.sqrt(jnp.mean(centred**2, -1, keepdims=True) + eps) * gamma + beta


def group_norm(x, gamma, beta, groups=2):
    parts = x.reshape(x.shape[0], -1, groups, x.shape[-1] // groups)
    centred = parts - jnp.mean(parts, (1, 3), keepdims=True)
    scaled = centred / jnp.sqrt(jnp.mean(centred**2, (1, 3), keepdims=True) + 1e-3)
    return scaled.reshape(x.shape) * gamma + beta


def recurrent(cell, start):
    """All outputs and the last state of a cell over [batch, time, features]; where a mask [batch, time]
    is false, both stay as they were."""

    def f(x, wx, wh, b, reverse=False, mask=None, first=None):
        units = wh.shape[0]
        carry = first or tuple(jnp.zeros((x.shape[0], units)) for _ in range(start))
        outputs = []
        for i in range(x.shape[1])[:: -1 if reverse else 1]:
            new = cell(x[:, i], carry, wx, wh, b)
            if mask is not None:
                new = tuple(jnp.where(mask[:, i, None], n, c) for n, c in zip(new, carry))
            carry = new
            outputs.append(carry[0])
        return jnp.stack(outputs, 1), carry

    return f


def lstm_cell(e, carry, wx, wh, b):
    h, c = carry
    i, f, g, o = jnp.split(e @ wx + h @ wh + b, 4, -1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(c), c


def gru_cell(e, carry, wx, wh, b):
    (h,) = carry
    xz, xr, xn = jnp.split(e @ wx + b[0], 3, -1)
    hz, hr, hn = jnp.split(h @ wh + b[1], 3, -1)
    z = jax.nn.sigmoid(xz + hz)
    return (z * h + (1 - z) * jnp.tanh(xn + jax.nn.sigmoid(xr + hr) * hn),)


RECURRENT = {
    "simple_rnn": (
        1,
        recurrent(lambda e, c, wx, wh, b: (jnp.tanh(e @ wx + c[0] @ wh + b),), 1),
        keras.layers.SimpleRNN,
    ),
    "lstm": (4, recurrent(lstm_cell, 2), keras.layers.LSTM),
    "gru": (3, recurrent(gru_cell, 1), keras.layers.GRU),
}
CHECKED = "JAX, compared with Keras"


def layers():
    family = "layers"
    L = keras.layers
    x = {"x": numbers("lx", (3, 4))}
    w, b = numbers("lw", (4, 5), -1, 1), numbers("lb", (5,), -1, 1)
    for act, f in [
        ("linear", lambda x: x),
        ("tanh", jnp.tanh),
        ("relu", jax.nn.relu),
        ("sigmoid", jax.nn.sigmoid),
    ]:
        dense = lambda x, w, b: f(x @ w + b)
        case(
            family,
            f"dense.{act}",
            f"h = dense(x, 5, act={act})\ny = h",
            x,
            checked(dense, lambda: L.Dense(5, activation=act)),
            variables={"h.w": w, "h.b": b},
            software=CHECKED,
        )
    case(
        family,
        "dense.deep",
        "h = dense(x, 2, bias=false)\ny = h",
        {"x": numbers("dd", (2, 3, 4))},
        lambda x, h_w: x @ h_w,
        variables={"h.w": numbers("ddw", (4, 2))},
    )
    image, filters = numbers("conv image", (2, 7, 6, 4)), numbers("conv w", (3, 2, 4, 5))
    for name, args, strides, padding, groups in [
        ("valid", "", 1, "valid", 1),
        ("same", ', strides=2, padding="same"', 2, "same", 1),
        ("groups", ", groups=2", 1, "valid", 2),
    ]:
        w = filters[:, :, : 4 // groups, :4]
        case(
            family,
            f"conv.{name}",
            f"h = conv(x, 4, [3, 2]{args}, act=relu)\ny = h",
            {"x": image},
            checked(
                lambda x, w, b: jax.nn.relu(
                    grouped(x, w, [strides] * 2, padding.upper(), [1, 1], groups) + b
                ),
                lambda: L.Conv2D(
                    4, (3, 2), strides=strides, padding=padding, groups=groups, activation="relu"
                ),
            ),
            variables={"h.w": w, "h.b": numbers("conv b", (4,))},
            software=CHECKED,
        )
    for name, args, options in [
        ("valid", "", {}),
        (
            "all",
            ', strides=2, padding="same", depth=2, bias=false, act=tanh',
            dict(strides=2, padding="same", depth_multiplier=2, use_bias=False, activation="tanh"),
        ),
        ("dilation", ", dilation=2", dict(dilation_rate=2)),
    ]:
        depth = options.get("depth_multiplier", 1)
        stride, apart = options.get("strides", 1), options.get("dilation_rate", 1)

        def separable(x, depthwise, pointwise, b=0.0):
            h, w, c, m = depthwise.shape
            y = jax.lax.conv_general_dilated(
                x,
                depthwise.reshape(h, w, 1, c * m),
                [stride] * 2,
                options.get("padding", "valid").upper(),
                rhs_dilation=[apart] * 2,
                dimension_numbers=("NHWC", "HWIO", "NHWC"),
                feature_group_count=c,
            )
            y = jnp.einsum("nhwc,cf->nhwf", y, pointwise[0, 0]) + b
            return jnp.tanh(y) if "activation" in options else y

        weights = {
            "h.depthwise": numbers(f"sep d {name}", (3, 3, 4, depth)),
            "h.pointwise": numbers(f"sep p {name}", (1, 1, 4 * depth, 3)),
        }
        if options.get("use_bias", True):
            weights["h.b"] = numbers("sep b", (3,))
        case(
            family,
            f"separable_conv.{name}",
            f"h = separable_conv(x, 3, 3{args})\ny = h",
            {"x": image},
            checked(separable, lambda: L.SeparableConv2D(3, 3, **options)),
            variables=weights,
            software=CHECKED,
        )
    case(
        family,
        "dropout",
        "dropout(x, 0.5)",
        x,
        lambda x: x * 1.0,
        software="Keras' meaning outside of training",
    )
    n = {"x": numbers("norm", (3, 4), -2, 3)}
    gamma, beta = numbers("gamma", (4,), 0.5, 2), numbers("beta", (4,))
    scale = {"h.gamma": gamma, "h.beta": beta}
    ln = lambda eps: checked(
        lambda x, g, b: layer_norm(x, g, b, eps), lambda: L.LayerNormalization(epsilon=eps)
    )
    case(
        family,
        "layer_norm",
        "h = layer_norm(x)\ny = h",
        n,
        ln(1e-3),
        variables=scale,
        software=CHECKED,
    )
    case(
        family,
        "layer_norm.eps",
        "h = layer_norm(x, eps=1e-5)\ny = h",
        n,
        ln(1e-5),
        variables=scale,
        software=CHECKED,
    )
    case(
        family,
        "layer_norm.constant",
        "h = layer_norm(x)\ny = h",
        {"x": f32([2, 2, 2, 2], [0, 0, 0, 0])},
        ln(1e-3),
        variables=scale,
        software=CHECKED,
    )
    case(
        family,
        "layer_norm.deep",
        "h = layer_norm(x)\ny = h",
        {"x": numbers("lnd", (2, 3, 4))},
        ln(1e-3),
        variables=scale,
        software=CHECKED,
    )
    case(
        family,
        "layer_norm.f64",
        "h = layer_norm(x)\ny = h",
        {"x": n["x"].astype(np.float64)},
        ln(1e-3),
        variables={k: v.astype(np.float64) for k, v in scale.items()},
        software=CHECKED,
    )
    rms = lambda x, gamma: x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + 1e-6) * gamma
    case(
        family,
        "rms_norm",
        "h = rms_norm(x)\ny = h",
        n,
        checked(rms, lambda: L.RMSNormalization(epsilon=1e-6)),
        variables={"h.gamma": gamma},
        software=CHECKED,
    )
    case(
        family,
        "rms_norm.small",
        "h = rms_norm(x)\ny = h",
        {"x": f32([1e-4, -2e-4, 0, 1e-3], [0, 0, 0, 0])},
        rms,
        variables={"h.gamma": gamma},
        order=1,
    )
    case(
        family,
        "group_norm",
        "h = group_norm(x, groups=2)\ny = h",
        {"x": numbers("gn", (2, 3, 4))},
        checked(group_norm, lambda: L.GroupNormalization(2)),
        variables=scale,
        software=CHECKED,
    )
    states = {"h.mean": numbers("bnm", (4,)), "h.variance": numbers("bnv", (4,), 0.5, 2)}
    inference = checked(
        lambda x, gamma, beta, mean, variance: (x - mean) / jnp.sqrt(variance + 1e-3) * gamma
        + beta,
        L.BatchNormalization,
        lambda layer, x: layer(x, training=False),
    )
    case(
        family,
        "batch_norm",
        "h = batch_norm(x)\ny = h",
        n,
        inference,
        variables={**scale, **states},
        software=CHECKED,
        wrt=["x", "h.gamma", "h.beta"],
    )
    training = checked(
        lambda x, gamma, beta: (x - jnp.mean(x, 0)) / jnp.sqrt(jnp.var(x, 0) + 1e-3) * gamma + beta,
        L.BatchNormalization,
        lambda layer, x: layer(x, training=True),
    )
    case(
        family,
        "batch_norm.training",
        "h = batch_norm(x, training=true)\ny = h",
        n,
        training,
        variables=scale,
        software=CHECKED,
    )

    units = 2
    series = {"x": numbers("series", (2, 4, 3))}
    for name, (gates, run, make) in RECURRENT.items():
        bias = (2, gates * units) if name == "gru" else (gates * units,)
        shapes = {"wx": (3, gates * units), "wh": (units, gates * units), "b": bias}
        weights = {f"h.{k}": numbers(f"{name}{k}", shape, -1, 1) for k, shape in shapes.items()}
        forward = lambda x, *w: run(x, *w)[0][:, -1]
        everything = lambda x, *w: run(x, *w)[0]
        backward = lambda x, *w: run(x, *w, reverse=True)[0][:, -1]
        for variant, text, f, options in [
            ("last", "", forward, {}),
            ("sequences", ", return_sequences=true", everything, {"return_sequences": True}),
            ("reverse", ", reverse=true", backward, {"go_backwards": True}),
        ]:
            f = checked(f, lambda: make(units, dtype="float32", **options))
            case(
                family,
                f"{name}.{variant}",
                f"h = {name}(x, {units}{text})\ny = h",
                series,
                f,
                variables=weights,
                software=CHECKED,
                terms=128,
            )
        mask = np.array([[True, True, False, True], [False, True, True, False]])
        for variant, text, options in [
            ("masked", "", {}),
            ("masked.sequences", ", return_sequences=true", {"return_sequences": True}),
        ]:
            sequences = bool(options)
            f = lambda x, *w: (
                run(x, *w, mask=mask)[0] if sequences else run(x, *w, mask=mask)[0][:, -1]
            )
            case(
                family,
                f"{name}.{variant}",
                "seen = [[true, true, false, true], [false, true, true, false]]\n"
                f"h = {name}(x, {units}{text}, mask=seen)\ny = h",
                series,
                checked(
                    f,
                    lambda: make(units, dtype="float32", **options),
                    lambda layer, x: layer(x, mask=mask),
                ),
                variables=weights,
                software=CHECKED,
                terms=128,
            )
        first = [numbers(f"{name}first{i}", (2, units)) for i in range(2 if name == "lstm" else 1)]
        names = ["s", "c"][: len(first)]
        start = "[s, c]" if name == "lstm" else "s"
        case(
            family,
            f"{name}.start",
            f"h = {name}(x, {units}, start={start})\ny = h",
            series | dict(zip(names, first)),
            lambda x, *rest: run(x, *rest[len(first) :], first=tuple(rest[: len(first)]))[0][:, -1],
            variables=weights,
            terms=128,
        )
        if name != "simple_rnn":
            results = ("h", "cell") if name == "lstm" else ("h",)
            cell = lstm_cell if name == "lstm" else gru_cell
            case(
                family,
                f"{name}_cell",
                f"{', '.join(results)} = {name}_cell(x, {', '.join(names)})",
                {"x": series["x"][:, 0]} | dict(zip(names, first)),
                lambda x, *rest: cell(x, tuple(rest[: len(first)]), *rest[len(first) :]),
                variables=weights,
                terms=128,
                results=results,
            )
        doubles = {k: v.astype(np.float64) for k, v in weights.items()}
        case(
            family,
            f"{name}.f64",
            f"h = {name}(x, {units})\ny = h",
            {"x": series["x"].astype(np.float64)},
            forward,
            variables=doubles,
            terms=128,
        )
        results = ("h", "last", "cell") if name == "lstm" else ("h", "last")
        state = checked(
            lambda x, *w: (forward(x, *w), *run(x, *w)[1]),
            lambda: make(units, dtype="float32", return_state=True),
        )
        case(
            family,
            f"{name}.state",
            f"{', '.join(results)} = {name}(x, {units}, return_state=true)",
            series,
            state,
            variables=weights,
            software=CHECKED,
            terms=128,
            results=results,
        )
    both = {
        f"h.{d}.{v}": numbers(f"bi{d}{v}", s, -1, 1)
        for d in ("forward", "backward")
        for v, s in [("wx", (3, 2)), ("wh", (2, 2)), ("b", (2,))]
    }
    run = RECURRENT["simple_rnn"][1]
    bidirectional = lambda x, *w: jnp.concatenate(
        [run(x, *w[:3])[0][:, -1], run(x, *w[3:], reverse=True)[0][:, -1]], -1
    )
    checked_both = checked(
        bidirectional, lambda: L.Bidirectional(L.SimpleRNN(2, dtype="float32"), dtype="float32")
    )
    case(
        family,
        "bidirectional",
        "h = bidirectional(x, layer=simple_rnn, units=2)\ny = h",
        series,
        checked_both,
        variables=both,
        software=CHECKED,
        terms=128,
    )

    q, k, v = (numbers(f"att{i}", (2, n, 4)) for i, n in [("q", 3), ("k", 5), ("v", 5)])
    attend = lambda q, k, v, m=None: jax.nn.dot_product_attention(
        q[:, :, None],
        k[:, :, None],
        v[:, :, None],
        mask=None if m is None else jnp.broadcast_to(m, (2, 1, 3, 5)),
    )[:, :, 0]
    case(family, "attention", "attention(q, k, v)", {"q": q, "k": k, "v": v}, attend, order=2)
    mask = np.array(
        [[True, True, False, True, False], [True, False, False, False, False], [True] * 5]
    )
    case(
        family,
        "attention.mask",
        "attention(q, k, v, m)",
        {"q": q, "k": k, "v": v, "m": mask},
        attend,
        order=2,
    )
    case(
        family,
        "attention.self",
        "attention(x, x, x)",
        {"x": numbers("self", (2, 3, 4))},
        lambda x: jax.nn.dot_product_attention(x[:, :, None], x[:, :, None], x[:, :, None])[
            :, :, 0
        ],
    )
    case(
        family,
        "attention.turned",
        "z = transpose(x, [1, 2, 0])\ny = attention(z, z, z)",
        {"x": numbers("self", (2, 3, 4))},
        lambda x: (
            lambda z: jax.nn.dot_product_attention(z[:, :, None], z[:, :, None], z[:, :, None])[
                :, :, 0
            ]
        )(x.transpose(1, 2, 0)),
    )
    case(
        family,
        "split_heads",
        "square(split_heads(x, 2))",
        {"x": numbers("heads", (2, 3, 4))},
        lambda x: jnp.square(x.reshape(2, 3, 2, 2).transpose(0, 2, 1, 3)),
    )
    heads = {
        f"h.{p}.{w}": numbers(f"mha{p}{w}", s, -1, 1)
        for p in ("q.dense", "k.dense", "v.dense", "out")
        for w, s in [("w", (4, 4)), ("b", (4,))]
    }
    heads = {
        name.replace("q.dense", "q").replace("k.dense", "k").replace("v.dense", "v"): value
        for name, value in heads.items()
    }

    def mha(x, **k):
        part = lambda p: (x @ k[f"h_{p}_w"] + k[f"h_{p}_b"]).reshape(2, 3, 2, 2)
        seen = jax.nn.dot_product_attention(part("q"), part("k"), part("v")).reshape(2, 3, 4)
        return seen @ k["h_out_w"] + k["h_out_b"]

    case(
        family,
        "multi_head_attention",
        "h = multi_head_attention(x, 2)\ny = h",
        {"x": numbers("mhax", (2, 3, 4))},
        mha,
        variables=heads,
        order=1,
        floor=64,
    )

    def block(x, **k):
        norm = lambda x, n: layer_norm(x, k[f"h_{n}_gamma"], k[f"h_{n}_beta"])
        inside = {
            name.replace("h_attention", "h"): v
            for name, v in k.items()
            if name.startswith("h_attention")
        }
        x = x + mha(norm(x, "norm1"), **inside)
        inner = jax.nn.gelu(norm(x, "norm2") @ k["h_inner_w"] + k["h_inner_b"], approximate=False)
        return x + inner @ k["h_outer_w"] + k["h_outer_b"]

    inside = {name.replace("h.", "h.attention."): v for name, v in heads.items()}
    norms = {
        f"h.{n}.{p}": numbers(f"tb{n}{p}", (4,), 0.5, 1.5)
        for n in ("norm1", "norm2")
        for p in ("gamma", "beta")
    }
    dense = {
        "h.inner.w": numbers("tbi", (4, 3), -1, 1),
        "h.inner.b": numbers("tbib", (3,)),
        "h.outer.w": numbers("tbo", (3, 4), -1, 1),
        "h.outer.b": numbers("tbob", (4,)),
    }
    case(
        family,
        "transformer_block",
        "h = transformer_block(x, 2, hidden=3)\ny = h",
        {"x": numbers("tbx", (2, 3, 4))},
        block,
        variables={**norms, **inside, **dense},
        order=1,
        floor=64,
    )


def loops():
    family = "loops"
    x = {"x": numbers("scan", (4, 3))}

    def run(f, xs, start, reverse=False):
        carry, out = jax.lax.scan(f, start, xs, reverse=reverse)
        return (*carry, out) if isinstance(carry, tuple) else (carry, out)

    case(
        family,
        "sum",
        "last, y = scan(e in x, h = zeros([3])) {\n    h = h + e * e\n    emit h\n}",
        x,
        lambda x: run(lambda h, e: (h + e * e,) * 2, x, jnp.zeros(3)),
        results=("last", "y"),
    )
    case(
        family,
        "tanh",
        "last, y = scan(e in x, h = h0) {\n    h = tanh(h + e)\n    emit h * e\n}",
        {**x, "h0": numbers("h0", (3,))},
        lambda x, h0: run(lambda h, e: (jnp.tanh(h + e), jnp.tanh(h + e) * e), x, h0),
        results=("last", "y"),
    )
    case(
        family,
        "reverse",
        "last, y = scan(e in x, h = zeros([3]), reverse=true) {\n    h = 0.5 * h + e\n    emit h\n}",
        x,
        lambda x: run(lambda h, e: (0.5 * h + e,) * 2, x, jnp.zeros(3), True),
        results=("last", "y"),
    )
    case(
        family,
        "axis",
        "last, y = scan(e in x, axis=1, h = zeros([4])) {\n    h = 0.5 * h + e\n    emit h\n}",
        x,
        lambda x: (lambda l, o: (l, o.T))(*run(lambda h, e: (0.5 * h + e,) * 2, x.T, jnp.zeros(4))),
        results=("last", "y"),
    )
    case(
        family,
        "two",
        "a, b, y = scan(e in x, a = zeros([3]), b = ones([3])) {\n    a, b = [b * e, a + e]\n    emit a - b\n}",
        x,
        lambda x: run(
            lambda c, e: ((c[1] * e, c[0] + e), c[1] * e - c[0] - e), x, (jnp.zeros(3), jnp.ones(3))
        ),
        results=("a", "b", "y"),
    )

    # Captured values, whose gradients add up over the iterations; rows of a batch along axis 1.
    rows = {"x": numbers("scan rows", (2, 4, 3)), "w": numbers("scan w", (3, 3), -1, 1)}
    h0 = {"h0": numbers("scan h0", (2, 3))}
    over = lambda f, x, start, reverse=False: run(f, jnp.moveaxis(x, 1, 0), start, reverse)
    moved = lambda last, y: (last, jnp.moveaxis(y, 0, 1))

    def captured(x, w, h0, reverse=False):
        step = lambda h, e: (jnp.tanh(e @ w + h @ w.T),) * 2
        return moved(*over(step, x, h0, reverse))

    for name, text, options in [
        ("captured", "", {}),
        ("captured.reverse", ", reverse=true", {"reverse": True}),
    ]:
        case(
            family,
            name,
            f"last, y = scan(e in x, axis=1, h = h0{text}) {{\n"
            "    h = tanh(e @ w + matmul(h, w, transpose_b=true))\n    emit h\n}",
            {**rows, **h0},
            lambda x, w, h0: captured(x, w, h0, **options),
            results=("last", "y"),
            terms=256,
        )
    # The carry of the iteration before is read by what is emitted, and a value of it is a scalar,
    # which does not have the axis that it would be stacked along.
    case(
        family,
        "scalars",
        "last, s, y = scan(e in x, axis=1, h = h0, s = 0.5) {\n    n = exp(-s * s)\n"
        "    s = s * mean(e * h) + n\n    emit h * n\n    h = sin(h) + e * s\n}",
        {"x": rows["x"], **h0},
        lambda x, h0: (lambda c, y: (*c, jnp.moveaxis(y, 0, 1)))(
            *jax.lax.scan(
                lambda c, e: (
                    lambda n: (lambda s: ((jnp.sin(c[0]) + e * s, s), c[0] * n))(
                        c[1] * jnp.mean(e * c[0]) + n
                    )
                )(jnp.exp(-(c[1] ** 2))),
                (h0, 0.5),
                jnp.moveaxis(x, 1, 0),
            )
        ),
        results=("last", "s", "y"),
        terms=512,
    )
    # Two sequences, one of them of whole numbers, and a carry of whole numbers that picks rows.
    case(
        family,
        "integers",
        "last, k, y = scan(e in x, i in ids, h = h0, k = 1) {\n    k = (k + i) % 3\n"
        "    h = sin(h) * gather(w, k) + e\n    emit h * cast(i, f32)\n}",
        {**x, "ids": np.array([2, 0, 1, 1], np.int32), "w": rows["w"], "h0": numbers("h0", (3,))},
        lambda x, ids, w, h0: (lambda c, y: (c[0], c[1], y))(
            *jax.lax.scan(
                lambda c, e: (
                    lambda k: (lambda h: ((h, k), h * e[1]))(jnp.sin(c[0]) * w[k] + e[0])
                )((c[1] + e[1]) % 3),
                (h0, jnp.int32(1)),
                (x, ids),
            )
        ),
        results=("last", "k", "y"),
        types={"k": "i32"},
        terms=256,
    )
    # Which carries have a cotangent shows after two iterations: c reaches y by way of b and a.
    case(
        family,
        "chain",
        "a, b, c = scan(e in x, a = h0, b = h0, c = h0) {\n    a, b, c = [a + b * b, b * e + c, c * 0.5]\n}"
        "\ny = a",
        {**x, "h0": numbers("h0", (3,))},
        lambda x, h0: jax.lax.scan(
            lambda c, e: ((c[0] + c[1] * c[1], c[1] * e + c[2], c[2] * 0.5), None), (h0,) * 3, x
        )[0][0],
        terms=256,
    )

    def nested(x, w, h0):
        def inner(e):
            def step(g, v):
                g = jnp.tanh(g * v + e)
                return g, g * e

            return step

        def outer(h, e):
            g, steps = jax.lax.scan(inner(e), h, w)
            return g + jnp.mean(steps, 0) * h, steps

        return jax.lax.scan(outer, h0, x)

    case(
        family,
        "nested",
        "last, y = scan(e in x, h = h0) {\n    g, steps = scan(v in w, g = h) {\n"
        "        g = tanh(g * v + e)\n        emit g * e\n    }\n"
        "    h = g + mean(steps, axis=0) * h\n    emit steps\n}",
        {**x, "w": rows["w"], "h0": numbers("h0", (3,))},
        nested,
        results=("last", "y"),
        terms=512,
    )
    # A gradient within the body, of what the body computes, and the number of the iteration.
    case(
        family,
        "gradient_within",
        "last, y = scan(e in x, i in iota(4), h = h0) {\n    u = h * e\n"
        "    energy = sum(sin(u) * cast(i, f32))\n    h = h - 0.1 * grad(energy, u)\n    emit h\n}",
        {**x, "h0": numbers("h0", (3,))},
        lambda x, h0: run(
            lambda h, e: (h - 0.1 * jnp.cos(h * e[0]) * e[1],) * 2,
            (x, jnp.arange(4.0)),
            h0,
        ),
        results=("last", "y"),
    )
    # What is kept has kinks, conditions and whole rows of the captured matrix.
    case(
        family,
        "kinks",
        "last, y = scan(e in x, h = h0) {\n    u = h @ w + e\n    h = select(u > 0.3, u, 0.2 * u)\n"
        "    emit maximum(h, e) + abs(u)\n}",
        {**x, "w": rows["w"], "h0": numbers("h0", (3,))},
        lambda x, w, h0: run(
            lambda h, e: (
                lambda u: (lambda h: (h, jnp.maximum(h, e) + jnp.abs(u)))(
                    jnp.where(u > 0.3, u, 0.2 * u)
                )
            )(h @ w + e),
            x,
            h0,
        ),
        results=("last", "y"),
        terms=256,
    )
    # The third derivative: y is a gradient through the loop itself.
    through = lambda x, h0: jnp.sum(run(lambda h, e: (jnp.sin(h * e),) * 2, x, h0)[1])
    case(
        family,
        "third_order",
        "_, all = scan(e in x, h = h0) {\n    h = sin(h * e)\n    emit h\n}\ny = grad(sum(all), x)",
        {**x, "h0": numbers("h0", (3,))},
        lambda x, h0: jax.grad(through)(x, h0),
        terms=1024,
    )
    # No iteration: the last carry is the first.
    case(
        family,
        "empty",
        "last, y = scan(e in x, h = h0) {\n    h = tanh(h @ w) + e\n    emit h\n}",
        {
            "x": np.zeros((0, 3), np.float32),
            "w": rows["w"],
            "h0": numbers("h0", (3,)),
        },
        lambda x, w, h0: run(lambda h, e: (jnp.tanh(h @ w) + e,) * 2, x, h0),
        results=("last", "y"),
    )
    doubles = {k: v.astype(np.float64) for k, v in {**rows, **h0}.items()}
    case(
        family,
        "f64",
        "last, y = scan(e in x, axis=1, h = h0) {\n"
        "    h = tanh(e @ w + matmul(h, w, transpose_b=true))\n    emit h\n}",
        doubles,
        captured,
        results=("last", "y"),
        terms=256,
    )


def optimisers():
    family = "optimisers"
    O = keras.optimizers
    w0, b0 = numbers("ow", (3, 2)), numbers("ob", (2,))
    batches = [(numbers(f"ox{i}", (4, 3)), numbers(f"ot{i}", (4, 2))) for i in range(3)]
    table = {
        "sgd": ("sgd(lr=0.1)", lambda: O.SGD(0.1)),
        "sgd.momentum": ("sgd(lr=0.1, momentum=0.9)", lambda: O.SGD(0.1, momentum=0.9)),
        "sgd.nesterov": (
            "sgd(lr=0.1, momentum=0.9, nesterov=true)",
            lambda: O.SGD(0.1, momentum=0.9, nesterov=True),
        ),
        "sgd.clip_norm": ("sgd(lr=0.1, clip_norm=0.5)", lambda: O.SGD(0.1, global_clipnorm=0.5)),
        "sgd.clip_value": ("sgd(lr=0.1, clip_value=0.25)", lambda: O.SGD(0.1, clipvalue=0.25)),
        "adam": ("adam(lr=0.01)", lambda: O.Adam(0.01)),
        "adam.betas": (
            "adam(lr=0.01, beta1=0.5, beta2=0.75, eps=1e-3)",
            lambda: O.Adam(0.01, 0.5, 0.75, 1e-3),
        ),
        "adam.amsgrad": ("adam(lr=0.01, amsgrad=true)", lambda: O.Adam(0.01, amsgrad=True)),
        "adam.clip_norm": (
            "adam(lr=0.01, clip_norm=0.5)",
            lambda: O.Adam(0.01, global_clipnorm=0.5),
        ),
        "adamw": ("adamw(lr=0.01)", lambda: O.AdamW(0.01)),
        "adamw.decay": (
            "adamw(lr=0.01, weight_decay=0.1)",
            lambda: O.AdamW(0.01, weight_decay=0.1),
        ),
    }
    for name, (text, make) in table.items():
        w, b = keras.Variable(w0, dtype="float64"), keras.Variable(b0, dtype="float64")
        optimiser = make()
        optimiser.build([w, b])
        for x, t in batches:
            loss = lambda p, x=as_f64(x), t=as_f64(t): jnp.mean(
                jnp.square(jnp.tanh(x @ p[0] + p[1]) - t)
            )
            value, slope = jax.value_and_grad(loss)((w.value, b.value))
            optimiser.apply([slope[0], slope[1]])
        lines = [
            "input x: f32[4, 3]",
            "input t: f32[4, 2]",
            "h = dense(x, 2, act=tanh)",
            f"minimize mean_squared_error(h, t) with {text}",
        ]
        feeds = [{"x": x, "t": t} for x, t in batches]
        wanted = {
            "h.w": (np.asarray(w.value), "f32"),
            "h.b": (np.asarray(b.value), "f32"),
            "loss": (float(value), "f32"),
        }
        add(family, name, "Keras", "train", lines, feeds, {"h.w": w0, "h.b": b0}, wanted, "f32", 64)
    # Schedules: the learning rate of the third step, as a metric.
    schedules = {
        "cosine_decay": ("cosine_decay(0.1, 8)", 0.05 * (1 + np.cos(np.pi * 2 / 8))),
        "exponential_decay": ("exponential_decay(0.1, 4, 0.5)", 0.1 * 0.5 ** (2 / 4)),
        "warmup": ("warmup(0.1, 8)", 0.1 * 3 / 8),
    }
    for name, (text, rate) in schedules.items():
        lines = [
            "input x: f32[2]",
            "param w: f32[2] = zeros",
            f"metric rate = {text}",
            f"minimize sum(w * x) with sgd(lr={text})",
        ]
        x = f32(1, -0.5)
        rates = {
            "cosine_decay": [0.05 * (1 + np.cos(np.pi * i / 8)) for i in range(3)],
            "exponential_decay": [0.1 * 0.5 ** (i / 4) for i in range(3)],
            "warmup": [0.1 * (i + 1) / 8 for i in range(3)],
        }[name]
        add(
            family,
            name,
            "Keras' formula",
            "train",
            lines,
            [{"x": x}] * 3,
            {"w": f32(1, 2)},
            {"rate": (rate, "f32"), "w": (np.array([1, 2]) - x.astype(float) * sum(rates), "f32")},
            "f32",
            64,
        )


def initialisers():
    """Those that are not random, or whose result is not."""
    family = "initialisers"
    x = {"x": numbers("init", (3,))}
    case(
        family,
        "constant",
        "constant([2, 3], f32, v=1.5) * x",
        x,
        lambda x: jnp.full((2, 3), 1.5) * x,
    )
    case(family, "identity", "identity([3, 3], f32, gain=2) @ x", x, lambda x: 2 * x)
    case(family, "identity.wide", "x @ identity([3, 5], f32)", x, lambda x: x @ jnp.eye(3, 5))
    case(
        family,
        "fans",
        "n_in, n_out = fans([3, 3, 4, 8])\ny = x * n_in + n_out",
        x,
        lambda x: x * 36 + 72,
        software="Keras' formula",
    )
    # The rows, or columns, are orthonormal.
    case(
        family,
        "orthogonal.wide",
        "q = orthogonal([3, 5], f32)\ny = q @ transpose(q) + 0 * sum(x)",
        x,
        lambda x: jnp.eye(3),
        order=0,
    )
    case(
        family,
        "orthogonal.tall",
        "q = orthogonal([5, 3], f32, gain=2)\ny = transpose(q) @ q + 0 * sum(x)",
        x,
        lambda x: 4 * jnp.eye(3),
        order=0,
    )
