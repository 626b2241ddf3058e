"""Operations that move elements, products, and operations with indices.

NumPy's meaning throughout. `scatter` there is `jnp.ndarray.at[..].add`, which is what
`put_along_axis` does with repeated indices.
"""

import jax
import jax.numpy as jnp
import numpy as np

from by_jax import as_f64, case
from references import NAMES, numbers

ids = lambda *values: np.array(values, np.int32)


def shapes():
    family = "shapes"
    x = {"x": numbers("shape", (2, 3, 4))}
    m = {"x": numbers("matrix", (3, 5))}

    def moved(name, body, inputs, f, **more):
        """Squared after and before, so that values and both gradients depend on the place."""
        results = body.count("\n") == 0
        assert results
        case(
            family,
            name,
            f"square({body.replace('x', '(x * x)') if more.pop('deep', False) else body})",
            inputs,
            lambda **k: jnp.square(f(**k)),
            **more,
        )

    moved("reshape", "reshape(x, [6, 4])", x, lambda x: x.reshape(6, 4))
    moved("reshape.guess", "reshape(x, [4, -1])", x, lambda x: x.reshape(4, -1))
    moved("reshape.vector", "reshape(x, [-1])", x, lambda x: x.reshape(-1))
    moved("reshape.scalar", "reshape(x, [])", {"x": numbers("r", (1, 1))}, lambda x: x.reshape(()))
    case(
        family,
        "reshape.sum",
        "sum(tanh(reshape(x + b, [-1])))",
        {**m, "b": numbers("b", (5,))},
        lambda x, b: jnp.sum(jnp.tanh((x + b).reshape(-1))),
    )
    moved("flatten", "flatten(x)", x, lambda x: x.reshape(2, 12))
    moved("transpose", "transpose(x)", x, lambda x: x.T)
    moved("transpose.perm", "transpose(x, [1, 2, 0])", x, lambda x: x.transpose(1, 2, 0))
    moved("transpose.inner", "transpose(x, perm=[0, 2, 1])", x, lambda x: x.transpose(0, 2, 1))
    moved("transpose.matrix", "transpose(x)", m, lambda x: x.T)
    moved("broadcast_to", "broadcast_to(x, [4, 3, 5])", m, lambda x: jnp.broadcast_to(x, (4, 3, 5)))
    moved(
        "broadcast_to.column",
        "broadcast_to(x, [3, 5])",
        {"x": numbers("bc", (3, 1))},
        lambda x: jnp.broadcast_to(x, (3, 5)),
    )
    moved(
        "broadcast_to.scalar",
        "broadcast_to(x, [2, 2])",
        {"x": np.float32(1.25)},
        lambda x: jnp.broadcast_to(x, (2, 2)),
    )
    for axis in [0, 1, -1]:
        moved(
            f"expand_dims.{axis}", f"expand_dims(x, {axis})", m, lambda x: jnp.expand_dims(x, axis)
        )
    moved("squeeze", "squeeze(x, 1)", {"x": numbers("sq", (3, 1, 2))}, lambda x: x[:, 0])
    moved("squeeze.all", "squeeze(x)", {"x": numbers("sq", (1, 3, 1))}, lambda x: x.reshape(3))
    for axis in [0, 1, 2]:
        shape = [2, 3, 4]
        shape[axis] = 2
        moved(
            f"concat.{axis}",
            f"concat([x, z, x], axis={axis})",
            {**x, "z": numbers(f"z{axis}", shape)},
            lambda x, z: jnp.concatenate([x, z, x], axis),
        )
        moved(
            f"stack.{axis}",
            f"stack([x, x * x, z], axis={axis})",
            {**m, "z": numbers(f"s{axis}", (3, 5))},
            lambda x, z: jnp.stack([x, x * x, z], axis),
        )
    moved("concat.one", "concat([x], axis=-1)", m, lambda x: x)
    moved("concat.empty", "concat([x[1:1], x, x[3:3]], axis=0)", m, lambda x: x)
    case(
        family,
        "split",
        "a, b, c = split(x, 3, axis=1)\ny = a * b * b + c",
        {"x": numbers("split", (2, 6))},
        lambda x: x[:, :2] * x[:, 2:4] ** 2 + x[:, 4:],
    )
    case(
        family,
        "split.sizes",
        "a, b = split(x, [1, 3], axis=0)\ny = b * a * b",
        {"x": numbers("split", (4, 3))},
        lambda x: x[1:] * x[:1] * x[1:],
    )
    case(
        family,
        "split.last",
        "parts = split(x, 2, axis=-1)\ny = sin(parts[1]) * parts[0]",
        {"x": numbers("split", (2, 3, 4))},
        lambda x: jnp.sin(x[..., 2:]) * x[..., :2],
    )
    moved("pad", "pad(x, [[1, 2], [0, 1]])", m, lambda x: jnp.pad(x, ((1, 2), (0, 1))))
    moved(
        "pad.value",
        "pad(x, [[0, 1], [2, 0]], value=-1.5)",
        m,
        lambda x: jnp.pad(x, ((0, 1), (2, 0)), constant_values=-1.5),
    )
    moved(
        "pad.between",
        "pad(x, [[0, 1, 1], [1, 0, 2]])",
        m,
        lambda x: jax.lax.pad(x, jnp.zeros((), x.dtype), ((0, 1, 1), (1, 0, 2))),
    )
    moved("reverse", "reverse(x)", x, lambda x: x[::-1, ::-1, ::-1])
    for axis in [0, 2]:
        moved(f"reverse.{axis}", f"reverse(x, axis={axis})", x, lambda x: jnp.flip(x, axis))
    moved("reverse.two", "reverse(x, axis=[0, 1])", x, lambda x: jnp.flip(x, (0, 1)))
    moved("tile", "tile(x, [2, 3])", m, lambda x: jnp.tile(x, (2, 3)))
    moved("tile.row", "tile(x, [2])", {"x": numbers("tile", (5,))}, lambda x: jnp.tile(x, 2))
    moved(
        "upsample",
        "upsample(x, size=2)",
        {"x": numbers("up", (1, 2, 3, 2))},
        lambda x: jnp.repeat(jnp.repeat(x, 2, 1), 2, 2),
    )
    moved(
        "global_avg_pool",
        "global_avg_pool(x)",
        {"x": numbers("gap", (2, 3, 2, 4))},
        lambda x: jnp.mean(x, axis=(1, 2)),
    )
    slices = {
        "rows": ("x[1:3]", lambda x: x[1:3]),
        "columns": ("x[:, 1:4]", lambda x: x[:, 1:4]),
        "steps": ("x[0:3:2, ::2]", lambda x: x[0:3:2, ::2]),
        "end": ("x[-1]", lambda x: x[-1]),
        "last": ("x[..., -1]", lambda x: x[..., -1]),
        "before": ("x[:-1, -3:-1]", lambda x: x[:-1, -3:-1]),
        "one": ("x[1:2, 2:3]", lambda x: x[1:2, 2:3]),
        "number": ("x[2, 3]", lambda x: x[2, 3]),
    }
    for name, (text, f) in slices.items():
        moved(f"slice.{name}", text, m, lambda x: f(x))
    moved("slice.call", "slice(x, [1, 0], [2, 2], [1, 3])", m, lambda x: x[1:3, 0:4:3])
    moved("slice.empty", "x[2:2]", m, lambda x: x[2:2], order=1)
    moved("slice.overlap", "x[:-1] * x[1:]", m, lambda x: x[:-1] * x[1:])
    case(
        family,
        "slice.gradient",
        "x[1:3] * x[0:2] + sum(x[::2], axis=0)",
        m,
        lambda x: x[1:3] * x[0:2] + jnp.sum(x[::2], axis=0),
    )
    case(
        family,
        "empty.transpose",
        "transpose(x[2:2])",
        m,
        lambda x: x[2:2].T,
        order=0,
        software="NumPy",
    )
    case(
        family,
        "empty.reverse",
        "reverse(x[2:2], axis=1)",
        m,
        lambda x: x[2:2, ::-1],
        order=0,
        software="NumPy",
    )
    case(
        family,
        "empty.product",
        "x[2:2] @ transpose(x)",
        m,
        lambda x: x[2:2] @ x.T,
        order=0,
        software="NumPy",
    )
    case(
        family,
        "empty.inner",
        "x[:, 1:1] @ transpose(x[:, 1:1])",
        m,
        lambda x: x[:, 1:1] @ x[:, 1:1].T,
        order=0,
        software="NumPy",
    )
    case(
        family,
        "empty.tanh",
        "tanh(x[2:2] * 2)",
        m,
        lambda x: jnp.tanh(x[2:2] * 2),
        order=1,
        software="NumPy",
    )
    case(
        family,
        "iota",
        "iota([3, 4], axis=1) + cast(x, i32)",
        {"x": numbers("iota", (3, 1))},
        lambda x: np.arange(4)[None] + np.trunc(np.asarray(x)).astype(np.int32),
        types={"y": "i32"},
        order=0,
        software="NumPy",
    )
    case(
        family,
        "iota.f32",
        "iota([4], dtype=f32) * x",
        {"x": numbers("iota", (3, 1))},
        lambda x: jnp.arange(4) * x,
    )
    case(
        family,
        "zeros",
        "zeros([2, 3]) + x",
        {"x": numbers("zeros", (3,))},
        lambda x: jnp.zeros((2, 3)) + x,
    )
    case(
        family,
        "ones",
        "ones([2, 3]) - x * x",
        {"x": numbers("ones", (3,))},
        lambda x: jnp.ones((2, 3)) - x * x,
    )
    case(
        family,
        "full",
        "full([2, 3], 1.5) * x",
        {"x": numbers("full", (3,))},
        lambda x: jnp.full((2, 3), 1.5) * x,
    )
    case(
        family,
        "dim",
        "x * dim(x, 1) + rank(x) + len(shape(x)) + cast(x > 0, dtype(x))",
        m,
        lambda x: x * 5 + 2 + 2 + (x > 0),
    )
    case(
        family,
        "turns",
        "sum(reshape(transpose(x, [2, 0, 1]), [4, 6]) * reshape(x, [4, 6]), axis=1)",
        x,
        lambda x: jnp.sum(x.transpose(2, 0, 1).reshape(4, 6) * x.reshape(4, 6), axis=1),
    )
    case(
        family,
        "append",
        "parts = [x]\nparts = append(parts, x * x)\ny = concat(parts, axis=0)",
        m,
        lambda x: jnp.concatenate([x, x * x]),
    )
    case(
        family,
        "flat",
        "parts = flat([x, [x * x]])\ny = stack(parts, axis=0)",
        m,
        lambda x: jnp.stack([x, x * x]),
    )
    for kind, dtype in [("i32", np.int32), ("i64", np.int64), ("u8", np.uint8), ("bool", bool)]:
        a = np.random.default_rng(3).integers(0, 2 if kind == "bool" else 50, (3, 4)).astype(dtype)
        case(
            family,
            f"moved.{kind}",
            "concat([reverse(transpose(x), axis=0), transpose(x)[1:3]], axis=0)",
            {"x": a},
            lambda x: np.concatenate([np.asarray(x).T[::-1], np.asarray(x).T[1:3]]),
            types={"y": kind},
            software="NumPy",
        )


