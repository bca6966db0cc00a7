"""What the reference kernels of TensorFlow Lite compute. On stdin, line by line: a model and a file with rows of its input, and so on. On stdout: how many
bytes the outputs of each model are, u32, and then these bytes, row by row."""

import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType


def outputs(path, rows_path):
    model = Interpreter(model_path=path, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    model.allocate_tensors()
    [given] = model.get_input_details()
    for row in np.fromfile(rows_path, given["dtype"]).reshape(-1, *given["shape"]):
        model.set_tensor(given["index"], row)
        model.invoke()
        for output in model.get_output_details():
            yield model.get_tensor(output["index"]).tobytes()


paths = sys.stdin.read().split("\n")
results = [b"".join(outputs(*pair)) for pair in zip(paths[::2], paths[1::2])]
sys.stdout.buffer.write(b"".join(len(each).to_bytes(4, "little") for each in results) + b"".join(results))
