import { codeRanges } from "../blob/code_range.ts";
import { packingOf } from "../blob/pack/pack.ts";
import { type Tiling, tilingOf } from "../blob/tiles.ts";
import {
  type ActivationDtype,
  type Op,
  type OpTable,
  ofOp,
  type PackingName,
  type Program,
  type QuantizeOp,
  type WeightedOp,
  type Window,
} from "../program.ts";
import { elementCount, positionBytes, positionCount } from "../shape.ts";
import { borderPositions, gatherCounts, pairCounts, scatterCounts, sum } from "./convolution.ts";
import type { Costs } from "./measured.ts";

// The instructions of an inference before anything is built. What an op takes is a sum of terms: how often a loop runs, by the shape of the op, times
// what one turn costs a runtime on a core, as `npm run firmware:measure` has counted it (measured.json).

/** A kernel, and how often its loops run. */
export interface Term {
  kernel: string;
  counts: number[];
}

/** Codes that a kernel takes at a time: words of fields, blocks of bit planes, strips of trit4. */
const BLOCK: Partial<Record<PackingName, number>> = {
  sign32: 64,
  field2: 64,
  field3: 10,
  field4: 16,
  field8: 4,
  trit4: 16,
};

/**
 * The instructions of every op for one row, or undefined where a kernel was not measured. The sum is one inference, less what an invocation
 * of no op takes.
 */
export function predictInstructions(program: Program, costs: Costs): number[] | undefined {
  const found = termsOf(program).map((terms) => costOf(terms, costs));
  return found.includes(undefined) ? undefined : (found as number[]);
}

/** The instructions of terms, or undefined where a kernel was not measured. */
export function costOf(terms: readonly Term[], costs: Costs): number | undefined {
  const found = terms.map(({ kernel, counts }) => costs[kernel] && dot(costs[kernel], counts));
  return found.includes(undefined) ? undefined : sum(found as number[]);
}

/** Of every op, the kernel of its sums or elements, and that of its post, if it has one and is dense. */
export function termsOf(program: Program): Term[][] {
  const ranges = codeRanges(program);
  return program.ops.map((op) => termsOfOp(program, op, ranges));
}

type Ranges = ReturnType<typeof codeRanges>;

function termsOfOp(program: Program, op: Op, ranges: Ranges): Term[] {
  const [input, output] = [program.tensors[op.inputs[0]!]!.dtype, program.tensors[op.output]!.dtype];
  return ofOp(TERMS, op, { program, ranges, tiling: tilingOf(program, op), input, output });
}

/** An op's surroundings: its first input's dtype, and its output's. */
interface Place {
  program: Program;
  ranges: Ranges;
  tiling: Tiling;
  input: ActivationDtype;
  output: ActivationDtype;
}

const TERMS: OpTable<[place: Place], Term[]> = {
  quantize({ post, output: to }, { program, tiling: { tiles, channels }, input, output }) {
    const positions = positionCount(program.tensors[to]!);
    const kernel = `quantize ${input} → ${postName(post, output)}`;
    const counts = postCounts(post, channels).map((count) => positions * count);
    return [{ kernel, counts: [1, positions * tiles, ...counts] }];
  },

  dense(op, { program, ranges, tiling: { tiles, channels }, output }) {
    const { dtype, channels: inputs } = program.tensors[op.inputs[0]!]!;
    const sums = sumsTerm(op, dtype, inputs, channels, tiles, ranges);
    if (!op.post) return [sums];
    const from = packingOf(op).name === "trit4" ? "trit4" : "dense"; // trit4 reads records by itself
    return [
      sums,
      { kernel: `${from} → ${postName(op.post, output)}`, counts: [tiles, ...postCounts(op.post, channels)] },
    ];
  },

  argmax({ post }, { tiling: { tiles, channels } }) {
    return [{ kernel: post ? "argmax of scores" : "argmax", counts: [1, tiles, channels] }];
  },

  maximum({ output }, { program }) {
    return [{ kernel: "maximum", counts: [1, elementCount(program.tensors[output]!)] }];
  },

  concat({ output: to }, { program }) {
    const tensor = program.tensors[to]!;
    return [{ kernel: "concat", counts: [1, positionCount(tensor), elementCount(tensor)] }];
  },

  upsample({ output: to }, { program }) {
    const tensor = program.tensors[to]!;
    return [{ kernel: "upsample", counts: [1, positionCount(tensor), positionCount(tensor) * positionBytes(tensor)] }];
  },

  /** A depthwise one reads windows where they lie; others gather patches, or scatter positions, and at each position sums are those of a dense op. */
  conv2d(op, { program, ranges, tiling, output: made }) {
    const { tiles, channels, columns } = tiling;
    const [input, output] = [program.tensors[op.inputs[0]!]!, program.tensors[op.output]!];
    const positions = positionCount(output);
    const packing = packingOf(op).name;
    const post = op.post && {
      kernel: `${packing === "trit4" || packing === "tap8" ? packing : "dense"} → ${postName(op.post, made)}`,
      counts: [tiles, ...postCounts(op.post, channels)].map((count) => positions * count),
    };
    const isBit = input.dtype === "bit";
    const sums = (): Term[] => {
      if (packing === "tap8") {
        const eights = channels & ~7; // channels that are taken by eights, and those one by one
        const turns = [1, op.window.kernelHeight, columns.taps];
        const walk = [eights, channels - eights].flatMap((count) => turns.map((turn) => count * turn));
        const counts = [tiles * positions, ...walk.map((count) => positions * count)];
        return [{ kernel: `tap8 × ${input.dtype}`, counts: [1, ...counts] }];
      }
      if (op.form === "pair") return [{ kernel: "pairs", counts: pairCounts(op, input, output, tiling) }];
      if (op.form === "scatter") return [{ kernel: "scatter", counts: scatterCounts(op, input, output, tiling) }];
      const twice = isBit ? borderPositions(op, input, output) : 0;
      const times = (packing === "trit4" ? tiles : op.groups) * (1 + twice / positions);
      const gathered = `gather ${isBit ? "bits" : packing === "trit4" ? "strips" : "codes"}`;
      const { kernel, counts } = sumsTerm(
        op,
        input.dtype,
        columns.taps * columns.packedInputs,
        channels,
        tiles,
        ranges,
      );
      const [once, ...each] = counts;
      return [
        { kernel: gathered, counts: gatherCounts(op, input, output, times) },
        { kernel, counts: [once!, ...each.map((count) => (positions + twice) * count)] },
      ];
    };
    return post ? [...sums(), post] : sums();
  },

  maxpool({ window, output: to }, { program, input }) {
    return [{ kernel: `maxpool of ${input === "bit" ? "bits" : "bytes"}`, counts: poolCounts(window, program, to) }];
  },

  /** Sums are cleared and summed up, and make codes as those of a dense op do. */
  add({ post, output: to }, { program, tiling: { channels }, output }) {
    const positions = positionCount(program.tensors[to]!);
    const sums: Term = { kernel: "add", counts: [1, positions, positions * channels] };
    if (!post) return [sums];
    const counts = postCounts(post, channels).map((count) => positions * count);
    return [sums, { kernel: `avgpool → ${postName(post, output)}`, counts }];
  },

  avgpool({ window, post, output: to }, { program, tiling: { channels }, input, output }) {
    const positions = positionCount(program.tensors[to]!);
    const kernel = `avgpool of ${input === "bit" ? "bits" : "bytes"}`;
    const sums: Term = { kernel, counts: poolCounts(window, program, to) };
    if (!post) return [sums];
    const counts = postCounts(post, channels).map((count) => positions * count);
    return [sums, { kernel: `avgpool → ${postName(post, output)}`, counts }];
  },

  quantize_rows: unmeasured,
  dequantize: unmeasured,
  linear: unmeasured,
  float_linear: unmeasured,
  layer_norm: unmeasured,
  rms_norm: unmeasured,
  activation: unmeasured,
  float_add: unmeasured,
  float_mul: unmeasured,
  softmax: unmeasured,
  attention: unmeasured,
  patches: unmeasured,
  positions: unmeasured,
  mean: unmeasured,
  pick: unmeasured,
};

