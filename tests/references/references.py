"""How a case is made: a graph text, its inputs, and what other software says of it.

Everything is computed in f64, by the software of by_jax.py or by_torch.py. Inputs of f32 are first
rounded to f32, so that both sides start from the same numbers. What is wanted of an f32 result is the
f64 value, infinite where f32 overflows.

Gradients. For results y and inputs x a case has `sum_y = sum(y * w_y)`, with weights w_y that differ
from element to element so that errors cannot cancel, and d_x, its gradient; for the second order
`sum_d = sum(d_x * v_x)` and dd_x, its gradient. Weights are inputs of the graph like any other.

Tolerance. An element may be off by `relative * |wanted| + absolute`, where

    relative = 64 eps,    absolute = terms * eps * (largest |wanted| of the tensor)

and eps is that of the element type: 2^-23 for f32, 2^-52 for f64. A result is a handful of
operations, each right to an eps or two; 64 of them leave room for the longest (a gradient of a
gradient) and still catch any function whose approximation, cancellation or formula is off by 1e-5.
Where a result is a sum whose terms cancel, its error is that of the largest terms: `terms` says how
many eps of the largest element it may be off (64; for long chains, such as recurrent layers, more,
said there). Where nothing may cancel (`terms=0`) the error is relative alone, whatever the size, so
that a tail that is lost is found; 1e-37 is then left for what is below the normal numbers of f32.
`floor` adds some eps of 1 to gradients, and to the means of them that optimisers keep: where they are
differences of terms of that size.
"""

import inspect
import json
import zlib

import numpy as np

EPS = {"f32": 2.0**-23, "f64": 2.0**-52}
NAMES = {
    "float32": "f32",
    "float64": "f64",
    "int32": "i32",
    "int64": "i64",
    "uint8": "u8",
    "bool": "bool",
}
FLOATS = ("f32", "f64")

cases = {}


def dtype_of(array):
    return NAMES[str(np.asarray(array).dtype)]


def declared(array):
    sizes = ", ".join(str(n) for n in np.shape(array))
    return dtype_of(array) + (f"[{sizes}]" if sizes else "")


def number(x, dtype):
    if dtype not in FLOATS:
        return str(int(x))
    if np.isnan(x):
        return "nan"
    if np.isinf(x):
        return "inf" if x > 0 else "-inf"
    if dtype == "f32":
        # Ten digits of an f64: rounding to f32 comes when it is read.
        text = f"{x:.10g}"
        if float(np.float32(x)) == x:
            text = min(text, str(np.float32(x)), key=len)
            assert np.float32(float(text)) == np.float32(x)
        return text
    return repr(float(x))


def tensor(array, dtype):
    array = np.asarray(array)
    if dtype == "f32":
        with np.errstate(over="ignore"):
            array = np.where(np.isinf(array.astype(np.float32)), array.astype(np.float32), array)
    sizes = "".join(f" {n}" for n in array.shape)
    return f"{dtype}{sizes} = " + " ".join(number(x, dtype) for x in array.ravel())


