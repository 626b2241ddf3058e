"""Writes the cases of this folder anew: values and gradients by other people's software.

    python -m venv /tmp/references
    /tmp/references/bin/pip install -r tests/references/requirements.txt
    /tmp/references/bin/python tests/references/generate.py FAMILY ...

Without a family it lists them.

Software: JAX 0.10.2 in f64, Keras 3.15.1 (on JAX), optax 0.2.8, NumPy 2.4.6, SciPy 1.17.1; the
families `torch_...` by PyTorch 2.15.0 and NumPy 2.4.6 alone, which requirements-torch.txt names. Each
case says which. Nothing here is needed to run the tests; everything is deterministic.

The language's conventions are those of its page. Where other software has another, the reference is
written out beside the case, and the header of its file says so.
"""

import importlib
import pathlib
import sys

import references

# The families of each module, which is imported only for one of them: it names its software.
FAMILIES = {
    "elementwise": ["unary", "binary"],
    "reductions": ["prefixes", "reductions"],
    "shapes": [
        "shapes",
        "products",
        "convolutions",
        "grouped_convolutions",
        "pools",
        "indexing",
    ],
    "models": ["losses", "metrics", "layers", "loops", "optimisers", "initialisers"],
    "trainings": ["trainings"],
    "torched": ["torch_convolutions", "torch_pools", "torch_layers"],
}

folder = pathlib.Path(__file__).parent
known = {family: module for module, families in FAMILIES.items() for family in families}
if len(sys.argv) == 1:
    print(*known, sep="\n")
for family in sys.argv[1:]:
    getattr(importlib.import_module(known[family]), family)()
    print(references.write(folder, family), family, flush=True)
