"""Trains a network that an arch file describes, and writes its weights for `littletern convert weights.safetensors --arch net.json`.

A run is a folder: checkpoint.pt after each epoch, log.csv, and at the end weights.safetensors. The same command goes on where a run was cut off, and
ends at the same numbers: what is random in an epoch comes from the seed and the epoch. Numbers repeat on one machine with equally many threads.
"""

from __future__ import annotations

import argparse
import io
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import layers
from data import READERS, Augmentation, DataError, Dataset, read_data
from network import ArchError, Network, Options, read_arch
from weights_file import write_atomic, write_safetensors

LOSSES = {"cross_entropy": F.cross_entropy, "squared_hinge": layers.squared_hinge}
OPTIMIZERS = {"adam": torch.optim.Adam, "shift_adamax": layers.ShiftAdaMax}
SCHEDULES = {
    "constant": lambda done: 1.0,
    "cosine": lambda done: (1 + math.cos(math.pi * done)) / 2,
    "exponential": lambda done: 1e-3**done,
    "halving": lambda done: 0.5 ** math.floor(10 * done),
}
"""By what the rate is multiplied when this share of the steps is done."""

COLUMNS = ("epoch", "rate", "loss", "training_accuracy", "held_out_loss", "held_out_accuracy")
BATCH_WITHOUT_GRADIENTS = 500
TEMPERATURE = 4.0
"""Of a teacher's scores (Hinton et al., arXiv 1503.02531)."""


class RunError(ValueError):
    """A run's folder does not fit the command."""


def real(pixels: Tensor) -> Tensor:
    """Pixels 0 … 255 as the real numbers 0 … 1 that networks take, channels last in memory."""
    return (pixels.float() / 255).contiguous(memory_format=torch.channels_last)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--arch", required=True, help="the network: docs/arch.md")
    parser.add_argument("--data", required=True, choices=READERS, help="what the pictures are; mnist16 are 16 × 16 pixels made of MNIST's")
    parser.add_argument("--folder", help="where they lie (else below TERN_DATA)")
    parser.add_argument("--out", required=True, help="folder of the run")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=2e-3, help="learning rate of the first step")
    parser.add_argument("--schedule", choices=SCHEDULES, default="cosine")
    parser.add_argument("--optimizer", choices=OPTIMIZERS, default="adam")
    parser.add_argument("--loss", choices=LOSSES, default="cross_entropy")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--held-out", type=int, default=1000, help="pictures at the end of the training part that are only looked at")
    parser.add_argument("--limit", type=int, help="take so many training pictures")
    parser.add_argument("--shift", type=int, default=0, help="move pictures up to so many pixels each way")
    parser.add_argument("--flip", action="store_true", help="mirror half of the pictures")
    parser.add_argument("--affine", type=float, default=0.0, help="turn, stretch and slant pictures: deviation of the matrix")
    parser.add_argument("--float", action="store_true", help="train the network's float twin")
    parser.add_argument("--stochastic", action="store_true", help="draw signs in training")
    parser.add_argument("--shift-norm", action="store_true", help="batch norm by shifts")
    parser.add_argument("--glorot", action="store_true", help="scale the rate of each layer's weights by its size")
    parser.add_argument("--start", help="run whose weights are the first ones")
    parser.add_argument("--teacher", help="run whose scores are learned beside the classes")
    parser.add_argument("--gauss", type=float, default=0.0, help="weight of the loss that keeps products near a normal distribution (multiply layers)")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args(arguments)


FREE = ("out", "threads", "folder")
"""Arguments that may differ when a run goes on."""


def train(arguments: argparse.Namespace) -> Network:
    """Trains to the end, from the run's checkpoint if there is one. Raises ArchError, DataError or RunError."""
    torch.set_num_threads(arguments.threads)
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    settings = {name: value for name, value in vars(arguments).items() if name not in FREE}
    settings["arch"] = arch = read_arch(arguments.arch)

    data = read_data(arguments.data, arguments.folder, "train")
    if not 0 <= arguments.held_out < len(data):
        raise DataError(f"--held-out: found {arguments.held_out}, expected 0 to {len(data) - 1}")
    training = data.part(0, len(data) - arguments.held_out)
    held_out = data.part(len(data) - arguments.held_out, len(data))
    if arguments.limit:
        training = training.part(0, arguments.limit)
    augment = Augmentation(arguments.shift, arguments.flip, arguments.affine)

    torch.manual_seed(arguments.seed)
    network = Network(arch, Options(arguments.float, arguments.stochastic, arguments.shift_norm))
    network.to(memory_format=torch.channels_last)  # on a CPU convolutions take 0.6 to 0.8 of the time
    teacher = open_run(arguments.teacher) if arguments.teacher else None
    optimizer = OPTIMIZERS[arguments.optimizer](groups_of(network, arguments.rate, arguments.glorot), lr=arguments.rate)
    rates = [group["lr"] for group in optimizer.param_groups]
    first, rows = restore(out / "checkpoint.pt", settings, network, optimizer)
    if arguments.start and first == 0:
        network.load_state_dict(open_run(arguments.start).state_dict(), strict=False)  # a twin has no learned scales

    steps = len(training) // arguments.batch  # pictures left over get their turn in another epoch
    if steps == 0:
        raise DataError(f"found {len(training)} training pictures, expected a batch of {arguments.batch} at least")
    for epoch in range(first, arguments.epochs):
        begun = time.monotonic()
        random = torch.Generator().manual_seed(arguments.seed * 1_000_003 + epoch)
        torch.manual_seed(arguments.seed * 1_000_003 + epoch)
        order = torch.randperm(len(training), generator=random)
        network.train()
        loss_sum = right = 0.0
        for step in range(steps):
            for group, rate in zip(optimizer.param_groups, rates):
                group["lr"] = rate * SCHEDULES[arguments.schedule]((epoch + step / steps) / arguments.epochs)
            chosen = order[step * arguments.batch : (step + 1) * arguments.batch]
            pictures = real(training.finish(augment(training.pictures[chosen], random)))
            labels = training.labels[chosen]
            products: list[Tensor] = []
            scores = network(pictures, products if arguments.gauss else None)
            loss = LOSSES[arguments.loss](scores, labels)
            if products:
                loss = loss + arguments.gauss * sum(layers.gaussian_divergence(each) for each in products)
            if teacher:
                loss = (loss + distance(scores, teacher, pictures)) / 2
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            network.constrain()
            loss_sum += float(loss.detach())
            right += int((scores.argmax(1) == labels).sum())
        seen_loss, seen = seen_by(network, held_out, LOSSES[arguments.loss]) if len(held_out) else (math.nan, math.nan)
        rate = rates[0] * SCHEDULES[arguments.schedule](epoch / arguments.epochs)
        row = (epoch + 1, rate, loss_sum / steps, right / (steps * arguments.batch), seen_loss, seen)
        rows.append(row)
        save(out / "checkpoint.pt", settings, network, optimizer, epoch + 1, rows)
        write_log(out / "log.csv", rows)
        left = (time.monotonic() - begun) * (arguments.epochs - epoch - 1) / 60
        print(
            f"epoch {epoch + 1}/{arguments.epochs}: loss {row[2]:.4f}, accuracy {row[3]:.2%}, held out {row[5]:.2%}, {left:.1f} min left",
            file=sys.stderr,
            flush=True,
        )
    if not arguments.float:
        write_safetensors(out / "weights.safetensors", network.tensors())
    return network


