"""A network described by hand (docs/arch.md), as modules of torch. The sizes of weights are those that the file says: `outputs`, `kernel`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import layers
from layers import ClassToken, Positions, QuantConv2d, QuantDense, Quantize, ShiftBatchNorm, Sign, WeightQuantizer


LEAST_GAMMA = 2.0**-6
"""Of a batch norm behind a max pool."""


_OTHERS = {"add": ("with",), "multiply": ("with",), "attention": ("keys", "values")}
"""Fields that name further inputs of a layer."""


class ArchError(ValueError):
    """What is wrong with a network, and where in its file."""


@dataclass(frozen=True)
class Options:
    """How a network is trained, which its file does not say."""

    float_twin: bool = False
    """Weights as they are; ReLU in place of unsigned quantizers, hard tanh in place of signs, nothing in place of signed ones."""
    stochastic: bool = False
    """Signs are drawn in training."""
    shift_norm: bool = False
    """Batch norms are `ShiftBatchNorm`."""


class Network(nn.Module):
    """The modules of an arch file. Takes real numbers (N, *shape), gives the result of its last layer."""

    def __init__(self, arch: dict, options: Options = Options()):
        super().__init__()
        self.arch, self.options = arch, options
        shape = tuple(_field(arch["input"], "shape", "input"))
        if arch["input"].get("layout", "chw") != "chw":
            raise ArchError('input.layout: found "hwc", expected "chw", which PyTorch has')
        self.input_shape = shape
        self.steps: list[_Step] = []
        self.parts = nn.ModuleList()
        input_name = arch["input"].get("name", "input")
        shapes = {input_name: shape}
        quantizer = arch["input"].get("quantizer")
        last = input_name
        # the codes of the input are those of the network's float twin, too
        self.input_quantizer = _quantize(quantizer, (), "input.quantizer", Options()) if quantizer else nn.Identity()
        for i, layer in enumerate(arch["layers"]):
            path = f"layers[{i}]"
            op = _field(layer, "op", path)
            name = layer.get("name", f"{op}_{i}")
            if name in shapes:
                raise ArchError(f'{path}.name: found "{name}" again, expected another')
            source = layer.get("from", last)
            others = [layer[field] for field in _OTHERS.get(op, ()) if field in layer]
            for each in (source, *others):
                if each not in shapes:
                    raise ArchError(f'{path}: found no layer "{each}" before it, expected one of {", ".join(shapes)}')
            if op not in _OPS:
                raise ArchError(f'{path}.op: found "{op}", expected one of {", ".join(_OPS)}')
            module = _OPS[op](layer, shapes[source], path, options)
            self.parts.append(module)
            self.steps.append(_Step(name, op, (source, *others)))
            with torch.no_grad():
                module.eval()
                shapes[name] = tuple(module(*(torch.zeros(1, *shapes[each]) for each in (source, *others))).shape[1:])
                module.train()
            last = name
        self.input_name, self.output_shape = input_name, shapes[last]

    def forward(self, x: Tensor, products: list[Tensor] | None = None) -> Tensor:
        """The result; those of layers multiply go into `products`."""
        results = {self.input_name: self.input_quantizer(x)}
        for step, module in zip(self.steps, self.parts):
            last = module(*(results[source] for source in step.sources))
            if products is not None and step.op == "multiply":
                products.append(last)
            results[step.name] = last
        return last

    @torch.no_grad()
    def constrain(self) -> None:
        """What holds after each step of the optimizer: latent binary weights lie in [-1, 1], and a batch norm behind a max pool falls in no channel,
        since the pool is then computed behind the next quantizer."""
        layers.clip_weights(self)
        ops = {step.name: step.op for step in self.steps}
        for step, module in zip(self.steps, self.parts):
            if step.op == "batch_norm" and ops.get(step.sources[0]) == "maxpool":
                module.weight.clamp_(min=LEAST_GAMMA)

    def tensors(self) -> dict[str, Tensor]:
        """What a file of weights holds, by the names that the arch file gives: float32, latent weights unquantized."""
        found: dict[str, Tensor] = {}
        for i, (step, module, layer) in enumerate(zip(self.steps, self.parts, self.arch["layers"])):
            names = layer.get("tensors", {})

            def put(key: str, usual: str, tensor: Tensor | None) -> None:
                if tensor is not None and names.get(key) is not False:
                    found[names.get(key, f"{step.name}.{usual}")] = tensor.detach().float()

            if isinstance(module, (QuantDense, QuantConv2d)):
                put("weight", "weight", module.weight)
                put("bias", "bias", module.bias)
            elif isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, ShiftBatchNorm)):
                is_shift = isinstance(module, ShiftBatchNorm)
                put("weight", "weight", layers.ap2(module.weight) if is_shift else module.weight)
                put("bias", "bias", module.bias)
                put("mean", "running_mean", module.running_mean)
                if "inverse_deviation" in names:
                    inverse = module.inverse_deviation(module.running_var) if is_shift else torch.rsqrt(module.running_var + module.eps)
                    put("inverse_deviation", "", inverse)
                elif is_shift:
                    raise ArchError(f"layers[{i}]: its deviation is a power of two, expected a name for it, tensors.inverse_deviation")
                else:
                    put("variance", "running_var", module.running_var)
            elif isinstance(module, (nn.LayerNorm, nn.RMSNorm)):
                put("weight", "weight", module.weight)
                put("bias", "bias", getattr(module, "bias", None))
            elif isinstance(module, ClassToken):
                put("token", "token", module.token)
            elif isinstance(module, Positions):
                put("embedding", "embedding", module.embedding)
            elif isinstance(module, Quantize) and isinstance(module.scale, nn.Parameter):
                found[layer["scale"]["tensor"]] = module.scale.detach().float()
            elif isinstance(module, _Bias):
                put("bias", "bias", module.bias)
        return found


def read_arch(path: str | Path) -> dict:
    """The content of an arch file. Raises ArchError where it is no JSON of a network."""
    try:
        arch = json.loads(Path(path).read_text())
    except ValueError as error:
        raise ArchError(f"{path}: {error}") from None
    if not (isinstance(arch, dict) and isinstance(arch.get("layers"), list) and isinstance(arch.get("input"), dict)):
        raise ArchError(f'{path}: found no network, expected an object with "input" and "layers"')
    return arch


@dataclass(frozen=True)
class _Step:
    name: str
    op: str
    sources: tuple[str, ...]


def _field(layer: dict, name: str, path: str):
    if name not in layer:
        raise ArchError(f"{path}.{name}: found nothing, and training needs it")
    return layer[name]


def _pair(value: int | list[int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)


def _number(value: float | str) -> float:
    """A number, or a quotient such as "1/255"."""
    if isinstance(value, str):
        above, below = value.split("/")
        return float(above) / float(below)
    return float(value)


def _pads(padding, size: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int]) -> tuple[int, int, int, int]:
    """Top, left, bottom, right."""
    if padding == "valid":
        return 0, 0, 0, 0
    if padding == "same":
        total = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(size, kernel, stride)]
        return total[0] // 2, total[1] // 2, -(-total[0] // 2), -(-total[1] // 2)
    if isinstance(padding, int):
        return (padding,) * 4
    return tuple(padding) if len(padding) == 4 else (*padding, *padding)


_MEASURED = {"ternary": "absmean", "binary": 1.0}


def _weights(layer: dict, path: str, options: Options) -> WeightQuantizer | None:
    """The quantizer of a layer's weights, with what it leaves open as docs/arch.md fills it in."""
    if "weights" not in layer or options.float_twin:
        return None
    given = layer["weights"]
    given = given if isinstance(given, dict) else {"as": given}
    kind = given["as"]
    if kind not in ("ternary", "binary", 2, 3, 4, 8):
        raise ArchError(f'{path}.weights: found "{kind}", expected "ternary", "binary", 2, 3, 4 or 8')
    scale = given.get("scale", _MEASURED.get(kind, "absmax"))
    if isinstance(scale, dict):
        raise ArchError(f"{path}.weights.scale: found the name of a tensor, expected a number or a measure")
    return WeightQuantizer(kind, scale if scale in ("absmean", "absmax") else _number(scale), given.get("per", "tensor"))


