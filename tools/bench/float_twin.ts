import { GraphError } from "../../host/base/errors.ts";
import { VERSION } from "../../host/base/version.ts";
import { floatTensor, model, node, valueInfo } from "../../host/checkpoint/onnx/build.ts";
import { type Draft, encodeModel, type NodeProto, type TensorProto } from "../../host/checkpoint/onnx/proto.ts";
import type { Graph, Node } from "../../host/graph/graph.ts";
import type { DenseNode } from "../../host/graph/ops/dense.ts";
import { at } from "../../host/numbers/quantizer.ts";
import { applySteps, type Step } from "../../host/numbers/step.ts";

/** A low-bit network without its quantizers, as an f32 runtime would have it: dense layers with a bias and an activation. */
export type FloatTwin = FloatLayer[];

/** y = activation(weights · x + bias); what stands between two products of the network, such as a batch norm, is folded in. */
interface FloatLayer {
  inputs: number;
  outputs: number;
  /** (outputs, inputs), row-major. */
  weights: Float32Array;
  bias: Float32Array;
  /** In place of the quantizer behind the layer: ReLU for unsigned codes, clipping to [−1, 1] for others. */
  activation: "relu" | "clip" | "none";
}

/** The twin of a chain of dense layers. Throws GraphError for what else a graph may have between them. */
export function floatTwin(graph: Graph): FloatTwin {
  const starts = graph.nodes.flatMap((each, i) => (each.op === "dense" ? [i] : []));
  const before = affine(graph, graph.nodes.slice(0, starts[0]));
  return starts.map((start, layer) => {
    const { outputs, inputs, codes, scale } = (graph.nodes[start] as DenseNode).weights;
    const behind = affine(graph, graph.nodes.slice(start + 1, starts[layer + 1]));
    const weights = new Float32Array(outputs * inputs);
    const bias = new Float32Array(outputs);
    for (let m = 0; m < outputs; m++) {
      const factor = scaleOf(behind.steps, m);
      let sum = 0;
      for (let k = 0; k < inputs; k++) {
        const weight = codes[m * inputs + k]! * at(scale, m);
        weights[m * inputs + k] = layer === 0 ? weight * factor * scaleOf(before.steps, k) : weight * factor;
        if (layer === 0) sum += weight * applySteps(before.steps, 0, k);
      }
      bias[m] = applySteps(behind.steps, sum, m);
    }
    return { inputs, outputs, weights, bias, activation: behind.activation };
  });
}

/** y of one row x, in float64. */
export function evaluateTwin(twin: FloatTwin, x: Float32Array): Float64Array {
  let values = Float64Array.from(x);
  for (const { inputs, outputs, weights, bias, activation } of twin) {
    values = Float64Array.from({ length: outputs }, (_, m) => {
      let sum = bias[m]!;
      for (let k = 0; k < inputs; k++) sum += weights[m * inputs + k]! * values[k]!;
      if (activation === "relu") return Math.max(sum, 0);
      return activation === "clip" ? Math.min(Math.max(sum, -1), 1) : sum;
    });
  }
  return values;
}

/** The twin as an ONNX file of Gemm, Relu and Clip: "x" (rows, inputs) → "y" (rows, outputs). */
export function twinToOnnx(twin: FloatTwin, rows: number): Uint8Array {
  const nodes: Draft<NodeProto>[] = [];
  const constants: Draft<TensorProto>[] = [floatTensor("−1", [], [-1]), floatTensor("1", [], [1])];
  let x = "x";
  twin.forEach(({ inputs, outputs, weights, bias, activation }, i) => {
    const [w, b, product] = [`weights${i}`, `bias${i}`, `product${i}`];
    constants.push(floatTensor(w, [outputs, inputs], weights), floatTensor(b, [outputs], bias));
    const y = i === twin.length - 1 ? "y" : `y${i}`;
    nodes.push(node("Gemm", [x, w, b], activation === "none" ? y : product, { transB: 1n }));
    if (activation === "relu") nodes.push(node("Relu", [product], y));
    if (activation === "clip") nodes.push(node("Clip", [product, "−1", "1"], y));
    x = y;
  });
  const graph = {
    name: "twin",
    node: nodes,
    initializer: constants,
    input: [valueInfo("x", [rows, twin[0]!.inputs])],
    output: [valueInfo("y", [rows, twin.at(-1)!.outputs])],
  };
  return encodeModel(model(graph, { "": 13 }, { name: "littletern bench", version: VERSION }));
}

const AFFINE: readonly Step["kind"][] = ["add", "sub", "rsub", "mul", "div", "batchnorm"];

/** The steps between two products, and what their quantizer is replaced by. */
function affine(graph: Graph, nodes: readonly Node[]): { steps: Step[]; activation: FloatLayer["activation"] } {
  const steps: Step[] = [];
  let activation: FloatLayer["activation"] = "none";
  for (const each of nodes) {
    if (each.op === "quantize" && activation === "none") {
      const { quantizer } = each;
      activation = quantizer.kind === "int" && !quantizer.signed ? "relu" : "clip";
    } else if (each.op === "step" && activation === "none" && AFFINE.includes(each.step.kind)) {
      steps.push(each.step);
    } else {
      const found = each.op === "step" ? each.step.kind : each.op;
      const where = `${each.op} "${each.name}"`;
      throw new GraphError(graph.name, where, `found ${found}, expected affine steps and then one quantizer`);
    }
  }
  return { steps, activation };
}

/** a of the steps' a · x + b. */
function scaleOf(steps: readonly Step[], channel: number): number {
  return applySteps(steps, 1, channel) - applySteps(steps, 0, channel);
}