def numbers(name, shape, low=-2.0, high=2.0, dtype="float32"):
    """Numbers of a case, the same in every run: 256ths between two bounds."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    steps = rng.integers(int(low * 256), int(high * 256) + 1, size=shape)
    return (steps / 256).astype(dtype)


def widened(array):
    """An array whose floats are f64."""
    array = np.asarray(array)
    return array.astype(np.float64) if dtype_of(array) in FLOATS else array


def case(
    family,
    name,
    body,
    inputs,
    reference,
    *,
    software,
    by,
    results=("y",),
    order=2,
    wrt=None,
    variables=None,
    terms=64,
    floor=0,
    types=None,
    weights=True,
):
    """A case of the entry `run`.

    `by` is the module that computes: its `as_f64` makes an array of what it is given, its `slopes` are
    the gradients of a function of named arrays.

    `body` is an expression, which becomes `y = ..`, or statements that bind all `results`.
    `reference` takes the inputs, then the variables, floats as f64 (by name, with `_` for a dot, if
    it has keyword arguments), and returns the results in order. `wrt` are the inputs and variables
    that gradients are taken of: by default all floats. `types` are the element types of results that
    are no floats.
    """
    variables = variables or {}
    types = types or {}
    given = {**inputs, **variables}
    plain = {key: by.as_f64(value) for key, value in given.items()}
    key = lambda name: name.replace(".", "_")
    floats = [k for k, v in given.items() if dtype_of(v) in FLOATS]
    float_type = dtype_of(given[floats[0]]) if floats else "f32"
    wrt = [k for k in (floats if wrt is None else wrt)]

    by_name = inspect.isfunction(reference) and reference.__code__.co_flags & inspect.CO_VARKEYWORDS

    def values(of):
        found = (
            reference(**{key(k): v for k, v in of.items()}) if by_name else reference(*of.values())
        )
        return found if isinstance(found, tuple) else (found,)

    found = values(plain)
    assert len(found) == len(results), name
    kinds = [types.get(r, float_type) for r in results]
    lines = [f"input {k}: {declared(v)}" for k, v in inputs.items()]
    feeds = dict(inputs)
    smooth = [(r, f) for r, f, kind in zip(results, found, kinds) if kind in FLOATS]
    if not wrt or not smooth:
        order = 0

    # Weights without zeros, of both signs.
    def weight(of, like, kind):
        like = np.asarray(like)
        rng = np.random.default_rng(zlib.crc32(of.encode()))
        w = rng.integers(16, 80, size=like.shape) / 32 * rng.choice([1, -1], size=like.shape)
        dtype = np.float32 if kind == "f32" else np.float64
        return np.asarray(w if weights else np.ones(like.shape), dtype)

    w, v = {}, {}
    if order >= 1:
        for r, f in smooth:
            w[r] = weight(f"{name} {r}", f, float_type)
    if order >= 2:
        for x in wrt:
            v[x] = weight(f"{name} {x}", given[x], float_type)
    for r, value in w.items():
        feeds[f"w_{r}"] = value
    for x, value in v.items():
        feeds[f"v_{key(x)}"] = value
    lines += [f"input {k}: {declared(f)}" for k, f in feeds.items() if k not in inputs]
    lines += body.strip().split("\n") if "\n" in body or " = " in body else [f"y = {body}"]
    lines += [f"output {r}" for r in results]
    wanted = {r: (f, kind) for r, f, kind in zip(results, found, kinds)}

    def total(of):
        found = dict(zip(results, values({**plain, **of})))
        return sum((found[r] * by.as_f64(w[r])).sum() for r, _ in smooth)

    if order >= 1:
        first, second = by.slopes(total, {x: plain[x] for x in wrt}, v if order >= 2 else None)
        lines.append("sum_y = " + " + ".join(f"sum({r} * w_{r})" for r, _ in smooth))
        for x in wrt:
            lines.append(f"output d_{key(x)} = grad(sum_y, {x})")
            wanted[f"d_{key(x)}"] = (first[x], float_type)
    if order >= 2:
        lines.append("sum_d = " + " + ".join(f"sum(d_{key(x)} * v_{key(x)})" for x in wrt))
        for x in wrt:
            lines.append(f"output dd_{key(x)} = grad(sum_d, {x})")
            wanted[f"dd_{key(x)}"] = (second[x], float_type)
    add(family, name, software, "run", lines, [feeds], variables, wanted, float_type, terms, floor)


def add(
    family,
    name,
    software,
    entry,
    lines,
    feeds,
    variables,
    wanted,
    float_type,
    terms,
    floor=0,
    relative=64,
    after=None,
):
    """Adds a case. `relative` and `terms` are in eps. `after` is how many steps a case has, for which its
    feeds are fed again and again, and what is wanted before the last: such as `wanted`, by the number
    of steps after which it holds.
    """
    assert all(name != c["name"] for c in cases.setdefault(family, [])), name

    def largest(value):
        finite = np.abs(np.asarray(value, np.float64)).ravel()
        finite = finite[np.isfinite(finite)]
        return float(finite.max()) if finite.size else 0.0

    def allowed(key, value, kind):
        if kind not in FLOATS:
            return 0.0
        least = 1e-37 if kind == "f32" else 1e-300
        eps_of_one = floor if key.startswith(("d_", "dd_", "optimizer.")) else 0
        return max(least, float(f"{EPS[kind] * max(terms * largest(value), eps_of_one):.2g}"))

    def written(wanted):
        return {k: [tensor(v, kind), allowed(k, v, kind)] for k, (v, kind) in wanted.items()}

    midway = {}
    if after is not None:
        steps, points = after
        midway = {"steps": steps, "after": {str(k): written(of) for k, of in points.items()}}
    cases[family].append(
        {
            "name": f"{family}.{name}",
            "software": software,
            "entry": entry,
            "graph": "\n".join(lines) + "\n",
            "feeds": [{k: tensor(v, dtype_of(v)) for k, v in feed.items()} for feed in feeds],
            "variables": {k: tensor(v, dtype_of(v)) for k, v in variables.items()},
            "relative": relative * EPS[float_type],
            "wanted": written(wanted),
            **midway,
        }
    )


def write(folder, family):
    text = "".join(json.dumps(c, separators=(",", ":")) + "\n" for c in cases[family])
    (folder / f"{family}.jsonl").write_text(text)
    return len(cases[family])
