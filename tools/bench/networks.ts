import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { packageRoot } from "../../host/engines/package_root.ts";
import { convert, load, loadReference, sampleInputs } from "../../host/index.ts";
import { readFile } from "../files.ts";
import type { Runner } from "./products.ts";
import { type Effort, measure, type Timing } from "./timing.ts";

const ROOT = packageRoot();

/** Checkpoints to convert and run; the second is a published one, which the project does not hold. */
const CHECKPOINTS = [
  join(ROOT, "examples", "digits", "digits.onnx"),
  join(process.env.TERN_DATA ?? join(ROOT, "..", "shared", "data"), "qonnx", "TFC_1W1A.onnx"),
];
const ROWS = [1, 64];

export interface NetworkResult {
  network: string;
  rows: number;
  engine: string;
  variant: string;
  timing: Timing;
}

export interface NetworksPlan {
  runners: Runner[];
  effort: Effort;
  wants(label: string): boolean;
  onProgress(label: string): void;
  /** Is told why a network is left out. */
  onMissing(reason: string): void;
}

export function samplesPerSecond({ rows, timing }: NetworkResult): number {
  return (1000 * rows) / timing.median;
}

/** Measures whole networks: inputs of the model's own dtype (pixels), scores out. Outputs must equal the reference's first. */
export async function measureNetworks(plan: NetworksPlan): Promise<NetworkResult[]> {
  const results: NetworkResult[] = [];
  for (const path of CHECKPOINTS) {
    const network = basename(path);
    const cells = ROWS.flatMap((rows) => plan.runners.map((runner) => ({ network, rows, runner })));
    const wanted = cells.filter((cell) => plan.wants(labelOf(cell)));
    if (wanted.length === 0) continue;
    if (!existsSync(path)) {
      plan.onMissing(`${network}: not found; TERN_DATA names the folder that qonnx/${network} is in`);
      continue;
    }
    const { blob } = await convert(await readFile(path), { file: network });
    for (const cell of wanted) {
      plan.onProgress(labelOf(cell));
      results.push(await measureNetwork(blob, cell, plan.effort));
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

async function measureNetwork(blob: Uint8Array, cell: Cell, effort: Effort): Promise<NetworkResult> {
  const { network, rows, runner } = cell;
  const { engine, variant, module } = runner;
  const session = await load({ module, blob, engine });
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