class _Bias(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias.reshape(-1, *[1] * (x.dim() - 2))


class _Function(nn.Module):
    """A layer without parameters."""

    def __init__(self, function: Callable[..., Tensor]):
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.function(*inputs)


def _has_bias(layer: dict) -> bool:
    """A layer has a bias where its tensors name one: batch norms have their own."""
    return bool(layer.get("tensors", {}).get("bias", False))


def _dense(layer: dict, shape: tuple[int, ...], path: str, options: Options) -> nn.Module:
    if len(shape) == 3:
        raise ArchError(f"{path}: its input is a picture {list(shape)}, expected a vector: a layer flatten before it, or tokens")
    outputs = _field(layer, "outputs", path)
    activations = None if options.float_twin else layer.get("activations")
    return QuantDense(shape[-1], outputs, _weights(layer, path, options), _has_bias(layer), options.stochastic, activations)


def _convolution(groups_of: Callable[[dict, int], int]):
    def build(layer: dict, shape: tuple[int, ...], path: str, options: Options) -> nn.Module:
        if len(shape) != 3:
            raise ArchError(f"{path}: its input is a vector {list(shape)}, expected a picture [channels, height, width]")
        kernel, stride = _pair(_field(layer, "kernel", path)), _pair(layer.get("stride", 1))
        dilation = _pair(layer.get("dilation", 1))
        reach = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation))
        return QuantConv2d(
            shape[0],
            _field(layer, "outputs", path),
            kernel,
            _weights(layer, path, options),
            _pads(layer.get("padding", 0), shape[1:], reach, stride),
            _has_bias(layer),
            options.stochastic,
            stride=stride,
            dilation=dilation,
            groups=groups_of(layer, shape[0]),
        )

    return build


