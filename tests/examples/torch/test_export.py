"""Encoders of PyTorch's own modules, exported by both of its ONNX exporters: what the blob gives is what the module gives."""

import logging
import tempfile
import unittest
import warnings
from pathlib import Path

import here
import numpy
import torch
from here import tern
from torch import nn
from torch.nn import functional as F

POSITIONS, FEATURES, WIDTH, HEADS, SAMPLES = 6, 10, 32, 4, 16


class Encoder(nn.Module):
    """A layer of `body` between an embedding and a mean of positions."""

    def __init__(self, body):
        super().__init__()
        self.embed, self.body, self.head = nn.Linear(FEATURES, WIDTH), body, nn.Linear(WIDTH, 5)
        self.positions = nn.Parameter(torch.randn(1, POSITIONS, WIDTH))

    def forward(self, x):
        return self.head(self.body(self.embed(x) + self.positions).mean(1))


def layers(norm_first, activation):
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 64, batch_first=True, norm_first=norm_first, activation=activation)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


class SelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(WIDTH), nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)

    def forward(self, x):
        y = self.norm(x)
        return x + self.attention(y, y, y, need_weights=False)[0]


def heads_of(x):
    return x.unflatten(2, (HEADS, -1)).transpose(1, 2)


class Gated(nn.Module):
    """As Llama's layers: RMSNorm, three matrices, SwiGLU."""

    def __init__(self):
        super().__init__()
        self.norm = nn.RMSNorm(WIDTH)
        self.q, self.k, self.v, self.o = (nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(4))
        self.gate, self.up, self.down = nn.Linear(WIDTH, 64), nn.Linear(WIDTH, 64), nn.Linear(64, WIDTH)

    def forward(self, x):
        y = self.norm(x)
        attended = F.scaled_dot_product_attention(*(heads_of(part(y)) for part in (self.q, self.k, self.v)))
        x = x + self.o(attended.transpose(1, 2).flatten(2))
        y = self.norm(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


class BitLinear(nn.Linear):
    """As the code that BitNet's authors published has it (arXiv 2402.17764): RMSNorm, codes of 8 bits by position, ternary weights."""

    def forward(self, x):
        x = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)
        by = 127 / x.abs().max(dim=-1, keepdim=True).values.clamp_(min=1e-5)
        codes = (x * by).round().clamp_(-128, 127) / by
        scale = 1 / self.weight.abs().mean().clamp_(min=1e-5)
        ternary = (self.weight * scale).round().clamp_(-1, 1) / scale
        return F.linear(x + (codes - x).detach(), self.weight + (ternary - self.weight).detach(), self.bias)


class TimmBlock(nn.Module):
    """As timm's vision transformers: one matrix for queries, keys and values."""

    def __init__(self, linear):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH, eps=1e-6), nn.LayerNorm(WIDTH, eps=1e-6)
        self.qkv, self.proj = linear(WIDTH, 3 * WIDTH), linear(WIDTH, WIDTH)
        self.fc1, self.fc2 = linear(WIDTH, 64), linear(64, WIDTH)

    def forward(self, x):
        n, t, c = x.shape
        q, k, v = self.qkv(self.norm1(x)).reshape(n, t, 3, HEADS, c // HEADS).permute(2, 0, 3, 1, 4).unbind(0)
        weights = (q * (c // HEADS) ** -0.5 @ k.transpose(-2, -1)).softmax(-1)
        x = x + self.proj((weights @ v).transpose(1, 2).reshape(n, t, c))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


BODIES = {
    "norms behind, ReLU": lambda: layers(False, "relu"),
    "norms before, GELU": lambda: layers(True, "gelu"),
    "nn.MultiheadAttention": SelfAttention,
    "RMSNorm and SwiGLU": Gated,
    "timm": lambda: TimmBlock(nn.Linear),
    "timm of BitLinears": lambda: TimmBlock(BitLinear),
}
ONLY_NEW = {"RMSNorm and SwiGLU"}
"""The older exporter knows no RMSNorm."""


def export(network, x, path, is_new):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if is_new:
            batch = ({0: torch.export.Dim("batch")},)
            torch.onnx.export(network, (x[:2],), path, dynamo=True, external_data=False, dynamic_shapes=batch, verbose=False)
        else:
            torch.onnx.export(network, (x[:2],), path, dynamo=False, input_names=["x"], dynamic_axes={"x": {0: "batch"}})


class Exports(unittest.TestCase):
    def test_blobs_answer_as_the_modules_do(self):
        logging.disable()
        for name, body in BODIES.items():
            for is_new in (False, True):
                if name in ONLY_NEW and not is_new:
                    continue
                with self.subTest(name, is_new=is_new), tempfile.TemporaryDirectory() as folder:
                    torch.manual_seed(0)
                    folder, network = Path(folder), Encoder(body()).eval()
                    x = torch.randn(SAMPLES, POSITIONS, FEATURES)
                    export(network, x, folder / "net.onnx", is_new)
                    with torch.no_grad():
                        numpy.save(folder / "expected.npy", network(x).numpy())
                    numpy.save(folder / "x.npy", x.numpy())
                    tern(folder, "convert", "net.onnx", "--weights", "float", "-o", "net.tern")
                    found = tern(folder, "verify", "net.tern", "net.onnx", "--inputs", "x.npy", "--expected", "expected.npy", "--engine", "v8")
                    self.assertIn("all within 0.0001", found)


if __name__ == "__main__":
    unittest.main()
