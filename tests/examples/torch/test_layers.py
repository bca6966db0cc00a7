"""The parts of layers.py against plain loops and golden values."""

import math
import unittest

import here  # noqa: F401
import torch
from layers import (
    BINARY,
    TERNARY,
    QuantConv2d,
    QuantDense,
    Quantize,
    ShiftAdaMax,
    ShiftBatchNorm,
    Sign,
    ap2,
    binarize,
    binarize_stochastic,
    clip_weights,
    gaussian_divergence,
    glorot_scale,
    low_bit,
    quantize_rows,
    round_through,
    squared_hinge,
)
from torch import nn
from torch.nn import functional as F


def random(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def gradient_of(function, x):
    """Of the sum of function(x), element by element."""
    x = torch.tensor(x, requires_grad=True)
    function(x).sum().backward()
    return x.grad.tolist()


class Estimators(unittest.TestCase):
    def test_rounds_half_to_even_and_passes_the_gradient(self):
        self.assertEqual(round_through(torch.tensor([0.5, 1.5, 2.5, -0.5, -1.5, 0.49])).tolist(), [0, 2, 2, 0, -2, 0])
        self.assertEqual(gradient_of(round_through, [0.5, -7.3]), [1, 1])

    def test_binarize_has_plus_one_for_zero_and_a_gate_at_one(self):
        x = [-2.0, -1.0001, -1.0, -0.5, -0.0, 0.0, 1e-30, 1.0, 1.0001]
        self.assertEqual(binarize(torch.tensor(x)).tolist(), [-1, -1, -1, -1, 1, 1, 1, 1, 1])
        self.assertEqual(gradient_of(binarize, x), [0, 0, 1, 1, 1, 1, 1, 1, 0])

    def test_stochastic_binarization_has_the_mean_of_the_hard_tanh(self):
        draws = 10_000
        for x in (-3.0, -1.0, -0.7, -0.2, 0.0, 0.1, 0.55, 0.9, 1.0, 2.0):
            with self.subTest(x=x):
                drawn = binarize_stochastic(torch.full((draws,), x), torch.Generator().manual_seed(7))
                self.assertEqual(set(drawn.tolist()) - {-1.0, 1.0}, set())
                self.assertLessEqual(abs(float(drawn.mean()) - max(-1.0, min(1.0, x))), 4 / math.sqrt(draws))
        self.assertEqual(gradient_of(binarize_stochastic, [-1.5, -1.0, 0.3, 1.5]), [0, 1, 1, 0])

    def test_ap2_golden_values(self):
        for x, expected in ((0.7, 0.5), (0.75, 1), (1.4, 1), (1.5, 2), (3, 4), (-5, -4), (6, 8), (0, 0), (1, 1), (-0.25, -0.25), (2**-149, 2**-149)):
            with self.subTest(x=x):
                self.assertEqual(float(ap2(torch.tensor(float(x)))), expected)
        self.assertEqual(gradient_of(ap2, [3.0, 0.0]), [1, 1])

    def test_ap2_is_within_a_factor_of_the_root_of_two(self):
        for dtype in (torch.float32, torch.float64):
            x = (random(10_000) * torch.exp(8 * random(10_000, seed=2))).to(dtype)
            ratio = ap2(x).double() / x.double()
            self.assertGreaterEqual(float(ratio.min()), math.sqrt(0.5) * (1 - 1e-15))
            self.assertLessEqual(float(ratio.max()), math.sqrt(2) * (1 + 1e-15))
            # the numbers on both sides of √2
            root = torch.tensor(math.sqrt(2), dtype=dtype)
            around = torch.stack([torch.nextafter(root, torch.zeros_like(root)), root, torch.nextafter(root, 2 * root)])
            expected = [1.0 if v.double() * v.double() < 2 else 2.0 for v in around]
            self.assertEqual(ap2(around).tolist(), expected)


def slow_codes(weights, limit, scale):
    return [[max(-limit, min(limit, round(w / scale(row)))) * scale(row) for w in row] for row in weights]


class Weights(unittest.TestCase):
    WEIGHTS = random(5, 7, seed=3).double()

    def test_ternary_weights_are_those_of_bitnet(self):
        rows = self.WEIGHTS.tolist()
        mean = sum(abs(w) for row in rows for w in row) / 35
        expected = torch.tensor(slow_codes(rows, 1, lambda _: mean), dtype=torch.float64)
        torch.testing.assert_close(TERNARY(self.WEIGHTS), expected, rtol=1e-14, atol=0)

    def test_low_bit_weights(self):
        for bits in (2, 3, 4, 8):
            limit = 2 ** (bits - 1) - 1
            for per in ("tensor", "channel"):
                with self.subTest(bits=bits, per=per):
                    rows = self.WEIGHTS.tolist()
                    most = max(abs(w) for row in rows for w in row)
                    scale = (lambda row: max(map(abs, row)) / limit) if per == "channel" else (lambda _: most / limit)
                    expected = torch.tensor(slow_codes(rows, limit, scale), dtype=torch.float64)
                    torch.testing.assert_close(low_bit(bits, per)(self.WEIGHTS), expected, rtol=1e-14, atol=0)

    def test_binary_weights(self):
        self.assertEqual(BINARY(torch.tensor([[-0.1, 0.0, 2.0]])).tolist(), [[-1, 1, 1]])

    def test_weights_that_are_all_zero_stay_so(self):
        self.assertEqual(TERNARY(torch.zeros(2, 2)).tolist(), [[0, 0], [0, 0]])

    def test_gradients_pass_ternary_weights_unchanged_and_binary_ones_within_one(self):
        weights = torch.tensor([[3.0, 0.1, -0.4, -2.0]], requires_grad=True)
        (TERNARY(weights) * torch.tensor([[1.0, 2.0, 3.0, 4.0]])).sum().backward()
        torch.testing.assert_close(weights.grad, torch.tensor([[1.0, 2.0, 3.0, 4.0]]))
        self.assertEqual(gradient_of(BINARY, [[3.0, 0.1, -0.4, -2.0]]), [[0, 1, 1, 0]])

    def test_values_are_codes_times_scale_to_the_bit(self):
        weights = random(64, 64, seed=4) * 5
        scale = TERNARY.measure(weights)
        self.assertEqual(set(TERNARY(weights).unique().tolist()), {-float(scale), 0.0, float(scale)})

    def test_products_of_signs_count_what_differs(self):
        for k in range(1, 131):
            x, layer = binarize(random(3, k, seed=k)), QuantDense(k, 4, BINARY)
            expected = [[k - 2 * sum(a != b for a, b in zip(row, w)) for w in binarize(layer.weight).tolist()] for row in x.tolist()]
            self.assertEqual(layer(x).tolist(), expected)

    def test_convolutions_pad_with_zero(self):
        layer = QuantConv2d(2, 3, (3, 3), BINARY, (1, 0, 2, 1))
        x = binarize(random(1, 2, 4, 5))
        padded = F.pad(x, (0, 1, 1, 2))
        signs = binarize(layer.weight).detach()
        for o, y, c in ((0, 0, 0), (1, 4, 3), (2, 2, 1)):
            expected = float((padded[0, :, y : y + 3, c : c + 3] * signs[o]).sum())
            self.assertEqual(layer(x)[0, o, y, c].item(), expected)

    def test_latent_binary_weights_are_clipped_and_no_others(self):
        network = nn.Sequential(QuantDense(2, 1, BINARY), QuantDense(2, 1, TERNARY))
        for layer in network:
            layer.weight.data = torch.tensor([[-3.0, 0.5]])
        clip_weights(network)
        self.assertEqual([layer.weight.tolist() for layer in network], [[[-1.0, 0.5]], [[-3.0, 0.5]]])

    def test_stochastic_weights_are_drawn_in_training_alone(self):
        layer = QuantDense(50, 50, BINARY, stochastic=True)
        x = torch.eye(50)
        self.assertFalse(torch.equal(layer(x), layer(x)))
        layer.eval()
        self.assertTrue(torch.equal(layer(x), binarize(layer.weight).T))

    def test_glorot_scale(self):
        self.assertAlmostEqual(glorot_scale(QuantDense(100, 50, BINARY)), math.sqrt(150 / 1.5))
        self.assertAlmostEqual(glorot_scale(QuantConv2d(4, 6, (3, 3), BINARY)), math.sqrt(90 / 1.5))


class Activations(unittest.TestCase):
    def test_codes(self):
        for bits, signed, narrow, zero, low, high in (
            (1, False, False, 0, 0, 1),
            (2, False, False, 0, 0, 3),
            (4, False, False, 0, 0, 15),
            (8, False, False, 0, 0, 255),
            (2, True, False, 0, -2, 1),
            (4, True, True, 0, -7, 7),
            (4, False, False, 5, -5, 10),
        ):
            for scale in (0.25, 1 / 3):
                with self.subTest(bits=bits, signed=signed, narrow=narrow, zero=zero, scale=scale):
                    x = (random(200) * 2).double()
                    expected = [max(low, min(high, round(v / scale))) * scale for v in x.tolist()]
                    found = Quantize(bits, signed, scale, zero, narrow)(x)
                    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=1e-15, atol=0)

    def test_the_gradient_is_that_of_the_clip(self):
        self.assertEqual(gradient_of(Quantize(2, False, 0.5), [-0.1, 0.2, 1.4, 1.6]), [0, 1, 1, 0])

    def test_a_learned_scale_has_the_gradient_of_lsq(self):
        scale = nn.Parameter(torch.tensor(0.5))
        x = torch.tensor([[-0.3, 0.2, 0.8, 9.0]])
        found = Quantize(2, False, scale)(x)
        self.assertEqual(found.tolist(), [[0, 0, 1, 1.5]])
        found.sum().backward()
        # round(v) - v inside, the limit outside (equation 3), times 1 / √(numbers · greatest code)
        expected = (0 + (0 - 0.4) + (2 - 1.6) + 3) / math.sqrt(4 * 3)
        self.assertAlmostEqual(float(scale.grad), expected, places=6)

    def test_scales_per_channel(self):
        scale = nn.Parameter(torch.tensor([0.5, 1.0]))
        x = torch.full((1, 2, 2, 2), 0.9)
        self.assertEqual(Quantize(4, False, scale)(x)[0, :, 0, 0].tolist(), [1.0, 1.0])
        self.assertEqual(Quantize(1, False, scale)(x)[0, :, 0, 0].tolist(), [0.5, 1.0])

    def test_signs_are_drawn_in_training_alone(self):
        layer, x = Sign(0.5, stochastic=True), torch.zeros(1000)
        self.assertEqual(set(layer(x).tolist()), {-0.5, 0.5})
        self.assertEqual(set(layer.eval()(x).tolist()), {0.5})


