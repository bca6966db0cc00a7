import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../../host/base/package_root.ts";
import type { Activation } from "../activations.ts";

// The float ends of a product, timed along with it: x becomes codes, sums become y. They run in V8, wherever the product does, in a small module
// of their own (assembly/index.ts), which takes a tenth of the time of loops in TypeScript: 0.13 ns a code here, where those took 1.3.

export interface FloatEnds {
  /** Codes of x, (rows, inputs): all rows as the input tensor has them. The view is good until the next call. */
  quantize(x: Float32Array): Uint8Array;
  /** y, (rows, outputs), of sums as the output tensor has them, with the scales of the last quantize. The view is good until the next call. */
  scale(sums: Int32Array): Float32Array;
}

export interface FloatEndsOptions {
  activation: Activation;
  rows: number;
  inputs: number;
  /** From one row of the input tensor to the next. */
  codeStep: number;
  /** From one row of the output tensor to the next. */
  sumStep: number;
  /** What the zero point of the activations adds to the sum of an output. (outputs) */
  offsets: Int32Array;
  /** y = (sum − offset) · scale of the row · unit. */
  unit: number;
}

/** Exports of assembly/index.ts. */
interface Exports {
  memory: WebAssembly.Memory;
  codes(
    x: number,
    rows: number,
    inputs: number,
    steps: number,
    zero: number,
    to: number,
    codeStep: number,
    scales: number,
  ): void;
  signs(x: number, rows: number, inputs: number, to: number, signStep: number, scales: number): void;
  scale(
    sums: number,
    sumStep: number,
    offsets: number,
    rows: number,
    outputs: number,
    scales: number,
    unit: number,
    y: number,
  ): void;
}

let compiled: WebAssembly.Module | undefined;

export function floatEnds(options: FloatEndsOptions): FloatEnds {
  const { activation, rows, inputs, codeStep, sumStep, offsets, unit } = options;
  compiled ??= new WebAssembly.Module(readFileSync(join(packageRoot(), "build", "bench_floats.wasm")));
  const { memory, codes, signs, scale } = new WebAssembly.Instance(compiled).exports as unknown as Exports;
  const outputs = offsets.length;
  let end = 64; // the first bytes hold a constant of the module
  const region = (bytes: number): number => {
    const at = end;
    end += (bytes + 63) & ~63;
    return at;
  };
  const xAt = region(4 * rows * inputs);
  const codesAt = region(rows * codeStep);
  const scalesAt = region(4 * rows);
  const sumsAt = region(rows * sumStep);
  const offsetsAt = region(4 * outputs);
  const yAt = region(4 * rows * outputs);
  memory.grow(Math.ceil(end / 0x1_0000));

  const { buffer } = memory;
  const xs = new Float32Array(buffer, xAt, rows * inputs);
  const allCodes = new Uint8Array(buffer, codesAt, rows * codeStep);
  const allSums = new Int32Array(buffer, sumsAt, (rows * sumStep) / 4);
  const y = new Float32Array(buffer, yAt, rows * outputs);
  new Int32Array(buffer, offsetsAt, outputs).set(offsets);
  const { dtype, steps, zero } = activation;
  return {
    quantize(x) {
      xs.set(x);
      if (dtype === "bit") signs(xAt, rows, inputs, codesAt, codeStep, scalesAt);
      else codes(xAt, rows, inputs, steps, zero, codesAt, codeStep, scalesAt);
      return allCodes;
    },
    scale(sums) {
      allSums.set(sums);
      scale(sumsAt, sumStep, offsetsAt, rows, outputs, scalesAt, unit, yAt);
      return y;
    },
  };
}
