"""Convolutions, pools and layers by PyTorch, whose channels come second and whose filters are [f, c,
k..], transposed ones [c, f, k..].

Averages are told not to count padding (count_include_pad=False), recurrent layers are given the bias of
the input and that of the state apart: an LSTM's second one is zero.
"""

import numpy as np
import torch
import torch.nn.functional as F
from by_torch import case
from references import numbers

DTYPES = {"f32": "float32", "f64": "float64"}


def second(x):
    """The last axis of an array comes second."""
    return np.moveaxis(x, -1, 1) if isinstance(x, np.ndarray) else x.movedim(-1, 1).contiguous()


def last(x):
    return x.movedim(1, -1)


def of_filters(w):
    """[k.., a, b] as [b, a, k..]."""
    return w.movedim((-1, -2), (0, 1)).contiguous()


def each(value, n):
    return value if isinstance(value, list) else [value] * n


def both_layouts(family, name, call, inputs, f, **options):
    """A case with the channels last, and one of which the first input and the result have them second;
    `f` is PyTorch's function of that, `call` the text with room for more arguments."""
    x, *others = inputs
    nchw = {x: second(inputs[x]), **{key: inputs[key] for key in others}}
    case(family, name, call.format(""), inputs, lambda x, *w: last(f(second(x), *w)), **options)
    case(family, f"{name}.nchw", call.format(', layout="nchw"'), nchw, f, **options)


def torch_convolutions():
    family = "torch_convolutions"
    # name: (input, filter, strides, padding, dilation, groups), channels last
    table = {
        "plain": ((2, 5, 4, 3), (3, 2, 3, 2), 1, 0, 1, 1),
        "same": ((1, 5, 6, 2), (3, 4, 2, 2), 1, "same", 1, 1),
        "same.dilated": ((1, 6, 7, 1), (3, 2, 1, 2), 1, "same", [2, 3], 1),
        "strides": ((2, 7, 8, 2), (3, 2, 2, 3), [2, 3], 0, 1, 1),
        "padding": ((1, 4, 5, 2), (3, 3, 2, 2), 2, [1, 2], 1, 1),
        "sides": ((1, 4, 5, 2), (3, 3, 2, 2), 2, [[1, 2], [0, 3]], 1, 1),
        "dilation": ((1, 9, 8, 1), (3, 3, 1, 2), 2, [1, 0], [2, 3], 1),
        "two": ((1, 5, 4, 4), (3, 2, 2, 6), 1, [1, 1], 1, 2),
        "each": ((2, 5, 4, 3), (3, 3, 1, 6), 2, [1, 1], 1, 3),
        "line": ((2, 8, 3), (3, 3, 2), 1, 0, 1, 1),
        "line.strides": ((2, 9, 2), (4, 2, 3), 3, [2], 1, 1),
        "line.dilated": ((1, 9, 2), (3, 2, 2), 1, "same", 2, 1),
        "line.two": ((2, 7, 4), (3, 2, 6), 2, [1], 1, 2),
    }
    for name, (of_x, of_w, strides, padding, dilation, groups) in table.items():
        n = len(of_x) - 2
        for kind in DTYPES if name in ("padding", "line.strides") else ["f32"]:

            def f(x, w):
                call = F.conv1d if n == 1 else F.conv2d
                sides = padding
                if name == "sides":
                    x = F.pad(x, [k for side in reversed(padding) for k in side])
                    sides = 0
                apart = each(dilation, n)
                return call(x, of_filters(w), None, each(strides, n), sides, apart, groups)

            text = f'"{padding}"' if isinstance(padding, str) else str(padding)
            if isinstance(padding, list) and name != "sides":
                text = str([[p, p] for p in padding])
            rest = f"strides={strides}, padding={text}, dilation={dilation}, groups={groups}"
            inputs = {
                "x": numbers(f"tx {name}", of_x, dtype=DTYPES[kind]),
                "w": numbers(f"tw {name}", of_w, dtype=DTYPES[kind]),
            }
            both_layouts(family, f"{name}.{kind}", f"conv{n}d(x, w, {rest}{{}})", inputs, f)
    # name: (input, filter, strides, padding, dilation)
    transposed = {
        "plain": ((1, 3, 4, 2), (3, 2, 3, 2), 1, [0, 0], 1),
        "strides": ((2, 3, 2, 2), (3, 3, 3, 2), [2, 3], [0, 0], 1),
        "padding": ((1, 3, 4, 2), (4, 3, 2, 2), 2, [1, 1], 1),
        "dilation": ((1, 3, 4, 1), (2, 3, 2, 1), 2, [0, 1], [2, 1]),
    }
    for name, (of_x, of_w, strides, padding, dilation) in transposed.items():

        def f(x, w):
            apart = each(dilation, 2)
            return F.conv_transpose2d(
                x, of_filters(w), None, each(strides, 2), padding, 0, 1, apart
            )

        sides = [[p, p] for p in padding]
        call = f"conv2d_transpose(x, w, strides={strides}, padding={sides}, dilation={dilation}{{}})"
        inputs = {"x": numbers(f"tt {name}", of_x), "w": numbers(f"ttw {name}", of_w)}
        both_layouts(family, f"transposed.{name}", call, inputs, f)


