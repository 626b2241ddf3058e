#!/usr/bin/env python3
"""Writes the data and initial parameters of a case for the program in rust/, from the same source
as the other frameworks have them.

  inputs.py --peers ../../../shared/peers mlp_b32     # to rust/target/inputs/mlp_b32.safetensors

Needs numpy. The layouts are those that burn and candle have in common: images NCHW, convolutions
OIHW, what a dense layer reads of an image in the order of channels first.
"""
import argparse
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def relaid(model, name, value):
    """A parameter in the layout of burn and candle."""
    if value.ndim == 4:
        return value.transpose(3, 2, 0, 1)
    if name == "d1w" and model.startswith("cnn"):
        side = round((value.shape[0] / 64) ** 0.5)
        return value.reshape(side, side, 64, -1).transpose(2, 0, 1, 3).reshape(value.shape)
    return value


def arrays(case):
    import common

    if case in common.MICRO:
        return {f"operand.{i}": a for i, a in enumerate(common.micro_inputs(case))}
    model, batch = common.CASES[case]
    found = {}
    for number, inputs in enumerate(common.data(model, batch)):
        for i, a in enumerate(inputs):
            found[f"batch.{number}.{i}"] = a.transpose(0, 3, 1, 2) if a.ndim == 4 else a
    for name, value in common.params(model).items():
        found[f"parameter.{name}"] = relaid(model, name, value)
    return found


def write(path, found):
    import numpy as np

    header, at = {}, 0
    for name, a in found.items():
        dtype = {"float32": "F32", "int32": "I32"}[a.dtype.name]
        header[name] = dict(dtype=dtype, shape=list(a.shape), data_offsets=[at, at + a.nbytes])
        at += a.nbytes
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text)
        for a in found.values():
            f.write(np.ascontiguousarray(a).tobytes())


def main():
    a = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("cases", nargs="+", metavar="CASE")
    a.add_argument("--peers", type=Path, default=HERE.parents[2] / "shared/peers",
                   help="the folder that has common.py")
    a.add_argument("--out", type=Path, default=HERE / "rust/target/inputs", help="where to write")
    a = a.parse_args()
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(a.peers))
    a.out.mkdir(parents=True, exist_ok=True)
    for case in a.cases:
        write(a.out / f"{case}.safetensors", arrays(case))


if __name__ == "__main__":
    main()
