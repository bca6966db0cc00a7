import type { Variant } from "../../../host/run/variant.ts";
import type { ConvolutionShape } from "../convolution.ts";
import type { Product } from "../products.ts";
import { quantile } from "../timing.ts";

// What Little Tern has to reach beside others, and the judgement of what was measured. Pure: measure.ts does the measuring.

/** Where ours runs. */
export interface Column {
  title: string;
  /** Major version of the Node that all of the column is measured in. */
  node: 20 | 24;
  engine: "v8" | "wasmtime";
  variant: Variant;
}

export type ColumnName = "node24" | "wasmtime" | "node20";

export const COLUMNS: Record<ColumnName, Column> = {
  node24: { title: "V8 of Node 24, relaxed", node: 24, engine: "v8", variant: "relaxed" },
  wasmtime: { title: "wasmtime, relaxed", node: 24, engine: "wasmtime", variant: "relaxed" },
  node20: { title: "V8 of Node 20, simd", node: 20, engine: "v8", variant: "simd" },
};
export const COLUMN_NAMES = Object.keys(COLUMNS) as ColumnName[];

/** A peer by its name in its library; of OURS, something else of our own. */
export interface PeerName {
  library: string;
  peer: string;
}

/** What convolutions are compared with beside others: a product of as many rows as our kernels take at a time, and another convolution. */
export const OURS = "Little Tern";
export const OWN_PEERS = {
  "own dense ternary": { product: { weights: "ternary", activation: "i8" }, rows: 64, size: 1024 },
  "own ternary 3 × 3": {
    convolution: {
      ...{ weights: "ternary", activation: "i8" },
      shape: { height: 32, width: 32, inputs: 64, outputs: 64, kernel: 3 },
    },
  },
} as const satisfies Record<
  string,
  { product: Product; rows: number; size: number } | { convolution: ConvolutionTask }
>;
export type OwnPeer = keyof typeof OWN_PEERS;

/** A convolution of a picture. */
export interface ConvolutionTask extends Product {
  shape: ConvolutionShape;
}

export interface Goal {
  name: string;
  task: string;
  /** All of them have to be reached. */
  against: PeerName[];
  /** Products of all of these, with all of these rows and K = M of all SIZES; none: the network of random_mlp.ts, one picture, or the convolution. */
  products: Product[];
  convolution?: ConvolutionTask;
  rows: number[];
  /** Instead of the column's. */
  variant?: Variant;
  /** Least ratio of our rate to the peer's, in each column that has a goal; 0 where it is only shown. */
  atLeast: Partial<Record<ColumnName, number>>;
}

export const SIZES = [1024, 2048, 4096];

const ggml = (type: string): PeerName[] => [{ library: "ggml", peer: `ggml ${type}` }];
/** All that run such products in WebAssembly: to beat the best is to beat each. */
const WEBASSEMBLY: PeerName[] = [
  { library: "onnxruntime-web", peer: "ORT-web int8" },
  { library: "LiteRT.js", peer: "LiteRT.js int8" },
  { library: "LiteRT.js", peer: "LiteRT.js int4" },
];

/** The same convolution by others in WebAssembly, in all forms that they have, and in native code. */
const CONVOLUTIONS: PeerName[] = [
  { library: "onnxruntime-web", peer: "ORT-web fp32" },
  { library: "onnxruntime-web", peer: "ORT-web int8" },
  { library: "LiteRT.js", peer: "LiteRT.js fp32" },
  { library: "LiteRT.js", peer: "LiteRT.js int8" },
];
const NATIVE_CONVOLUTIONS: PeerName[] = [
  { library: "onnxruntime-node", peer: "ORT int8" },
  { library: "LiteRT", peer: "LiteRT int8" },
];

const BINARY_3X3: ConvolutionTask = {
  ...{ weights: "binary", activation: "bit" },
  shape: { height: 16, width: 16, inputs: 256, outputs: 256, kernel: 3 },
};
const TERNARY_3X3 = OWN_PEERS["own ternary 3 × 3"].convolution;

const TERNARY_I8: Product = { weights: "ternary", activation: "i8" };

