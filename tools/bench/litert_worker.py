"""Runs products in LiteRT for litert.ts, and times them here: to ask for a call costs more than a small one takes.

A line of stdin is a request, a line of stdout its answer, both JSON:
  {"open": model, "x": file, "y": file}   a .tflite file, its f32 input, and where its f32 output goes  ->  {}
  {"compute": model, "x": file, "y": file}   a .tflite file, rows of its input and where those of its output go, by the reference kernels  ->  {}
  {"measure": effort}                     as timing.ts defines an Effort  ->  a Timing
A call reads x and writes y, as those of the other peers do.
"""

import json
import sys
import time

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

MIN_BATCHES = 3


def open_product(request):
    with open(request["open"], "rb") as file:
        interpreter = Interpreter(model_content=file.read(), num_threads=1)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    x = np.fromfile(request["x"], np.float32).reshape(source["shape"])

    def run():
        interpreter.set_tensor(source["index"], x)
        interpreter.invoke()
        return interpreter.get_tensor(target["index"])

    run().tofile(request["y"])
    return run


def compute(request):
    reference = OpResolverType.BUILTIN_REF
    interpreter = Interpreter(model_path=request["compute"], experimental_op_resolver_type=reference)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    with open(request["y"], "wb") as file:
        for row in np.fromfile(request["x"], source["dtype"]).reshape(-1, *source["shape"]):
            interpreter.set_tensor(source["index"], row)
            interpreter.invoke()
            file.write(interpreter.get_tensor(target["index"]).tobytes())


def measure(run, effort):
    """As `measure` in timing.ts, in milliseconds."""

    def now():
        return time.perf_counter() * 1000

    start = now()
    calls = 0
    while calls == 0 or now() - start < effort["warmUpMs"]:
        run()
        calls += 1
    call_ms = (now() - start) / calls
    per_batch = max(1, int(np.ceil(effort["batchMs"] / call_ms)))
    fitting = int(effort["limitMs"] / (per_batch * call_ms))
    batches = min(effort["batches"], max(MIN_BATCHES, fitting))
    times = []
    for _ in range(batches):
        before = now()
        for _ in range(per_batch):
            run()
        times.append((now() - before) / per_batch)
    p25, median, p75 = np.quantile(times, [0.25, 0.5, 0.75]).tolist()
    return {"median": median, "p25": p25, "p75": p75, "batches": batches, "callsPerBatch": per_batch}


run = None
for line in sys.stdin:
    request = json.loads(line)
    answer = {}
    if "open" in request:
        run = None  # frees the product before
        run = open_product(request)
    elif "compute" in request:
        compute(request)
    else:
        answer = measure(run, request["measure"])
    print(json.dumps(answer), flush=True)