def products():
    family = "products"
    for kind, dtype in [("f32", "float32"), ("f64", "float64")]:
        for m, k, n in [(3, 4, 5), (1, 7, 1), (1, 1, 1), (17, 3, 9), (2, 33, 16)]:
            a, b = numbers(f"a{m}{k}{n}", (m, k), dtype=dtype), numbers(
                f"b{m}{k}{n}", (k, n), dtype=dtype
            )
            case(
                family,
                f"matmul.{m}x{k}x{n}.{kind}",
                "matmul(a, b)",
                {"a": a, "b": b},
                jnp.matmul,
                order=2 if m * n < 100 else 1,
            )
    einsums = {
        "matrices": ("ij,jk->ik", [(3, 4), (4, 5)]),
        "turned": ("ij,jk->ki", [(3, 4), (4, 5)]),
        "implied": ("ji,kj", [(3, 4), (5, 3)]),
        "letters": ("za,ab", [(3, 4), (4, 5)]),
        "inner": ("ij,ij->", [(3, 4), (3, 4)]),
        "rows": ("ij,ij->i", [(3, 4), (3, 4)]),
        "columns": ("ij,ij->j", [(3, 4), (3, 4)]),
        "outer": ("i,j->ji", [(3,), (4,)]),
        "scalar": (",i->i", [(), (4,)]),
        "sum": ("ij->j", [(3, 4)]),
        "transpose": ("ijk->kij", [(2, 3, 4)]),
        "trace": ("ii", [(4, 4)]),
        "diagonal": ("iji->ji", [(3, 4, 3)]),
        "diagonals": ("ii,jji->j", [(3, 3), (4, 4, 3)]),
        "batch": ("bij,bjk->bik", [(2, 3, 4), (2, 4, 5)]),
        "batch_last": ("ijb,jkb->ikb", [(3, 4, 2), (4, 5, 2)]),
        "batch_last_long": ("ijb,jkb->ikb", [(3, 4, 33), (4, 2, 33)]),
        "vectors_beside": ("pkc,kc->pc", [(5, 3, 7), (3, 7)]),
        "vectors_left": ("kc,pkc->pc", [(3, 7), (5, 3, 7)]),
        "images_beside": ("nhwc,nc->hwc", [(2, 3, 4, 5), (2, 5)]),
        "two": ("ijk,kjl->il", [(3, 4, 5), (5, 4, 2)]),
        "four": ("ijklm,jklmn->in", [(2, 2, 3, 2, 2), (2, 3, 2, 2, 3)]),
        "alone": ("ija,bi->j", [(3, 4, 2), (5, 3)]),
        "heads": ("bqhd,bkhd->bhqk", [(2, 3, 2, 4), (2, 5, 2, 4)]),
        "ellipsis": ("...ij,...jk->...ik", [(2, 1, 3, 4), (5, 4, 2)]),
        "ellipsis_last": ("i...,j...->...ij", [(3, 2, 4), (5, 4)]),
        "ellipsis_implied": ("...ij,jk", [(2, 3, 4), (4, 5)]),
        "three": ("ij,jk,kl->il", [(3, 4), (4, 5), (5, 2)]),
        "bilinear": ("i,ij,j", [(3,), (3, 4), (4,)]),
        "hadamard": ("ij,ij,ij->ij", [(3, 4), (3, 4), (3, 4)]),
        "spaces": (" i j , j k -> i k ", [(3, 4), (4, 5)]),
    }
    for kind, (equation, sizes) in einsums.items():
        names = "abc"[: len(sizes)]
        case(
            family,
            f"einsum.{kind}",
            f'einsum("{equation}", {", ".join(names)})',
            {n: numbers(f"einsum{kind}{n}", s) for n, s in zip(names, sizes)},
            lambda *x: jnp.einsum(equation, *x),
        )
    case(
        family,
        "einsum.f64",
        'einsum("bij,kjb->bki", a, b)',
        {
            "a": numbers("ea", (2, 3, 7), dtype="float64"),
            "b": numbers("eb", (5, 7, 2), dtype="float64"),
        },
        lambda a, b: jnp.einsum("bij,kjb->bki", a, b),
    )
    case(
        family,
        "einsum.i32",
        'einsum("ij,kj->ki", a, b)',
        {"a": np.int32([[1, 2, 3], [4, 5, 6]]), "b": np.int32([[65536, 65536, 1]])},
        lambda a, b: jnp.einsum("ij,kj->ki", a, b),
        types={"y": "i32"},
    )
    case(
        family,
        "contract",
        'contract(a, b, labels="ij,jk->ik")',
        {"a": numbers("ca", (3, 4)), "b": numbers("cb", (4, 5))},
        lambda a, b: a @ b,
    )
    a, b = numbers("ta", (3, 4)), numbers("tb", (4, 5))
    for ta in [False, True]:
        for tb in [False, True]:
            inputs = {
                "a": np.ascontiguousarray(a.T) if ta else a,
                "b": np.ascontiguousarray(b.T) if tb else b,
            }
            text = f"matmul(a, b, transpose_a={str(ta).lower()}, transpose_b={str(tb).lower()})"
            case(
                family,
                f"transposed.{ta:d}{tb:d}",
                text,
                inputs,
                lambda a, b: (a.T if ta else a) @ (b.T if tb else b),
            )
            c = numbers("batch", (2, 1, 1)) + 1
            batched = {
                "a": (inputs["a"] * c).astype(np.float32),
                "b": (inputs["b"] / c).astype(np.float32),
            }
            swap = lambda x, t: jnp.swapaxes(x, -1, -2) if t else x
            case(
                family,
                f"batched.{ta:d}{tb:d}",
                text,
                batched,
                lambda a, b: swap(a, ta) @ swap(b, tb),
            )
    case(
        family,
        "vector.right",
        "x @ v",
        {"x": numbers("m", (3, 4)), "v": numbers("v", (4,))},
        lambda x, v: x @ v,
    )
    case(
        family,
        "vector.left",
        "v @ x",
        {"v": numbers("v3", (3,)), "x": numbers("m", (3, 4))},
        lambda v, x: v @ x,
    )
    case(
        family,
        "vector.both",
        "v @ u",
        {"v": numbers("v3", (3,)), "u": numbers("u3", (3,))},
        lambda v, u: v @ u,
    )
    case(
        family,
        "broadcast.right",
        "a @ b",
        {"a": numbers("ba", (2, 3, 4)), "b": numbers("bb", (4, 2))},
        lambda a, b: a @ b,
    )
    case(
        family,
        "broadcast.left",
        "a @ b",
        {"a": numbers("bl", (3, 4)), "b": numbers("br", (2, 4, 2))},
        lambda a, b: a @ b,
    )
    case(
        family,
        "broadcast.both",
        "a @ b",
        {"a": numbers("bba", (2, 1, 3, 4)), "b": numbers("bbb", (3, 4, 2))},
        lambda a, b: a @ b,
    )
    case(family, "gram", "x @ transpose(x)", {"x": numbers("gram", (3, 4))}, lambda x: x @ x.T)
    case(
        family,
        "gram.other",
        "matmul(x, x, transpose_a=true)",
        {"x": numbers("gram", (3, 4))},
        lambda x: x.T @ x,
    )
    case(family, "square", "x @ x @ x", {"x": numbers("cube", (4, 4))}, lambda x: x @ x @ x)
    x = {"x": numbers("self", (2, 3, 4))}
    case(
        family,
        "turned",
        "z = transpose(x, [1, 2, 0])\ny = matmul(z, z, transpose_b=true) @ z",
        x,
        lambda x: (lambda z: z @ jnp.swapaxes(z, -1, -2) @ z)(x.transpose(1, 2, 0)),
    )
    v = {"v": numbers("v321", (3, 2, 1))}
    case(
        family,
        "turned.twice",
        "z = transpose(v)\no = matmul(z, z, transpose_b=true)\ny = o @ z",
        v,
        lambda v: (lambda z: z @ jnp.swapaxes(z, -1, -2) @ z)(v.transpose(2, 1, 0)),
    )
    case(
        family,
        "turned.outputs",
        "z = transpose(v)\no = matmul(z, z, transpose_b=true)\ny = o @ z",
        v,
        lambda v: (lambda z: (z @ jnp.swapaxes(z, -1, -2), z @ jnp.swapaxes(z, -1, -2) @ z))(
            v.transpose(2, 1, 0)
        ),
        results=("o", "y"),
    )
    case(
        family,
        "broadcast.gram",
        "h = broadcast_to(x, [5, 2])\ng = h @ transpose(h)\ny = g @ h",
        {"x": numbers("bg", (2,))},
        lambda x: (lambda h: (h @ h.T, h @ h.T @ h))(jnp.broadcast_to(x, (5, 2))),
        results=("g", "y"),
    )
    case(
        family,
        "sliced",
        "x[:, 1:4] @ w[0:6:2]",
        {"x": numbers("sx", (3, 5)), "w": numbers("sw", (6, 4))},
        lambda x, w: x[:, 1:4] @ w[0:6:2],
    )
    case(
        family,
        "reversed",
        "reverse(x, axis=1) @ reverse(w, axis=0)",
        {"x": numbers("sx", (3, 5)), "w": numbers("sw5", (5, 4))},
        lambda x, w: x[:, ::-1] @ w[::-1],
    )
    case(
        family,
        "padded",
        "pad(x, [[0, 0], [1, 1]]) @ w",
        {"x": numbers("px", (3, 2)), "w": numbers("pw", (4, 3))},
        lambda x, w: jnp.pad(x, ((0, 0), (1, 1))) @ w,
    )
    case(
        family,
        "layer",
        "tanh(x @ w + b) @ u",
        {
            "x": numbers("lx", (3, 4)),
            "w": numbers("lw", (4, 5)),
            "b": numbers("lb", (5,)),
            "u": numbers("lu", (5, 2)),
        },
        lambda x, w, b, u: jnp.tanh(x @ w + b) @ u,
    )
    case(
        family,
        "special",
        "a @ b",
        {
            "a": np.array([[1, np.inf], [np.nan, 0]], np.float32),
            "b": np.array([[1, 2], [3, 4]], np.float32),
        },
        jnp.matmul,
        order=0,
        software="NumPy",
    )


