"""Makes the files beside it with PyTorch and Brevitas, for brevitas.test.ts: python3 export.py

Made with torch 2.15.0, brevitas 0.13.4, onnx 1.23.2, onnxoptimizer 0.4.2 and onnxscript 0.7.2, out of PyPI.

Every network is trained for a moment, so that no scale and no batch norm is as it began, and exported in both ways that PyTorch has.
`python3 export.py --readme model.onnx` trains the network that the README shows instead, on the digits of TERN_DATA/mnist, and prints the share
of the official test digits that PyTorch gets right: `tern eval` must find the same, but for digits whose best scores tie.
"""

import gzip
import os
import re
import sys
import tempfile
from functools import partial
from pathlib import Path

import brevitas.quant as quant
import numpy as np
import onnx
import torch
from brevitas.export import export_qonnx
from brevitas.inject.enum import ScalingImplType, StatsOp
from brevitas.nn import QuantConv1d, QuantConv2d, QuantHardTanh, QuantIdentity, QuantLinear, QuantReLU, TruncAvgPool2d
from brevitas_examples.bnn_pynq.models.tensor_norm import TensorNorm
from torch import nn

HERE = Path(__file__).parent
PROJECT = HERE.parents[2]
SIDE, HIDDEN, CLASSES = 6, 16, 5
PICTURE = 3, 8, 8
ROWS = 48

ternary = quant.SignedTernaryWeightPerTensorConst.let(scaling_impl_type=ScalingImplType.STATS, scaling_stats_op=StatsOp.AVE)
sign = partial(QuantIdentity, act_quant=quant.SignedBinaryActPerTensorConst)
image = partial(QuantIdentity, bit_width=8, return_quant_tensor=True)
relu = partial(QuantReLU, bit_width=2)


class Centred(nn.Module):
    def forward(self, x):
        return 2 * x - 1


def centred_sign():
    return nn.Sequential(Centred(), sign())


def network(weights=ternary, act=relu, first=image, norm=True, last=None, **options):
    layers = [nn.Flatten(), first()]
    channels = SIDE * SIDE
    for _ in range(2):
        layers.append(QuantLinear(channels, HIDDEN, weight_quant=weights, **{"bias": False, **options}))
        layers += [nn.BatchNorm1d(HIDDEN)] if norm else []
        layers.append(act())
        channels = HIDDEN
    layers.append(QuantLinear(channels, CLASSES, weight_quant=weights, **{"bias": False, **options}))
    return nn.Sequential(*layers, *([last()] if last else []))


binary = quant.SignedBinaryWeightPerTensorConst
NETWORKS = {
    "ternary": lambda: network(),
    "ternary_per_channel": lambda: network(ternary.let(scaling_per_output_channel=True)),
    "ternary_codes": lambda: network(act=partial(QuantIdentity, act_quant=quant.SignedTernaryActPerTensorConst)),
    "binary": lambda: network(binary, act=sign, first=centred_sign, last=TensorNorm),
    "binary_weights": lambda: network(binary, act=partial(QuantReLU, bit_width=4)),
    "int4": lambda: network(quant.Int8WeightPerTensorFloat, weight_bit_width=4, bias=True),
    "int4_per_channel": lambda: network(quant.Int8WeightPerChannelFloat, weight_bit_width=4, last=partial(nn.Softmax, dim=1)),
    "int8": lambda: network(quant.Int8WeightPerTensorFloat, act=partial(QuantReLU, bit_width=8), last=partial(QuantIdentity, bit_width=8)),
    "fixed_point": lambda: network(
        quant.Int8WeightPerTensorFixedPoint,
        act=partial(QuantReLU, act_quant=quant.Uint8ActPerTensorFixedPoint, bit_width=4),
        weight_bit_width=3,
    ),
    "zero_points": lambda: network(
        quant.ShiftedUint8WeightPerTensorFloat,
        act=partial(QuantIdentity, act_quant=quant.ShiftedUint8ActPerTensorFloat, bit_width=4),
        weight_bit_width=4,
    ),
    "hard_tanh": lambda: network(act=partial(QuantHardTanh, bit_width=4, min_val=-1.0, max_val=1.0)),
    "quantized_bias": lambda: network(
        quant.Int8WeightPerTensorFloat,
        act=partial(QuantReLU, bit_width=4, return_quant_tensor=True),
        norm=False,
        weight_bit_width=4,
        bias=True,
        bias_quant=quant.Int32Bias,
    ),
    "one_bit_relu": lambda: network(act=partial(QuantReLU, bit_width=1)),
}

