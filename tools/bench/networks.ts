import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { packageRoot } from "../../host/base/package_root.ts";
import { convert, load, loadReference, sampleInputs } from "../../host/index.ts";
import { readFile } from "../files/files.ts";
import type { Runner } from "../runners.ts";
import { type FloatTwin, floatTwin } from "./float_twin.ts";
import type { PeerLibrary } from "./peer.ts";
import { randomMlp } from "./random_mlp.ts";
import { type Effort, measure, type Timing } from "./timing.ts";

const ROOT = packageRoot();

/** Checkpoints to convert and run; the second is a published one, which the project does not hold. */
const CHECKPOINTS = [
  join(ROOT, "examples", "digits", "digits.onnx"),
  join(process.env.TERN_DATA ?? join(ROOT, "..", "shared", "data"), "qonnx", "TFC_1W1A.onnx"),
];
/** The one of random_mlp.ts. */
const RANDOM_MLP = "784-256-256-10";
const ROWS = [1, 64];

export interface NetworkResult {
  network: string;
  rows: number;
  /** "v8", "wasmtime", or the library that runs the twin. */
  engine: string;
  /** Of the module; "fp32" for the twin. */
  variant: string;
  timing: Timing;
}

export interface NetworksPlan {
  runners: Runner[];
  /** Those that can run the twin of a network do. */
  libraries: PeerLibrary[];
  effort: Effort;
  wants(label: string): boolean;
  onProgress(label: string): void;
  /** Is told why a network is left out. */
  onMissing(reason: string): void;
}

export const TWIN = "fp32";

export function samplesPerSecond({ rows, timing }: NetworkResult): number {
  return (1000 * rows) / timing.median;
}

/**
 * Measures whole networks: inputs of the model's own dtype (pixels), scores out. Outputs must equal the reference's first. Where a
 * library can run it, the f32 twin on the same pixels as floats comes first.
 */
export async function measureNetworks(plan: NetworksPlan): Promise<NetworkResult[]> {
  const results: NetworkResult[] = [];
  for (const network of [...CHECKPOINTS.map((path) => basename(path)), RANDOM_MLP]) {
    const cells = ROWS.flatMap((rows) => plan.runners.map((runner) => ({ network, rows, runner })));
    const wanted = cells.filter((cell) => plan.wants(labelOf(cell)));
    if (wanted.length === 0) continue;
    const path = CHECKPOINTS.find((each) => basename(each) === network);
    if (path && !existsSync(path)) {
      plan.onMissing(`${network}: not found; TERN_DATA names the folder that qonnx/${network} is in`);
      continue;
    }
    const { blob, checkpoint } = await convert(path ? await readFile(path) : randomMlp(), { file: network });
    const twin = floatTwin(checkpoint.graph);
    for (const rows of new Set(wanted.map((cell) => cell.rows))) {
      results.push(...(await measureTwins(twin, blob, network, rows, plan)));
      for (const cell of wanted.filter((each) => each.rows === rows)) {
        plan.onProgress(labelOf(cell));
        results.push(await measureNetwork(blob, cell, plan.effort));
      }
    }
  }
  return results;
}

interface Cell {
  network: string;
  rows: number;
  runner: Runner;
}

/** What --filter is compared with: "digits.onnx rows=64 v8 scalar". */
function labelOf({ network, rows, runner }: Cell): string {
  return `${network} rows=${rows} ${runner.engine.name} ${runner.variant}`;
}

async function measureTwins(
  twin: FloatTwin,
  blob: Uint8Array,
  network: string,
  rows: number,
  { libraries, effort, onProgress }: NetworksPlan,
): Promise<NetworkResult[]> {
  const results: NetworkResult[] = [];
  for (const { name, solveTwin } of libraries) {
    if (!solveTwin) continue;
    onProgress(`${network} rows=${rows} ${name}`);
    const [pixels] = sampleInputs(loadReference(blob).program, rows) as [Uint8Array];
    const solver = await solveTwin(
      twin,
      Float32Array.from(pixels, (pixel) => pixel / 255),
    );
    results.push({ network, rows, engine: name, variant: TWIN, timing: await measure(solver.run, effort) });
    await solver.dispose();
  }
  return results;
}

async function measureNetwork(blob: Uint8Array, cell: Cell, effort: Effort): Promise<NetworkResult> {
  const { network, rows, runner } = cell;
  const { engine, variant, module } = runner;
  const session = await load({ module, variant, blob, engine });
  const inputs = sampleInputs(session.program, rows);
  const expected = loadReference(blob).run(inputs);
  session.run(inputs).forEach(({ name, elements }, i) => {
    const wrong = elements.findIndex((element, e) => element !== expected[i]!.elements[e]);
    if (wrong >= 0) throw new Error(`${labelOf(cell)}: element ${wrong} of "${name}" is not the reference's`);
  });
  const timing = await measure(() => void session.run(inputs), effort);
  session.dispose();
  return { network, rows, engine: engine.name, variant, timing };
}