def grouped(x, w, strides, padding, dilation, groups):
    """A convolution whose channels are in groups; one or two spatial axes, channels last."""
    n = x.ndim - 2
    letters = "DHW"[-n:]
    return jax.lax.conv_general_dilated(
        x,
        w,
        strides,
        padding,
        rhs_dilation=dilation,
        dimension_numbers=(f"N{letters}C", f"{letters}IO", f"N{letters}C"),
        feature_group_count=groups,
    )


def windows(x, window, strides, padding, dilation, init, f):
    """A pool by jax.lax.reduce_window, channels last."""
    one = lambda list: (1, *list, 1)
    if not isinstance(padding, str):
        padding = [(0, 0), *padding, (0, 0)]
    return jax.lax.reduce_window(
        x,
        init,
        f,
        one(window),
        one(strides),
        padding,
        window_dilation=one(dilation),
    )


def convolved(x, w, strides, padding, dilation):
    """JAX's, in the language's layouts: [n, i.., c] with [k.., c, f]."""
    layout = ("NWC", "WIO", "NWC") if x.ndim == 3 else ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(
        x, w, strides, padding, rhs_dilation=dilation, dimension_numbers=layout
    )


def convolutions():
    family = "convolutions"
    # name: (input, filter, strides, padding, dilation)
    table = {
        "valid": ((2, 5, 4, 3), (3, 2, 3, 2), 1, "valid", 1),
        "same": ((1, 5, 6, 2), (3, 3, 2, 2), 1, "same", 1),
        "same.even": ((1, 5, 6, 2), (2, 4, 2, 1), 1, "same", 1),
        "same.stride2": ((2, 6, 5, 1), (3, 3, 1, 2), 2, "same", 1),
        "same.stride2.even": ((1, 6, 7, 2), (2, 4, 2, 1), 2, "same", 1),
        "same.stride3": ((1, 7, 8, 2), (2, 2, 2, 2), 3, "same", 1),
        "same.dilated": ((1, 6, 7, 1), (3, 2, 1, 2), 1, "same", [2, 3]),
        "stride2": ((2, 6, 7, 2), (3, 2, 2, 2), 2, "valid", 1),
        "stride3": ((1, 9, 8, 2), (2, 2, 2, 1), 3, "valid", 1),
        "strides": ((1, 6, 9, 1), (2, 3, 1, 3), [1, 3], "valid", 1),
        "explicit": ((1, 4, 5, 2), (3, 3, 2, 2), 1, [[1, 2], [0, 3]], 1),
        "explicit.stride": ((1, 5, 5, 2), (3, 3, 2, 2), 2, [[2, 1], [1, 0]], 1),
        "wide.padding": ((1, 2, 3, 1), (2, 2, 1, 2), 2, [[5, 3], [4, 4]], 1),
        "dilation": ((2, 7, 6, 1), (3, 2, 1, 2), 1, "valid", 2),
        "dilation.stride": ((1, 9, 9, 1), (3, 3, 1, 2), 2, [[1, 1], [2, 0]], [2, 3]),
        "dilation.beyond": ((1, 3, 3, 2), (2, 2, 2, 1), 1, [[4, 4], [3, 3]], 5),
        "point": ((2, 3, 4, 5), (1, 1, 5, 3), 1, "valid", 1),
        "point.stride": ((1, 5, 4, 3), (1, 1, 3, 2), 2, "same", 1),
        "row": ((2, 1, 9, 2), (1, 4, 2, 3), 1, "same", 1),
        "column": ((1, 8, 1, 2), (3, 1, 2, 2), 2, "valid", 1),
        "whole": ((2, 4, 3, 2), (4, 3, 2, 3), 1, "valid", 1),
        "one": ((1, 1, 1, 1), (1, 1, 1, 1), 1, "valid", 1),
        "one.padded": ((1, 1, 1, 2), (3, 3, 2, 2), 1, "same", 1),
        "line.valid": ((2, 7, 3), (3, 3, 2), 1, "valid", 1),
        "line.same": ((1, 8, 2), (4, 2, 3), 1, "same", 1),
        "line.stride": ((3, 9, 1), (2, 1, 4), 3, [[2, 1]], 1),
        "line.causal": ((1, 9, 2), (3, 2, 2), 1, [[4, 0]], 2),
        "line.whole": ((2, 5, 2), (5, 2, 1), 1, "valid", 1),
    }
    for kind, dtype in [("f32", "float32"), ("f64", "float64")]:
        for name, (of_x, of_w, strides, padding, dilation) in table.items():
            n = len(of_x) - 2
            each = lambda value: value if isinstance(value, list) else [value] * n
            text = f'"{padding}"' if isinstance(padding, str) else str(padding)
            sides = padding.upper() if isinstance(padding, str) else padding
            if kind == "f64" and name not in ("same.stride2", "dilation.stride", "line.causal"):
                continue
            case(
                family,
                f"{name}.{kind}",
                f"conv{n}d(x, w, strides={strides}, padding={text}, dilation={dilation})",
                {
                    "x": numbers(f"x {name}", of_x, dtype=dtype),
                    "w": numbers(f"w {name}", of_w, dtype=dtype),
                },
                lambda x, w: convolved(x, w, each(strides), sides, each(dilation)),
            )
    # The gradients themselves, with their own, as JAX transposes the convolution.
    for name, of_x, of_w, stride, padding in [
        ("conv2d", (2, 7, 6, 2), (3, 2, 2, 3), 2, [[1, 0], [0, 2]]),
        ("conv1d", (2, 8, 2), (3, 2, 3), 3, [[1, 1]]),
    ]:
        n = len(of_x) - 2
        f = lambda x, w: convolved(x, w, [stride] * n, padding, [1] * n)
        x, w = numbers(f"gx {name}", of_x), numbers(f"gw {name}", of_w)
        dy = numbers(f"gy {name}", f(as_f64(x), as_f64(w)).shape)
        rest = f"strides={stride}, padding={padding}"
        case(
            family,
            f"{name}_input_gradient",
            f"{name}_input_gradient(dy, w, size={list(of_x[1:-1])}, {rest})",
            {"dy": dy, "w": w},
            lambda dy, w: jax.vjp(lambda x: f(x, w), jnp.zeros(of_x))[1](dy)[0],
        )
        case(
            family,
            f"{name}_filter_gradient",
            f"{name}_filter_gradient(x, dy, size={list(of_w[:n])}, {rest})",
            {"x": x, "dy": dy},
            lambda x, dy: jax.vjp(lambda w: f(x, w), jnp.zeros(of_w))[1](dy)[0],
        )
    case(
        family,
        "chain",
        'square(conv2d(tanh(conv2d(x, w, padding="same")), v, strides=2))',
        {
            "x": numbers("cx", (1, 5, 6, 2)),
            "w": numbers("cw", (3, 3, 2, 2), -0.5, 0.5),
            "v": numbers("cv", (2, 3, 2, 3)),
        },
        lambda x, w, v: jnp.square(
            convolved(
                jnp.tanh(convolved(x, w, [1, 1], "SAME", [1, 1])), v, [2, 2], "VALID", [1, 1]
            )
        ),
    )


