"""Values and gradients by PyTorch."""

import functools
import sys

import torch

import references

torch.set_num_threads(1)


def as_f64(array):
    return torch.from_numpy(references.widened(array).copy())


def slopes(total, at, along=None):
    """The gradient of a function of named arrays, and that of its sum along some weights."""
    leaves = {x: value.clone().requires_grad_() for x, value in at.items()}

    def grad(y):
        if not y.requires_grad:
            return [torch.zeros_like(leaf) for leaf in leaves.values()]
        return torch.autograd.grad(
            y, list(leaves.values()), create_graph=True, materialize_grads=True
        )

    named = lambda found: {x: d.detach() for x, d in zip(leaves, found)}
    first = grad(total(leaves))
    if along is None:
        return named(first), None
    second = grad(sum((d * as_f64(along[x])).sum() for x, d in zip(leaves, first)))
    return named(first), named(second)


case = functools.partial(references.case, software="PyTorch", by=sys.modules[__name__])
