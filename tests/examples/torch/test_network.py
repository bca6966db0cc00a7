"""Networks of arch files: what their modules compute is what the converted network computes."""

import json
import tempfile
import unittest
from pathlib import Path

import here
import torch
from data import write_npy
from here import tern
from layers import QuantConv2d, QuantDense
from network import ArchError, Network, Options, read_arch
from torch import nn
from weights_file import write_safetensors

PIXELS = {"bits": 8, "signed": False, "scale": "1/255"}
CODES = {"op": "quantize", "bits": 4, "signed": False, "scale": "1/16"}


def dense(name, outputs, weights, **fields):
    return {"op": "dense", "name": name, "outputs": outputs, "weights": weights, **fields}


def conv(name, outputs, weights, kernel=3, **fields):
    return {"op": "conv2d", "name": name, "outputs": outputs, "kernel": kernel, "weights": weights, **fields}


def norm(name, **fields):
    return {"op": "batch_norm", "name": name, **fields}


FLATTEN = {"op": "flatten"}
POOL = {"op": "maxpool", "kernel": 2}
SHIFTED = {"tensors": {"inverse_deviation": "an.inverse"}}

MEAN = {"op": "avgpool", "kernel": "global"}
NETWORKS = {
    "binary dense": ([FLATTEN, dense("a", 33, "binary"), norm("an"), {"op": "sign"}, dense("b", 5, "binary"), norm("bn")], Options()),
    "ternary dense": ([FLATTEN, dense("a", 16, "ternary"), norm("an"), CODES, dense("b", 5, "ternary"), norm("bn")], Options()),
    "low-bit dense, a learned scale": (
        [FLATTEN, dense("a", 16, {"as": 3, "per": "channel"}), norm("an"), {**CODES, "scale": {"tensor": "s"}}, dense("b", 5, 2)],
        Options(),
    ),
    "binary convolution": (
        [conv("a", 8, "binary", padding=1), POOL, norm("an"), {"op": "sign"}]
        + [conv("b", 4, "binary"), norm("bn"), {"op": "sign"}, FLATTEN, dense("c", 5, "binary")],
        Options(),
    ),
    "ternary convolution": (
        [conv("a", 8, "ternary", padding="same"), norm("an"), CODES, POOL]
        + [conv("b", 16, 4, kernel=2, stride=[2, 1]), norm("bn"), CODES, FLATTEN, dense("c", 5, "ternary")],
        Options(),
    ),
    "depthwise and mean": (
        [conv("a", 8, "ternary"), norm("an"), CODES, {**conv("b", 8, 4, padding=1), "op": "depthwise"}, norm("bn"), CODES]
        + [MEAN, {**CODES, "bits": 8, "scale": "1/64"}, FLATTEN, dense("c", 5, 8)],
        Options(),
    ),
    "residual": (
        [conv("a", 8, "ternary", padding=1), norm("an"), {**CODES, "name": "x"}, conv("b", 8, "ternary", padding=1), norm("bn")]
        + [{**CODES, "name": "y", "signed": True}, {"op": "add", "with": "x"}, {"op": "relu"}, CODES, FLATTEN, dense("c", 5, "ternary")],
        Options(),
    ),
    "batch norm by shifts": (
        [FLATTEN, dense("a", 16, "binary"), norm("an", **SHIFTED), {"op": "sign"}, dense("b", 5, "binary")],
        Options(shift_norm=True),
    ),
}
SAMPLES = 200


def arch_of(layers):
    return {"name": "net", "input": {"name": "pixels", "shape": [1, 8, 8], "quantizer": PIXELS}, "layers": layers}


def trained(arch, options):
    """A network as if it had been trained: statistics that fit, batch norms that fall in some channels and are constant in one."""
    torch.manual_seed(1)
    network = Network(arch, options)
    for _ in range(20):
        network(torch.randint(0, 256, (64, 1, 8, 8)) / 255)
    ops = {step.name: step.op for step in network.steps}
    for step, module in zip(network.steps, network.parts):
        if step.op == "batch_norm":
            module.weight.data = torch.randn(len(module.weight))
            module.bias.data = torch.randn(len(module.bias)) / 2
            if ops.get(step.sources[0]) != "maxpool":
                module.weight.data[0] = 0
    network.constrain()
    return network.eval()


BIT = {"weights": "ternary", "activations": 8}
ENCODER = [
    {**conv("patches", 12, None, kernel=4, stride=4), "tensors": {"bias": "patches.bias"}},
    {"op": "tokens"},
    {"op": "class_token", "name": "class"},
    {"op": "positions", "name": "x"},
    {"op": "layer_norm", "name": "n1"},
    {**dense("qkv", 36, **BIT), "tensors": {"bias": "qkv.bias"}},
    {"op": "attention", "heads": 3},
    dense("proj", 12, **BIT),
    {"op": "add", "name": "y", "with": "x"},
    {"op": "rms_norm", "name": "n2"},
    dense("fc1", 24, **BIT),
    {"op": "gelu", "name": "gate"},
    {**dense("up", 24, **BIT), "from": "n2"},
    {"op": "multiply", "with": "gate"},
    {**dense("fc2", 12, **BIT), "activations": 4},
    {"op": "add", "with": "y"},
    {"op": "mean"},
    dense("head", 5, None),
]


