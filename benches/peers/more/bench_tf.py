"""The shared folder's bench_tf.py (here base_tf.py) with more models."""
from base_tf import *

import base_tf
from common import *

of_base = base_tf.forward


def forward(model, p, bn, batch):
    x, relu = batch[0], tf.nn.relu
    if model in MLPS or model in CONVOLUTIONS:
        convolutions, widths = CONVOLUTIONS.get(model) or ((), MLPS[model])
        for k, (_, _, _, padding, pools) in enumerate(convolutions, 1):
            x = relu(tf.nn.bias_add(conv(x, p[f"c{k}w"], 1, padding), p[f"c{k}b"]))
            x = tf.nn.max_pool2d(x, 2, 2, "VALID") if pools else x
        x = tf.reshape(x, (x.shape[0], -1))
        for k in range(1, len(widths) - 1):
            x = relu(dense(p, f"d{k}", x))
        return ce(dense(p, f"d{len(widths) - 1}", x), batch[1]), []
    if model == "vae":
        h = relu(dense(p, "d1", x))
        m, s = dense(p, "m", h), dense(p, "s", h)
        z = m + tf.exp(0.5 * s) * batch[1]
        l = dense(p, "d4", relu(dense(p, "d3", z)))
        of_pixel = tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=l)
        of_latent = tf.reduce_sum(1 + s - m * m - tf.exp(s), -1)
        return tf.reduce_mean(tf.reduce_sum(of_pixel, -1)) - 0.5 * tf.reduce_mean(of_latent), []
    if model == "gru":   # statically unrolled, as the recurrent layers of base_tf.py
        h = tf.zeros((x.shape[0], UNITS))
        weights = tf.convert_to_tensor(p["hw"])
        for a in tf.unstack(tf.tensordot(x, p["xw"], 1) + p["xb"], axis=1):
            ar, az, an = tf.split(a, 3, -1)
            hr, hz, hn = tf.split(tf.matmul(h, weights) + p["hb"], 3, -1)
            r_, z = tf.sigmoid(ar + hr), tf.sigmoid(az + hz)
            h = (1 - z) * tf.tanh(an + r_ * hn) + z * h
        return ce(dense(p, "o", h), batch[1]), []
    return of_base(model, p, bn, batch)


base_tf.forward = forward

if __name__ == "__main__":
    r = Result("tf")
    tf.config.threading.set_intra_op_parallelism_threads(r.threads)
    tf.config.threading.set_inter_op_parallelism_threads(r.threads)
    r.imported(tensorflow=tf.__version__)
    run_session(r) if r.mode == "tf1_session" else run_function(r, r.mode == "tf_xla")
    r.emit()
