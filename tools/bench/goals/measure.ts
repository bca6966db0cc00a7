import { EngineError } from "../../../host/base/errors.ts";
import { v8 } from "../../../host/engines/v8.ts";
import { convert, load, loadReference, sampleInputs } from "../../../host/index.ts";
import { createWasmtime, readModule } from "../../../host/node.ts";
import type { WeightDtype } from "../../../host/program.ts";
import { variantProblem } from "../../../host/run/variant.ts";
import type { Runner } from "../../runners.ts";
import { ACTIVATIONS } from "../activations.ts";
import { convolutionError, randomConvolution, workOf } from "../convolution.ts";
import { floatTwin } from "../float_twin.ts";
import { randomMatmul, type Solver } from "../matmul.ts";
import { convolutionSums, moduleConvolution } from "../module_convolution.ts";
import { solveInModule } from "../module_matmul.ts";
import type { PeerLibrary } from "../peer.ts";
import { openPeers } from "../peers.ts";
import {
  checkPeer,
  checkSums,
  memoize,
  openOurs,
  openPeer,
  type Prepared,
  type Product,
  prepare,
} from "../products.ts";
import { randomMlp } from "../random_mlp.ts";
import { type Effort, measure } from "../timing.ts";
import {
  type Cell,
  COLUMNS,
  type ColumnName,
  type Comparison,
  type ConvolutionTask,
  cellsOf,
  describe,
  labelOf,
  OURS,
  OWN_PEERS,
  type OwnPeer,
  type PeerName,
  type Round,
} from "./goals.ts";

/** What one process found out about a column. */
export interface ColumnResult {
  comparisons: Comparison[];
  /** Why something was not measured. */
  missing: string[];
  /** Versions of what was measured, by name. */
  versions: Record<string, string>;
}

const ROUNDS = 5;
/** Before the first round: V8 compiles what it has seen to be hot in another thread. */
const FIRST: Effort = { warmUpMs: 150, batchMs: 5, batches: 1, limitMs: 5 };
const ROUND: Effort = { warmUpMs: 5, batchMs: 2, batches: 20, limitMs: 80 };

/** One of two that are compared, opened and checked. */
type Side = Pick<Solver, "run" | "measure" | "dispose">;

/** Two that do the same, or of which the one is to be as fast as the other. */
interface Pair {
  ours: Side;
  theirs: Side;
  /** As in Comparison. */
  work: number;
  theirWork?: number;
  unit: Comparison["unit"];
}

/** Compares what is wanted of a column, in this process. A library that is missing costs the cells that need it. */
export async function measureColumn(
  column: ColumnName,
  wants: (label: string) => boolean,
  onProgress: (label: string) => void,
): Promise<ColumnResult> {
  const cells = cellsOf(column, wants);
  const needed = new Set(cells.map(({ against }) => against.library));
  needed.delete(OURS);
  const { libraries, missing } = await openPeers([...needed]);
  const versions = Object.fromEntries(libraries.map(({ name, version }) => [name, version]));
  const result: ColumnResult = { comparisons: [], missing, versions };

  const runnerOf = memoize(async (variant: Cell["variant"]): Promise<Runner> => {
    const engine = COLUMNS[column].engine === "v8" ? v8 : await createWasmtime();
    const module = await readModule(variant);
    const problem = await variantProblem(engine, module);
    if (problem) throw new EngineError("missing", `${variant} ${problem}, in ${engine.name} ${engine.version}`);
    if (engine.name !== "v8") versions[engine.name] = engine.version; // the worker tells V8's
    return { engine, variant, module };
  });

  const convolutions = convolutionTasks();
  let tasks = productTasks(0, cells);
  let size: number | undefined = 0;
  try {
    for (const cell of cells) {
      const library = libraries.find(({ name }) => name === cell.against.library);
      if (!library && cell.against.library !== OURS) continue;
      onProgress(labelOf(cell));
      if (cell.size !== size) tasks = productTasks(cell.size ?? 0, cells); // the last size's weights may go
      size = cell.size;
      const runner = await runnerOf(cell.variant);
      const pair = cell.convolution
        ? await convolutions.open(cell.convolution, runner, library, cell.against)
        : cell.product
          ? await tasks.open(cell.product, cell.rows, runner, library!, cell.against)
          : await openNetworks(runner, library!);
      const { name: goal, task } = cell.goal;
      const { ours, theirs, ...work } = pair;
      const rounds = await compare(pair);
      result.comparisons.push({ goal, task, column, what: describe(cell), peer: cell.against.peer, ...work, rounds });
      await theirs.dispose();
      await ours.dispose();
    }
  } catch (error) {
    if (!(error instanceof EngineError && error.kind === "missing")) throw error;
    missing.push(error.message);
  }
  for (const library of libraries) await library.close?.();
  return result;
}

