import { InputError } from "../base/errors.ts";
import { at } from "../numbers/quantizer.ts";
import { softmax } from "../numbers/softmax.ts";
import { checkGraph, rowSize } from "./check.ts";
import { accumulatorScale, applyNode, type Codes, type ElementNode, type Form, forms } from "./form.ts";
import type { DenseNode, Graph } from "./graph.ts";

/**
 * Sees the integers of a run, (rows, channels), under the name of their value: codes e = q − zero of every quantizer,
 * also behind a ReLU or a scalar factor, the accumulators of every dense node, and the index of an argmax.
 */
export type Trace = (value: string, integers: Float64Array) => void;

/**
 * The meaning of a checkpoint: its outputs for `inputs`, each (rows, channels), in the order of `graph.outputs`.
 * Sums of products of codes are exact integers. Everything else is float64 in the order of the graph, rounded to f32 once,
 * at the output. All values are kept, 8 bytes each, so split large batches.
 */
export function evaluate(
  graph: Graph,
  inputs: readonly (Float32Array | Float64Array)[],
  rows: number,
  trace: Trace = () => {},
): Float32Array[] {
  checkGraph(graph);
  const form = forms(graph);
  const values = new Map<string, Float64Array>();
  graph.inputs.forEach(({ name, shape }, i) => {
    const expected = rows * rowSize(shape);
    if (inputs[i]?.length !== expected) {
      throw new InputError(`input "${name}": ${inputs[i]?.length ?? 0} numbers, expected ${expected}`);
    }
    values.set(name, Float64Array.from(inputs[i]));
  });

  for (const node of graph.nodes) {
    const input = values.get(node.input)!;
    const inputForm = form.get(node.input)!;
    const output = new Float64Array(rows * node.channels);
    switch (node.op) {
      case "quantize":
      case "step":
        if (node.op === "quantize") refuseNaN(`quantizer "${node.name}"`, input, rows);
        evaluateElements(node, inputForm, form.get(node.output)!, input, output);
        if (form.get(node.output)!.kind === "codes") trace(node.output, output);
        break;
      case "dense":
        sumProducts(node, input, output);
        trace(node.output, output.slice());
        scaleSums(node, inputForm as Codes, output);
        break;
      case "softmax":
        toReal(inputForm, input, output, node.channels);
        for (let row = 0; row < rows; row++) softmax(output.subarray(row * node.channels, (row + 1) * node.channels));
        break;
      case "argmax": {
        refuseNaN(`argmax "${node.name}"`, input, rows);
        const real = new Float64Array(input.length);
        toReal(inputForm, input, real, input.length / rows);
        for (let row = 0; row < rows; row++) output[row] = firstGreatest(real, row, input.length / rows);
        trace(node.output, output);
        break;
      }
    }
    values.set(node.output, output);
  }

  return graph.outputs.map((name) => {
    const value = values.get(name)!;
    refuseNaN(`output "${name}"`, value, rows);
    const real = new Float64Array(value.length);
    toReal(form.get(name)!, value, real, value.length / rows);
    return Float32Array.from(real, (x) => Math.fround(x) + 0); // + 0 turns −0 into 0
  });
}

function evaluateElements(node: ElementNode, from: Form, to: Form, input: Float64Array, output: Float64Array): void {
  for (let i = 0; i < input.length; i++) output[i] = applyNode(node, from, to, input[i]!, i % node.channels);
}

/** Accumulators: Σ_k weights[m, k] · e[k], exact below 2^53. */
function sumProducts({ weights }: DenseNode, codes: Float64Array, sums: Float64Array): void {
  const { outputs: M, inputs: K } = weights;
  const w = Float64Array.from(weights.codes);
  for (let row = 0; row < sums.length / M; row++) {
    for (let m = 0; m < M; m++) {
      let sum = 0;
      for (let k = 0; k < K; k++) sum += w[m * K + k]! * codes[row * K + k]!;
      sums[row * M + m] = sum;
    }
  }
}

function scaleSums(node: DenseNode, input: Codes, sums: Float64Array): void {
  const scale = accumulatorScale(node, input);
  for (let i = 0; i < sums.length; i++) sums[i]! *= at(scale, i % node.channels);
}

function toReal(form: Form, value: Float64Array, real: Float64Array, channels: number): void {
  for (let i = 0; i < value.length; i++) {
    real[i] = form.kind === "codes" ? value[i]! * at(form.scale, i % channels) : value[i]!;
  }
}

function firstGreatest(value: Float64Array, row: number, channels: number): number {
  let best = 0;
  for (let c = 1; c < channels; c++) if (value[row * channels + c]! > value[row * channels + best]!) best = c;
  return best;
}

function refuseNaN(where: string, value: Float64Array, rows: number): void {
  const bad = value.findIndex(Number.isNaN);
  if (bad < 0) return;
  const channels = value.length / rows;
  throw new InputError(
    `${where}: sample ${Math.floor(bad / channels)}, channel ${bad % channels} is NaN, expected a number`,
  );
}
