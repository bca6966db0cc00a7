"""Layers for networks of binary, ternary and low-bit weights and activations. Copy this file into your own training; it needs torch alone.

BNN is Hubara et al., Binarized Neural Networks, arXiv 1602.02830. A quantizer gives real numbers, code times scale. Rounding is half to even and
sign(0) is +1, as in the converted network. Gradients pass quantizers by the straight-through estimator: as if nothing was rounded.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Callable, Iterable, Literal, Union

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Straight-through estimators


class _Round(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        return torch.round(x)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return gradient


class _Grid(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, scale: float) -> Tensor:
        return x.div(scale).round_().mul_(scale)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


class _Replace(torch.autograd.Function):
    """The value of `hard`; the gradient goes to `soft` where |soft| <= 1."""

    @staticmethod
    def forward(ctx, soft: Tensor, hard: Tensor) -> Tensor:
        ctx.save_for_backward(soft)
        return hard

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        (soft,) = ctx.saved_tensors
        return gradient * (soft.abs() <= 1), None


class _AP2(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        mantissa, exponent = torch.frexp(x)
        # |x| = mantissa · 2^exponent with mantissa in [1/2, 1): log2 of it rounds up above √(1/2), whose square f64 holds exactly
        exponent = torch.where(mantissa.double().square() > 0.5, exponent, exponent - 1)
        return torch.ldexp(torch.sign(x), exponent)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return gradient


def round_through(x: Tensor) -> Tensor:
    """x rounded half to even; the gradient passes unchanged (Bengio et al., arXiv 1308.3432)."""
    return _Round.apply(x)


def binarize(x: Tensor) -> Tensor:
    """+1 where x >= 0, else -1; the gradient passes where |x| <= 1 (BNN, equations 1 and 4)."""
    return _Replace.apply(x, torch.where(x >= 0, 1.0, -1.0).to(x.dtype))


def binarize_stochastic(x: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """+1 with probability clip((x + 1) / 2, 0, 1), else -1; the gradient passes where |x| <= 1 (BNN, equations 2 to 4).

    Its mean is the hard tanh of x. For training alone: networks are evaluated with `binarize`.
    """
    chance = ((x.detach() + 1) / 2).clamp(0, 1)
    draw = torch.rand(x.shape, generator=generator, dtype=x.dtype, device=x.device)
    return _Replace.apply(x, torch.where(draw < chance, 1.0, -1.0).to(x.dtype))


def ap2(x: Tensor) -> Tensor:
    """The power of two next to x, sign(x) · 2^round(log2 |x|), and 0 for 0 (BNN, section 1.3). The gradient passes unchanged.

    Times ap2(x) is a shift. The ratio ap2(x) / x lies in [1/√2, √2]; that of the highest bit, which BNN suggests in its place, in (1/2, 1].
    """
    return _AP2.apply(x)


# Weights


@dataclass(frozen=True)
class WeightQuantizer:
    """What becomes of weights, as an arch file says it: docs/arch.md, "Weights".

    `scale` is measured over the whole tensor or over each output channel (the first axis), or it is the number that is given. It takes no gradient.
    """

    kind: Literal["ternary", "binary", 2, 3, 4, 8]
    scale: Union[Literal["absmean", "absmax"], float]
    per: Literal["tensor", "channel"] = "tensor"

    @property
    def limit(self) -> int:
        """The greatest code."""
        return 1 if self.kind in ("ternary", "binary") else 2 ** (int(self.kind) - 1) - 1

    def measure(self, weights: Tensor) -> Tensor:
        """The scale of weights (outputs, ...), in a shape that divides them. Weights that are all 0 have 1."""
        w = weights.detach()
        if isinstance(self.scale, (int, float)):
            return torch.tensor(float(self.scale), dtype=w.dtype, device=w.device)
        axes = tuple(range(1 if self.per == "channel" else 0, w.dim()))
        measured = w.abs().mean(axes, keepdim=True) if self.scale == "absmean" else w.abs().amax(axes, keepdim=True) / self.limit
        return torch.where(measured > 0, measured, 1.0)

    def __call__(self, weights: Tensor, stochastic: bool = False) -> Tensor:
        scale = self.measure(weights)
        if self.kind == "binary":
            return (binarize_stochastic(weights) if stochastic else binarize(weights)) * scale
        # no gradient ends at a limit of the codes: a weight beyond it may come back (BitNet b1.58, arXiv 2402.17764, and its FAQ)
        soft = weights / scale
        hard = soft.detach().round().clamp(-self.limit, self.limit)
        return (hard + (soft - soft.detach())) * scale


BINARY = WeightQuantizer("binary", 1.0)
"""BNN: ±1."""
TERNARY = WeightQuantizer("ternary", "absmean")
"""BitNet b1.58: -s, 0 or s, with s the mean of |w|."""


def low_bit(bits: Literal[2, 3, 4, 8], per: Literal["tensor", "channel"] = "channel") -> WeightQuantizer:
    """Symmetric codes of -(2^(bits - 1) - 1) up to as much, the greatest |w| on the greatest of them."""
    return WeightQuantizer(bits, "absmax", per)


class QuantDense(nn.Linear):
    """A dense layer (..., inputs) -> (..., outputs) whose latent weights are floats; None as quantizer computes with these.

    `stochastic` draws binary weights anew each time in training (BNN, equation 2). With `activations`, bits of the codes of its input (`quantize_rows`),
    and ternary weights it is BitNet's BitLinear (arXiv 2402.17764).
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        weights: WeightQuantizer | None,
        bias: bool = False,
        stochastic: bool = False,
        activations: Literal[8, 4] | None = None,
    ):
        super().__init__(inputs, outputs, bias)
        self.quantizer, self.stochastic, self.activations = weights, stochastic, activations
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        x = x if self.activations is None else quantize_rows(x, self.activations)
        return F.linear(x, _quantized(self), self.bias)