class Encoders(unittest.TestCase):
    def test_blobs_answer_as_the_modules_do(self):
        layers = [{field: value for field, value in layer.items() if value is not None} for layer in ENCODER]
        arch = {"input": {"name": "x0", "shape": [1, 8, 8]}, "layers": layers}
        torch.manual_seed(4)
        network = Network(arch).eval()
        with torch.no_grad(), tempfile.TemporaryDirectory() as folder:
            for parameter in network.parameters():
                parameter.add_(torch.randn_like(parameter) / 4)
            folder = Path(folder)
            write_safetensors(folder / "weights.safetensors", network.tensors())
            (folder / "net.json").write_text(json.dumps(arch))
            pixels = torch.randint(0, 256, (SAMPLES, 1, 8, 8), dtype=torch.uint8)
            write_npy(folder / "images.npy", pixels)
            options = ("--arch", "net.json", "--weights", "float", "--input-scale", "1/255")
            tern(folder, "convert", "weights.safetensors", *options, "-o", "net.tern")
            (output,) = json.loads(tern(folder, "run", "net.tern", "images.npy", "--json"))["outputs"]
            found = torch.tensor(output["scores"]).reshape(SAMPLES, -1)
            difference = (found - network(pixels.float() / 255)).abs().amax(1)
            self.assertLess(float(difference.median()), 1e-5)  # of some pictures a number beside the border of two codes falls to the other side

    def test_products_are_given_where_they_are_asked_for(self):
        layers = [{field: value for field, value in layer.items() if value is not None} for layer in ENCODER]
        products = []
        Network({"input": {"shape": [1, 8, 8]}, "layers": layers})(torch.rand(2, 1, 8, 8), products)
        self.assertEqual([tuple(each.shape) for each in products], [(2, 5, 24)])

    def test_a_sequence_is_expected(self):
        for layer in ({"op": "mean"}, {"op": "attention", "heads": 1}, {"op": "positions"}):
            with self.subTest(layer["op"]), self.assertRaisesRegex(ArchError, "expected a sequence"):
                Network(arch_of([layer]))


class Networks(unittest.TestCase):
    def test_blobs_answer_as_the_modules_do(self):
        for name, (layers, options) in NETWORKS.items():
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                folder, arch = Path(folder), arch_of(layers)
                network = trained(arch, options)
                write_safetensors(folder / "weights.safetensors", network.tensors())
                (folder / "net.json").write_text(json.dumps(arch))
                pixels = torch.randint(0, 256, (SAMPLES, 1, 8, 8), dtype=torch.uint8)
                write_npy(folder / "images.npy", pixels)
                tern(folder, "convert", "weights.safetensors", "--arch", "net.json", "-o", "net.tern")
                (output,) = json.loads(tern(folder, "run", "net.tern", "images.npy", "--json"))["outputs"]
                found = torch.tensor(output["scores"], dtype=torch.float64).reshape(SAMPLES, -1)
                with torch.no_grad():
                    expected = network.double()(pixels.double() / 255)
                self.assertGreater(float(expected.std(0).median()), 0)
                torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)

    def test_the_float_twin_has_no_quantizers(self):
        twin = Network(arch_of(NETWORKS["ternary convolution"][0]), Options(float_twin=True))
        self.assertEqual({type(part) for part in twin.parts} & {QuantDense, QuantConv2d, nn.ReLU}, {QuantDense, QuantConv2d, nn.ReLU})
        self.assertTrue(all(part.quantizer is None for part in twin.parts if isinstance(part, (QuantDense, QuantConv2d))))

    def test_batch_norms_behind_a_max_pool_rise(self):
        network = Network(arch_of(NETWORKS["binary convolution"][0]))
        norms = [part for part in network.parts if isinstance(part, nn.BatchNorm2d)]
        for part in norms:
            part.weight.data.fill_(-1)
        network.constrain()
        self.assertGreater(norms[0].weight[0].item(), 0)
        self.assertEqual(norms[1].weight[0].item(), -1)

    def test_what_is_wrong_with_an_arch_file_is_said(self):
        for layers, message in (
            ([{"op": "lstm"}], r'layers\[0\].op: found "lstm"'),
            ([dense("a", 3, "ternary"), FLATTEN], "expected a vector"),
            ([FLATTEN, {"op": "dense", "name": "a", "weights": "ternary"}], r"layers\[1\].outputs: found nothing"),
            ([FLATTEN, dense("a", 3, 5)], 'weights: found "5"'),
            ([FLATTEN, dense("a", 3, 4), dense("a", 3, 4)], 'found "a" again'),
            ([{"op": "add", "with": "b"}], 'no layer "b"'),
            ([FLATTEN, conv("a", 3, 4)], "expected a picture"),
        ):
            with self.subTest(message), self.assertRaisesRegex(ArchError, message):
                Network(arch_of(layers))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "net.json"
            for text in ("{", "[]", "{}"):
                path.write_text(text)
                with self.assertRaisesRegex(ArchError, "net.json: "):
                    read_arch(path)

    def test_the_networks_of_the_examples_are_built(self):
        found = sorted(here.PROJECT.glob("examples/*/net.json"))
        self.assertGreater(len(found), 3)
        for path in found:
            with self.subTest(path.parent.name):
                self.assertEqual(Network(read_arch(path)).output_shape, (10,))


if __name__ == "__main__":
    unittest.main()
