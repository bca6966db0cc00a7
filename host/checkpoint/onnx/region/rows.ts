import { smallestDtype } from "../../../graph/ops/weights.ts";
import { Refusal } from "../../refusal.ts";
import { weightsOf } from "../../weights.ts";
import type { Constant } from "../call.ts";
import { transposeConstant } from "../emit.ts";
import { plainOf, postOf, settled } from "./post.ts";
import {
  axesOf,
  axisOf,
  type Call,
  isClose,
  isSameView,
  only,
  PLAIN,
  type Rows,
  scalarOf,
  type Value,
} from "./value.ts";
import { behind, hasChannelsLast, lastIndices, type View } from "./view.ts";

// BitLinear (Wang et al., arXiv 2310.11453; Ma et al., arXiv 2402.17764) as PyTorch exports it: codes round(x · n / m) of every position, where m is its greatest
// |x|, times integers. Codes are divided by their scale before the product, or the sums behind it; x + (codes / scale − x), which lets gradients through, is the same.

type Kind<K extends Rows["kind"]> = Rows & { kind: K };

/** Where a file bounds m by nothing: positions of smaller numbers have no codes in f32. */
const LEAST = 2 ** -100;
const MAX_LEVELS = 127;

const isRows = (value: Value | undefined): value is Rows => value !== undefined && Object.hasOwn(KINDS, value.kind);

const KINDS: Record<Rows["kind"], true> = {
  sizes: true,
  scale: true,
  scaled: true,
  rounded: true,
  rows: true,
  residue: true,
  sums: true,
};

export function sizes(call: Call): Rows {
  return { kind: "sizes", of: plainOf(call), epsilon: LEAST };
}

/** The greatest size of a position. */
export function greatest(call: Call): Rows {
  const [value] = call.inputs;
  const axes = axesOf(call);
  const keeps = (call.attributes.int("keepdims") ?? 1) !== 0;
  if (
    value?.kind !== "sizes" ||
    axes.length !== 1 ||
    axisOf(axes[0]!, value.of.axes.length) !== value.of.axes.length - 1 ||
    !keeps
  ) {
    throw new Refusal(
      `a maximum over axes ${axes}`,
      "the greatest |x| of each position, which scales its codes: keepdims = 1",
    );
  }
  return { ...value, kind: "scale", by: 1, power: 1 };
}

/** m bounded from below; codes within their bounds. */
export function bounded(call: Call, min: number, max: number): Rows {
  const [value] = call.inputs;
  if (value?.kind === "scale" && value.power === 1 && value.by === 1 && min > 0 && max === Infinity) {
    return { ...value, epsilon: Math.max(value.epsilon, Math.fround(min)) };
  }
  if (value?.kind === "rounded" && min <= -value.levels && max >= value.levels) return value;
  throw new Refusal(
    `it cuts ${value?.kind ?? "nothing"} to ${min} … ${max}`,
    "bounds that no code passes, or a least |x| above 0",
  );
}

export function rounded(call: Call): Rows {
  const [value] = call.inputs;
  if (value?.kind === "scaled") return { ...value, kind: "rounded" };
  throw new Refusal(
    "it rounds what no greatest |x| has scaled",
    "x · n / m, where m is the greatest |x| of each position",
  );
}

/** The operands of a node that has one on the way to codes: data as codes were made of them. */
function operands(call: Call): (Value | undefined)[] {
  if (!call.inputs.some(isRows)) return call.inputs;
  return call.inputs.map((value) => (value?.kind === "data" ? settled(call, value) : value));
}

/** A product, or a quotient; undefined where neither operand is on the way to codes. */
export function scaledBy(call: Call, divides: boolean): Value | undefined {
  const [a, b] = operands(call);
  if (isRows(a) && b?.kind === "constant") return byConstant(call, a, oneOf(b), divides);
  if (isRows(b) && a?.kind === "constant") {
    if (!divides) return byConstant(call, b, oneOf(a), false);
    if (b.kind === "scale") return { ...b, by: oneOf(a) / b.by, power: b.power === 1 ? -1 : 1 };
  }
  if (b?.kind === "scale") return byScale(call, a, divides ? inverted(b) : b);
  if (a?.kind === "scale" && !divides) return byScale(call, b, a);
  if (isRows(a) || isRows(b)) return refuse(a, b);
  return undefined;
}

export function inverted(scale: Kind<"scale">): Kind<"scale"> {
  return { ...scale, by: 1 / scale.by, power: scale.power === 1 ? -1 : 1 };
}

function oneOf(constant: Constant): number {
  const one = scalarOf(constant);
  if (one !== undefined) return one;
  throw new Refusal(`it multiplies by a constant of [${constant.dims}]`, "one factor for all");
}

function refuse(a: Value | undefined, b: Value | undefined): never {
  throw new Refusal(`it has ${a?.kind ?? "nothing"} and ${b?.kind ?? "nothing"}, no step of codes by position`, PLAIN);
}