def torch_pools():
    family = "torch_pools"
    # name: (input, window, strides, padding, dilation)
    table = {
        "two": ((2, 6, 4, 3), 2, 2, [0, 0], 1),
        "odd": ((1, 5, 7, 2), 2, 2, [0, 0], 1),
        "overlapping": ((2, 6, 5, 2), 3, 1, [0, 0], 1),
        "padding": ((1, 5, 6, 2), [3, 2], 2, [1, 1], 1),
        "strides": ((1, 7, 8, 2), 3, [1, 2], [1, 0], 1),
        "gaps": ((1, 7, 8, 2), 2, 3, [1, 1], 1),
        "dilation": ((1, 7, 6, 2), [3, 2], 1, [1, 0], 2),
        "line": ((2, 9, 3), 3, 2, [1], 1),
    }
    for name, (of_x, window, strides, padding, dilation) in table.items():
        n = len(of_x) - 2
        sides = [[p, p] for p in padding]
        rest = f"{window}, strides={strides}, padding={sides}, dilation={dilation}"
        inputs = {"x": numbers(f"tp {name}", of_x)}
        windows = (each(window, n), each(strides, n), padding)

        def largest(x):
            call = F.max_pool1d if n == 1 else F.max_pool2d
            return torch.square(call(x, *windows, each(dilation, n)))

        def mean(x):
            call = F.avg_pool1d if n == 1 else F.avg_pool2d
            return torch.square(call(x, *windows, False, False))

        call = f"square(max_pool{n}d(x, {rest}{{}}))"
        both_layouts(family, f"max.{name}", call, inputs, largest)
        # PyTorch has no dilated average.
        if dilation == 1:
            call = f"square(avg_pool{n}d(x, {rest}{{}}))"
            both_layouts(family, f"avg.{name}", call, inputs, mean)
    # Of equal elements the first has the gradient.
    ties = {"x": np.ones((1, 4, 4, 1), np.float32)}
    f = lambda x: F.max_pool2d(x, 3, 1)
    both_layouts(family, "max.ties", "max_pool2d(x, 3, strides=1{})", ties, f, order=1)


