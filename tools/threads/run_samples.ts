import type { Output, Program } from "../../host/index.ts";
import { splitRows } from "../../host/verify.ts";
import type { Samples } from "../inputs/samples.ts";
import { isDevice, type SessionOptions } from "../options/sessions.ts";
import { showWork, startProgress } from "../terminal/progress.ts";
import { openTask, runBatches } from "./run_batches.ts";

/** Rows that are sent to the thread at a time, where a model runs as many. */
const BATCH_ROWS = 1024;

/** The outputs for all samples, and with `profileMs` the milliseconds of every op. */
export async function runSamples(
  program: Program,
  { elements, rows }: Samples,
  options: { blob: Uint8Array } & SessionOptions,
  profileMs: number | undefined,
) {
  const most = Math.min(program.maxRows, BATCH_ROWS);
  const count = Math.ceil(rows / most);
  const task = await showWork("Opening the model", () =>
    openTask("outputs", { ...options, profileMs: profileMs && profileMs / count }, isDevice(options.engine)),
  );
  const progress = startProgress("Running", rows);
  const parts: Output[][] = [];
  const times = profileMs === undefined ? undefined : new Float64Array(program.ops.length);
  const start = performance.now();
  try {
    const batches = splitRows(program, [elements], most);
    for await (const { outputs, profile } of runBatches({ task, batches, count, workers: 1 })) {
      parts.push(outputs);
      profile?.forEach((ms, op) => {
        times![op]! += ms;
      });
      progress.update(Math.min(parts.length * most, rows));
    }
  } finally {
    progress.end();
    await task.close();
  }
  const ms = performance.now() - start;
  const outputs = parts[0]!.map((first, i) =>
    joinOutput(
      first,
      parts.map((part) => part[i]!),
    ),
  );
  return { outputs, ms, times, about: task.about };
}

/** An output for all rows, out of those for a few. */
function joinOutput({ name, shape }: Output, parts: readonly Output[]): Output {
  const length = parts.reduce((sum, { elements }) => sum + elements.length, 0);
  const [elements, scores] = [new Int32Array(length), new Float32Array(length)];
  let first = 0;
  for (const part of parts) {
    elements.set(part.elements, first);
    scores.set(part.scores, first);
    first += part.elements.length;
  }
  return { name, shape, elements, scores };
}
