"""The shared folder's bench_jax.py (here base_jax.py) with more models."""
from base_jax import *

import base_jax
from common import *

of_base = base_jax.forward


def forward(model, p, bn, key, batch):
    x, relu = batch[0], jax.nn.relu
    if model in MLPS or model in CONVOLUTIONS:
        convolutions, widths = CONVOLUTIONS.get(model) or ((), MLPS[model])
        for k, (_, _, _, padding, pools) in enumerate(convolutions, 1):
            x = relu(conv(x, p[f"c{k}w"], 1, padding) + p[f"c{k}b"])
            x = pool(x) if pools else x
        x = x.reshape(x.shape[0], -1)
        for k in range(1, len(widths) - 1):
            x = relu(dense(p, f"d{k}", x))
        return ce(dense(p, f"d{len(widths) - 1}", x), batch[1]), bn
    if model == "vae":
        h = relu(dense(p, "d1", x))
        m, s = dense(p, "m", h), dense(p, "s", h)
        z = m + jnp.exp(0.5 * s) * batch[1]
        l = dense(p, "d4", relu(dense(p, "d3", z)))
        of_image = jnp.sum(jnp.maximum(l, 0) - l * x + jnp.log1p(jnp.exp(-jnp.abs(l))), -1)
        return jnp.mean(of_image) - 0.5 * jnp.mean(jnp.sum(1 + s - m * m - jnp.exp(s), -1)), bn
    if model == "gru":
        def cell(h, a):
            (ar, az, an), (hr, hz, hn) = jnp.split(a, 3, -1), jnp.split(dense(p, "h", h), 3, -1)
            r_, z = jax.nn.sigmoid(ar + hr), jax.nn.sigmoid(az + hz)
            return (1 - z) * jnp.tanh(an + r_ * hn) + z * h, None
        start = jnp.zeros((x.shape[0], UNITS), jnp.float32)
        h, _ = lax.scan(cell, start, jnp.swapaxes(dense(p, "x", x), 0, 1))
        return ce(dense(p, "o", h), batch[1]), bn
    return of_base(model, p, bn, key, batch)


base_jax.forward = forward

if __name__ == "__main__":
    r = Result("jax")
    r.imported(jax=jax.__version__, jaxlib=jaxlib.__version__, optax=optax.__version__)
    run_model(r)
    r.emit()