def is_power_of_two(x):
    return bool((torch.frexp(x)[0].abs() == 0.5).all())


class ShiftNorm(unittest.TestCase):
    def test_variance_of_a_normal_distribution(self):
        norm = ShiftBatchNorm(1, momentum=1.0)
        norm(random(200_000, 1))
        self.assertAlmostEqual(float(norm.running_var), 1.017, delta=0.01)

    def test_is_the_papers_algorithm(self):
        norm = ShiftBatchNorm(3)
        norm.weight.data, norm.bias.data = torch.tensor([0.7, -1.5, 3.0]), torch.tensor([0.1, 0.2, 0.3])
        x = random(50, 3) * 3 + 1
        y = norm(x)
        for c in range(3):
            column = x[:, c].tolist()
            mean = sum(column) / 50
            power = lambda v: math.copysign(2.0 ** round(math.log2(abs(v))), v)  # noqa: E731
            variance = sum((v - mean) * power(v - mean) for v in column) / 50
            factor = power(norm.weight[c].item()) * power(1 / math.sqrt(variance + 1e-4))
            expected = torch.tensor([factor * (v - mean) + norm.bias[c].item() for v in column])
            torch.testing.assert_close(y[:, c].detach(), expected, rtol=1e-4, atol=1e-5)

    def test_its_factors_are_shifts_in_inference(self):
        norm = ShiftBatchNorm(4)
        for _ in range(5):
            norm(random(64, 4, 3, 3) * 2 + 1)
        norm.eval()
        zero, one = (norm(torch.full((1, 4, 1, 1), value)) for value in (0.0, 1.0))
        self.assertTrue(is_power_of_two(ap2(norm.weight) * norm.inverse_deviation(norm.running_var)))
        torch.testing.assert_close((one - zero).flatten(), ap2(norm.weight) * norm.inverse_deviation(norm.running_var))


