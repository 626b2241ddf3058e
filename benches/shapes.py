"""JAX beside `shapes`: reads lines of shapes.txt from standard input, answers each with the median of
its steps in milliseconds. The number of threads is that of the CPUs the process may use."""

import re
import sys
import time

import jax
import jax.nn as n
import jax.numpy as jnp
import numpy as np
from jax import lax

jax.config.update("jax_enable_x64", True)
STEP = 0


def conv(x, w, stride, padding, groups=1):
    names = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(
        x, w, (stride, stride), padding, dimension_numbers=names, feature_group_count=groups
    )


def pool(x, window, stride, start, f):
    sizes, strides = (1, window, window, 1), (1, stride, stride, 1)
    return lax.reduce_window(x, start, f, sizes, strides, "VALID")


def drawn(dtype, sizes, rng):
    if dtype == "i32":
        return jnp.asarray(rng.integers(0, 1000, sizes, np.int32))
    return jnp.asarray(rng.random(sizes, np.float32).astype({"f32": "f4", "f64": "f8"}[dtype]))


def median(line):
    _, inputs, _, body = (part.strip() for part in line.split(";"))
    rng = np.random.default_rng(0)
    found = re.findall(r"(\w+): (\w+)\[([^]]*)\]", inputs)
    values = [drawn(t, [int(k) for k in sizes.split(",")], rng) for _, t, sizes in found]
    names = [name for name, _, _ in found]
    f = jax.jit(eval(f"lambda {', '.join(names + ['STEP'])}: {body}"))
    times = []
    end = time.perf_counter() + 0.5
    while len(times) < 12 or time.perf_counter() < end and len(times) < 200:
        start = time.perf_counter()
        f(*values, len(times)).block_until_ready()
        times.append(time.perf_counter() - start)
    return 1e3 * sorted(times[2:])[len(times[2:]) // 2]


for line in sys.stdin:
    print(f"{median(line):.6f}", flush=True)
