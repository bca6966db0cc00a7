"""What the reference kernels of TensorFlow Lite compute: rows of a model's input on stdin, those of its outputs on stdout, output by output of each row."""

import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

model = Interpreter(model_path=sys.argv[1], experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
model.allocate_tensors()
[given] = model.get_input_details()
rows = np.frombuffer(sys.stdin.buffer.read(), given["dtype"]).reshape(-1, *given["shape"][1:])
for row in rows:
    model.set_tensor(given["index"], row[np.newaxis])
    model.invoke()
    for output in model.get_output_details():
        sys.stdout.buffer.write(model.get_tensor(output["index"]).tobytes())