relu4 = partial(QuantReLU, bit_width=4, return_quant_tensor=True)
int8_per_channel = quant.Int8WeightPerChannelFloat


def conv(channels, outputs, kernel=3, weights=ternary, act=relu4, **options):
    options = {"bias": False, "padding": kernel // 2, **options}
    layers = [QuantConv2d(channels, outputs, kernel, weight_quant=weights, **options), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, *([act()] if act else []))


def classifier(features, weights=ternary):
    return nn.Sequential(nn.Flatten(), QuantLinear(features, CLASSES, weight_quant=weights, bias=False))


def vgg(weights=ternary, act=relu4, **options):
    part = partial(conv, weights=weights, act=act, **options)
    return nn.Sequential(image(), part(3, 6), part(6, 8), nn.MaxPool2d(2), part(8, 8), nn.MaxPool2d(2), classifier(32, weights))


class Block(nn.Module):
    """A residual block; both branches are quantized by one quantizer, or each by its own; or only the shortcut is."""

    def __init__(self, channels, outputs, stride, shared, bare=False):
        super().__init__()
        self.body = nn.Sequential(conv(channels, outputs, stride=stride), conv(outputs, outputs, act=None))
        self.shortcut = conv(channels, outputs, 1, act=None, stride=stride) if stride > 1 else nn.Identity()
        self.quant = QuantIdentity(bit_width=4, return_quant_tensor=shared)
        self.other = self.quant if shared else QuantIdentity(bit_width=6)
        self.act = relu4()
        self.bare = bare

    def forward(self, x):
        if self.bare:
            codes = x if isinstance(self.shortcut, nn.Identity) else self.other(self.shortcut(x))
            return self.act(values(codes) + values(self.body(x)))
        return self.act(self.quant(self.body(x)) + self.other(self.shortcut(x)))


def resnet(shared, bare=False):
    blocks = Block(6, 6, 1, shared, bare), Block(6, 8, 2, shared, bare)
    return nn.Sequential(image(), conv(3, 6), *blocks, nn.AvgPool2d(4), image(), classifier(8))


def separable():
    def pair(channels, outputs, stride):
        depthwise = conv(channels, 2 * channels, weights=int8_per_channel, groups=channels, stride=stride)
        return nn.Sequential(depthwise, conv(2 * channels, outputs, 1, int8_per_channel))

    return nn.Sequential(image(), conv(3, 6), pair(6, 6, 1), pair(6, 8, 2), nn.AvgPool2d(4), image(), classifier(8))


class OneDimensional(nn.Module):
    """Of the picture's columns, one behind the other."""

    def __init__(self):
        super().__init__()
        part = lambda channels, outputs, kernel, **options: nn.Sequential(
            QuantConv1d(channels, outputs, kernel, weight_quant=ternary, bias=False, **options),
            nn.BatchNorm1d(outputs),
            relu4(),
        )
        self.layers = nn.Sequential(
            image(), part(3, 8, 9, stride=2, padding=4), nn.MaxPool1d(2), part(8, 8, 3, dilation=2), classifier(8 * 12)
        )

    def forward(self, x):
        return self.layers(x)


def padded():
    first = nn.Sequential(image(), nn.ZeroPad2d((0, 1, 0, 1)), conv(3, 6, stride=2, padding=0))
    return nn.Sequential(first, nn.ZeroPad2d(1), nn.MaxPool2d(3, 2), conv(6, 8), classifier(32))


class Upsampling(nn.Module):
    """Half of the size and back, joined with what was before."""

    def __init__(self):
        super().__init__()
        self.first, self.down = nn.Sequential(image(), conv(3, 6)), conv(6, 6, stride=2)
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")
        self.quant = QuantIdentity(bit_width=4, signed=False)
        self.last = nn.Sequential(conv(12, 4), nn.MaxPool2d(4), classifier(16))

    def forward(self, x):
        x = self.first(x)
        return self.last(self.quant(torch.cat([values(x), self.upsample(values(self.down(x)))], 1)))


CONVOLUTIONAL = {
    "vgg": lambda: vgg(),
    "vgg_binary": lambda: vgg(binary, sign),
    "vgg_int4": lambda: vgg(int8_per_channel, weight_bit_width=4, bias=True),
    "resnet": lambda: resnet(shared=True),
    "resnet_unequal": lambda: resnet(shared=False),
    "separable": separable,
    "one_dimensional": OneDimensional,
    "padded": padded,
    "upsampling": Upsampling,
    "resnet_bare": lambda: resnet(shared=False, bare=True),
    "truncated": lambda: nn.Sequential(image(), conv(3, 8), TruncAvgPool2d(4, 4, bit_width=4), classifier(32)),
}


def values(result):
    return result.value if hasattr(result, "value") else result


def train(model, images, labels, epochs, batch, rate):
    optimizer = torch.optim.Adam(model.parameters(), rate)
    model.train()
    for _ in range(epochs):
        for chosen in torch.randperm(len(images)).split(batch):
            optimizer.zero_grad()
            nn.functional.cross_entropy(values(model(images[chosen])), labels[chosen]).backward()
            optimizer.step()
    model.eval()


def scores(model, images):
    with torch.no_grad():
        return torch.cat([values(model(part)) for part in images.split(1000)])


def export(model, shape, path, **way):
    with tempfile.TemporaryDirectory() as folder:  # the newer way leaves a second file
        out = os.path.join(folder, "model.onnx")
        export_qonnx(model, torch.rand(1, *shape), export_path=out, **way)
        file = onnx.load(out)
    for part in [file.graph, *file.graph.node]:
        del part.metadata_props[:]  # stack traces, and what the exporter was given
    onnx.save(file, path)


def make_files():
    torch.manual_seed(0)
    pixels = torch.randint(0, 256, (400, 1, SIDE, SIDE), dtype=torch.uint8)
    images = pixels.float() / 255
    labels = ((images.flatten(1) - 0.5) @ torch.randn(SIDE * SIDE, CLASSES)).argmax(1)
    np.save(HERE / "pixels.npy", pixels[:ROWS].numpy())
    make_networks(NETWORKS, images, labels)

    pictures = torch.randint(0, 256, (400, *PICTURE), dtype=torch.uint8)
    images = pictures.float() / 255
    labels = ((images.flatten(1) - 0.5) @ torch.randn(images[0].numel(), CLASSES)).argmax(1)
    np.save(HERE / "pictures.npy", pictures[:ROWS].numpy())
    for name, make in CONVOLUTIONAL.items():
        lines = name == "one_dimensional"
        make_networks({name: make}, images.flatten(2) if lines else images, labels)


def make_networks(networks, images, labels):
    for name, make in networks.items():
        torch.manual_seed(1)
        model = make()
        train(model, images, labels, epochs=8, batch=50, rate=1e-2)
        right = (scores(model, images).argmax(1) == labels).float().mean()
        np.save(HERE / f"{name}.scores.npy", scores(model, images[:ROWS]).numpy())
        export(model, images.shape[1:], HERE / f"{name}.onnx", dynamo=False)
        export(model, images.shape[1:], HERE / f"{name}.dynamo.onnx", dynamo=True)
        print(f"{name}: {right:.1%} right")


def read_idx(name):
    with gzip.open(Path(os.environ.get("TERN_DATA", PROJECT.parent / "shared/data")) / "mnist" / f"{name}.gz") as file:
        data = file.read()
    sizes = [int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(data[3])]
    return torch.tensor(np.frombuffer(data, np.uint8, offset=4 + 4 * len(sizes)).reshape(sizes).copy())


def train_readme(path):
    code = re.search(r"```python\n(.*?)```", (PROJECT / "README.md").read_text(), re.DOTALL)[1]
    before, after = code.split("# ... train ...")
    scope = {}
    exec(before, scope)
    image_sets = [read_idx(f"{name}-images-idx3-ubyte")[:, None].float() / 255 for name in ("train", "t10k")]
    label_sets = [read_idx(f"{name}-labels-idx1-ubyte").long() for name in ("train", "t10k")]
    train(scope["model"], image_sets[0], label_sets[0], epochs=1, batch=128, rate=1e-3)
    right = (scores(scope["model"], image_sets[1]).argmax(1) == label_sets[1]).float().mean()
    exec(after.replace('"model.onnx"', repr(path)), scope)
    print(f"{path}: {right:.2%} right")


if sys.argv[1:2] == ["--readme"]:
    train_readme(sys.argv[2])
else:
    make_files()
