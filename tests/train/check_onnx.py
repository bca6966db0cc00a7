"""Opens QONNX files with the Python package `onnx` (pip install onnx): check_onnx.py examples/digits/digits.onnx"""

import sys

import onnx

QONNX = "qonnx.custom_op.general"

for path in sys.argv[1:]:
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)  # nodes of domains other than ONNX's own are taken on trust
    assert QONNX in [opset.domain for opset in model.opset_import], f"{path}: domain {QONNX} is not imported"
    quantizers = [node for node in model.graph.node if node.domain == QONNX]
    assert quantizers, f"{path}: no node of domain {QONNX}"
    print(f"{path}: {len(model.graph.node)} nodes, {len(quantizers)} of them quantizers; onnx {onnx.__version__} takes it")