class QuantConv2d(nn.Conv2d):
    """A convolution (channels, height, width) -> (outputs, ...) with quantized weights, as `QuantDense`. Padding is 0, also between ±1.

    `pads` are top, left, bottom, right.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        kernel: tuple[int, int],
        weights: WeightQuantizer | None,
        pads: tuple[int, int, int, int] = (0, 0, 0, 0),
        bias: bool = False,
        stochastic: bool = False,
        **geometry,
    ):
        top, left, bottom, right = pads
        is_even = (top, left) == (bottom, right)
        super().__init__(channels, outputs, kernel, padding=(top, left) if is_even else 0, bias=bias, **geometry)
        self.uneven_pads = None if is_even else (left, right, top, bottom)
        self.quantizer, self.stochastic = weights, stochastic
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        if self.uneven_pads:
            x = F.pad(x, self.uneven_pads)
        return self._conv_forward(x, _quantized(self), self.bias)


QuantLayer = Union[QuantDense, QuantConv2d]


def _quantized(layer: QuantLayer) -> Tensor:
    if layer.quantizer is None:
        return layer.weight
    return layer.quantizer(layer.weight, layer.stochastic and layer.training)


def glorot_scale(layer: QuantLayer) -> float:
    """By what the rate of a layer's latent weights is multiplied: 1 / √(1.5 / (inputs + outputs)) (BinaryConnect, arXiv 1511.00363, section 2.5)."""
    inputs, outputs = nn.init._calculate_fan_in_and_fan_out(layer.weight)
    return 1 / math.sqrt(1.5 / (inputs + outputs))


@torch.no_grad()
def clip_weights(network: nn.Module) -> None:
    """Clips the latent weights of binary layers to [-1, 1], after each step of the optimizer (BNN, algorithm 1)."""
    for layer in network.modules():
        if isinstance(layer, (QuantDense, QuantConv2d)) and layer.quantizer and layer.quantizer.kind == "binary":
            layer.weight.clamp_(-1, 1)


# Activations


