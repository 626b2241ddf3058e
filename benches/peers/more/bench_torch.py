"""The shared folder's bench_torch.py (here base_torch.py) with more models."""
from base_torch import *

import base_torch
from common import *

of_base, to_torch_of_base = base_torch.loss_fn, base_torch.to_torch


def to_torch(model, p):
    """As for the other models; rows of the first dense layer in the order of PyTorch's images."""
    if model in CONVOLUTIONS:
        channels = CONVOLUTIONS[model][0][-1][2]
        rows, units = p["d1w"].shape
        side = int((rows // channels) ** 0.5)
        images = p["d1w"].reshape(side, side, channels, units).transpose(2, 0, 1, 3)
        p = dict(p, d1w=images.reshape(rows, units))
    return to_torch_of_base(model, p)


def loss_fn(model, p, bn, batch, compiled):
    x = batch[0]
    if model in MLPS or model in CONVOLUTIONS:
        convolutions, widths = CONVOLUTIONS.get(model) or ((), MLPS[model])
        for k, (size, _, _, padding, pools) in enumerate(convolutions, 1):
            border = size // 2 if padding == "SAME" else 0
            x = F.relu(F.conv2d(x, p[f"c{k}w"], p[f"c{k}b"], padding=border))
            x = F.max_pool2d(x, 2) if pools else x
        x = x.flatten(1)
        for k in range(1, len(widths) - 1):
            x = F.relu(dense(p, f"d{k}", x))
        return F.cross_entropy(dense(p, f"d{len(widths) - 1}", x), batch[1])
    if model == "vae":
        h = F.relu(dense(p, "d1", x))
        m, s = dense(p, "m", h), dense(p, "s", h)
        z = m + torch.exp(0.5 * s) * batch[1]
        l = dense(p, "d4", F.relu(dense(p, "d3", z)))
        of_images = F.binary_cross_entropy_with_logits(l, x, reduction="sum") / x.shape[0]
        return of_images - 0.5 * torch.sum(1 + s - m * m - torch.exp(s)) / x.shape[0]
    if model == "gru":
        start = x.new_zeros(1, x.shape[0], UNITS)
        weights = [p["xw"], p["hw"], p["xb"], p["hb"]]
        h = torch.gru(x, start, weights, True, 1, 0.0, True, False, True)[1][0]
        return F.cross_entropy(dense(p, "o", h), batch[1])
    return of_base(model, p, bn, batch, compiled)


base_torch.to_torch, base_torch.loss_fn = to_torch, loss_fn

if __name__ == "__main__":
    r = Result("torch")
    torch.set_num_threads(r.threads)
    torch.manual_seed(0)
    r.imported(torch=torch.__version__)
    run_model(r)
    r.emit()