class Learning(unittest.TestCase):
    def test_squared_hinge(self):
        scores, labels = random(6, 4), torch.tensor([0, 1, 2, 3, 0, 1])
        expected = 0.0
        for row, label in zip(scores.tolist(), labels.tolist()):
            for c, score in enumerate(row):
                expected += max(0.0, 1 - (1 if c == label else -1) * score) ** 2 / 24
        self.assertAlmostEqual(float(squared_hinge(scores, labels)), expected, places=6)

    def test_shift_adamax_is_the_papers_algorithm(self):
        x = nn.Parameter(torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64))
        optimizer = ShiftAdaMax([x], lr=2**-6)
        power = lambda v: math.copysign(2.0 ** round(math.log2(abs(v))), v)  # noqa: E731
        expected, m, v = [1.0, -2.0, 0.5], [0.0] * 3, [0.0] * 3
        for t in range(1, 20):
            gradient = [math.sin(t + i) if i < 2 else 0.0 for i in range(3)]
            x.grad = torch.tensor(gradient, dtype=torch.float64)
            optimizer.step()
            for i, g in enumerate(gradient):
                m[i] = 0.875 * m[i] + 0.125 * g
                v[i] = max((1 - 2**-10) * v[i], abs(g))
                expected[i] -= power(2**-6 / (1 - 0.875**t)) * m[i] * power(1 / (v[i] + 2**-27))
        torch.testing.assert_close(x.detach(), torch.tensor(expected, dtype=torch.float64), rtol=1e-12, atol=0)

    def test_shift_adamax_learns_at_the_authors_rate_and_not_at_the_papers(self):
        """The same binary network with plain batch norm and Adam, and with both by shifts."""
        pictures, labels = segment_digits(5000, seed=1)
        unseen, truth = segment_digits(1000, seed=2)
        errors = {}
        for name, norm, make in (
            ("adam", nn.BatchNorm1d, lambda p: torch.optim.Adam(p, 5e-3)),
            ("2^-6", ShiftBatchNorm, lambda p: ShiftAdaMax(p, 2**-6)),
            ("2^-10", ShiftBatchNorm, lambda p: ShiftAdaMax(p, 2**-10)),
        ):
            torch.manual_seed(1)
            hidden = [part for inputs in (144, 256) for part in (QuantDense(inputs, 256, BINARY), norm(256), Sign())]
            network = nn.Sequential(*hidden, QuantDense(256, 10, BINARY), norm(10))
            optimizer = make(network.parameters())
            for epoch in range(20):
                for chosen in torch.randperm(len(labels)).split(100):
                    optimizer.zero_grad()
                    squared_hinge(network(pictures[chosen]), labels[chosen]).backward()
                    optimizer.step()
                    clip_weights(network)
                if epoch in (10, 15):
                    for group in optimizer.param_groups:
                        group["lr"] /= 2
            network.eval()
            errors[name] = float((network(unseen).argmax(1) != truth).double().mean())
        # measured: 9.8, 12.1 and 34.6 %
        self.assertLess(errors["adam"], 0.15, errors)
        self.assertLess(errors["2^-6"], errors["adam"] + 0.05, errors)
        self.assertGreater(errors["2^-10"], errors["adam"] + 0.15, errors)


