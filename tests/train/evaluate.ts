import type { GraphProto, NodeProto } from "../../host/checkpoint/onnx/proto.ts";
import { dequantize, type Quantizer, quantize } from "../../host/numbers/quantizer.ts";
import { applyStep } from "../../host/numbers/step.ts";

/** Runs the kinds of nodes that the trainer writes, on one picture, in float64 and plain loops. */
export function evaluate(graph: GraphProto, pixels: ArrayLike<number>): Float64Array {
  const values = new Map<string, Float64Array>([
    ["pixels", Float64Array.from(pixels, (code) => Math.fround(code / 255))],
  ]);
  for (const { name, raw_data } of graph.initializer) {
    values.set(name!, Float64Array.from(new Float32Array(raw_data!.slice().buffer)));
  }
  for (const node of graph.node) {
    values.set(
      node.output[0]!,
      run(
        node,
        node.input.map((name) => values.get(name)!),
      ),
    );
  }
  return values.get("scores")!;
}

function run(node: NodeProto, [x, ...constants]: Float64Array[]): Float64Array {
  const attribute = (name: string) => node.attribute.find((a) => a.name === name);
  const [a, b, c, d] = constants as [Float64Array, Float64Array, Float64Array, Float64Array];
  switch (node.op_type) {
    case "Flatten":
      return x!;
    case "Quant": {
      const [signed, narrow] = [attribute("signed")!.i === 1, attribute("narrow")!.i === 1];
      return requantize({ kind: "int", scale: a, zero: b, bits: c[0]!, signed, narrow, rounding: "ROUND" }, x!);
    }
    case "BipolarQuant":
      return requantize({ kind: "bipolar", scale: a }, x!);
    case "Gemm":
      return Float64Array.from({ length: a.length / x!.length }, (_, m) =>
        x!.reduce((sum, value, k) => sum + value * a[m * x!.length + k]!, 0),
      );
    case "BatchNormalization": {
      const epsilon = attribute("epsilon")!.f!;
      const step = { kind: "batchnorm", gamma: a, beta: b, mean: c, variance: d, epsilon } as const;
      return x!.map((value, channel) => applyStep(step, value, channel));
    }
    default:
      throw new Error(`the trainer writes no ${node.op_type}`);
  }
}

function requantize(quantizer: Quantizer, x: Float64Array): Float64Array {
  return x.map((value) => dequantize(quantizer, quantize(quantizer, value, 0), 0));
}
