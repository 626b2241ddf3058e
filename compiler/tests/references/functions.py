"""Writes functions.txt: the values of the functions of one element at chosen arguments, by mpmath.

    python functions.py > functions.txt

Made with mpmath 1.4.1 at 400 digits, so that no rounding of an argument or of an intermediate value
is seen. A line holds a function, an element type, the bits of the argument, and the value as a sum
of two f64, by their bits.
"""

import struct

import mpmath as mp

mp.mp.dps = 400

FUNCTIONS = {
    "exp": mp.exp,
    "log": lambda x: mp.log(x) if x > 0 else mp.nan,
    "sin": mp.sin,
    "cos": mp.cos,
    "tanh": mp.tanh,
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "erf": mp.erf,
    "asin": lambda x: mp.asin(x) if abs(x) <= 1 else mp.nan,
    "acos": lambda x: mp.acos(x) if abs(x) <= 1 else mp.nan,
    "atan": mp.atan,
    "expm1": lambda x: mp.exp(x) - 1,
    "log1p": lambda x: mp.log(1 + x) if x > -1 else -mp.inf if x == -1 else mp.nan,
    "softplus": lambda x: mp.log(1 + mp.exp(x)),
    "erfc": mp.erfc,
    "tan": mp.tan,
    "sinh": mp.sinh,
    "cosh": mp.cosh,
}

# At 0, minus 0, infinity, minus infinity; NaN stays NaN.
ENDS = {
    "exp": [1, 1, mp.inf, 0],
    "log": [-mp.inf, -mp.inf, mp.inf, mp.nan],
    "sin": [0, -0.0, mp.nan, mp.nan],
    "cos": [1, 1, mp.nan, mp.nan],
    "tanh": [0, -0.0, 1, -1],
    "sigmoid": [0.5, 0.5, 1, 0],
    "erf": [0, -0.0, 1, -1],
    "asin": [0, -0.0, mp.nan, mp.nan],
    "acos": [mp.pi / 2, mp.pi / 2, mp.nan, mp.nan],
    "atan": [0, -0.0, mp.pi / 2, -mp.pi / 2],
    "expm1": [0, -0.0, mp.inf, -1],
    "log1p": [0, -0.0, mp.inf, mp.nan],
    "softplus": [mp.log(2), mp.log(2), mp.inf, 0],
    "erfc": [1, 1, 0, 2],
    "tan": [0, -0.0, mp.nan, mp.nan],
    "sinh": [0, -0.0, mp.inf, -mp.inf],
    "cosh": [1, 1, mp.inf, mp.inf],
}

SIZES = {
    "f32": [1e-45, 3e-42, 1e-38, 7e-30, 1e-18, 6e-8, 1e15, 3e21, 3e38],
    "f64": [5e-324, 3e-310, 1e-300, 1e-160, 1e-30, 1.1e-16, 1e9, 1e20, 1.7e308],
}
COMMON = [
    1e-5, 3e-4, 0.01, 0.07, 0.2, 0.29, 0.3466, 0.41, 0.45, 0.5, 0.63, 0.6931, 0.75, 0.88, 0.93, 0.999,
    1, 1.001, 1.05, 1.3, 1.5708, 1.75, 2, 2.42, 2.9, 3.1416, 3.7, 4.2, 5, 5.9, 6.3, 7, 7.6, 8.9, 9.4,
    10, 11.3, 13, 15, 16.6, 18, 20.5, 22.7, 25, 26.5, 27.2, 30, 37, 44, 60, 80, 86.9, 88.5, 89.3, 100,
    103.5, 300, 650, 709.4, 710.1, 740, 744.9, 1000, 31415.9, 1048575, 1048577, 123456789,
]


def float_of(dtype, x):
    return struct.unpack("<f", struct.pack("<f", x))[0] if dtype == "f32" else x


def bits(dtype, x):
    if dtype == "f32":
        return struct.unpack("<I", struct.pack("<f", x))[0]
    return struct.unpack("<Q", struct.pack("<d", x))[0]


def as_float(x):
    """The f64 next to a number; correctly rounded also where it is denormal or too large."""
    if isinstance(x, float) or not mp.isfinite(x):
        return float(x)
    if abs(x) >= mp.mpf(2) ** 1024:
        return float("inf") if x > 0 else float("-inf")
    if abs(x) < mp.mpf(2) ** -1022:
        return float(mp.nint(x * mp.mpf(2) ** 1074)) * 5e-324
    return float(x)


def line(name, dtype, x, y):
    high = as_float(y)
    exact = mp.isfinite(y) and abs(high) != float("inf")
    low = as_float(y - mp.mpf(high)) if exact and high else 0.0
    parts = [bits("f64", high), bits("f64", low)]
    return " ".join([name, dtype, f"{bits(dtype, x):x}", *(f"{part:x}" for part in parts)])


def main():
    print("# By functions.py.")
    for name, function in FUNCTIONS.items():
        for dtype in ["f32", "f64"]:
            for x, y in zip([0.0, -0.0, float("inf"), float("-inf")], ENDS[name]):
                print(line(name, dtype, x, y if isinstance(y, float) else mp.mpf(y)))
            print(line(name, dtype, float("nan"), mp.nan))
            for size in COMMON + SIZES[dtype]:
                for x in [float_of(dtype, size), -float_of(dtype, size)]:
                    y = mp.inf if x > 1e6 and name in ("exp", "expm1", "sinh", "cosh") else None
                    if abs(x) > 1e6 and y is None:
                        y = {
                            "exp": mp.mpf(0),
                            "expm1": mp.mpf(-1),
                            "sinh": -mp.inf,
                            "cosh": mp.inf,
                            "sigmoid": mp.mpf(1 if x > 0 else 0),
                            "softplus": mp.mpf(x) if x > 0 else mp.mpf(0),
                            "tanh": mp.mpf(1 if x > 0 else -1),
                            "erf": mp.mpf(1 if x > 0 else -1),
                            "erfc": mp.mpf(0 if x > 0 else 2),
                        }.get(name)
                    print(line(name, dtype, x, function(mp.mpf(x)) if y is None else y))


main()