def grouped_convolutions():
    family = "grouped_convolutions"
    # name: (input, filter, strides, padding, dilation, groups)
    table = {
        "two": ((2, 5, 4, 6), (3, 2, 3, 4), 1, "valid", 1, 2),
        "same": ((1, 5, 6, 4), (3, 3, 2, 6), 2, "same", 1, 2),
        "wide": ((1, 4, 5, 10), (2, 2, 5, 8), 1, [[1, 0], [0, 2]], 1, 2),
        "three": ((1, 6, 5, 6), (3, 2, 2, 9), 2, "same", [1, 2], 3),
        "each": ((2, 5, 4, 3), (3, 3, 1, 3), 1, "same", 1, 3),
        "each.twice": ((1, 5, 6, 3), (2, 3, 1, 6), 2, [[1, 1], [2, 0]], 1, 3),
        "each.many": ((1, 4, 4, 2), (3, 3, 1, 10), 1, "valid", 1, 2),
        "line": ((2, 9, 4), (3, 2, 6), 2, "same", 1, 2),
        "line.each": ((2, 9, 5), (4, 1, 5), 1, [[3, 0]], 1, 5),
        "one": ((2, 4, 4, 3), (3, 3, 3, 2), 1, "same", 1, 1),
    }
    for name, (of_x, of_w, strides, padding, dilation, groups) in table.items():
        n = len(of_x) - 2
        each = lambda value: value if isinstance(value, list) else [value] * n
        text = f'"{padding}"' if isinstance(padding, str) else str(padding)
        sides = padding.upper() if isinstance(padding, str) else padding
        x, w = numbers(f"gx {name}", of_x), numbers(f"gw {name}", of_w)
        rest = f"strides={strides}, padding={text}, dilation={dilation}"
        f = lambda x, w: grouped(x, w, each(strides), sides, each(dilation), groups)
        case(family, name, f"conv{n}d(x, w, {rest}, groups={groups})", {"x": x, "w": w}, f)
        first = lambda x: jnp.moveaxis(x, -1, 1)
        case(
            family,
            f"{name}.nchw",
            f'conv{n}d(x, w, {rest}, groups={groups}, layout="nchw")',
            {"x": np.moveaxis(x, -1, 1), "w": w},
            lambda x, w: first(f(jnp.moveaxis(x, 1, -1), w)),
        )
    for name, of_x, of_w, strides, padding, dilation in [
        ("depthwise", (2, 6, 5, 3), (3, 3, 3, 1), 1, "same", 1),
        ("depthwise.multiplied", (1, 5, 6, 2), (2, 3, 2, 3), 2, "valid", 1),
        ("depthwise.odd", (2, 7, 7, 7), (3, 3, 7, 1), 2, "same", 1),
        ("depthwise.vectors", (1, 5, 4, 33), (3, 2, 33, 1), 1, "same", 1),
        ("depthwise.dilated", (1, 7, 6, 5), (3, 2, 5, 1), 1, "same", 2),
        ("depthwise.explicit", (2, 5, 4, 6), (2, 3, 6, 1), 2, [[1, 2], [0, 1]], 1),
        ("depthwise.larger", (2, 2, 1, 4), (5, 4, 4, 1), 1, "same", 1),
        ("depthwise.two", (1, 6, 5, 2), (3, 3, 2, 1), 1, "valid", 1),
    ]:
        c, m = of_w[2:]
        text = f'"{padding}"' if isinstance(padding, str) else str(padding)
        sides = padding.upper() if isinstance(padding, str) else padding
        depthwise = lambda x, w: grouped(
            x, w.reshape(*of_w[:2], 1, c * m), [strides] * 2, sides, [dilation] * 2, c
        )
        apart = "" if dilation == 1 else f", dilation={dilation}"
        case(
            family,
            name,
            f"depthwise_conv2d(x, w, strides={strides}, padding={text}{apart})",
            {"x": numbers(f"dx {name}", of_x), "w": numbers(f"dw {name}", of_w)},
            depthwise,
        )
    # As Keras and TensorFlow: the gradient of a convolution by its input, H W out in.
    for name, of_x, of_w, strides, padding, of_y in [
        ("same", (2, 3, 4, 3), (3, 3, 2, 3), 2, "same", (6, 8)),
        ("same.one", (1, 4, 3, 2), (2, 3, 3, 2), 1, "same", (4, 3)),
        ("valid", (1, 3, 4, 2), (3, 2, 3, 2), 2, "valid", (7, 8)),
        ("valid.gaps", (1, 3, 2, 2), (2, 1, 3, 2), 3, "valid", (9, 6)),
        ("explicit", (1, 3, 4, 2), (4, 3, 2, 2), 2, [[1, 1], [0, 2]], (6, 7)),
    ]:
        text = f'"{padding}"' if isinstance(padding, str) else str(padding)
        sides = padding.upper() if isinstance(padding, str) else padding
        whole = (of_x[0], *of_y, of_w[2])
        back = lambda dy, w: jax.vjp(
            lambda x: convolved(x, w, [strides] * 2, sides, [1, 1]), jnp.zeros(whole)
        )[1](dy)[0]
        case(
            family,
            f"transpose.{name}",
            f"conv2d_transpose(x, w, strides={strides}, padding={text})",
            {"x": numbers(f"tx {name}", of_x), "w": numbers(f"tw {name}", of_w)},
            back,
        )


