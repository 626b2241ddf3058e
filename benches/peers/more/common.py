"""More models and batches, beside those of the shared folder's common.py (here base_common.py).

Dense layers by their widths; convolutions by size, channels in and out, padding and whether a pool of two
follows, then the dense layers after them.
"""
from base_common import *

import base_common

MLPS = {
    "mlp_wide": (784, 2048, 2048, 10),
    "mlp_deep": (784, *[256] * 10, 10),
    "mlp_odd": (784, 300, 100, 10),
    "mlp_big": (784, 512, 512, 10),
}
CONVOLUTIONS = {
    "lenet": (((5, 1, 6, "VALID", True), (5, 6, 16, "VALID", True)), (256, 120, 84, 10)),
    "filters5": (((5, 1, 32, "SAME", True), (5, 32, 64, "SAME", True)), (3136, 1024, 10)),
    "vgg": (((3, 3, 64, "SAME", False), (3, 64, 64, "SAME", True),
             (3, 64, 128, "SAME", False), (3, 128, 128, "SAME", True)), (8192, 256, 10)),
}
IMAGES = {"lenet": (28, 28, 1), "filters5": (28, 28, 1), "vgg": (32, 32, 3), "gru": (28, 28)}
HIDDEN, LATENT, UNITS = 400, 20, 128
MORE = {"mlp_wide": (64,), "mlp_deep": (50,), "mlp_odd": (37,), "mlp_big": (256,), "lenet": (64,),
        "filters5": (50,), "vgg": (16,), "vae": (128,), "gru": (64,), "cnn_mnist": (50,), "lstm": (20,)}
CASES = {f"{m}_b{b}": (m, b) for m, bs in MORE.items() for b in bs}
base_common.CASES.update(CASES)


def is_more(model):
    return model in MLPS or model in CONVOLUTIONS or model in ("vae", "gru")


def data(model, batch, n=POOL):
    if not is_more(model):
        return base_common.data(model, batch, n)
    r, f32, out = np.random.default_rng(1), np.float32, []
    for _ in range(n):
        x = r.random((batch, *IMAGES.get(model, (784,))), dtype=f32)
        if model == "vae":
            out.append((x, r.standard_normal((batch, LATENT), dtype=f32)))
        else:
            out.append((x, r.integers(0, 10, batch, dtype=np.int32)))
    return out


def params(model):
    if not is_more(model):
        return base_common.params(model)
    r, p = np.random.default_rng(2), {}

    def weights(name, *shape):
        limit = (6.0 / (int(np.prod(shape[:-2])) * (shape[-2] + shape[-1]))) ** 0.5
        p[name] = r.uniform(-limit, limit, shape).astype(np.float32)

    def dense(name, i, o):
        weights(name + "w", i, o)
        p[name + "b"] = np.zeros(o, np.float32)

    def layers(widths):
        for k, (i, o) in enumerate(zip(widths, widths[1:]), 1):
            dense(f"d{k}", i, o)

    if model in MLPS:
        layers(MLPS[model])
    elif model in CONVOLUTIONS:
        convolutions, widths = CONVOLUTIONS[model]
        for k, (size, i, o, _, _) in enumerate(convolutions, 1):
            weights(f"c{k}w", size, size, i, o)
            p[f"c{k}b"] = np.zeros(o, np.float32)
        layers(widths)
    elif model == "vae":
        for name, i, o in (("d1", 784, HIDDEN), ("m", HIDDEN, LATENT), ("s", HIDDEN, LATENT),
                           ("d3", LATENT, HIDDEN), ("d4", HIDDEN, 784)):
            dense(name, i, o)
    else:
        dense("x", 28, 3 * UNITS)
        dense("h", UNITS, 3 * UNITS)
        dense("o", UNITS, 10)
    return p