/** No kernel of float regions was measured. */
function unmeasured({ kind }: Op): Term[] {
  return [{ kernel: kind, counts: [1] }];
}

/** Positions of the output, taps of all of them, and the bytes or bits of those. */
function poolCounts(window: Window, { tensors }: Program, output: number): number[] {
  const positions = positionCount(tensors[output]!);
  const taps = positions * window.kernelHeight * window.kernelWidth;
  return [1, positions, taps, taps * tensors[output]!.channels];
}

/** The sums of one position: of `inputs` products for each of `outputs` channels. */
function sumsTerm(
  op: WeightedOp,
  dtype: ActivationDtype,
  inputs: number,
  outputs: number,
  tiles: number,
  ranges: Ranges,
): Term {
  const packing = packingOf(op).name;
  if (dtype === "bit") {
    // bits are counted in 8 words of 32, then 4, then one by one
    const words = [Math.floor(inputs / 256), Math.floor((inputs % 256) / 128), Math.ceil((inputs % 128) / 32)];
    return { kernel: `${packing} × bit`, counts: [1, tiles, outputs, ...words.map((count) => outputs * count)] };
  }
  const [min, max] = ranges(op.inputs[0]!);
  // rows whose codes have 4 bits beside the sign take half of the bit planes
  const range = (packing === "sign32" || packing === "field2") && (min < -16 || max > 15) ? " wide" : "";
  const blocks = Math.ceil(inputs / BLOCK[packing]!);
  const weights = op.dtype === "int2" ? "int2 in " : "";
  const group = packing === "trit4" ? 4 : packing === "field4" ? 2 : 1; // channels that share codes
  const groups = group * Math.ceil(outputs / group);
  return {
    kernel: `${weights}${packing} × ${dtype}${range}`,
    counts: [1, tiles, (packing === "trit4" ? tiles : 1) * blocks, groups, groups * blocks],
  };
}

function postName({ kind, ...post }: QuantizeOp["post"], dtype: string): string {
  const rounding = "rounding" in post ? ` ${post.rounding}` : "";
  return `${kind}${rounding}${dtype === "bit" ? " to bits" : ""}`;
}

/** By channel and by byte of its own records; of thresholds also for steps that are found by halving, and for those that are compared one by one. */
function postCounts(post: QuantizeOp["post"], channels: number): number[] {
  switch (post.kind) {
    case "lookup":
      return [channels];
    case "requantize":
      return [channels, post.records > 1 ? 16 * channels : 0];
    case "plane":
      return [channels, post.records > 1 ? 32 * channels : 0];
    case "thresholds": {
      const bytes = post.records > 1 ? (4 + 4 * post.count) * channels : 0;
      return [channels, bytes, channels * Math.log2(post.count + 1), channels * post.count];
    }
  }
}

function dot(a: number[], b: number[]): number {
  return sum(a.map((value, i) => value * b[i]!));
}
