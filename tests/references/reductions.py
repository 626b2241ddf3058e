"""Reductions: every axis, with ties, zeros, one element and none.

Written out here, where JAX has another convention: `norm` and `std` have gradient 0 at 0 (JAX NaN);
`prod` is the product of slices, whose derivatives are right at zeros to every order, and so is a
running product of zeros.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from by_jax import case
from references import NAMES, numbers

f32 = lambda *values: np.array(values, np.float32)


def prod(x, axis=None, keepdims=False):
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    for a in sorted(ax % x.ndim for ax in axes):
        x = functools.reduce(
            jnp.multiply, [jax.lax.slice_in_dim(x, i, i + 1, axis=a) for i in range(x.shape[a])]
        )
    return x if keepdims else jnp.squeeze(x, tuple(ax % x.ndim for ax in axes))


def rooted(s):
    return jnp.where(s > 0, jnp.sqrt(jnp.where(s > 0, s, 1.0)), 0.0)


def norm(x, axis=None, keepdims=False):
    return rooted(jnp.sum(x * x, axis=axis, keepdims=keepdims))


def std(x, axis=None, keepdims=False):
    return rooted(jnp.var(x, axis=axis, keepdims=keepdims))


FUNCTIONS = {
    "sum": jnp.sum,
    "mean": jnp.mean,
    "prod": prod,
    "max": jnp.max,
    "min": jnp.min,
    "variance": jnp.var,
    "std": std,
    "norm": norm,
    "logsumexp": jax.scipy.special.logsumexp,
}
AXES = {
    "all": ("", {}),
    "first": (", axis=0", {"axis": 0}),
    "last": (", axis=-1", {"axis": -1}),
    "middle": (", axis=1, keepdims=true", {"axis": 1, "keepdims": True}),
    "two": (", axis=[0, 2]", {"axis": (0, 2)}),
    "two_kept": (", axis=[2, 1], keepdims=true", {"axis": (1, 2), "keepdims": True}),
    "all_kept": (", keepdims=true", {"keepdims": True}),
}


def running(f, x, axis, reverse=False, exclusive=False):
    """A running sum or product, step by step, so that zeros have the derivatives of products."""
    x = jnp.moveaxis(x, axis, 0)
    x = x[::-1] if reverse else x
    steps = [x[0]] if x.shape[0] else []
    for row in x[1:]:
        steps.append(f(steps[-1], row))
    if exclusive:
        one = jnp.zeros_like(x[:1]) if f is jnp.add else jnp.ones_like(x[:1])
        y = jnp.concatenate([one, jnp.stack(steps)[:-1]])
    else:
        y = jnp.stack(steps) if steps else x
    return jnp.moveaxis(y[::-1] if reverse else y, 0, axis)


def recurrence(a, b, axis, reverse=False, lag=0):
    a, b = jnp.moveaxis(a, axis, 0), jnp.moveaxis(b, axis, 0)
    a, b = (a[::-1], b[::-1]) if reverse else (a, b)
    y = [jnp.zeros_like(b[0]) if lag == 2 else b[0]]
    for k in range(1, b.shape[0]):
        y.append(a[k - (lag > 0)] * y[-1] + b[k - (lag == 2)])
    y = jnp.stack(y)
    return jnp.moveaxis(y[::-1] if reverse else y, 0, axis)


def prefixes():
    family = "prefixes"
    for name, f in [("cumsum", jnp.add), ("cumprod", jnp.multiply)]:
        numpy = {"cumsum": jnp.cumsum, "cumprod": jnp.cumprod}[name]
        x = numbers(name, (3, 4, 5), 0.25, 1.75)
        for axis in [0, 1, -1]:
            case(
                family,
                f"{name}.axis{axis}",
                f"{name}(x, axis={axis})",
                {"x": x},
                lambda x: numpy(x, axis=axis),
            )
        case(family, f"{name}.all", f"{name}(x)", {"x": x}, lambda x: numpy(x))
        for reverse, exclusive in [(True, False), (False, True), (True, True)]:
            flags = f"reverse={str(reverse).lower()}, exclusive={str(exclusive).lower()}"
            case(
                family,
                f"{name}.{'back' if reverse else 'on'}{'_exclusive' * exclusive}",
                f"{name}(x, axis=1, {flags})",
                {"x": x},
                lambda x: running(f, x, 1, reverse, exclusive),
            )
        case(
            family,
            f"{name}.f64",
            f"{name}(x, axis=0)",
            {"x": numbers(name, (33, 3), 0.25, 1.75, dtype="float64")},
            lambda x: numpy(x, axis=0),
        )
        case(
            family,
            f"{name}.odd",
            f"{name}(x, axis=1)",
            {"x": numbers(name, (7, 77), 0.5, 1.5)},
            lambda x: numpy(x, axis=1),
            order=1,
            terms=256,
        )
        case(family, f"{name}.one", f"{name}(x, axis=0)", {"x": x[:1]}, lambda x: numpy(x, axis=0))
        case(
            family,
            f"{name}.none",
            f"{name}(x[1:1], axis=0)",
            {"x": x},
            lambda x: numpy(x[1:1], axis=0),
            order=1,
        )
        for dtype in ["int32", "int64", "uint8"]:
            integers = numbers(name, (5, 4), 1, 9, dtype=dtype)
            case(
                family,
                f"{name}.{NAMES[dtype]}",
                f"{name}(x, axis=0)",
                {"x": integers},
                lambda x: getattr(np, name)(np.asarray(x), axis=0, dtype=dtype),
                types={"y": NAMES[dtype]},
                software="NumPy",
            )
        case(
            family,
            f"{name}.special",
            f"{name}(x, axis=1)",
            {"x": f32([1, np.nan, 2], [np.inf, 0, -np.inf], [np.inf, 2, 1], [-0.0, -1, 3])},
            lambda x: numpy(x, axis=1),
            order=0,
            software="NumPy",
        )
    zeros = f32([0, 2, 3], [0, 0, 3], [0, 0, 0], [1, 0, 4], [1, 2, 0])
    case(
        family,
        "cumprod.zeros",
        "cumprod(x, axis=1)",
        {"x": zeros},
        lambda x: running(jnp.multiply, x, 1),
    )
    for lag in range(3):
        for reverse in [False, True]:
            case(
                family,
                f"recurrence.lag{lag}{'_back' * reverse}",
                f"recurrence(a, b, 1, reverse={str(reverse).lower()}, lag={lag})",
                {"a": numbers("a", (3, 6), -1, 1), "b": numbers("b", (3, 6))},
                lambda a, b: recurrence(a, b, 1, reverse, lag),
            )


def reductions():
    family = "reductions"
    for name, f in FUNCTIONS.items():
        for axes, (text, options) in AXES.items():
            x = numbers(f"{name}{axes}", (2, 3, 4))
            if name in ("max", "min"):
                x = np.round(x)
            # Of few elements the second derivatives of roots are differences of like terms.
            case(
                family,
                f"{name}.{axes}",
                f"{name}(x{text})",
                {"x": x},
                lambda x: f(x, **options),
                floor=64,
            )
        case(
            family,
            f"{name}.f64",
            f"{name}(x, axis=0)",
            {"x": numbers(name, (5, 3), dtype="float64")},
            lambda x: f(x, axis=0),
        )
        case(
            family,
            f"{name}.one",
            f"{name}(x, axis=1)",
            {"x": numbers(name, (3, 1), 0.5, 2)},
            lambda x: f(x, axis=1),
            floor=64,
        )
        # Rows that vectors do not fill, and enough of them to be shared out.
        case(
            family,
            f"{name}.odd",
            f"{name}(x, axis=1)",
            {"x": numbers(name, (3, 19), 0.5, 1.5)},
            lambda x: f(x, axis=1),
            order=1,
        )
        case(
            family,
            f"{name}.column",
            f"{name}(x, axis=0)",
            {"x": numbers(name, (37, 2), 0.5, 1.5)},
            lambda x: f(x, axis=0),
            order=1,
        )
    ties = f32(*[[3, 1, 3], [0, 0, 0], [-1, -1, -2]])
    for name in ["max", "min"]:
        f = FUNCTIONS[name]
        case(family, f"{name}.ties", f"{name}(x, axis=1)", {"x": ties}, lambda x: f(x, axis=1))
        case(family, f"{name}.ties_all", f"{name}(x)", {"x": ties}, f)
        case(
            family,
            f"{name}.nan",
            f"{name}(x, axis=1)",
            {"x": f32([1, np.nan, 2], [np.inf, 0, -np.inf], [3, 2, 1])},
            lambda x: f(x, axis=1),
            order=0,
            software="NumPy",
        )
        case(
            family,
            f"{name}.i32",
            f"{name}(x, axis=0)",
            {"x": np.array([[3, -7, 0], [-5, 2, 0]], np.int32)},
            lambda x: f(x, axis=0),
            types={"y": "i32"},
            software="NumPy",
        )
    zeros = f32([0, 2, 3], [0, 0, 3], [0, 0, 0], [1, 2, 4])
    case(family, "prod.zeros", "prod(x, axis=1)", {"x": zeros}, lambda x: prod(x, axis=1))
    case(
        family,
        "prod.zeros_column",
        "prod(x, axis=0)",
        {"x": np.ascontiguousarray(zeros.T)},
        lambda x: prod(x, axis=0),
    )
    case(family, "prod.zeros_all", "prod(x)", {"x": f32(2, 0, -1, 0.5)}, prod)
    case(
        family,
        "prod.i32",
        "prod(x, axis=1)",
        {"x": np.array([[3, -7, 2], [65536, 65536, 3]], np.int32)},
        lambda x: np.prod(np.asarray(x), axis=1, dtype=np.int32),
        types={"y": "i32"},
        software="NumPy",
    )
    case(
        family,
        "sum.i32",
        "sum(x, axis=1)",
        {"x": np.array([[3, -7, 2], [2**31 - 1, 1, 3]], np.int32)},
        lambda x: np.sum(np.asarray(x), axis=1, dtype=np.int32),
        types={"y": "i32"},
        software="NumPy",
    )
    case(
        family,
        "sum.special",
        "sum(x, axis=1)",
        {"x": f32([1, np.nan, 2], [np.inf, 0, -np.inf], [np.inf, 2, 1])},
        lambda x: jnp.sum(x, axis=1),
        order=0,
        software="NumPy",
    )
    constant = f32([2, 2, 2], [0, 0, 0], [-1.5, -1.5, -1.5], [1, 2, 4])
    case(
        family, "std.constant", "std(x, axis=1)", {"x": constant}, lambda x: std(x, axis=1), order=1
    )
    case(
        family,
        "variance.constant",
        "variance(x, axis=1)",
        {"x": constant},
        lambda x: jnp.var(x, axis=1),
    )
    case(
        family,
        "variance.far",
        "variance(x, axis=1)",
        {"x": f32([3000, 3001, 3002, 2999], [-5000, -5001, -5000, -5002])},
        lambda x: jnp.var(x, axis=1),
        terms=256,
    )
    case(
        family,
        "norm.zero",
        "norm(x, axis=1)",
        {"x": f32([0, 0, 0], [3, 4, 0])},
        lambda x: norm(x, axis=1),
        order=1,
    )
    case(
        family,
        "logsumexp.far",
        "logsumexp(x, axis=1)",
        {"x": f32([1000, 1001, 999], [-1000, -1000, -1000], [500, -500, 0])},
        lambda x: jax.scipy.special.logsumexp(x, axis=1),
    )
    case(
        family,
        "logsumexp.special",
        "logsumexp(x, axis=1)",
        {"x": f32([-np.inf, -np.inf], [-np.inf, 0], [np.inf, 0], [np.nan, 1])},
        lambda x: jax.scipy.special.logsumexp(x, axis=1),
        order=0,
    )
    for name, f in [("argmax", jnp.argmax), ("argmin", jnp.argmin)]:
        for axes, (text, options) in {
            k: AXES[k] for k in ["all", "first", "last", "middle"]
        }.items():
            case(
                family,
                f"{name}.{axes}",
                f"{name}(x{text})",
                {"x": np.round(numbers(name + axes, (2, 3, 4)))},
                lambda x: f(x, **options),
                types={"y": "i32"},
                software="NumPy",
                order=0,
            )
        case(
            family,
            f"{name}.nan",
            f"{name}(x, axis=1)",
            {"x": f32([1, np.nan, 2], [np.inf, 0, -np.inf], [np.nan, np.nan, 1])},
            lambda x: f(x, axis=1),
            types={"y": "i32"},
            software="NumPy",
            order=0,
        )
        case(
            family,
            f"{name}.i32",
            f"{name}(x, axis=0)",
            {"x": np.array([[3, -7, 0], [-5, 2, 0]], np.int32)},
            lambda x: f(x, axis=0),
            types={"y": "i32"},
            software="NumPy",
        )
        case(
            family,
            f"{name}.odd",
            f"{name}(x, axis=1)",
            {"x": np.round(numbers(name, (2, 37)))},
            lambda x: f(x, axis=1),
            types={"y": "i32"},
            software="NumPy",
            order=0,
        )
    truth = np.array([[True, False, True], [True, True, True], [False, False, False]])
    for name, f in [("any", jnp.any), ("all", jnp.all)]:
        for axes, (text, options) in {
            k: AXES[k] for k in ["all", "first", "last", "middle"]
        }.items():
            case(
                family,
                f"{name}.{axes}",
                f"{name}(x{text})",
                {"x": truth},
                lambda x: f(x, **options),
                types={"y": "bool"},
                software="NumPy",
            )
    for name in ["sum", "mean", "prod", "logsumexp", "norm"]:
        f = jnp.prod if name == "prod" else FUNCTIONS[name]
        if name in ("logsumexp",):
            continue
        case(
            family,
            f"{name}.empty",
            f"{name}(x[1:1], axis=0)",
            {"x": numbers(name, (2, 3))},
            lambda x: f(x[1:1], axis=0),
            order=0 if name == "mean" else 1,
            software="NumPy",
        )
        case(
            family,
            f"{name}.empty_rows",
            f"{name}(x[1:1] * 2, axis=1)",
            {"x": numbers(name, (2, 3))},
            lambda x: f(x[1:1] * 2, axis=1),
            order=1,
            software="NumPy",
        )
    case(
        family,
        "logsumexp.empty",
        "logsumexp(x[1:1])",
        {"x": numbers("e", (2,))},
        lambda x: np.array(-np.inf),
        order=0,
        software="SciPy",
    )
    case(
        family,
        "centred",
        "x - mean(x, axis=1, keepdims=true)",
        {"x": numbers("centred", (3, 5))},
        lambda x: x - jnp.mean(x, axis=1, keepdims=True),
    )
    case(
        family,
        "scaled",
        "x / (1 + max(abs(x), axis=0))",
        {"x": numbers("scaled", (3, 5))},
        lambda x: x / (1 + jnp.max(jnp.abs(x), axis=0)),
    )
    softmax_inputs = {
        "last": ("", -1, numbers("softmax", (3, 5), -4, 4)),
        "first": (", axis=0", 0, numbers("softmax0", (3, 5), -4, 4)),
        "middle": (", axis=1", 1, numbers("softmax1", (2, 3, 4))),
        "far": ("", -1, f32([1000, 0, -1000], [-500, -500, -501])),
        "one": ("", -1, f32([3], [-2])),
        "ties": ("", -1, f32([1, 1, 1], [2, 2, 0])),
    }
    for kind, (text, axis, x) in softmax_inputs.items():
        case(
            family,
            f"softmax.{kind}",
            f"softmax(x{text})",
            {"x": x},
            lambda x: jax.nn.softmax(x, axis=axis),
        )
        case(
            family,
            f"log_softmax.{kind}",
            f"log_softmax(x{text})",
            {"x": x},
            lambda x: jax.nn.log_softmax(x, axis=axis),
        )