class Sign(nn.Module):
    """±scale; `stochastic` draws them in training (BNN, equation 2)."""

    def __init__(self, scale: float = 1.0, stochastic: bool = False):
        super().__init__()
        self.scale, self.stochastic = scale, stochastic

    def forward(self, x: Tensor) -> Tensor:
        signs = binarize_stochastic(x) if self.stochastic and self.training else binarize(x)
        return signs if self.scale == 1 else signs * self.scale


class Quantize(nn.Module):
    """Codes of so many bits, clip(round(x / scale) + zero), as the real numbers (code - zero) · scale.

    Codes are 0 … 2^bits - 1, or signed, then without the least if `narrow`. The gradient is that of the clip. A `scale` is fixed, or a parameter:
    one number or one per channel, learned with the gradient of LSQ (Esser et al., arXiv 1902.08153), scaled by 1 / √(numbers · greatest code).
    """

    def __init__(self, bits: int, signed: bool, scale: float | nn.Parameter, zero: int = 0, narrow: bool = False):
        super().__init__()
        self.low = (-(2 ** (bits - 1)) if signed else 0) + narrow
        self.high = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
        self.scale, self.zero = scale, zero

    def forward(self, x: Tensor) -> Tensor:
        scale, low, high = self.scale, self.low - self.zero, self.high - self.zero
        if not isinstance(scale, nn.Parameter):
            return _Grid.apply(F.hardtanh(x, low * scale, high * scale), scale)
        scale = _scaled_gradient(scale, 1 / math.sqrt(x[0].numel() / scale.numel() * max(self.high, 1)))
        scale = scale.reshape(-1, *[1] * (x.dim() - 2)) if scale.numel() > 1 else scale
        return round_through((x / scale).clamp(low, high)) * scale


def _scaled_gradient(x: Tensor, factor: float) -> Tensor:
    return x.detach() + (x - x.detach()) * factor


LEAST_ROW = 1e-5
"""The least that the greatest |x| of a position counts as (BitNet's code)."""


def quantize_rows(x: Tensor, bits: Literal[8, 4]) -> Tensor:
    """Codes round(x · n / max |x|) of each position (the last axis), n = 2^(bits - 1) - 1, as real numbers (BitNet b1.58, arXiv 2402.17764).

    The gradient passes unchanged, also at the greatest |x|.
    """
    scale = (2 ** (bits - 1) - 1) / x.detach().abs().amax(-1, keepdim=True).clamp(min=LEAST_ROW)
    return _Rows.apply(x, scale)


class _Rows(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, scale: Tensor) -> Tensor:
        return x.mul(scale).round_().div_(scale)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


# Sequences (N, positions, channels)


class ClassToken(nn.Module):
    """Puts a learned position before the others (ViT, Dosovitskiy et al., arXiv 2010.11929)."""

    def __init__(self, channels: int):
        super().__init__()
        self.token = nn.Parameter(torch.randn(1, 1, channels) * 0.02)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.token.expand(len(x), -1, -1), x], 1)


class Positions(nn.Module):
    """Adds a learned vector to each position (ViT)."""

    def __init__(self, positions: int, channels: int):
        super().__init__()
        self.embedding = nn.Parameter(torch.randn(1, positions, channels) * 0.02)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.embedding


def attention(queries: Tensor, keys: Tensor, values: Tensor, heads: int) -> Tensor:
    """softmax(Q K^T / √d) V of each head (Vaswani et al., arXiv 1706.03762), all of (N, positions, channels), without weights of its own."""
    q, k, v = (x.unflatten(2, (heads, -1)).transpose(1, 2) for x in (queries, keys, values))
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)


KL_BINS, KL_RANGE = 64, 4.0


