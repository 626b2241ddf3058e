"""Writes weights of PyTorch's GRU and LSTM, and what they make of a series, beside this script.

Used with torch 2.15.0, numpy 2.4.6 and safetensors 0.8.0: python torch_rnn.py
"""

from pathlib import Path

import numpy
import torch
from safetensors.torch import save_file

here = Path(__file__).parent
torch.manual_seed(9)
FEATURES, UNITS = 3, 5
layers = {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM}
layers = {name: layer(FEATURES, UNITS, batch_first=True) for name, layer in layers.items()}
x = torch.randn(2, 7, FEATURES)
with torch.no_grad():
    found = {name: layer(x)[0].numpy() for name, layer in layers.items()}
weights = {f"{name}.{w}": t for name, layer in layers.items() for w, t in layer.state_dict().items()}
save_file(weights, here / "torch_rnn.safetensors")
numpy.savez(here / "torch_rnn.npz", x=x.numpy(), **found)
