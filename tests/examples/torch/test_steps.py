"""The steps of tests/train/steps.json, which plain loops in float64 took: the trainer in TypeScript takes them, too."""

import json
import unittest

import here
import torch
from layers import BINARY, TERNARY, QuantDense, Quantize, ShiftAdaMax, ShiftBatchNorm, Sign, ap2, clip_weights, glorot_scale, squared_hinge
from torch import nn
from torch.nn import functional as F

CASES = json.loads((here.PROJECT / "tests" / "train" / "steps.json").read_text())
TOLERANCE = 1e-5
MOMENTUM = 0.1

WEIGHTS = {"binary": BINARY, "ternary": TERNARY}
NORMS = {
    "plain": lambda channels, epsilon: nn.BatchNorm1d(channels, epsilon, MOMENTUM),
    "shift": lambda channels, epsilon: ShiftBatchNorm(channels, epsilon, MOMENTUM),
}
LOSSES = {"squared hinge": squared_hinge, "cross entropy": F.cross_entropy}
OPTIMIZERS = {"adam": torch.optim.Adam, "shift adamax": ShiftAdaMax}
WEIGHT_RATES = {
    "one": lambda layer: 1.0,
    "glorot": glorot_scale,
    "ap2 of glorot": lambda layer: float(ap2(torch.tensor(glorot_scale(layer), dtype=torch.float64))),
}


def network_of(given):
    parts = []
    for layer in given["layers"]:
        if parts:
            activation = given["activation"]
            parts.append(Sign() if activation == "sign" else Quantize(activation["bits"], False, activation["scale"]))
        outputs, inputs = len(layer["weight"]), len(layer["weight"][0])
        dense, norm = QuantDense(inputs, outputs, WEIGHTS[given["weights"]]), NORMS[given["norm"]](outputs, given["epsilon"])
        with torch.no_grad():
            for module, values in ((dense, {"weight": layer["weight"]}), (norm, layer["norm"])):
                module.double()
                for name, value in values.items():
                    getattr(module, name).copy_(torch.tensor(value, dtype=torch.float64))
        parts += [dense, norm]
    return nn.Sequential(*parts)


def tensors_of(network, is_plain):
    """By layer. PyTorch's own batch norm keeps the variance over n - 1, which nothing here is compared with."""
    modules = [part for part in network if list(part.parameters())]
    for dense, norm in zip(modules[::2], modules[1::2]):
        names = ("weight", "bias", "running_mean") if is_plain else ("weight", "bias", "running_mean", "running_var")
        yield {"weight": dense.weight, **{f"norm {name}": getattr(norm, name) for name in names}}


class Steps(unittest.TestCase):
    def test_steps_are_those_of_plain_loops(self):
        for name, case in CASES.items():
            given, expected = case["given"], case["expected"]
            network = network_of(given)
            dense = [part for part in network if isinstance(part, QuantDense)]
            others = [p for part in network if not isinstance(part, QuantDense) for p in part.parameters()]
            factors = [1.0] + [WEIGHT_RATES[given["weightRate"]](part) for part in dense]
            optimizer = OPTIMIZERS[given["optimizer"]]([{"params": others}, *({"params": [part.weight]} for part in dense)], lr=1)
            for i, (step, after) in enumerate(zip(given["steps"], expected)):
                with self.subTest(name, step=i + 1):
                    for group, factor in zip(optimizer.param_groups, factors):
                        group["lr"] = step["rate"] * factor
                    scores = network(torch.tensor(step["codes"], dtype=torch.float64) * given["scale"])
                    loss = LOSSES[given["loss"]](scores, torch.tensor(step["labels"]))
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    if given["clipsWeights"]:
                        clip_weights(network)
                    self.assert_near(loss, after["loss"])
                    self.assert_near(scores, after["scores"])
                    for found, layer in zip(tensors_of(network, given["norm"] == "plain"), after["layers"], strict=True):
                        for key, tensor in found.items():
                            self.assert_near(tensor, layer["weight"] if key == "weight" else layer["norm"][key.removeprefix("norm ")])

    def assert_near(self, found, expected):
        torch.testing.assert_close(found.detach(), torch.tensor(expected, dtype=torch.float64), rtol=0, atol=TOLERANCE)


if __name__ == "__main__":
    unittest.main()