def gaussian_divergence(x: Tensor) -> Tensor:
    """KL(x, standardised over the whole tensor ‖ N(0, 1)), the loss of the Activation Shaping Connection.

    Both distributions are taken in 64 bins of [-4, 4], the outermost open. A number counts in the two bins beside it, by how near their middles are, so
    that there is a gradient; the closed form for two normal distributions would be 0 whatever x is.
    """
    z = (x - x.mean()) / (x.std(correction=0) + 1e-5)
    width = 2 * KL_RANGE / KL_BINS
    at = ((z + KL_RANGE) / width - 0.5).clamp(0, KL_BINS - 1).flatten()
    low = at.detach().floor().clamp(max=KL_BINS - 2).long()
    high_share = at - low
    counts = torch.zeros(KL_BINS, dtype=x.dtype, device=x.device)
    counts = counts.index_add(0, low, 1 - high_share).index_add(0, low + 1, high_share)
    found = (counts / at.numel()).clamp(min=1e-12)
    edges = torch.linspace(-KL_RANGE, KL_RANGE, KL_BINS + 1, dtype=torch.float64, device=x.device)
    below = torch.special.ndtr(edges)
    below[0], below[-1] = 0, 1
    return (found * (found / below.diff().to(x.dtype)).log()).sum()


# Batch norm by shifts


class ShiftBatchNorm(nn.Module):
    """Batch norm of (N, channels, ...) whose products are shifts (BNN, algorithm 3): C = x - mean, variance = mean of C · ap2(C),
    y = ap2(weight) · C · ap2(1 / √(variance + epsilon)) + bias.

    Where the distribution is normal, the variance is 1.017 times the true one. The running statistics are those of `nn.BatchNorm2d`.
    """

    def __init__(self, channels: int, epsilon: float = 1e-4, momentum: float = 0.125):
        super().__init__()
        self.eps, self.momentum = epsilon, momentum
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        axes = (0, *range(2, x.dim()))
        column = (-1, *[1] * (x.dim() - 2))
        mean = x.mean(axes) if self.training else self.running_mean
        centred = x - mean.reshape(column)
        if self.training:
            variance = (centred * ap2(centred)).mean(axes)
            self.running_mean.lerp_(mean.detach(), self.momentum)
            self.running_var.lerp_(variance.detach(), self.momentum)
        else:
            variance = self.running_var
        factor = ap2(self.weight) * self.inverse_deviation(variance)
        return centred * factor.reshape(column) + self.bias.reshape(column)

    def inverse_deviation(self, variance: Tensor) -> Tensor:
        """The power of two next to 1 / √(variance + epsilon), per channel."""
        return ap2(1 / torch.sqrt(variance + self.eps))


# Loss and optimizer


def squared_hinge(scores: Tensor, labels: Tensor) -> Tensor:
    """Mean of max(0, 1 - t · score)² over samples and classes; t is +1 for the class of a sample, else -1 (BNN, section 2.1).

    Scores are (N, classes), labels N indices.
    """
    truth = 2 * F.one_hot(labels, scores.shape[1]).to(scores.dtype) - 1
    return (1 - truth * scores).clamp(min=0).square().mean()


LEAST_V = 2**-27
"""Keeps the reciprocal of the greatest gradient finite; that of the authors' program."""


class ShiftAdaMax(torch.optim.Optimizer):
    """AdaMax by shifts (BNN, algorithm 4): m = b1·m + (1 - b1)·g; v = max(b2·v, |g|); x -= ap2(rate / (1 - b1^t)) · m · ap2(1 / v).

    BNN names the rate 2^-10; the authors' program has 2^-6, with which networks learn in about as few epochs as with Adam.
    """

    def __init__(self, parameters: Iterable, lr: float = 2**-6, betas: tuple[float, float] = (1 - 2**-3, 1 - 2**-10)):
        super().__init__(parameters, dict(lr=lr, betas=betas))

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> None:
        if closure is not None:
            raise ValueError("ShiftAdaMax.step takes no closure")
        for group in self.param_groups:
            first, second = group["betas"]
            for x in group["params"]:
                if x.grad is None:
                    continue
                state = self.state[x]
                if not state:
                    state.update(step=0, m=torch.zeros_like(x), v=torch.zeros_like(x))
                state["step"] += 1
                state["m"].mul_(first).add_(x.grad, alpha=1 - first)
                torch.maximum(state["v"].mul_(second), x.grad.abs(), out=state["v"])
                rate = float(ap2(torch.tensor(group["lr"] / (1 - first ** state["step"]), dtype=torch.float64)))
                x.sub_(rate * state["m"] * ap2(1 / (state["v"] + LEAST_V)))
