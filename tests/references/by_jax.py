"""Values and gradients by JAX."""

import functools
import sys

import jax
import jax.numpy as jnp

import references

jax.config.update("jax_enable_x64", True)


def as_f64(array):
    return jnp.asarray(references.widened(array))


def slopes(total, at, along=None):
    """The gradient of a function of named arrays, and that of its sum along some weights."""
    first = jax.grad(total)
    if along is None:
        return jax.jit(first)(at), None
    sums = lambda of: sum((d * as_f64(along[x])).sum() for x, d in first(of).items())
    # Compiled as a whole, as that is faster than operation by operation.
    return jax.jit(lambda of: (first(of), jax.grad(sums)(of)))(at)


case = functools.partial(references.case, software="JAX", by=sys.modules[__name__])