def torch_layers():
    family = "torch_layers"
    x, w, b = numbers("tl", (3, 5)), numbers("tlw", (5, 4), -1, 1), numbers("tlb", (4,))
    case(
        family,
        "dense",
        "h = dense(x, 4, act=gelu)\ny = h",
        {"x": x},
        lambda x, w, b: F.gelu(F.linear(x, w.T, b)),
        variables={"h.w": w, "h.b": b},
    )
    scale = {"h.gamma": numbers("tlg", (5,), 0.5, 2), "h.beta": numbers("tlbeta", (5,))}
    norm = lambda eps: lambda x, g, b: F.layer_norm(x, (5,), g, b, eps)
    for name, shape, eps in [("rows", (3, 5), 1e-3), ("deep", (2, 3, 5), 1e-5), ("row", (5,), 1e-3)]:
        inputs = {"x": numbers(f"tln {name}", shape)}
        body = f"h = layer_norm(x, eps={eps})\ny = h"
        case(family, f"layer_norm.{name}", body, inputs, norm(eps), variables=scale)
    wide = {key: value.astype(np.float64) for key, value in scale.items()}
    inputs = {"x": x.astype(np.float64)}
    case(family, "layer_norm.f64", "h = layer_norm(x)\ny = h", inputs, norm(1e-3), variables=wide)
    group = {"h.gamma": numbers("tgg", (6,), 0.5, 2), "h.beta": numbers("tgb", (6,))}
    case(
        family,
        "group_norm",
        "h = group_norm(x, groups=2)\ny = h",
        {"x": numbers("tgn", (2, 3, 4, 6))},
        lambda x, g, b: last(F.group_norm(second(x), 2, g, b, 1e-3)),
        variables=group,
    )
    case(
        family,
        "batch_norm.training",
        "h = batch_norm(x, training=true)\ny = h",
        {"x": numbers("tbn", (2, 3, 2, 6))},
        lambda x, g, b: last(F.batch_norm(second(x), None, None, g, b, True, 0.0, 1e-3)),
        variables=group,
    )
    labels = np.asarray([1, 0, 4], np.int32)
    case(
        family,
        "sparse_softmax_cross_entropy",
        "sparse_softmax_cross_entropy(x, t)",
        {"x": x, "t": labels},
        lambda x, t: F.cross_entropy(x, t.long()),
        wrt=["x"],
    )
    recurrent(family)
    heads = {key: numbers(f"ta {key}", (2, 2, 3, 4)) for key in ("q", "k", "v")}
    # PyTorch has no second derivative of it.
    case(family, "attention", "attention(q, k, v)", heads, F.scaled_dot_product_attention, order=1)


def recurrent(family):
    """Layers over [batch, time, features]; the parts of their weights in the order of PyTorch."""
    of_x, units = (2, 4, 3), 2

    def gates(order):
        """The parts of the last axis, in another order."""
        return lambda w: torch.cat([w[..., k * units : (k + 1) * units] for k in order], -1)

    kinds = [
        ("simple_rnn", torch.nn.RNN, gates([0]), (units,)),
        ("lstm", torch.nn.LSTM, gates([0, 1, 2, 3]), (4 * units,)),
        # In the language z comes before r.
        ("gru", torch.nn.GRU, gates([1, 0, 2]), (2, 3 * units)),
    ]
    for name, layer, in_order, of_b in kinds:
        for reverse in (False, True):
            module = layer(of_x[-1], units, batch_first=True, dtype=torch.float64)

            def f(x, wx, wh, b):
                b = b if b.dim() == 2 else torch.stack([b, torch.zeros_like(b)])
                weights = {
                    "weight_ih_l0": in_order(wx).T,
                    "weight_hh_l0": in_order(wh).T,
                    "bias_ih_l0": in_order(b[0]),
                    "bias_hh_l0": in_order(b[1]),
                }
                x = torch.flip(x, (1,)) if reverse else x
                y, _ = torch.func.functional_call(module, weights, (x,))
                return torch.flip(y, (1,)) if reverse else y

            of_wx, of_wh = (of_x[-1], of_b[-1]), (units, of_b[-1])
            case(
                family,
                f"{name}.reverse" if reverse else name,
                f"h = {name}(x, {units}, return_sequences=true{', reverse=true' * reverse})\ny = h",
                {"x": numbers(f"tr {name}", of_x)},
                f,
                variables={
                    "h.wx": numbers(f"tr {name} wx", of_wx, -1, 1),
                    "h.wh": numbers(f"tr {name} wh", of_wh, -1, 1),
                    "h.b": numbers(f"tr {name} b", of_b, -1, 1),
                },
                terms=256,
            )
