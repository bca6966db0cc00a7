import type { WeightDtype } from "../../host/program.ts";
import type { Runner } from "../runners.ts";
import { ACTIVATIONS, type ActivationName } from "./activations.ts";
import { type Matmul, randomMatmul, relativeError, type Solver } from "./matmul.ts";
import { accumulators, type ModuleMatmul, moduleMatmul, solveInModule } from "./module_matmul.ts";
import { PEER_TOLERANCE, type Peer } from "./peer.ts";
import { type Effort, measure, type Timing } from "./timing.ts";

/** Weights × activations that have kernels. */
export const PRODUCTS: readonly Product[] = [
  { weights: "binary", activation: "bit" },
  { weights: "binary", activation: "i8" },
  { weights: "ternary", activation: "i8" },
  { weights: "ternary", activation: "u4" },
  { weights: "ternary", activation: "i4" },
  { weights: "int2", activation: "i8" },
  { weights: "int3", activation: "i8" },
  { weights: "int4", activation: "i8" },
  { weights: "int8", activation: "i8" },
];

export interface Product {
  weights: WeightDtype;
  activation: ActivationName;
}

/** Channels in and out. */
export interface Shape {
  M: number;
  K: number;
}

/** A task done by someone, and how long one call took. */
export interface Result extends Shape {
  rows: number;
  timing: Timing;
  weightBytes: number;
  /** Of y, against the product of the floats: what rounding costs. */
  relativeError: number;
}

export interface ProductResult extends Result, Product {
  engine: string;
  variant: string;
}

export interface PeerResult extends Result {
  peer: string;
  weights: WeightDtype;
}

export interface ProductsPlan {
  shapes: Shape[];
  rows: number[];
  runners: Runner[];
  peers: Peer[];
  effort: Effort;
  /** Whether a measurement of ours is wanted, by its label; peers run for the sizes that are left. */
  wants(label: string): boolean;
  onProgress(label: string): void;
}

/** Multiply-accumulates of a second, in 10^9. */
export function gmacs({ M, K, rows, timing }: Result): number {
  return (M * K * rows) / (1e6 * timing.median);
}

/** Bytes of packed weights in a second, in 10^9, each counted once for all rows. */
export function weightGigabytes({ weightBytes, timing }: Result): number {
  return weightBytes / (1e6 * timing.median);
}

/** Measures products of one size after the other: first the peers, then ours, so that they share the machine's moods. */
export async function measureProducts(plan: ProductsPlan): Promise<{ ours: ProductResult[]; peers: PeerResult[] }> {
  const ours: ProductResult[] = [];
  const peers: PeerResult[] = [];
  const maxRows = Math.max(...plan.rows);
  for (const shape of plan.shapes) {
    const matmulOf = memoize((dtype: WeightDtype) => randomMatmul(dtype, shape.M, shape.K, maxRows));
    const prepared = memoize((product: Product) => prepare(matmulOf(product.weights), product, maxRows));
    for (const rows of plan.rows) {
      const cells = PRODUCTS.flatMap((product) => plan.runners.map((runner) => ({ product, runner })));
      const wanted = cells.filter(({ product, runner }) => plan.wants(labelOf(product, shape, rows, runner)));
      for (const peer of wanted.length > 0 ? plan.peers : []) {
        plan.onProgress(`${peer.name} K=${shape.K} rows=${rows}`);
        peers.push(await measurePeer(peer, matmulOf(peer.dtype), rows, plan.effort));
      }
      for (const { product, runner } of wanted) {
        plan.onProgress(labelOf(product, shape, rows, runner));
        ours.push(await measureOurs(product, prepared(product), runner, rows, plan.effort));
      }
    }
  }
  return { ours, peers };
}

/** What --filter is compared with: "ternary i8 K=1024 rows=8 v8 scalar". */
export function labelOf({ weights, activation }: Product, { K }: Shape, rows: number, runner: Runner): string {
  return `${weights} ${activation} K=${K} rows=${rows} ${runner.engine.name} ${runner.variant}`;
}

async function measurePeer(peer: Peer, matmul: Matmul, rows: number, effort: Effort): Promise<PeerResult> {
  const checked = await openPeer(peer, matmul, rows);
  return { peer: peer.name, weights: peer.dtype, ...(await timed(matmul, rows, checked, effort)) };
}

async function measureOurs(
  product: Product,
  prepared: Prepared,
  runner: Runner,
  rows: number,
  effort: Effort,
): Promise<ProductResult> {
  const checked = await openOurs(product, prepared, runner, rows);
  const result = await timed(prepared.task.matmul, rows, checked, effort);
  return { ...product, engine: runner.engine.name, variant: runner.variant, ...result };
}

async function timed(
  { M, K }: Matmul,
  rows: number,
  { solver, relativeError }: Checked,
  effort: Effort,
): Promise<Result> {
  const timing = await (solver.measure?.(effort) ?? measure(solver.run, effort));
  await solver.dispose();
  return { M, K, rows, weightBytes: solver.weightBytes, relativeError, timing };
}

/** What solves a task, and the relative error of what it gave. */
export interface Checked {
  solver: Solver;
  relativeError: number;
}

/** Throws where a peer's result is none. */
export async function openPeer(peer: Peer, matmul: Matmul, rows: number): Promise<Checked> {
  const solver = await peer.solve(matmul, rows);
  await solver.run();
  const error = relativeError(matmul, solver.y());
  checkPeer(peer.name, error);
  return { solver, relativeError: error };
}

/** Throws where a peer's relative error is no rounding. */
export function checkPeer(name: string, error: number): void {
  if (!(error <= PEER_TOLERANCE))
    throw new Error(`${name}: relative error ${error}, expected at most ${PEER_TOLERANCE}`);
}

/** A task as the module gets it, and the accumulators of its first rows. */
export interface Prepared {
  task: ModuleMatmul;
  expected: Int32Array;
}

/** For runs of up to `rows` rows. */
export function prepare(matmul: Matmul, { activation }: Product, rows: number): Prepared {
  const task = moduleMatmul(matmul, ACTIVATIONS[activation]);
  return { task, expected: accumulators(task, rows) };
}

/** Throws where an accumulator is wrong. */
export async function openOurs(
  product: Product,
  { task, expected }: Prepared,
  runner: Runner,
  rows: number,
): Promise<Checked> {
  const solver = await solveInModule(task, runner, rows);
  await solver.run();
  checkSums(solver.sums(), expected, `${product.weights} × ${product.activation}`, runner);
  return { solver, relativeError: relativeError(task.matmul, solver.y()) };
}

/** Throws where an accumulator is wrong. */
export function checkSums(found: Int32Array, expected: Int32Array, what: string, { engine, variant }: Runner): void {
  const wrong = found.findIndex((sum, i) => sum !== expected[i]);
  if (wrong >= 0) {
    const where = `${what}, ${engine.name} ${variant}, accumulator ${wrong}`;
    throw new Error(`${where}: found ${found[wrong]}, expected ${expected[wrong]}`);
  }
}

/** Each result is computed when it is first asked for. */
export function memoize<Key, Value>(compute: (key: Key) => Value): (key: Key) => Value {
  const known = new Map<Key, Value>();
  return (key) => {
    if (!known.has(key)) known.set(key, compute(key));
    return known.get(key)!;
  };
}