export const GOALS: readonly Goal[] = [
  {
    ...{ name: "G1", task: "ternary × i8, 1 row", against: ggml("TQ2_0") },
    ...{ products: [TERNARY_I8], rows: [1] },
    atLeast: { node24: 1.0, wasmtime: 0.62, node20: 0.45 },
  },
  {
    ...{ name: "G2", task: "ternary × 4-bit codes, 1 row", against: ggml("TQ2_0") },
    products: [
      { weights: "ternary", activation: "u4" },
      { weights: "ternary", activation: "i4" },
    ],
    rows: [1],
    atLeast: { node24: 1.2, wasmtime: 1.0, node20: 0.9 },
  },
  {
    ...{ name: "G3", task: "ternary × i8, 64 rows", against: ggml("TQ2_0") },
    ...{ products: [TERNARY_I8], rows: [64] },
    atLeast: { node24: 1.1, wasmtime: 0.95, node20: 0.85 },
  },
  {
    ...{ name: "G4", task: "binary × binary, 1 and 64 rows", against: ggml("TQ2_0") },
    ...{ products: [{ weights: "binary", activation: "bit" }], rows: [1, 64] },
    atLeast: { node24: 2.3, wasmtime: 2.6, node20: 2.2 },
  },
  {
    ...{ name: "G5", task: "int8 × i8, 64 rows", against: ggml("Q8_0") },
    ...{ products: [{ weights: "int8", activation: "i8" }], rows: [64] },
    atLeast: { node24: 1.5, wasmtime: 0.8, node20: 0.7 },
  },
  {
    ...{ name: "G6", task: "4-bit × i8, 1 row", against: ggml("Q4_0") },
    ...{ products: [{ weights: "int4", activation: "i8" }], rows: [1] },
    atLeast: { node24: 2.5, wasmtime: 1.7, node20: 1.2 },
  },
  {
    ...{ name: "G7", task: "ternary × i8 in WebAssembly, 1 row", against: WEBASSEMBLY },
    ...{ products: [TERNARY_I8], rows: [1] },
    atLeast: { node24: 3.2, node20: 1.4 },
  },
  {
    ...{ name: "G7", task: "ternary × i8 in WebAssembly, 64 rows", against: WEBASSEMBLY },
    ...{ products: [TERNARY_I8], rows: [64] },
    atLeast: { node24: 2.4, node20: 1.9 },
  },
  {
    ...{ name: "G8", task: "784-256-256-10 ternary MLP, one picture" },
    ...{ against: [{ library: "onnxruntime-node", peer: "ORT fp32" }], products: [], rows: [1] },
    atLeast: { node24: 5, wasmtime: 5, node20: 3 },
  },
  {
    ...{ name: "G9", task: "scalar variant, ternary × i8, 1 row", against: ggml("TQ2_0"), variant: "scalar" },
    ...{ products: [TERNARY_I8], rows: [1] },
    atLeast: { node24: 0.11, wasmtime: 0.11, node20: 0.11 },
  },
  {
    ...{ name: "V4", task: "3 × 3 convolution, ternary × i8, of our dense rate" },
    ...{ against: [{ library: OURS, peer: "own dense ternary" }], products: [], rows: [1], convolution: TERNARY_3X3 },
    atLeast: { node24: 0.75, wasmtime: 0.75 },
  },
  {
    ...{ name: "V4", task: "3 × 3 convolution, ternary × i8, in WebAssembly", against: CONVOLUTIONS },
    ...{ products: [], rows: [1], convolution: TERNARY_3X3 },
    atLeast: { node24: 1.5, wasmtime: 1.5 },
  },
  ...NATIVE_CONVOLUTIONS.map((peer) => ({
    ...{ name: "V4", task: `3 × 3 convolution, ternary × i8, beside native ${peer.peer}`, against: [peer] },
    ...{ products: [], rows: [1], convolution: TERNARY_3X3 },
    atLeast: { node24: 0, wasmtime: 0 },
  })),
  {
    ...{ name: "V6", task: "3 × 3 convolution, binary × binary, of our ternary rate" },
    ...{ against: [{ library: OURS, peer: "own ternary 3 × 3" }], products: [], rows: [1], convolution: BINARY_3X3 },
    atLeast: { node24: 1.8, wasmtime: 1.8 },
  },
];

/** One thing to compare: ours in a column, and one peer. */
export interface Cell {
  goal: Goal;
  column: ColumnName;
  against: PeerName;
  variant: Variant;
  rows: number;
  /** Of neither: the network. */
  product?: Product;
  convolution?: ConvolutionTask;
  /** K = M, of a product. */
  size?: number;
}

/** Milliseconds of one call of each in each round: the peer first, ours right after it. */
export interface Round {
  theirs: number;
  ours: number;
}

/** What was measured of a cell. */
export interface Comparison {
  goal: string;
  task: string;
  column: ColumnName;
  /** What exactly: "ternary × i4, K = M = 2048, 1 row". */
  what: string;
  peer: string;
  /** Of one call: multiply-accumulates in 10^6, or thousands of pictures, so that work / milliseconds is a rate. */
  work: number;
  /** That of the peer, where it is another. */
  theirWork?: number;
  unit: "GMAC/s" | "pictures/s";
  rounds: Round[];
}