def _batch_norm(layer: dict, shape: tuple[int, ...], path: str, options: Options) -> nn.Module:
    # docs/arch.md leaves epsilon away beside an inverse deviation, which holds it already
    epsilon = layer.get("epsilon", 1e-5)
    if options.shift_norm and not options.float_twin:
        return ShiftBatchNorm(shape[0], epsilon)
    return (nn.BatchNorm1d if len(shape) == 1 else nn.BatchNorm2d)(shape[0], epsilon)


def _quantize(layer: dict, shape: tuple[int, ...], path: str, options: Options) -> nn.Module:
    scale, signed = _field(layer, "scale", path), _field(layer, "signed", path)
    if options.float_twin:
        return nn.Identity() if signed else nn.ReLU()
    bits = _field(layer, "bits", path)
    # a learned scale begins where codes of unit variance, as batch norms give them, reach 3 deviations
    by = nn.Parameter(torch.tensor(3 / 2 ** (bits - signed))) if isinstance(scale, dict) else _number(scale)
    return Quantize(bits, signed, by, layer.get("zero", 0), layer.get("narrow", False))


def _sign(layer: dict, shape: tuple[int, ...], path: str, options: Options) -> nn.Module:
    return nn.Hardtanh() if options.float_twin else Sign(_number(layer.get("scale", 1)), options.stochastic)


