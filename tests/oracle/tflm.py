"""What the kernels of tflite-micro compute, by the protocol of litert.py."""

import sys

import numpy as np
from tflite_micro.python.tflite_micro import runtime


def outputs(path, rows_path):
    model = runtime.Interpreter.from_file(path, arena_size=2**22)
    given = model.get_input_details(0)
    for row in np.fromfile(rows_path, given["dtype"]).reshape(-1, *given["shape"]):
        model.set_input(row, 0)
        model.invoke()
        yield model.get_output(0).tobytes()


paths = sys.stdin.read().split("\n")
results = [b"".join(outputs(*pair)) for pair in zip(paths[::2], paths[1::2])]
sys.stdout.buffer.write(b"".join(len(each).to_bytes(4, "little") for each in results) + b"".join(results))