/** Rounds of the peer and ours, right after another, so that both have the machine in the same mood. */
async function compare({ ours, theirs }: Pair): Promise<Round[]> {
  const time = (side: Side, effort: Effort) => side.measure?.(effort) ?? measure(side.run, effort);
  for (const side of [theirs, ours]) await time(side, FIRST);
  const rounds: Round[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    // the faster quarter of the batches: what else runs on the machine makes some slower, of either
    const { p25 } = await time(theirs, ROUND);
    rounds.push({ theirs: p25, ours: (await time(ours, ROUND)).p25 });
  }
  return rounds;
}

/** Rows of the tasks; fewer may be run. */
const MAX_ROWS = 64;

/** Products of K = M = `size`. What several of the cells share is prepared once, for as many rows as they have. */
function productTasks(size: number, cells: readonly Cell[]) {
  const matmulOf = memoize((dtype: WeightDtype) => randomMatmul(dtype, size, size, MAX_ROWS));
  const prepared = memoize((product: Product): Prepared => {
    const rows = Math.max(...cells.filter((cell) => cell.product === product).map((cell) => cell.rows));
    return prepare(matmulOf(product.weights), product, rows);
  });

  async function open(
    product: Product,
    rows: number,
    runner: Runner,
    library: PeerLibrary,
    against: PeerName,
  ): Promise<Pair> {
    const peer = library.peers.find(({ name }) => name === against.peer)!;
    const theirs = await openPeer(peer, matmulOf(peer.dtype), rows);
    const ours = await openOurs(product, prepared(product), runner, rows);
    return { ours: ours.solver, theirs: theirs.solver, unit: "GMAC/s", work: (size * size * rows) / 1e6 };
  }
  return { open };
}

/** Convolutions, each prepared once. */
function convolutionTasks() {
  const prepared = memoize((task: ConvolutionTask) => {
    const floats = randomConvolution(task.weights, task.shape);
    const module = moduleConvolution(floats, ACTIVATIONS[task.activation]);
    return { floats, module, expected: convolutionSums(module) };
  });

  async function openOwn(task: ConvolutionTask, runner: Runner): Promise<Side> {
    const { module, expected } = prepared(task);
    const solver = await solveInModule(module, runner, 1);
    await solver.run();
    checkSums(solver.sums(), expected, `${task.weights} × ${task.activation} convolution`, runner);
    return solver;
  }

  async function open(
    task: ConvolutionTask,
    runner: Runner,
    library: PeerLibrary | undefined,
    against: PeerName,
  ): Promise<Pair> {
    const ours = await openOwn(task, runner);
    const work = { work: workOf(task.shape), unit: "GMAC/s" as const };
    if (!library) {
      const own = OWN_PEERS[against.peer as OwnPeer];
      if ("convolution" in own) {
        return {
          ours,
          theirs: await openOwn(own.convolution, runner),
          ...work,
          theirWork: workOf(own.convolution.shape),
        };
      }
      const { product, rows, size } = own;
      const dense = prepare(randomMatmul(product.weights, size, size, rows), product, rows);
      const theirs = (await openOurs(product, dense, runner, rows)).solver;
      return { ours, theirs, ...work, theirWork: (size * size * rows) / 1e6 };
    }
    const { floats } = prepared(task);
    const theirs = await library.convolutions!.find(({ name }) => name === against.peer)!.solve(floats);
    await theirs.run();
    checkPeer(against.peer, convolutionError(floats, theirs.y()));
    return { ours, theirs, ...work };
  }
  return { open };
}

/** The network of random_mlp.ts and its f32 twin: a picture in, scores out. Ours reads its pixels as u8, the twin as f32. */
async function openNetworks(runner: Runner, library: PeerLibrary): Promise<Pair> {
  const { blob, checkpoint } = await convert(randomMlp(), { file: "random_mlp.onnx" });
  const session = await load({ ...runner, blob, maxRows: 1 });
  const pictures = sampleInputs(session.program, 3)[0] as Uint8Array;
  const pixels = pictures.subarray((2 * pictures.length) / 3); // the third: random ones
  const expected = loadReference(blob).run(pixels)[0]!.elements;
  const found = session.run(pixels)[0]!.elements;
  const wrong = found.findIndex((element, i) => element !== expected[i]);
  if (wrong >= 0) throw new Error(`random MLP: score ${wrong} is ${found[wrong]}, expected ${expected[wrong]}`);

  const twin = await library.solveTwin!(
    floatTwin(checkpoint.graph),
    Float32Array.from(pixels, (pixel) => pixel / 255),
  );
  return {
    ours: { run: () => void session.run(pixels), dispose: () => session.dispose() },
    theirs: twin,
    ...{ unit: "pictures/s", work: 1000 },
  };
}