def _pool(global_pool: Callable[[Tensor], Tensor], pool: Callable[..., Tensor], outside: float):
    def build(layer: dict, shape: tuple[int, ...], path: str, options: Options) -> nn.Module:
        kernel = _field(layer, "kernel", path)
        if kernel == "global":
            return _Function(global_pool)
        kernel = _pair(kernel)
        stride = _pair(layer.get("stride", kernel))
        top, left, bottom, right = _pads(layer.get("padding", 0), shape[1:], kernel, stride)
        if (top, left, bottom, right) == (0, 0, 0, 0):
            return _Function(lambda x: pool(x, kernel, stride))
        if pool is F.avg_pool2d and not layer.get("counts_padding"):
            raise ArchError(f"{path}.counts_padding: found false, expected true, or no padding")
        return _Function(lambda x: pool(F.pad(x, (left, right, top, bottom), value=outside), kernel, stride))

    return build


def _shortcut(layer: dict, shape: tuple[int, ...], path: str, options: Options) -> nn.Module:
    (rows, columns), channels = _pair(layer.get("stride", 1)), _field(layer, "channels", path)
    more = (channels - shape[0]) // 2
    return _Function(lambda x: F.pad(x[:, :, ::rows, ::columns], (0, 0, 0, 0, more, more)))


def _layer_norm(layer: dict, shape: tuple[int, ...], path: str, options: Options) -> nn.Module:
    return nn.LayerNorm(shape[-1], layer.get("epsilon", 1e-5))


def _rms_norm(layer: dict, shape: tuple[int, ...], path: str, options: Options) -> nn.Module:
    return nn.RMSNorm(shape[-1], layer.get("epsilon", 1e-5), elementwise_affine=layer.get("tensors", {}).get("weight") is not False)


def _sequence(build: Callable[[dict, int, int], nn.Module]):
    def checked(layer: dict, shape: tuple[int, ...], path: str, options: Options) -> nn.Module:
        if len(shape) != 2:
            raise ArchError(f"{path}: its input is {list(shape)}, expected a sequence [positions, channels]: a layer tokens before it")
        return build(layer, *shape)

    return checked


def _attention(layer: dict, positions: int, channels: int) -> nn.Module:
    heads = layer["heads"]
    if "keys" in layer:
        return _Function(lambda q, k, v: layers.attention(q, k, v, heads))
    return _Function(lambda x: layers.attention(*x.chunk(3, 2), heads))


_OPS: dict[str, Callable[[dict, tuple[int, ...], str, Options], nn.Module]] = {
    "dense": _dense,
    "conv2d": _convolution(lambda layer, channels: layer.get("groups", 1)),
    "depthwise": _convolution(lambda layer, channels: channels),
    "batch_norm": _batch_norm,
    "bias": lambda layer, shape, path, options: _Bias(shape[0]),
    "relu": lambda *_: nn.ReLU(),
    "sign": _sign,
    "quantize": _quantize,
    "maxpool": _pool(lambda x: x.amax((2, 3), keepdim=True), F.max_pool2d, float("-inf")),
    "avgpool": _pool(lambda x: x.mean((2, 3), keepdim=True), F.avg_pool2d, 0.0),
    "flatten": lambda *_: nn.Flatten(),
    "shortcut": _shortcut,
    "add": lambda *_: _Function(torch.add),
    "tokens": lambda *_: _Function(lambda x: x.flatten(2).transpose(1, 2)),
    "class_token": _sequence(lambda layer, positions, channels: ClassToken(channels)),
    "positions": _sequence(lambda layer, positions, channels: Positions(positions, channels)),
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "gelu": lambda layer, *_: nn.GELU(layer.get("approximate", "none")),
    "silu": lambda *_: nn.SiLU(),
    "relu2": lambda *_: _Function(lambda x: x.relu().square()),
    "multiply": lambda *_: _Function(torch.mul),
    "attention": _sequence(_attention),
    "mean": _sequence(lambda *_: _Function(lambda x: x.mean(1))),
    "pick": _sequence(lambda layer, *_: _Function(lambda x: x[:, layer["position"]])),
    "argmax": lambda *_: _Function(lambda x: x.argmax(1, keepdim=True)),
}
