"""Trainings of 25 steps by Keras' optimisers, with their arguments, and the slots that they end with.

The model has params of odd sizes: a tanh layer and a linear one, whose loss is a mean square, and
`s`, whose gradient is fed as it is. Of that, some elements are always 0, some are large in one batch
of the three that are fed in turn, so that clipping clips, and one is tiny. JAX computes the gradients
in f64, Keras' own classes the updates, in f64 too. What f32 params come to may be off by 1e-6, slots
by some roundings of gradients, which are differences of terms near 1; f64 by 1e-12.

Keras' `clipnorm` is per variable: `global_clipnorm` is the language's `clip_norm`. Its centred RMSprop
keeps the mean of squares and takes the square of the mean from it; the language keeps the difference.
Its `ema_overwrite_frequency` is None: the mean stays beside the params.
"""

import os

os.environ["KERAS_BACKEND"] = "jax"

import jax
import jax.numpy as jnp
import keras
import numpy as np

from by_jax import as_f64
from references import add, numbers

keras.config.set_floatx("float64")

O = keras.optimizers
STEPS = (1, 2, 10)
LAST = 25

# What the language writes, what Keras does, and the slots that both have: ours by Keras' name.
MEAN_AND_SQUARE = {"momentum": "m", "velocity": "v"}
TABLE = {
    "sgd": ("sgd()", lambda: O.SGD(), {}),
    "sgd.momentum": (
        "sgd(lr=0.1, momentum=0.8)",
        lambda: O.SGD(0.1, momentum=0.8),
        {"momentum": "m"},
    ),
    "sgd.nesterov": (
        "sgd(lr=0.05, momentum=0.9, nesterov=true, weight_decay=0.01)",
        lambda: O.SGD(0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
        {"momentum": "m"},
    ),
    "adam": ("adam()", lambda: O.Adam(), MEAN_AND_SQUARE),
    "adam.arguments": (
        "adam(lr=0.02, beta1=0.5, beta2=0.75, eps=1e-3, weight_decay=0.1)",
        lambda: O.Adam(0.02, 0.5, 0.75, 1e-3, weight_decay=0.1),
        MEAN_AND_SQUARE,
    ),
    "adam.amsgrad": (
        "adam(lr=0.01, beta2=0.9, amsgrad=true)",
        lambda: O.Adam(0.01, beta_2=0.9, amsgrad=True),
        MEAN_AND_SQUARE | {"velocity_hat": "v_max"},
    ),
    "adam.clip_norm": (
        "adam(lr=0.01, clip_norm=1)",
        lambda: O.Adam(0.01, global_clipnorm=1.0),
        MEAN_AND_SQUARE,
    ),
    "adam.clip_value": (
        "adam(lr=0.01, clip_value=0.5)",
        lambda: O.Adam(0.01, clipvalue=0.5),
        MEAN_AND_SQUARE,
    ),
    "adam.ema": (
        "adam(lr=0.01, ema=0.9)",
        lambda: O.Adam(0.01, use_ema=True, ema_momentum=0.9),
        MEAN_AND_SQUARE | {"average": "ema"},
    ),
    "adamw": ("adamw()", lambda: O.AdamW(), MEAN_AND_SQUARE),
    "adamw.amsgrad": (
        "adamw(lr=0.02, weight_decay=0.1, amsgrad=true, clip_norm=2, ema=0.5)",
        lambda: O.AdamW(
            0.02,
            0.1,
            amsgrad=True,
            global_clipnorm=2.0,
            use_ema=True,
            ema_momentum=0.5,
        ),
        MEAN_AND_SQUARE | {"velocity_hat": "v_max", "average": "ema"},
    ),
    "rmsprop": ("rmsprop()", lambda: O.RMSprop(), {"velocity": "v"}),
    "rmsprop.arguments": (
        "rmsprop(lr=0.01, rho=0.8, eps=1e-3, weight_decay=0.05)",
        lambda: O.RMSprop(0.01, 0.8, epsilon=1e-3, weight_decay=0.05),
        {"velocity": "v"},
    ),
    "rmsprop.momentum": (
        "rmsprop(lr=0.01, momentum=0.7)",
        lambda: O.RMSprop(0.01, momentum=0.7),
        {"velocity": "v", "momentum": "m"},
    ),
    "rmsprop.centered": (
        "rmsprop(lr=0.01, centered=true, eps=1e-4)",
        lambda: O.RMSprop(0.01, centered=True, epsilon=1e-4),
        {"average_gradient": "a"},
    ),
    "rmsprop.all": (
        "rmsprop(lr=0.005, rho=0.95, momentum=0.9, eps=1e-3, centered=true, clip_norm=3)",
        lambda: O.RMSprop(0.005, 0.95, 0.9, 1e-3, True, global_clipnorm=3.0),
        {"average_gradient": "a", "momentum": "m"},
    ),
    "adagrad": ("adagrad()", lambda: O.Adagrad(), {"accumulator": "v"}),
    "adagrad.arguments": (
        "adagrad(lr=0.1, initial=0.5, eps=1e-2, weight_decay=0.01, clip_value=1)",
        lambda: O.Adagrad(0.1, 0.5, 1e-2, weight_decay=0.01, clipvalue=1.0),
        {"accumulator": "v"},
    ),
    "adadelta": (
        "adadelta()",
        lambda: O.Adadelta(),
        {"accumulated_grad": "v", "accumulated_delta_var": "u"},
    ),
    "adadelta.arguments": (
        "adadelta(lr=1, rho=0.8, eps=1e-3, weight_decay=0.01, clip_norm=2)",
        lambda: O.Adadelta(1.0, 0.8, 1e-3, weight_decay=0.01, global_clipnorm=2.0),
        {"accumulated_grad": "v", "accumulated_delta_var": "u"},
    ),
    "lamb": ("lamb()", lambda: O.Lamb(), MEAN_AND_SQUARE),
    "lamb.arguments": (
        "lamb(lr=0.02, beta1=0.8, beta2=0.9, eps=1e-4, weight_decay=0.1, clip_norm=2)",
        lambda: O.Lamb(0.02, 0.8, 0.9, 1e-4, weight_decay=0.1, global_clipnorm=2.0),
        MEAN_AND_SQUARE,
    ),
    "lion": ("lion()", lambda: O.Lion(), {"momentum": "m"}),
    "lion.arguments": (
        "lion(lr=0.01, beta1=0.7, beta2=0.8, weight_decay=0.1, clip_norm=1, ema=0.9)",
        lambda: O.Lion(
            0.01,
            0.7,
            0.8,
            weight_decay=0.1,
            global_clipnorm=1.0,
            use_ema=True,
            ema_momentum=0.9,
        ),
        {"momentum": "m", "average": "ema"},
    ),
}

SIZES = {"a": (3, 5), "b": (5,), "c": (5, 3), "z": (3,), "s": (7,)}


def slopes(batch):
    """The parts of the gradient of s by each of the four examples of one of the three batches."""
    large = 40.0 if batch == 1 else 0.25
    return np.tile(np.array([0, large, -0.5, -large, 0, 1 / 256, 2.0**-20]) / 4, (4, 1))


def loss(params, x, t, of_s):
    h = jnp.tanh(x @ params["a"] + params["b"]) @ params["c"] + params["z"]
    return jnp.mean(jnp.square(h - t)) + jnp.sum(params["s"] * of_s)


gradient = jax.jit(jax.grad(loss))


def trained(make, first, batches):
    """The params after each step, and the optimiser's variables at the end, by name."""
    variables = {k: keras.Variable(v, dtype="float64", name=k) for k, v in first.items()}
    optimiser = make()
    optimiser.build(list(variables.values()))
    after = {}
    for step in range(LAST):
        x, t, of_s = (as_f64(part) for part in batches[step % len(batches)])
        found = gradient({k: v.value for k, v in variables.items()}, x, t, of_s)
        optimiser.apply([found[k] for k in variables])
        after[step + 1] = {k: np.asarray(v.value) for k, v in variables.items()}
    slots = {v.path.split("/")[-1]: np.asarray(v.value) for v in optimiser.variables}
    return after, slots


def trainings():
    for dtype, numpy_type, terms in [("f32", "float32", 8), ("f64", "float64", 1024)]:
        given = lambda name, shape: numbers(f"trainings {name}", shape).astype(numpy_type)
        first = {k: given(k, shape) for k, shape in SIZES.items()}
        # A param that begins at 0, whose norm lamb does not divide.
        first["z"] = np.zeros_like(first["z"])
        batches = [
            (given(f"x{i}", (4, 3)), given(f"t{i}", (4, 3)), slopes(i).astype(numpy_type))
            for i in range(3)
        ]
        feeds = [{"x": x, "t": t, "of_s": of_s} for x, t, of_s in batches]
        declared = lambda k: f"{dtype}[{', '.join(str(n) for n in SIZES[k])}]"
        for name, (text, make, shared) in TABLE.items():
            after, slots = trained(make, first, batches)
            lines = [f"input x: {dtype}[4, 3]", f"input t: {dtype}[4, 3]"]
            lines += [f"input of_s: {dtype}[4, 7]"]
            lines += [f"param {k}: {declared(k)} = zeros" for k in SIZES]
            lines += [
                "h = tanh(x @ a + b) @ c + z",
                f"minimize mean_squared_error(h, t) + sum(s * of_s) with {text}",
            ]
            wanted = {k: (v, dtype) for k, v in after[LAST].items()}
            for theirs, ours in shared.items():
                for k in SIZES:
                    slot = slots[f"{k}_{theirs}"]
                    wanted[f"optimizer.minimize.{ours}.{k}"] = (slot, dtype)
            midway = {n: {k: (v, dtype) for k, v in after[n].items()} for n in STEPS}
            add(
                "trainings",
                f"{name}.{dtype}",
                "Keras",
                "train",
                lines,
                feeds,
                first,
                wanted,
                dtype,
                terms,
                floor=32,
                relative=terms,
                after=(LAST, midway),
            )