def pools():
    family = "pools"
    # name: (input, window, strides, padding, dilation)
    table = {
        "two": ((2, 6, 4, 3), 2, 2, "valid", 1),
        "odd": ((1, 5, 7, 2), 2, 2, "valid", 1),
        "overlapping": ((2, 6, 5, 2), 3, 1, "valid", 1),
        "overlapping.two": ((1, 7, 8, 2), 3, 2, "same", 1),
        "same": ((1, 5, 6, 2), [2, 3], 1, "same", 1),
        "same.strides": ((1, 7, 7, 1), 2, [2, 3], "same", 1),
        "explicit": ((1, 4, 5, 2), 3, 2, [[1, 2], [0, 1]], 1),
        "gaps": ((1, 7, 8, 2), 2, 3, "valid", 1),
        "dilated": ((1, 7, 6, 2), [3, 2], 1, "valid", 2),
        "whole": ((2, 4, 3, 3), [4, 3], 1, "valid", 1),
        "line": ((2, 9, 3), 3, 2, "same", 1),
        "line.one": ((1, 5, 2), 1, 1, "valid", 1),
    }
    for name, (of_x, window, strides, padding, dilation) in table.items():
        n = len(of_x) - 2
        each = lambda value: value if isinstance(value, list) else [value] * n
        text = f'"{padding}"' if isinstance(padding, str) else str(padding)
        sides = padding.upper() if isinstance(padding, str) else padding
        args = (each(window), each(strides), sides, each(dilation))
        rest = f"{window}, strides={strides}, padding={text}, dilation={dilation}"
        x = numbers(f"px {name}", of_x)
        largest = lambda x: windows(x, *args, -jnp.inf, jax.lax.max)
        total = lambda x: windows(x, *args, 0.0, jax.lax.add)
        mean = lambda x: total(x) / total(jnp.ones_like(x))
        # JAX has no gradient of a dilated maximum.
        if dilation == 1:
            case(
                family,
                f"max.{name}",
                f"square(max_pool{n}d(x, {rest}))",
                {"x": x},
                lambda x: jnp.square(largest(x)),
            )
        case(
            family,
            f"avg.{name}",
            f"square(avg_pool{n}d(x, {rest}))",
            {"x": x},
            lambda x: jnp.square(mean(x)),
        )
        case(
            family,
            f"avg.{name}.nchw",
            f'square(avg_pool{n}d(x, {rest}, layout="nchw"))',
            {"x": np.moveaxis(x, -1, 1)},
            lambda x: jnp.moveaxis(jnp.square(mean(jnp.moveaxis(x, 1, -1))), -1, 1),
        )
        if n == 2 and dilation == 1 and name in ("two", "overlapping.two"):
            more = f"window={window}, strides={strides}, padding={text}"
            case(family, f"max_pool.{name}", f"max_pool(x, {more}) ** 2", {"x": x},
                 lambda x: jnp.square(largest(x)))
            case(family, f"avg_pool.{name}", f"avg_pool(x, {more}) ** 2", {"x": x},
                 lambda x: jnp.square(mean(x)))
            case(family, f"sum.{name}", f"square(sum_pool2d(x, {rest}))", {"x": x},
                 lambda x: jnp.square(total(x)))
            dy = numbers(f"pdy {name}", largest(x).shape)
            case(
                family,
                f"sum_gradient.{name}",
                f"sum_pool2d_gradient(dy, size={list(of_x[1:3])}, window={rest})",
                {"dy": dy},
                lambda dy: jax.vjp(total, jnp.zeros(of_x))[1](dy)[0],
            )
            case(
                family,
                f"max_gradient.{name}",
                f"max_pool2d_gradient(dy, max_pool2d_argmax(x, {rest}), size={list(of_x[1:3])}, "
                f"window={rest})",
                {"dy": dy, "x": x},
                lambda dy, x: jax.vjp(largest, x)[1](dy)[0],
            )
            case(
                family,
                f"take.{name}",
                f"take_pool2d(x * x, max_pool2d_argmax(x, {rest}), {rest})",
                {"x": x},
                lambda x: jax.jvp(largest, (x,), (x * x,))[1],
            )
        if n == 1:
            case(family, f"sum.{name}", f"square(sum_pool1d(x, {rest}))", {"x": x},
                 lambda x: jnp.square(total(x)))
            dy = numbers(f"pdy {name}", largest(x).shape)
            case(
                family,
                f"sum_gradient.{name}",
                f"sum_pool1d_gradient(dy, size={list(of_x[1:2])}, window={rest})",
                {"dy": dy},
                lambda dy: jax.vjp(total, jnp.zeros(of_x))[1](dy)[0],
            )
            case(
                family,
                f"max_gradient.{name}",
                f"max_pool1d_gradient(dy, max_pool1d_argmax(x, {rest}), size={list(of_x[1:2])}, "
                f"window={rest})",
                {"dy": dy, "x": x},
                lambda dy, x: jax.vjp(largest, x)[1](dy)[0],
            )
            case(
                family,
                f"take.{name}",
                f"take_pool1d(x * x, max_pool1d_argmax(x, {rest}), {rest})",
                {"x": x},
                lambda x: jax.jvp(largest, (x,), (x * x,))[1],
            )
    # Of equal elements the first gets all.
    for name, x in [
        ("ties", np.zeros((1, 4, 4, 1), np.float32)),
        ("ties.relu", np.maximum(numbers("ties", (1, 6, 6, 2)), 0)),
    ]:
        case(
            family,
            f"max.{name}",
            "max_pool2d(x, 3, strides=1) * 2",
            {"x": x},
            lambda x: windows(x, [3, 3], [1, 1], "VALID", [1, 1], -jnp.inf, jax.lax.max) * 2,
        )


