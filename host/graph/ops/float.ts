import { fromOrderKey, orderKey } from "../../numbers/order.ts";
import type { FloatPost, Op, QuantizeRowsOp, RegionKind } from "../../program.ts";
import { REGION_OPS } from "../../reference/region_ops.ts";
import { elementCount, isSameShape, type Picture, positionCount, type Shape, shapeText } from "../../shape.ts";
import { REAL } from "../form.ts";
import type { NodeBase } from "../node.ts";
import type { OpMeaning } from "./meaning.ts";

/** Ops of float regions that nodes are computed by: all but those that only stand between others. */
type FloatKind = Exclude<RegionKind, "quantize_rows" | "dequantize">;

type Own<O> = O extends Op ? Omit<O, "inputs" | "output"> : never;

/** An op of a program, of f32 values. */
export type FloatOp = Own<Op<FloatKind>>;

/** A node of a float region: of a network of floats, whose every value is f32. */
export interface FloatNode extends NodeBase {
  op: "float";
  compute: FloatOp;
  /** How the input of a linear op becomes codes. */
  rows?: Pick<QuantizeRowsOp, "levels" | "epsilon">;
  /** Name of the weights in the checkpoint. */
  weightsName?: string;
}

/** How many values each kind reads; one if it is not here. */
const INPUTS: Partial<Record<FloatKind, number>> = { float_add: 2, float_mul: 2, attention: 3 };

export const floatMeaning: OpMeaning<FloatNode> = {
  role: "float",
  readsCodes: false,
  inputs: 1,
  inputsOf: ({ compute }) => INPUTS[compute.kind] ?? 1,
  shape: ({ compute }, [input]) => outputShape(compute, input!),
  problem: ({ compute, rows }, inputs) => problemOf(compute, rows !== undefined, inputs),
  form: () => REAL,

  /** Computes as the reference does, row by row. Returns order keys. */
  evaluate({ compute, rows: codes }, inputs, output) {
    const keys = inputs.map(({ numbers }) => Int32Array.from(numbers, orderKey));
    const made = new Int32Array(output.numbers.length);
    const rows = made.length / elementCount(output);
    const shape = (value: Picture) => ({ ...value, dtype: "f32" as const });
    for (let row = 0; row < rows; row++) {
      const rowOf = (all: Int32Array) => all.subarray((row * all.length) / rows, ((row + 1) * all.length) / rows);
      const to = rowOf(made);
      if (codes && compute.kind === "linear") {
        const [x, from] = [rowOf(keys[0]!), shape(inputs[0]!)];
        const scaled = new Int32Array(x.length + positionCount(from));
        const ends = { inputs: [0], output: 1 };
        const as = { ...from, dtype: "scaled8" as const };
        REGION_OPS.quantize_rows({ kind: "quantize_rows", ...codes, ...ends }, [x], scaled, [from], as);
        REGION_OPS.linear({ ...compute, ...ends }, [scaled], to, [as], shape(output));
      } else run(compute, keys.map(rowOf), to, inputs.map(shape), shape(output));
    }
    output.numbers.set(Float64Array.from(made, fromOrderKey));
    return Float64Array.from(made);
  },
};

function run(compute: FloatOp, inputs: Int32Array[], output: Int32Array, from: Shape[], to: Shape): void {
  const op = { ...compute, inputs: [], output: 0 };
  (REGION_OPS[op.kind] as (...args: unknown[]) => void)(op, inputs, output, from, to);
}

/** The shape of what an op makes of an input. */
function outputShape(compute: FloatOp, input: Picture): Picture {
  const { height, width, channels } = input;
  switch (compute.kind) {
    case "linear":
      return { ...input, channels: compute.weights.length / channels };
    case "float_linear":
      return { ...input, channels: compute.floats.length / channels };
    case "patches":
      return {
        height: height / compute.height,
        width: width / compute.width,
        channels: channels * compute.height * compute.width,
      };
    case "positions": {
      const positions = compute.floats.length / channels;
      return positions === height * width ? input : { height: positions, width: 1, channels };
    }
    case "mean":
    case "pick":
      return { height: 1, width: 1, channels };
    default:
      return input;
  }
}

function problemOf(compute: FloatOp, rows: boolean, inputs: readonly Picture[]): string | undefined {
  const [input, ...others] = inputs as [Picture, ...Picture[]];
  const to = outputShape(compute, input);
  if (![to.height, to.width, to.channels].every((size) => Number.isInteger(size) && size > 0)) {
    return `${compute.kind} of ${shapeText(input)} gives ${to.height} × ${to.width} × ${to.channels}, expected whole numbers`;
  }
  if (positionCount(to) < positionCount(input) && compute.kind === "positions") {
    return `holds ${positionCount(to)} positions, expected at least ${positionCount(input)}`;
  }
  if ((compute.kind === "linear") !== rows) return "codes of each position are those of a linear op";
  if (compute.kind === "pick" && compute.position >= positionCount(input)) {
    return `position ${compute.position} of ${positionCount(input)}`;
  }
  if (compute.kind === "attention") {
    const { heads, keyHeads } = compute;
    const own = { ...input, channels: (input.channels / heads) * keyHeads };
    const fits = input.channels % heads === 0 && heads % keyHeads === 0;
    if (!fits || !others.every((other) => isSameShape(other, own))) {
      return `${heads} heads of ${shapeText(input)}, ${keyHeads} of ${others.map(shapeText).join(" and ")}, expected whole ones of one size`;
    }
  } else if (!others.every((other) => isSameShape(other, input))) {
    return `reads ${inputs.map(shapeText).join(" and ")} channels, expected as many of both`;
  }
  return compute.post?.kind === "float" ? postProblem(compute.post, to.channels) : undefined;
}

function postProblem({ records, scale, bias }: FloatPost, channels: number): string | undefined {
  if (records !== 1 && records !== channels) return `post of ${records} channels, expected 1 or ${channels}`;
  const bad = [...scale, ...bias].find((x) => !Number.isFinite(x));
  return bad === undefined ? undefined : `post with ${bad}, expected finite numbers`;
}