SEGMENTS = ("abcdef", "bc", "abged", "abgcd", "fgbc", "afgcd", "afgedc", "abc", "abcdefg", "abcdfg")


def segment_digits(count, seed):
    """Digits of seven segments on 12 × 12 pixels, moved at random, in noise; ±1 around."""
    generator = torch.Generator().manual_seed(seed)
    shapes = torch.zeros(10, 9, 5)
    for digit, lit in enumerate(SEGMENTS):
        for segment, (rows, columns) in dict(
            a=(0, slice(0, 5)), g=(4, slice(0, 5)), d=(8, slice(0, 5)), f=(slice(0, 5), 0), b=(slice(0, 5), 4), e=(slice(4, 9), 0), c=(slice(4, 9), 4)
        ).items():
            if segment in lit:
                shapes[digit, rows, columns] = 1
    labels = torch.randint(0, 10, (count,), generator=generator)
    pictures = torch.zeros(count, 12, 12)
    for picture, label in zip(pictures, labels):
        y, x = (int(torch.randint(0, n, (1,), generator=generator)) for n in (4, 4))
        picture[y : y + 9, x : x + 5] = shapes[label]
    return (pictures * 2 - 1 + 0.5 * torch.randn(count, 12, 12, generator=generator)).reshape(count, -1), labels