def indexing():
    family = "indexing"
    table = numbers("table", (5, 3))
    case(
        family,
        "gather",
        "square(gather(x, i))",
        {"x": table, "i": ids(0, 4, 2, 4)},
        lambda x, i: jnp.square(x[i]),
    )
    case(
        family,
        "gather.repeated",
        "gather(x * x, i)",
        {"x": table, "i": ids(1, 1, 1, 1, 1, 0)},
        lambda x, i: (x * x)[i],
    )
    case(
        family,
        "gather.matrix",
        "square(gather(x, i))",
        {"x": table, "i": ids([0, 4, 2], [4, 4, 0])},
        lambda x, i: jnp.square(x[i]),
    )
    case(
        family,
        "gather.last",
        "square(gather(x, i, axis=1))",
        {"x": table, "i": ids([2, 0], [1, 2])},
        lambda x, i: jnp.square(jnp.take(x, i, axis=1)),
    )
    case(
        family,
        "gather.middle",
        "square(gather(x, i, axis=1))",
        {"x": numbers("g3", (2, 4, 3)), "i": ids(3, 0, 3)},
        lambda x, i: jnp.square(jnp.take(x, i, axis=1)),
    )
    case(
        family,
        "gather.scalar",
        "square(gather(x, i))",
        {"x": table, "i": np.int32(3)},
        lambda x, i: jnp.square(x[i]),
    )
    case(
        family,
        "gather.vector",
        "square(gather(x, i))",
        {"x": table[:, 0].copy(), "i": ids([1, 1], [4, 0])},
        lambda x, i: jnp.square(x[i]),
    )
    case(
        family,
        "gather.f64",
        "square(gather(x, i))",
        {"x": table.astype(np.float64), "i": ids(0, 4, 2, 4)},
        lambda x, i: jnp.square(x[i]),
    )
    case(
        family,
        "gather.i32",
        "gather(x, i)",
        {"x": ids(7, 8, 9), "i": ids(2, 2, 0)},
        lambda x, i: x[i],
        types={"y": "i32"},
        software="NumPy",
    )
    case(
        family,
        "scatter_add",
        "square(scatter_add(x, i, u))",
        {"x": table, "i": ids(0, 4, 2, 4), "u": numbers("u", (4, 3))},
        lambda x, i, u: jnp.square(x.at[i].add(u)),
    )
    case(
        family,
        "scatter_add.matrix",
        "square(scatter_add(x, i, u))",
        {"x": table, "i": ids([0, 4, 2], [4, 4, 0]), "u": numbers("um", (2, 3, 3))},
        lambda x, i, u: jnp.square(x.at[i].add(u)),
    )
    case(
        family,
        "scatter_add.last",
        "square(scatter_add(x, i, u, axis=1))",
        {"x": table, "i": ids(2, 0, 2), "u": numbers("ul", (5, 3))},
        lambda x, i, u: jnp.square(x.at[:, i].add(u)),
    )
    case(
        family,
        "scatter_add.i32",
        "scatter_add(x, i, 1)",
        {"x": ids(7, 8, 9), "i": ids(2, 2, 0)},
        lambda x, i: x.at[i].add(1),
        types={"y": "i32"},
    )
    # JAX has a top_k in which -0 is less than 0.
    ties = np.round(numbers("ties", (4, 9))) + np.float32(0)
    special = np.array([3, np.nan, 1, np.inf, -0.0, 0, -np.inf, 3, np.nan], np.float32)
    for axis in [0, 1]:
        for down in [False, True]:
            flags = f"axis={axis}, descending={str(down).lower()}"
            order = lambda x: jnp.argsort(x, axis=axis, descending=down)
            for dtype in ["float32", "float64", "int32", "int64"]:
                case(
                    family,
                    f"argsort.{axis}{down:d}.{NAMES[dtype]}",
                    f"argsort(x, {flags})",
                    {"x": ties.astype(dtype)},
                    order,
                    types={"y": "i32"},
                    order=0,
                )
            case(
                family,
                f"sort.{axis}{down:d}",
                f"sort(x * x, {flags})",
                {"x": numbers(f"sort{axis}", (7, 5))},
                lambda x: jnp.take_along_axis(x * x, order(x * x), axis=axis),
            )
    case(
        family,
        "sort.special",
        "sort(x)",
        {"x": special},
        jnp.sort,
        order=0,
        software="NumPy",
    )
    case(
        family,
        "argsort.special",
        "argsort(x)",
        {"x": special},
        lambda x: np.argsort(np.asarray(x), kind="stable"),
        types={"y": "i32"},
        order=0,
        software="NumPy",
    )
    case(
        family,
        "top_k",
        "y, i = top_k(x, 3)\nz = square(y)",
        {"x": numbers("top", (4, 7))},
        lambda x: (jnp.square(jax.lax.top_k(x, 3)[0]), jax.lax.top_k(x, 3)[1]),
        results=("z", "i"),
        types={"i": "i32"},
    )
    case(
        family,
        "top_k.ties",
        "y, i = top_k(x, 9)",
        {"x": ties},
        lambda x: tuple(jax.lax.top_k(x, 9)),
        results=("y", "i"),
        types={"i": "i32"},
    )
    case(
        family,
        "top_k.special",
        "y, i = top_k(x, 9)",
        {"x": special},
        lambda x: tuple(jax.lax.top_k(jnp.where(x == 0, 0.0, x), 9)),
        results=("y", "i"),
        types={"i": "i32"},
        order=0,
    )
    case(
        family,
        "gather.computed",
        "gather(x, argmax(x, axis=0)) * x[0:3]",
        {"x": numbers("gc", (4, 3))},
        lambda x: x[jnp.argmax(x, axis=0)] * x[0:3],
    )
    for axis, i in [
        (0, ids([0, 4, 2], [4, 4, 0])),
        (1, ids([2, 2], [0, 1], [1, 0], [2, 2], [0, 0])),
        (-1, ids([2], [0], [1], [2], [0])),
    ]:
        case(
            family,
            f"take_along_axis.{axis}",
            f"square(take_along_axis(x, i, {axis}))",
            {"x": table, "i": i},
            lambda x, i: jnp.square(jnp.take_along_axis(x, i, axis)),
        )
    case(
        family,
        "take_along_axis.deep",
        "square(take_along_axis(x, i, 1))",
        {"x": numbers("td", (2, 3, 2)), "i": ids([[0, 2]], [[1, 1]])},
        lambda x, i: jnp.square(jnp.take_along_axis(x, i, 1)),
    )
    put = lambda i, v: jnp.zeros((v.shape[0], 4)).at[jnp.arange(v.shape[0])[:, None], i].add(v)
    case(
        family,
        "put_along_axis",
        "put_along_axis(i, v * v, 1, 4)",
        {"i": ids([0, 3], [2, 2], [1, 1]), "v": numbers("pv", (3, 2))},
        lambda i, v: put(i, v * v),
    )
    case(
        family,
        "put_along_axis.first",
        "put_along_axis(i, v * v, 0, 4)",
        {"i": ids([0, 3], [2, 2], [2, 1]), "v": numbers("pv", (3, 2))},
        lambda i, v: put(i.T, (v * v).T).T,
    )
    case(
        family,
        "one_hot",
        "one_hot(i, 4) * x",
        {"i": ids(0, 3, 3), "x": numbers("oh", (3, 4))},
        lambda i, x: jax.nn.one_hot(i, 4) * x,
    )
    case(
        family,
        "one_hot.matrix",
        "one_hot(i, 3) @ x",
        {"i": ids([0, 2], [1, 1]), "x": numbers("ohm", (3, 2))},
        lambda i, x: jax.nn.one_hot(i, 3) @ x,
    )
    case(
        family,
        "one_hot.f64",
        "one_hot(i, 3, f64)",
        {"i": ids(2, 0)},
        lambda i: jax.nn.one_hot(i, 3),
        types={"y": "f64"},
    )
    case(
        family,
        "embedding",
        "h = embedding(i, 5, 3)\ny = h * h",
        {"i": ids([0, 4, 4], [2, 0, 0])},
        lambda i, h_table: h_table[i] ** 2,
        variables={"h.table": table},
    )
