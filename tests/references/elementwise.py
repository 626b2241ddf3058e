"""Elementwise functions: over wide ranges, at their special points, in f32 and f64, with both
gradients.

Where JAX's convention is another than the language's, the reference is written out here:
leaky_relu has its lower slope at 0 (JAX the upper), selu its upper (JAX the lower), as Keras on
TensorFlow; abs has 0 (JAX 1). The gradient of expm1 is e^x (JAX takes expm1(x) + 1, which is 0 from
-37 on), and so for elu and selu. softsign has its limit at infinity, 1 (JAX NaN). relu and relu6
have gradient 0 where they bend, maximum and minimum share it at ties: here JAX agrees.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import erf, erfc

from by_jax import case
from references import numbers

f32 = lambda *values: np.array(values, np.float32)


def absolute(x):
    return x * jax.lax.stop_gradient(jnp.sign(x))


@jax.custom_jvp
def expm1(x):
    return jnp.expm1(x)


@expm1.defjvp
def expm1_slope(x, dx):
    return expm1(x[0]), jnp.exp(x[0]) * dx[0]


def tail_gelu(x):
    return 0.5 * x * jax.scipy.special.erfc(-x / np.sqrt(2.0))


def elu(x, alpha=1.0):
    return jnp.where(x > 0, x, alpha * expm1(jnp.where(x > 0, 0.0, x)))


def selu(x):
    return jnp.where(
        x < 0, 1.7580993408473766 * expm1(jnp.where(x < 0, x, 0.0)), 1.0507009873554805 * x
    )


SMOOTH = [
    -10,
    -6.5,
    -3.25,
    -1.5,
    -1,
    -0.75,
    -0.5,
    -0.1,
    -1e-2,
    -1e-3,
    -1e-5,
    -1e-7,
    1e-7,
    1e-5,
    1e-3,
    1e-2,
    0.1,
    0.25,
    0.5,
    1,
    1.25,
    2,
    3.5,
    7,
    11,
]
WIDE = [
    -1e30,
    -1e10,
    -1000,
    -100,
    -80.5,
    -40,
    -20,
    -17.5,
    -16.25,
    -15,
    -12,
    12,
    15,
    17,
    20,
    41,
    80.25,
    100,
    1000,
    1e10,
    1e30,
]
POSITIVE = [
    1e-30,
    1e-10,
    1e-5,
    1e-3,
    0.1,
    0.5,
    0.9,
    0.99,
    0.999,
    1,
    1.001,
    1.01,
    1.5,
    2,
    3,
    10,
    100,
    1e5,
    1e10,
    1e30,
]
# name: (reference, points beyond SMOOTH, terms)
FUNCTIONS = {
    "neg": (lambda x: -x, WIDE, 0),
    "abs": (absolute, WIDE + [0], 0),
    "sign": (jnp.sign, WIDE + [0], 0),
    "exp": (jnp.exp, [-80, -40.5, -20, 20, 40.25, 80], 0),
    "expm1": (expm1, [-80, -40, -20, -17, -16.25, -15, -12, 20, 40, 80], 0),
    "square": (jnp.square, [-1e15, -1e10, 1e10, 1e15, 0], 0),
    "sin": (jnp.sin, [-1000, -300, -100, -50, -20, 20, 50, 100, 300, 1000], 8),
    "cos": (jnp.cos, [-1000, -300, -100, -50, -20, 20, 50, 100, 300, 1000], 8),
    "tan": (jnp.tan, [-100, -20, 20, 100, 1.5, -1.5], 8),
    "sinh": (jnp.sinh, [-80, -40, -20, 20, 40, 80], 0),
    "cosh": (jnp.cosh, [-80, -40, -20, 20, 40, 80], 0),
    "tanh": (jnp.tanh, [-1e30, -100, -40, -12, 12, 40, 100, 1e30], 4),
    "erf": (erf, [-1e10, -20, 20, 1e10], 4),
    "erfc": (erfc, [-1e10, -20, 9, 20, 1e10], 4),
    "atan": (jnp.arctan, [-1e30, -1e10, -1000, -20, 0, 20, 1000, 1e10, 1e30], 0),
    "sigmoid": (jax.nn.sigmoid, [-80, -40, -20, -17, -15, 15, 17, 20, 40, 80], 8),
    "floor": (jnp.floor, WIDE + [0, -2, 3, 8388609], 0),
    "ceil": (jnp.ceil, WIDE + [0, -2, 3, 8388609], 0),
    "round": (jnp.round, WIDE + [0, -2, 3, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 8388609], 0),
    "relu": (jax.nn.relu, WIDE + [0], 0),
    "relu6": (jax.nn.relu6, WIDE + [0, 6, 5.9990234375], 0),
    "leaky_relu": (lambda x: jnp.where(x > 0, x, 0.2 * x), WIDE + [0], 0),
    "elu": (elu, [-80, -40, -20, -17.5, -16.25, -15, -12, 0, 20, 1e10], 0),
    "selu": (selu, [-80, -40, -20, -17.5, -16.25, -15, -12, 0, 20, 1e10], 0),
    "gelu": (tail_gelu, [0, -3, 3, 20, 100], 64),
    "silu": (jax.nn.silu, [0, -40, -20, 20, 40, 1000], 8),
    "softplus": (
        jax.nn.softplus,
        [0, -80, -40, -20, -17, -16.25, -15.5, -15, 15, 17, 20, 40, 80],
        0,
    ),
    "softsign": (lambda x: x / (1 + absolute(x)), [0, -1e5, -1000, 1000, 1e5], 0),
    "hard_sigmoid": (jax.nn.hard_sigmoid, WIDE + [-3, 0, 3], 8),
    "hard_swish": (jax.nn.hard_swish, [-3, 0, 3, -100, 100, 1000], 8),
    "mish": (lambda x: x * jnp.tanh(jax.nn.softplus(x)), [0, -40, -20, 20, 40], 16),
    "linear": (lambda x: x, WIDE + [0], 0),
}
WITHIN_ONE = [-0.999, -0.9, -0.51, -0.5, -0.1, -1e-5, 0, 1e-5, 0.1, 0.5, 0.51, 0.9, 0.99, 0.999]
POSITIVE_FUNCTIONS = {
    "asin": (jnp.arcsin, WITHIN_ONE, 0),
    "acos": (jnp.arccos, WITHIN_ONE, 0),
    "log": (jnp.log, POSITIVE, 0),
    "sqrt": (jnp.sqrt, POSITIVE, 0),
    "rsqrt": (jax.lax.rsqrt, [1e-5, 1e-3] + POSITIVE[4:-2], 0),
    "reciprocal": (lambda x: 1 / x, [-1e5, -3, -0.25, 1e-3] + POSITIVE[4:-2], 0),
    "log1p": (
        jnp.log1p,
        [
            -0.999,
            -0.9,
            -0.5,
            -0.1,
            -1e-3,
            -1e-5,
            -1e-7,
            0,
            7e-8,
            1e-7,
            1e-5,
            1e-3,
            0.1,
            0.5,
            1,
            3,
            100,
            1e10,
            1e30,
        ],
        0,
    ),
}
SPECIAL = [
    "neg",
    "abs",
    "sign",
    "exp",
    "expm1",
    "square",
    "tanh",
    "erf",
    "erfc",
    "asin",
    "acos",
    "atan",
    "sigmoid",
    "floor",
    "ceil",
    "round",
    "relu",
    "relu6",
    "softsign",
    "elu",
    "log",
    "sqrt",
    "rsqrt",
    "reciprocal",
    "log1p",
    "sinh",
    "cosh",
    "sin",
    "cos",
    "linear",
]


def soft_sign(x):
    return jnp.where(jnp.isinf(x), jnp.sign(x), jax.nn.soft_sign(x))


JAX_SPECIAL = {"abs": jnp.abs, "softsign": soft_sign, "expm1": jnp.expm1, "elu": jax.nn.elu}
# Eps of 1 by which gradients may be off: they are differences of such terms.
FLOORS = {
    "asin": 8,
    "acos": 8,
    "sinh": 8,
    "cosh": 8,
    "softsign": 8,
    "softplus": 64,
    "mish": 256,
    "tanh": 8,
    "erf": 8,
}


def unary():
    family = "unary"
    both = {
        **{k: (f, SMOOTH + more, terms) for k, (f, more, terms) in FUNCTIONS.items()},
        **POSITIVE_FUNCTIONS,
    }
    for name, (f, points, terms) in both.items():
        case(
            family,
            name,
            f"{name}(x)",
            {"x": f32(*sorted(points))},
            f,
            terms=terms,
            floor=FLOORS.get(name, 0),
        )
        doubles = np.array(sorted(points), np.float64) * (1 + 2.0**-40)
        case(
            family,
            f"{name}.f64",
            f"{name}(x)",
            {"x": doubles},
            f,
            terms=terms,
            floor=FLOORS.get(name, 0),
        )
        case(
            family,
            f"{name}.one",
            f"{name}(x)",
            {"x": np.float32(0.625)},
            f,
            terms=max(terms, 4),
            order=1,
        )
    special = f32(np.nan, np.inf, -np.inf, 0.0, -0.0)
    for name in SPECIAL:
        case(
            family,
            f"{name}.special",
            f"{name}(x)",
            {"x": special},
            JAX_SPECIAL.get(name, both[name][0]),
            order=0,
        )
    case(
        family,
        "is_nan",
        "is_nan(x)",
        {"x": special},
        jnp.isnan,
        order=0,
        types={"y": "bool"},
        software="NumPy",
    )
    case(
        family,
        "is_inf",
        "is_inf(x)",
        {"x": special},
        jnp.isinf,
        order=0,
        types={"y": "bool"},
        software="NumPy",
    )
    case(
        family,
        "gelu.tail",
        "gelu(x)",
        {"x": f32(-12, -9, -7, -6, -5, -4.5, -4, -3)},
        tail_gelu,
        order=0,
        terms=0,
    )
    case(family, "gelu.approximate", "gelu(x, approximate=true)", {"x": f32(*SMOOTH)}, jax.nn.gelu)
    case(
        family,
        "leaky_relu.slope",
        "leaky_relu(x, slope=0.01)",
        {"x": f32(*SMOOTH, 0)},
        lambda x: jnp.where(x > 0, x, 0.01 * x),
        terms=0,
    )
    case(
        family,
        "elu.alpha",
        "elu(x, alpha=0.5)",
        {"x": f32(*SMOOTH)},
        lambda x: elu(x, 0.5),
        terms=0,
    )
    case(
        family,
        "exp.overflow",
        "exp(x)",
        {"x": f32(88, 88.75, 89, 200, 1e30)},
        jnp.exp,
        order=0,
        terms=0,
    )
    case(
        family,
        "sinh.far",
        "sinh(x)",
        {"x": f32(-89, -88.75, 88.75, 89)},
        jnp.sinh,
        order=1,
        terms=0,
        weights=False,
    )
    case(family, "sin.far", "sin(x)", {"x": f32(1e4, -3e4, 1e5)}, jnp.sin, order=1)
    case(family, "sqrt.zero", "sqrt(x)", {"x": f32(0, 1)}, jnp.sqrt, order=1)
    case(family, "negative.log", "log(x)", {"x": f32(-1, -0.5, 0)}, jnp.log, order=0)
    case(family, "negative.sqrt", "sqrt(x)", {"x": f32(-1, -0.5, 0)}, jnp.sqrt, order=0)
    case(
        family,
        "chain",
        "tanh(exp(-square(sin(x))) * 1.5) + log(1 + x * x)",
        {"x": numbers("chain", (3, 5))},
        lambda x: jnp.tanh(jnp.exp(-jnp.square(jnp.sin(x))) * 1.5) + jnp.log(1 + x * x),
    )
    case(
        family,
        "stop_gradient",
        "x * stop_gradient(exp(x))",
        {"x": numbers("stop", (4,))},
        lambda x: x * jax.lax.stop_gradient(jnp.exp(x)),
    )
    case(
        family,
        "remat",
        "sin(remat(exp(x) * x))",
        {"x": numbers("remat", (4,))},
        lambda x: jnp.sin(jnp.exp(x) * x),
    )
    case(
        family,
        "central_erfinv",
        "central_erfinv(x)",
        {"x": f32(-0.98, -0.9, -0.5, -0.1, 1e-3, 0.25, 0.75, 0.95)},
        jax.scipy.special.erfinv,
        order=1,
    )


SHAPES = {
    "same": ((3, 4), (3, 4)),
    "row": ((3, 4), (4,)),
    "column": ((3, 4), (3, 1)),
    "outer": ((3, 1), (1, 4)),
    "scalar": ((3, 4), ()),
    "deep": ((2, 1, 3), (2, 4, 1)),
    "empty": ((0, 3), (3,)),
}
ARITHMETIC = {
    "add": (jnp.add, "a + b"),
    "sub": (jnp.subtract, "a - b"),
    "mul": (jnp.multiply, "a * b"),
    "maximum": (jnp.maximum, None),
    "minimum": (jnp.minimum, None),
}


def binary():
    family = "binary"
    for name, (f, sign) in ARITHMETIC.items():
        for shape, (a, b) in SHAPES.items():
            inputs = {"a": numbers(f"{name}{shape}a", a), "b": numbers(f"{name}{shape}b", b)}
            if shape == "empty":
                # No rows are left of a slice.
                inputs["a"] = numbers(name, (2, 3))
                case(
                    family,
                    f"{name}.{shape}",
                    f"{name}(a[1:1], b)",
                    inputs,
                    lambda a, b: f(a[1:1], b),
                )
                continue
            case(family, f"{name}.{shape}", f"{name}(a, b)", inputs, f)
        if sign:
            case(
                family,
                f"{name}.sign",
                sign,
                {
                    "a": numbers(name, (5,), dtype="float64"),
                    "b": numbers(name + "b", (5,), dtype="float64"),
                },
                f,
            )
    ties = {"a": f32(1, 2, 0, -1, np.nan, 1, np.inf), "b": f32(1, 1, 0, 2, 1, np.nan, np.inf)}
    for name, f in [("maximum", jnp.maximum), ("minimum", jnp.minimum)]:
        case(family, f"{name}.nan", f"{name}(a, b)", ties, f, order=0, software="NumPy")
        case(family, f"{name}.ties", f"{name}(a, b)", {"a": ties["a"][:4], "b": ties["b"][:4]}, f)
        case(family, f"{name}.itself", f"{name}(a, a)", {"a": ties["a"][:4]}, lambda a: f(a, a))
    for shape in ["same", "row", "column", "outer"]:
        a, b = SHAPES[shape]
        inputs = {"a": numbers(f"atan2{shape}a", a), "b": numbers(f"atan2{shape}b", b)}
        inputs["b"] += np.float32(1 / 1024)
        case(family, f"atan2.{shape}", "atan2(a, b)", inputs, jnp.arctan2)
    case(
        family,
        "atan2.f64",
        "atan2(a, b)",
        {
            "a": numbers("atan64", (7, 4), dtype="float64"),
            "b": numbers("btan64", (7, 4), dtype="float64") + 1 / 1024,
        },
        jnp.arctan2,
    )
    signs = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-30, 1e30]
    case(
        family,
        "atan2.special",
        "atan2(a, b)",
        {"a": f32(*signs).reshape(-1, 1), "b": f32(*signs)},
        jnp.arctan2,
        order=0,
        terms=0,
        software="NumPy",
    )
    case(
        family,
        "atan2.axes",
        "atan2(a, b)",
        {"a": f32(0, 0, 2, -2, 1e-15, 1e15), "b": f32(1, -2, 0, 0, 1e-15, -1e15)},
        jnp.arctan2,
        order=1,
    )
    divisors = numbers("divisors", (3, 4), 0.5, 3)
    for shape in ["same", "row", "column", "outer"]:
        a, b = SHAPES[shape]
        b = numbers(f"div{shape}b", b, 0.5, 3) * np.where(
            np.arange(np.prod(b)).reshape(b) % 2, 1, -1
        ).astype(np.float32)
        case(family, f"div.{shape}", "a / b", {"a": numbers(f"div{shape}", a), "b": b}, jnp.divide)
    case(
        family,
        "div.call",
        "div(a, b)",
        {"a": numbers("div", (2, 3)), "b": np.float32(-1.5)},
        jnp.divide,
    )
    case(
        family,
        "div.zero",
        "a / b",
        {"a": f32(1, -1, 0, np.inf), "b": f32(0, 0, 0, np.inf)},
        jnp.divide,
        order=0,
        software="NumPy",
    )
    case(
        family,
        "div.f64",
        "a / b",
        {"a": numbers("div64", (3, 4), dtype="float64"), "b": divisors.astype(np.float64)},
        jnp.divide,
    )

    bases = f32(0.5, 1, 1.5, 2, 3, 0.25, 10, 0.1)
    exponents = f32(2, 3, -1, 0.5, -2.5, 0.25, 4, 1)
    case(family, "pow", "a ** b", {"a": bases, "b": exponents}, jnp.power)
    case(
        family, "pow.call", "pow(a, b)", {"a": bases.reshape(4, 2), "b": f32(1.5, -0.75)}, jnp.power
    )
    case(
        family,
        "pow.f64",
        "pow(a, b)",
        {"a": bases.astype(np.float64), "b": exponents.astype(np.float64)},
        jnp.power,
    )
    case(family, "pow.square", "a ** 2", {"a": f32(-3, -0.5, 0, 1e-10, 2)}, lambda a: a**2)
    case(family, "pow.cube", "a ** 3", {"a": f32(-3, -0.5, 0, 1e-10, 2)}, lambda a: a**3)
    case(family, "pow.negative", "a ** -2", {"a": f32(-3, -0.5, 1e-5, 2)}, lambda a: a**-2)
    case(family, "pow.fraction", "a ** 0.75", {"a": f32(0.1, 1, 2, 1e5)}, lambda a: a**0.75)
    case(
        family,
        "pow.integral",
        "pow(a, b)",
        {"a": f32(-2, -1.5, 3, -0.5, 2), "b": f32(3, 2, -2, -1, 0)},
        jnp.power,
        wrt=["a"],
    )
    # At exponent 0 the second derivatives are d²/da² = 0, d²/dadb = 1/a, d²/db² = ln² a.
    case(
        family,
        "pow.zero",
        "pow(a, b)",
        {"a": f32(0.5, 2, 3), "b": f32(0, 0, 0)},
        lambda a, b: jnp.exp(b * jnp.log(a)),
        software="JAX, as exp(b log a)",
    )
    case(
        family,
        "pow.special",
        "pow(a, b)",
        {"a": f32(0, 0, -8, np.inf, 1, np.nan, 2), "b": f32(0, -1, 3, 0.5, np.nan, 0, -np.inf)},
        np.power,
        order=0,
        software="NumPy",
    )

    pairs = {"a": f32(-7.5, 7.5, -8, 5, 0.25, -0.25, 1e5), "b": f32(2, -2, 3, 3.5, 0.125, 1, 3)}
    case(family, "mod", "a % b", pairs, lambda a, b: a - jnp.floor(a / b) * b)
    case(
        family,
        "mod.call",
        "mod(a, b)",
        {"a": numbers("mod", (3, 4), -9, 9), "b": f32(1.25)},
        lambda a, b: a - jnp.floor(a / b) * b,
    )
    case(family, "floor_div", "a // b", pairs, jnp.floor_divide)
    case(
        family,
        "floor_div.call",
        "floor_div(a, b)",
        {"a": numbers("fd", (3, 4), -9, 9), "b": f32(1.25)},
        jnp.floor_divide,
    )
    for dtype, kind in [("int32", "i32"), ("int64", "i64"), ("uint8", "u8")]:
        low = 0 if kind == "u8" else -50
        a = np.random.default_rng(5).integers(low, 50, (3, 4)).astype(dtype)
        b = np.array([3, 7, 2, 11], dtype) * (
            1 if kind == "u8" else np.array([1, -1, 1, -1], dtype)
        )
        for name, f in [
            ("add", np.add),
            ("sub", np.subtract),
            ("mul", np.multiply),
            ("floor_div", np.floor_divide),
            ("mod", np.mod),
            ("maximum", np.maximum),
            ("minimum", np.minimum),
        ]:
            case(
                family,
                f"{name}.{kind}",
                f"{name}(a, b)",
                {"a": a, "b": b},
                lambda a, b, f=f: f(np.asarray(a), np.asarray(b)),
                types={"y": kind},
                software="NumPy",
            )
    wrap = np.array([2**31 - 1, -(2**31), 65536, 7], np.int32)
    case(
        family,
        "wrap.i32",
        "a * a + a",
        {"a": wrap},
        lambda a: np.asarray(a) * np.asarray(a) + np.asarray(a),
        types={"y": "i32"},
        software="NumPy",
    )
    case(
        family,
        "neg.i32",
        "neg(a)",
        {"a": wrap},
        lambda a: -np.asarray(a),
        types={"y": "i32"},
        software="NumPy",
    )
    case(
        family,
        "abs.i32",
        "abs(a)",
        {"a": wrap},
        lambda a: np.abs(np.asarray(a)),
        types={"y": "i32"},
        software="NumPy",
    )
    case(
        family,
        "sign.i64",
        "sign(a)",
        {"a": np.array([-5, 0, 9], np.int64)},
        lambda a: np.sign(np.asarray(a)),
        types={"y": "i64"},
        software="NumPy",
    )
    case(
        family,
        "shift_right",
        "shift_right(a, b)",
        {"a": np.array([-7, 7, 1 << 30, -1], np.int32), "b": np.array([1, 2, 4, 31], np.int32)},
        lambda a, b: (np.asarray(a).view(np.uint32) >> np.asarray(b).view(np.uint32)).view(
            np.int32
        ),
        types={"y": "i32"},
        software="NumPy, as u32",
    )

    special = {
        "a": f32(1, 2, np.nan, 0, np.inf, -1, -0.0),
        "b": f32(1, 1, np.nan, -0.0, np.inf, np.nan, 0),
    }
    integers = {"a": np.array([[1, -2], [3, 4]], np.int32), "b": np.array([1, 4], np.int32)}
    for name, sign, f in [
        ("equal", "==", jnp.equal),
        ("not_equal", "!=", jnp.not_equal),
        ("less", "<", jnp.less),
        ("less_equal", "<=", jnp.less_equal),
        ("greater", ">", jnp.greater),
        ("greater_equal", ">=", jnp.greater_equal),
    ]:
        case(
            family,
            name,
            f"{name}(a, b)",
            special,
            f,
            types={"y": "bool"},
            software="NumPy",
            order=0,
        )
        case(
            family, f"{name}.i32", f"a {sign} b", integers, f, types={"y": "bool"}, software="NumPy"
        )
    truth = {"a": np.array([0, 0, 1, 1], bool), "b": np.array([0, 1, 0, 1], bool)}
    for name, f in [("and", jnp.logical_and), ("or", jnp.logical_or), ("xor", jnp.logical_xor)]:
        case(
            family,
            name,
            f"{name}(a, b)" if name == "xor" else f"a {name} b",
            truth,
            f,
            types={"y": "bool"},
            software="NumPy",
        )
    case(
        family,
        "not",
        "not a",
        {"a": truth["a"]},
        jnp.logical_not,
        types={"y": "bool"},
        software="NumPy",
    )

    choose = np.array([[True, False, True, False]] * 3)
    case(
        family,
        "select",
        "select(c, a, b)",
        {"c": choose, "a": numbers("sa", (3, 4)), "b": numbers("sb", (3, 4))},
        lambda c, a, b: jnp.where(c, a * 1, b),
    )
    case(
        family,
        "select.broadcast",
        "select(c, a * a, sin(b))",
        {"c": choose[0], "a": numbers("sa1", (3, 1)), "b": numbers("sb1", (3, 4))},
        lambda c, a, b: jnp.where(c, a * a, jnp.sin(b)),
    )
    case(
        family,
        "select.nan",
        "select(a > 0, log(select(a > 0, a, 1.0)), a)",
        {"a": f32(-1, 0, 0.5, 2)},
        lambda a: jnp.where(a > 0, jnp.log(jnp.where(a > 0, a, 1.0)), a),
    )
    case(
        family,
        "clip",
        "clip(x, -1, 0.5)",
        {"x": f32(-3, -1, -0.5, 0, 0.25, 0.5, 2)},
        lambda x: jnp.minimum(jnp.maximum(x, -1), 0.5),
    )
    case(
        family,
        "clip.tensor",
        "clip(x, lo, hi)",
        {"x": numbers("clip", (2, 3)), "lo": f32(-1, -0.5, 0), "hi": f32(0, 0.5, 1)},
        lambda x, lo, hi: jnp.minimum(jnp.maximum(x, lo), hi),
    )
    case(
        family,
        "clip.nan",
        "clip(x, -1, 0.5)",
        {"x": f32(np.nan, np.inf, -np.inf)},
        lambda x: jnp.minimum(jnp.maximum(x, -1), 0.5),
        order=0,
        software="NumPy",
    )
    case(
        family,
        "cast.f64",
        "cast(x, f64)",
        {"x": numbers("cast", (4,))},
        lambda x: x,
        types={"y": "f64"},
        order=0,
    )
    case(
        family,
        "cast.i32",
        "cast(x, i32)",
        {"x": f32(-2.75, -0.5, 0, 0.99, 1.5, 1e5)},
        lambda x: np.trunc(np.asarray(x)),
        types={"y": "i32"},
        order=0,
        software="NumPy",
    )
    # Beyond the type NumPy says nothing; the language saturates, and NaN becomes 0.
    case(
        family,
        "cast.saturates",
        "cast(x, i32)",
        {"x": f32(-1e30, 1e30, np.nan, np.inf, -np.inf, 2147483648)},
        lambda x: np.array([-(2**31), 2**31 - 1, 0, 2**31 - 1, -(2**31), 2**31 - 1]),
        types={"y": "i32"},
        order=0,
        software="the language's page",
    )
    case(
        family,
        "cast.u8",
        "cast(x, u8)",
        {"x": f32(0, 1.5, 255, 300, -5)},
        lambda x: np.array([0, 1, 255, 255, 0]),
        types={"y": "u8"},
        order=0,
        software="the language's page",
    )
    case(
        family,
        "cast.bool",
        "cast(x, bool)",
        {"x": f32(0, -0.0, 1, 0.5, np.nan)},
        lambda x: np.asarray(x) != 0,
        types={"y": "bool"},
        order=0,
        software="NumPy",
    )
    case(
        family,
        "cast.from_i64",
        "cast(x, f32)",
        {"x": np.array([0, -3, 2**40 + 1, 16777217], np.int64)},
        lambda x: np.asarray(x, np.float64),
        types={"y": "f32"},
        order=0,
        software="NumPy",
    )
    case(
        family,
        "cast.narrow",
        "cast(x, i32)",
        {"x": np.array([0, -3, 5], np.int64)},
        lambda x: np.asarray(x),
        types={"y": "i32"},
        order=0,
        software="NumPy",
    )
    case(
        family,
        "cast.gradient",
        "cast(sin(cast(x, f64)), f32) * x",
        {"x": numbers("castg", (4,))},
        lambda x: jnp.sin(x) * x,
    )
    same = {"a": numbers("cubic", (3, 4))}
    case(
        family, "shared", "a * a * a - a / (1 + a * a)", same, lambda a: a * a * a - a / (1 + a * a)
    )