class Rows(unittest.TestCase):
    def test_golden_codes(self):
        x = torch.tensor([[0.5, -1.25, 0.01, 2.54]])
        torch.testing.assert_close(quantize_rows(x, 8) * 50, torch.tensor([[25.0, -62.0, 0.0, 127.0]]))

    def test_a_row_of_zeros_and_each_row_by_itself(self):
        x = torch.tensor([[0.0, 0.0], [1.0, -3.0], [100.0, 1.0]])
        torch.testing.assert_close(quantize_rows(x, 4), torch.tensor([[0.0, 0.0], [6 / 7, -3.0], [100.0, 0.0]]))

    def test_the_gradient_passes(self):
        x = torch.randn(3, 5, requires_grad=True)
        factor = torch.randn(3, 5)
        (quantize_rows(x, 8) * factor).sum().backward()
        torch.testing.assert_close(x.grad, factor)

    def test_rms_norm_before_leaves_codes(self):
        x = torch.randn(500, 64, dtype=torch.float64)
        normed = F.rms_norm(x, (64,), eps=0)
        codes, other = (quantize_rows(each, 8) / each.abs().amax(-1, keepdim=True) * 127 for each in (x, normed))
        torch.testing.assert_close(codes, other)


class ActivationShaping(unittest.TestCase):
    """Activation Shaping Connection: GELU(u) · v of two matrices."""

    def setUp(self):
        generator = torch.Generator().manual_seed(1)
        self.u, self.v = (torch.randn(1 << 18, generator=generator) for _ in range(2))

    def test_divergence_from_a_normal_distribution(self):
        u, v = self.u, self.v
        normal, product, gelu, square = (float(gaussian_divergence(x)) for x in (u, F.gelu(u) * v, F.gelu(u), F.gelu(u) * u))
        self.assertLess(normal, 0.001)
        self.assertTrue(0.5 < product < gelu < square, (product, gelu, square))

    def test_divergence_has_a_gradient_that_lowers_it(self):
        x = (F.gelu(self.u[:4096]) * self.v[:4096]).requires_grad_()
        before = gaussian_divergence(x)
        before.backward()
        with torch.no_grad():
            after = gaussian_divergence(x - 20 * x.grad)
        self.assertLess(after.item(), before.item())

    def test_rounding_of_the_product_has_no_bias(self):
        def bias(x):  # |mean| of the errors of 4-bit codes, in their deviations
            rows = x.reshape(-1, 1024)
            error = quantize_rows(rows, 4) - rows
            return float(error.mean().abs() / error.std())

        self.assertGreater(bias(F.gelu(self.u)), 0.3)
        self.assertLess(bias(F.gelu(self.u) * self.v), 0.02)


if __name__ == "__main__":
    unittest.main()