export interface Verdict {
  goal: Goal;
  column: ColumnName;
  atLeast: number;
  /** The comparison that counts. None where something that belongs to the goal was not measured. */
  worst?: Comparison;
  met?: boolean;
}

/** All cells that have a goal and whose labels are wanted, in the order in which they are measured: by size, then by rows. */
export function cellsOf(column: ColumnName, wants: (label: string) => boolean): Cell[] {
  const cells = GOALS.flatMap((goal) => (goal.atLeast[column] === undefined ? [] : cellsOfGoal(goal, column)));
  const order = ({ size = 0, rows }: Cell) => size * 1000 + rows;
  return cells.filter((cell) => wants(labelOf(cell))).sort((a, b) => order(a) - order(b));
}

function cellsOfGoal(goal: Goal, column: ColumnName): Cell[] {
  const { products, rows, against, convolution, variant = COLUMNS[column].variant } = goal;
  const tasks =
    products.length === 0
      ? [{ rows: 1, ...(convolution && { convolution }) }]
      : products.flatMap((product) => rows.flatMap((count) => SIZES.map((size) => ({ product, rows: count, size }))));
  return tasks.flatMap((task) => against.map((peer) => ({ goal, column, variant, against: peer, ...task })));
}

/** What --filter is compared with: "G1 ternary i8 K=1024 rows=1 node24 v8 relaxed ggml TQ2_0". */
export function labelOf({ goal, column, variant, rows, product, convolution, size, against }: Cell): string {
  const task = product
    ? `${product.weights} ${product.activation} K=${size}`
    : convolution
      ? `${convolution.weights} ${convolution.activation} convolution`
      : "network";
  const { engine } = COLUMNS[column];
  return [goal.name, task, `rows=${rows}`, ...new Set([column, engine]), variant, against.peer].join(" ");
}

/** "ternary × i4, K = M = 2048, 1 row"; of the network, what it is compared with. */
export function describe({ product, convolution, size, rows }: Cell): string {
  if (convolution) {
    const { height, width, inputs, outputs, kernel } = convolution.shape;
    return `${convolution.weights} × ${convolution.activation}, ${kernel} × ${kernel}, ${inputs} → ${outputs} channels, ${height} × ${width}`;
  }
  if (!product) return "the peer's twin: f32, Gemm and Relu";
  return `${product.weights} × ${product.activation}, K = M = ${size}, ${rows} row${rows === 1 ? "" : "s"}`;
}

/** How many times as fast as the peer: the median of the rounds' ratios. */
export function ratioOf({ rounds, work, theirWork = work }: Comparison): number {
  return medianOf(rounds.map(({ theirs, ours }) => theirs / ours)) * (work / theirWork);
}

/** Our rate and the peer's, each the median of the rounds. */
export function ratesOf({ rounds, work, theirWork = work }: Comparison): { ours: number; theirs: number } {
  return {
    ours: work / medianOf(rounds.map(({ ours }) => ours)),
    theirs: theirWork / medianOf(rounds.map(({ theirs }) => theirs)),
  };
}

function medianOf(numbers: number[]): number {
  return quantile(Float64Array.from(numbers).sort(), 0.5);
}

/** One verdict for each goal in each column of which a cell is wanted: the worst of its comparisons counts. */
export function judge(comparisons: readonly Comparison[], wants: (label: string) => boolean): Verdict[] {
  return GOALS.flatMap((goal) =>
    COLUMN_NAMES.flatMap((column): Verdict[] => {
      const cells = cellsOf(column, wants).filter((cell) => cell.goal === goal);
      if (cells.length === 0) return [];
      const atLeast = goal.atLeast[column]!;
      const own = comparisons.filter((each) => each.task === goal.task && each.column === column);
      if (own.length < cells.length) return [{ goal, column, atLeast }];
      const worst = own.reduce((a, b) => (ratioOf(b) < ratioOf(a) ? b : a));
      return [{ goal, column, atLeast, worst, met: ratioOf(worst) >= atLeast }];
    }),
  );
}

/** 0: all goals are met; 1: some are not; 2: some could not be measured. */
export function exitCode(verdicts: readonly { met?: boolean }[]): 0 | 1 | 2 {
  if (verdicts.some(({ met }) => met === undefined)) return 2;
  return verdicts.every(({ met }) => met) ? 0 : 1;
}