def groups_of(network: Network, rate: float, by_size: bool) -> list[dict]:
    """Parameters and their rates: that of a layer's quantized weights may follow its size (`glorot_scale`)."""
    weighted = [m for m in network.modules() if isinstance(m, (layers.QuantDense, layers.QuantConv2d))] if by_size else []
    theirs = {id(module.weight) for module in weighted}
    others = [parameter for parameter in network.parameters() if id(parameter) not in theirs]
    return [{"params": others}, *({"params": [m.weight], "lr": rate * layers.glorot_scale(m)} for m in weighted)]


def distance(scores: Tensor, teacher: Network, pictures: Tensor) -> Tensor:
    """Of the classes' probabilities from a teacher's, both softened (Hinton et al., arXiv 1503.02531)."""
    with torch.no_grad():
        wanted = F.log_softmax(teacher(pictures) / TEMPERATURE, 1)
    found = F.log_softmax(scores / TEMPERATURE, 1)
    return TEMPERATURE**2 * F.kl_div(found, wanted, reduction="batchmean", log_target=True)


@torch.no_grad()
def scores_of(network: Network, data: Dataset, dtype: torch.dtype = torch.float32) -> Tensor:
    """Scores (N, classes) of all pictures, without augmentation."""
    network.eval().to(dtype)
    parts = []
    for start in range(0, len(data), BATCH_WITHOUT_GRADIENTS):
        pixels = data.finish(data.pictures[start : start + BATCH_WITHOUT_GRADIENTS].float())
        parts.append(network(pixels.to(dtype) / 255))
    network.float()
    return torch.cat(parts)


def accuracy(network: Network, data: Dataset) -> float:
    return seen_by(network, data, F.cross_entropy)[1]


def seen_by(network: Network, data: Dataset, loss: Callable[[Tensor, Tensor], Tensor]) -> tuple[float, float]:
    """Loss and accuracy on pictures without augmentation."""
    scores = scores_of(network, data)
    return float(loss(scores, data.labels)), float((scores.argmax(1) == data.labels).float().mean())


def open_run(folder: str) -> Network:
    """The network of a run as it stands, for inference."""
    state = _load(Path(folder) / "checkpoint.pt")
    settings = state["settings"]
    network = Network(settings["arch"], Options(settings["float"], settings["stochastic"], settings["shift_norm"]))
    network.load_state_dict(state["network"])
    return network.eval()


def _load(path: Path) -> dict:
    try:
        return torch.load(path, weights_only=True)
    except (OSError, RuntimeError, EOFError) as error:
        raise RunError(f"{path}: {error}") from None


def restore(path: Path, settings: dict, network: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[int, list]:
    """The epoch to go on with, and the log up to it."""
    if not path.exists():
        return 0, []
    state = _load(path)
    for name, value in settings.items():
        if state["settings"].get(name) != value:
            raise RunError(f"{path}: the run has {name} {state['settings'].get(name)}, the command {value}; expected the same, or another --out")
    network.load_state_dict(state["network"])
    optimizer.load_state_dict(state["optimizer"])
    return state["epoch"], [tuple(row) for row in state["rows"]]


def save(path: Path, settings: dict, network: nn.Module, optimizer: torch.optim.Optimizer, epoch: int, rows: list) -> None:
    state = dict(settings=settings, network=network.state_dict(), optimizer=optimizer.state_dict(), epoch=epoch, rows=rows)
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_atomic(path, buffer.getvalue())


def write_log(path: Path, rows: list) -> None:
    lines = [",".join(COLUMNS), *(",".join(f"{value:.8g}" for value in row) for row in rows)]
    write_atomic(path, "".join(f"{line}\n" for line in lines).encode())


def main() -> None:
    arguments = parse()
    try:
        network = train(arguments)
        test = read_data(arguments.data, arguments.folder, "test")
    except (ArchError, DataError, RunError, OSError) as error:
        sys.exit(f"train.py: {error}")
    print(f"{arguments.out}: {accuracy(network, test):.2%} of {len(test)} test pictures right")


if __name__ == "__main__":
    main()
