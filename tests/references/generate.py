"""Writes the cases of this folder anew: values and gradients by other people's software.

    python -m venv /tmp/references
    /tmp/references/bin/pip install -r tests/references/requirements.txt
    /tmp/references/bin/python tests/references/generate.py [FAMILY ...]

Software: JAX 0.10.2 in f64, Keras 3.15.1 (on JAX), optax 0.2.8, NumPy 2.4.6, SciPy 1.17.1;
each case names its own. Nothing here is needed to run the tests; everything is deterministic.

The language's conventions are those of its page. Where other software has another, the reference is
written out beside the case, and the header of its file says so.
"""

import pathlib
import sys

import elementwise
import models
import reductions
import references
import shapes

FAMILIES = [
    elementwise.unary,
    elementwise.binary,
    reductions.prefixes,
    reductions.reductions,
    shapes.shapes,
    shapes.products,
    shapes.convolutions,
    shapes.grouped_convolutions,
    shapes.pools,
    shapes.indexing,
    models.losses,
    models.metrics,
    models.layers,
    models.loops,
    models.optimisers,
    models.initialisers,
]

folder = pathlib.Path(__file__).parent
for family in FAMILIES:
    if family.__name__ in sys.argv[1:] or len(sys.argv) == 1:
        family()
        print(references.write(folder, family.__name__), family.__name__, flush=True)
