"""The losses of 25 steps of models that ship, by Keras from the same weights on the same batches.

    python -m venv /tmp/steps
    /tmp/steps/bin/pip install keras==3.15.1 tensorflow-cpu==2.21.0 numpy==2.4.6
    /tmp/steps/bin/python frontends/cli/tests/command/steps/steps.py target/release/brolga

Writes steps.jsonl: a line a model with the names of its inputs in the data, the batch size and the
losses. The data is what data.graph makes of generated digits; the weights are the model's own initial
ones of seed 0, which depend on nothing but their names. Layers, optimisers and losses are Keras',
with its defaults wherever the model's file says nothing. The two draws of the GAN's noise are data.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf
from keras import layers as L

STEPS = 25
HERE = pathlib.Path(__file__).parent
MODELS = HERE.parent.parent.parent / "models"
S, I = keras.Sequential, keras.Input


def brolga(*arguments):
    done = subprocess.run([sys.argv[1], *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def weights(file, folder):
    names = [v["name"] for v in json.loads(brolga("check", file, "--json"))["variables"]]
    path = folder / "weights.npz"
    brolga("run", file, "--output", path, *[a for n in names for a in ("--fetch", n)])
    return dict(np.load(path))


def set_weights(layer, w, name, parts):
    layer.set_weights(
        [w[f"{name}.{part}"].reshape(v.shape) for part, v in zip(parts, layer.weights)]
    )


def classify(layers, names, shape, optimizer, inputs=("digit", "class")):
    """A chain of layers whose weights are `name.part` of each pair of names."""

    def build(w):
        m = S([I(shape), *layers()])
        owners = [layer for layer in m.layers if layer.weights]
        for layer, (name, parts) in zip(owners, names, strict=True):
            set_weights(layer, w, name, parts.split())
        return m

    return build, optimizer, inputs


def apply(optimizer, tape, loss, variables):
    """Gradients of tables as whole tensors: of several rows for one index, Adam takes the square of
    their sum, where Keras takes the sum of their squares."""
    gradients = [tf.convert_to_tensor(g) for g in tape.gradient(loss, variables)]
    optimizer.apply_gradients(zip(gradients, variables))


def fit(build, optimizer, inputs):
    """One step of training on a batch -> the loss before it."""

    def start(w):
        m, o = build(w), optimizer()
        ce = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        o.build(m.trainable_variables)

        def step(x, y):
            with tf.GradientTape() as tape:
                loss = ce(y, m(x, training=True))
            apply(o, tape, loss, m.trainable_variables)
            return loss

        return tf.function(step)

    return start, inputs


ADAM = lambda: keras.optimizers.Adam(1e-3)


def cnn():
    layers = lambda: [
        L.Conv2D(32, 3, activation="relu"),
        L.MaxPooling2D(),
        L.Conv2D(64, 3, activation="relu"),
        L.MaxPooling2D(),
        L.Flatten(),
        L.Dense(128, "relu"),
        L.Dense(10),
    ]
    names = [(f"{n}.conv", "w b") for n in ("first", "second")] + [
        ("hidden", "w b"),
        ("logits", "w b"),
    ]
    return fit(*classify(layers, names, (28, 28, 1), ADAM))


def recurrent(layer):
    names = [("last", "wx wh b"), ("logits", "w b")]
    return fit(*classify(lambda: [layer(128), L.Dense(10)], names, (28, 28), ADAM))


def resnet():
    def build(w):
        def conv_norm(x, name, filters, size, strides=1):
            conv = L.Conv2D(filters, size, strides, padding="same", use_bias=False)
            norm = L.BatchNormalization(momentum=0.9)
            x = norm(conv(x))
            set_weights(conv, w, f"{name}.y", ["w"])
            set_weights(norm, w, f"{name}.batch_norm", "gamma beta mean variance".split())
            return x

        inp = I((32, 32, 3))
        # Numbers as the file has them, in f32.
        x = (inp - np.float32([0.4914, 0.4822, 0.4465])) / np.float32([0.2470, 0.2435, 0.2616])
        x = L.ReLU()(conv_norm(x, "start.conv_norm", 16, 3))
        for name, i, o, s in (("small", 16, 16, 1), ("medium", 16, 32, 2), ("large", 32, 64, 2)):
            y = L.ReLU()(conv_norm(x, f"{name}.first", o, 3, s))
            y = conv_norm(y, f"{name}.second", o, 3)
            if i != o:
                x = conv_norm(x, f"{name}.shortcut", o, 1, s)
            x = L.ReLU()(L.Add()([x, y]))
        last = L.Dense(10)
        m = keras.Model(inp, last(L.GlobalAveragePooling2D()(x)))
        set_weights(last, w, "logits", ["w", "b"])
        return m

    rate = keras.optimizers.schedules.CosineDecay(
        0.0, 29 * 125, warmup_target=0.05, warmup_steps=125
    )
    return fit(build, lambda: keras.optimizers.SGD(rate, momentum=0.9), ("picture", "class"))


class Positions(L.Layer):
    def build(self, shape):
        self.place = self.add_weight(shape=shape[1:], name="place")

    def call(self, x):
        return x + self.place


def transformer():
    def build(w):
        names = {}

        def made(layer, name, parts):
            names[layer] = (name, parts.split())
            return layer

        inp = I((64,), dtype="int32")
        x = made(L.Embedding(65, 128), "reader.x.embedding", "table")(inp)
        x = made(Positions(), "reader", "place")(x)
        for i in range(2):
            at = f"reader.x.{i}"
            a = made(L.LayerNormalization(), f"{at}.norm1", "gamma beta")(x)
            heads = L.MultiHeadAttention(4, 32)
            x = x + heads(a, a, use_causal_mask=True)
            parts = "q.w q.b k.w k.b v.w v.b out.w out.b"
            made(heads, f"{at}.attention", parts)
            a = made(L.LayerNormalization(), f"{at}.norm2", "gamma beta")(x)
            a = made(L.Dense(512, "gelu"), f"{at}.inner", "w b")(a)
            x = x + made(L.Dense(128), f"{at}.outer", "w b")(a)
        x = made(L.LayerNormalization(), "reader.layer_norm", "gamma beta")(x)
        m = keras.Model(inp, made(L.Dense(65), "reader.dense", "w b")(x))
        for layer, (name, parts) in names.items():
            if isinstance(layer, L.MultiHeadAttention):
                # Keras: query, key, value, out.
                order = [layer.query_dense, layer.key_dense, layer.value_dense, layer.output_dense]
                for dense, part in zip(order, ("q", "k", "v", "out")):
                    set_weights(dense, w, f"{name}.{part}", ["w", "b"])
            else:
                set_weights(layer, w, name, parts)
        return m

    return fit(build, lambda: keras.optimizers.AdamW(1e-3, 0.01), ("tokens", "next"))


def gan():
    def start(w):
        g = S([I((64,)), L.Dense(128, "relu"), L.Dense(784, "sigmoid")])
        d = S([I((784,)), L.Dense(128), L.LeakyReLU(negative_slope=0.2), L.Dense(1)])
        set_weights(g.layers[0], w, "generator.dense", ["w", "b"])
        set_weights(g.layers[1], w, "generator.dense.1", ["w", "b"])
        set_weights(d.layers[0], w, "critic.hidden.dense", ["w", "b"])
        set_weights(d.layers[2], w, "critic.dense", ["w", "b"])
        od, og = (keras.optimizers.Adam(2e-4, 0.5) for _ in range(2))
        od.build(d.trainable_variables)
        og.build(g.trainable_variables)
        bce = lambda z, one: tf.reduce_mean(tf.nn.softplus(-z if one else z))

        def step(x, noise, other):
            with tf.GradientTape() as t:
                ld = bce(d(tf.reshape(x, (-1, 784))), True) + bce(d(g(noise)), False)
            apply(od, t, ld, d.trainable_variables)
            with tf.GradientTape() as t:
                lg = bce(d(g(other)), True)
            apply(og, t, lg, g.trainable_variables)
            return ld + lg

        return tf.function(step)

    return start, ("digit", "noise", "other_noise")


TABLE = {
    "cnn": (cnn, 32),
    "resnet": (resnet, 32),
    "lstm": (lambda: recurrent(L.LSTM), 64),
    "gru": (lambda: recurrent(L.GRU), 64),
    "transformer": (transformer, 16),
    "gan": (gan, 64),
}


def main():
    software = f"Keras {keras.__version__}, TensorFlow {tf.__version__}"
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for model, (make, batch) in TABLE.items():
            data = folder / "data.npz"
            rows = STEPS * batch
            source = f"digits?rows={rows}&split=train"
            brolga("predict", HERE / "data.graph", "--data", source, "--output", data)
            arrays = dict(np.load(data))
            start, inputs = make()
            step = start(weights(MODELS / f"{model}.graph", folder))
            losses = []
            for i in range(0, rows, batch):
                losses.append(float(step(*(tf.constant(arrays[n][i : i + batch]) for n in inputs))))
            line = dict(model=model, inputs=inputs, batch=batch, software=software, losses=losses)
            lines.append(json.dumps(line))
            print(model, losses[0], losses[-1], flush=True)
    (HERE / "steps.jsonl").write_text("".join(line + "\n" for line in lines))


if __name__ == "__main__":
    main()
