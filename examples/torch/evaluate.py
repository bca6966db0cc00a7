"""Reads the test pictures with the network of a run, and writes pictures, classes and answers for `littletern eval`.

    python3 examples/torch/evaluate.py --run RUN --data mnist --out OUT
    npx littletern eval net.tern --images OUT/images.npy --labels OUT/labels.npy     # how often the blob is right
    npx littletern eval net.tern --images OUT/images.npy --labels OUT/answers.npy    # 100 %: the blob says what the run says

Answers are computed in float64, as a checkpoint means them; what PyTorch's own float32 answers otherwise is told.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from data import READERS, DataError, read_data, write_npy
from network import ArchError
from train import RunError, open_run, scores_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--run", required=True, help="folder of a run")
    parser.add_argument("--data", required=True, choices=READERS)
    parser.add_argument("--folder", help="where the pictures lie (else below TERN_DATA)")
    parser.add_argument("--out", required=True, help="folder for images.npy, labels.npy and answers.npy")
    arguments = parser.parse_args()
    out = Path(arguments.out)
    try:
        data = read_data(arguments.data, arguments.folder, "test")
        network = open_run(arguments.run)
        out.mkdir(parents=True, exist_ok=True)
        answers, answers32 = (scores_of(network, data, dtype).argmax(1) for dtype in (torch.float64, torch.float32))
        write_npy(out / "images.npy", data.finish(data.pictures.float()))
        write_npy(out / "labels.npy", data.labels.int())
        write_npy(out / "answers.npy", answers.int())
    except (ArchError, DataError, RunError, OSError) as error:
        sys.exit(f"evaluate.py: {error}")
    right, right32 = (float((a == data.labels).double().mean()) for a in (answers, answers32))
    other = int((answers != answers32).sum())
    print(f"{right:.2%} of {len(data)} test pictures right; in float32 {right32:.2%}, {other} answers otherwise")


if __name__ == "__main__":
    main()