function byConstant(call: Call, value: Rows, by: number, divides: boolean): Rows {
  const factor = divides ? 1 / by : by;
  if (value.kind === "scale") return { ...value, by: value.by * factor };
  if (value.kind === "sums") return { ...value, factor: value.factor * factor };
  return refuse(value, call.inputs[1]);
}

/** x times a scale that makes codes of it; codes times the one that undoes it; sums of codes likewise, whatever other factor there is. */
function byScale(call: Call, value: Value | undefined, scale: Kind<"scale">): Value {
  if (value?.kind === "data" && scale.power === -1 && isSameView(value, scale.of) && value.factor === 1) {
    const levels = Math.round(scale.by);
    if (isClose(scale.by, levels) && levels >= 1 && levels <= MAX_LEVELS) {
      return { kind: "scaled", of: value, epsilon: scale.epsilon, levels };
    }
    throw new Refusal(`codes to ±${scale.by}`, `a whole number of levels, at most ${MAX_LEVELS}`);
  }
  const isOwn = isRows(value) && isSameView(value.of, scale.of) && value.epsilon === scale.epsilon && scale.power === 1;
  if (isOwn && value.kind === "rounded" && isClose(scale.by * value.levels, 1)) return { ...value, kind: "rows" };
  if (isOwn && value.kind === "sums") {
    return codeLinear(call, value, value.weights, scale.by * value.levels * value.factor, undefined, value.weightsName);
  }
  return refuse(value, scale);
}

/** codes / scale less x; undefined where it is no such difference. */
export function residue(call: Call): Rows | undefined {
  const [a, b] = operands(call);
  return a?.kind === "rows" && b?.kind === "data" && isSameView(a.of, b) ? { ...a, kind: "residue" } : undefined;
}

/** x and that, the codes again; undefined where it is no such sum. */
export function restored(call: Call): Rows | undefined {
  const [a, b] = operands(call);
  const [x, difference] = a?.kind === "residue" ? [b, a] : [a, b];
  const isOwn = difference?.kind === "residue" && x?.kind === "data" && isSameView(difference.of, x);
  return isOwn ? { ...difference, kind: "rows" } : undefined;
}

/** Codes times a constant (inputs, outputs): sums, whose scale is still to come. */
export function sums(codes: Kind<"rounded">, weights: Constant): Rows {
  return { ...codes, kind: "sums", weights, factor: 1, weightsName: weights.name };
}

/** How far f32's rounding of w + (q − w) leads from q, as a share of the scale, for weights w of up to 30 scales. */
const FOLDED = 2 ** -18;

/** Weights −s, 0 and s that an exporter has computed as w + (q − w) in f32, without what rounding made of them; others as they are. */
function ternaryAgain(data: Float64Array): Float64Array {
  const greatest = data.reduce((most, w) => Math.max(most, Math.abs(w)), 0);
  const isNear = (w: number, to: number) => Math.abs(w - to) <= FOLDED * greatest;
  if (!data.every((w) => isNear(w, 0) || isNear(Math.abs(w), greatest))) return data;
  const sizes = data.map(Math.abs).filter((size) => !isNear(size, 0));
  const scale = sizes.sort()[sizes.length >> 1]!;
  return data.map((w) => (isNear(w, 0) ? 0 : Math.sign(w) * scale));
}

/** Codes of every position times integers (inputs, outputs) and their scale. */
export function codeLinear(
  call: Call,
  { of, levels, epsilon }: { of: View; levels: number; epsilon: number },
  constant: Constant,
  factor: number,
  bias: Float64Array | undefined,
  weightsName: string,
): View {
  if (!hasChannelsLast(of)) throw new Refusal("its input has its axes in another order", PLAIN);
  const { channels } = of.picture;
  if (constant.dims.length !== 2 || constant.dims[0] !== channels) {
    throw new Refusal(`weights of [${constant.dims}] behind ${channels} channels`, "weights of (inputs, outputs)");
  }
  const own = transposeConstant(call, constant, [1, 0]);
  const { weights, notes } = weightsOf({ ...own, data: ternaryAgain(own.data), name: weightsName }, false);
  call.sink.notes.push(...notes);
  const { outputs, inputs, codes, scale } = weights;
  const ordered = new Int8Array(codes.length);
  lastIndices(of).forEach((at, k) => {
    for (let m = 0; m < outputs; m++) ordered[m * inputs + at] = codes[m * inputs + k]!;
  });
  const post = postOf(
    scale.map((s) => s * factor),
    bias,
  );
  const made = call.region.emit(
    call.name,
    { kind: "linear", dtype: smallestDtype(ordered)!, weights: ordered, post },
    [of.source],
    only(call),
    { weightsName, rows: { levels, epsilon } },
  );
  return behind(of, made);
}
