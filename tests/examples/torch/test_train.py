"""The trainer as a program: a run that is killed at any time ends at the numbers of one that is not."""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import here  # noqa: F401
import torch
from data import read_npy, write_npy

ARCH = {
    "input": {"shape": [1, 8, 8], "quantizer": {"bits": 8, "signed": False, "scale": "1/255"}},
    "layers": [
        {"op": "conv2d", "name": "a", "outputs": 4, "kernel": 3, "weights": "binary", "padding": 1},
        {"op": "batch_norm", "name": "an", "tensors": {"inverse_deviation": "an.inverse"}},
        {"op": "sign"},
        {"op": "flatten"},
        {"op": "dense", "name": "b", "outputs": 4, "weights": "ternary"},
    ],
}
RECIPE = ["--epochs", "12", "--batch", "32", "--held-out", "64", "--shift", "1", "--flip", "--affine", "0.05"]
RECIPE += ["--stochastic", "--shift-norm", "--optimizer", "shift_adamax", "--loss", "squared_hinge", "--glorot", "--rate", "0.015625"]


class Runs(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        generator = torch.Generator().manual_seed(1)
        for part, count in (("train", 512), ("test", 100)):
            labels = torch.randint(0, 4, (count,), generator=generator)
            pictures = torch.randint(0, 120, (count, 1, 8, 8), generator=generator)
            for picture, label in zip(pictures, labels):
                picture[0, 2 * label : 2 * label + 2, 2:6] += 130
            write_npy(self.folder / f"{part}-images.npy", pictures.to(torch.uint8))
            write_npy(self.folder / f"{part}-labels.npy", labels.int())
        (self.folder / "net.json").write_text(json.dumps(ARCH))

    def start(self, out, *more):
        given = ["--arch", "net.json", "--data", "npy", "--folder", ".", "--out", out, "--threads", "1", *RECIPE, *more]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            [sys.executable, here.TORCH / "train.py", *given], cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def test_goes_on_after_being_killed_to_the_same_numbers(self):
        whole = self.start("whole")
        output, log = whole.communicate()
        self.assertEqual(whole.returncode, 0, log)
        self.assertIn("100 test pictures right", output)
        seconds, kills = random.Random(1), 0
        while True:
            run = self.start("killed")
            # until it has written something this time, then a little longer: in an epoch, or while a checkpoint is written
            run.stderr.readline()
            time.sleep(seconds.uniform(0, 0.3))
            if run.poll() is not None:
                break
            run.send_signal(signal.SIGKILL)
            kills += run.wait() == -signal.SIGKILL
            run.stdout.close()
            run.stderr.close()
        run.communicate()
        self.assertEqual(run.returncode, 0)
        self.assertGreater(kills, 0)
        for name in ("log.csv", "weights.safetensors"):
            self.assertEqual((self.folder / "killed" / name).read_bytes(), (self.folder / "whole" / name).read_bytes())
        self.assertEqual(len((self.folder / "whole" / "log.csv").read_text().splitlines()), 13)
        self.assertEqual(sorted(each.name for each in (self.folder / "whole").iterdir()), ["checkpoint.pt", "log.csv", "weights.safetensors"])

    def test_learns_and_writes_its_answers(self):
        more = ["--epochs", "3"]
        for out, others in (("twin", ["--float"]), ("taught", ["--start", "twin", "--teacher", "twin"])):
            run = self.start(out, *more, *others)
            output, log = run.communicate()
            self.assertEqual(run.returncode, 0, log)
        self.assertFalse((self.folder / "twin" / "weights.safetensors").exists())
        given = ["--run", "taught", "--data", "npy", "--folder", ".", "--out", "answers"]
        run = subprocess.run([sys.executable, here.TORCH / "evaluate.py", *given], cwd=self.folder, capture_output=True, text=True, check=True)
        answers, labels = (read_npy(self.folder / "answers" / f"{name}.npy") for name in ("answers", "labels"))
        right = float((answers == labels).double().mean())
        self.assertGreater(right, 0.6)
        self.assertIn(f"{right:.2%} of 100 test pictures right", run.stdout)

    def test_another_command_in_the_folder_of_a_run_is_refused(self):
        self.start("run", "--epochs", "1").communicate()
        before = (self.folder / "run" / "checkpoint.pt").read_bytes()
        run = self.start("run", "--epochs", "1", "--rate", "0.5")
        _, log = run.communicate()
        self.assertEqual(run.returncode, 1)
        self.assertIn("the run has rate 0.015625, the command 0.5", log)
        self.assertEqual((self.folder / "run" / "checkpoint.pt").read_bytes(), before)

    def test_what_is_wrong_is_said_in_a_line(self):
        (self.folder / "run").mkdir()
        (self.folder / "run" / "checkpoint.pt").write_bytes(b"PK\x03\x04 cut off")
        for more, message in (
            (["--out", "run"], "checkpoint.pt: "),
            (["--folder", "nowhere"], "No such file"),
            (["--batch", "1000"], "expected a batch of 1000"),
            (["--held-out", "512"], "found 512, expected 0 to 511"),
        ):
            with self.subTest(message):
                run = self.start("other", *more)
                _, log = run.communicate()
                self.assertEqual((run.returncode, log.count("\n")), (1, 1), log)
                self.assertIn(message, log)


if __name__ == "__main__":
    unittest.main()
