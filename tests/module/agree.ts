import { expect } from "vitest";
import { readBlob } from "../../host/blob/read.ts";
import { writeBlob } from "../../host/blob/write.ts";
import type { Engine } from "../../host/engines/engine.ts";
import type { Program } from "../../host/program.ts";
import { type Backend, moduleBackend, referenceBackend } from "../../host/run/backend.ts";
import { elementCount } from "../../host/shape.ts";

export const WAYS = ["resident", "streaming"] as const;

/** One invocation: the elements of each input, (rows, channels). */
export type Batch = ArrayLike<number>[];

/**
 * Runs a program in an engine, weights resident and streamed, and expects the reference's numbers in the output of every op;
 * on the way, that reader and writer agree. `oneByOne` runs each op by a call of its own, and compares before the next one
 * reuses memory.
 */
export async function expectReference(
  program: Program,
  engine: Engine,
  module: Uint8Array,
  batches: Batch[],
  { oneByOne = false, ways = WAYS as readonly (typeof WAYS)[number][] } = {},
): Promise<void> {
  const blob = writeBlob(program);
  expect(Buffer.compare(writeBlob(readBlob(blob)), blob), "the blob that reader and writer make of a blob").toBe(0);
  const step = oneByOne ? 1 : program.ops.length;
  const reference = referenceBackend(program, program.maxRows);
  const expected = batches.map((batch) => run(program, reference, batch, step, () => {}));
  for (const weights of ways) {
    const backend = await moduleBackend(program, { module, blob, engine, weights, maxRows: program.maxRows });
    for (const [i, batch] of batches.entries()) {
      run(program, backend, batch, step, (op, rows, found) => {
        expectSame(found, expected[i]![op]!, `op ${op} (${program.ops[op]!.kind}), ${rows} rows, ${weights}`);
      });
    }
    backend.dispose();
  }
}

/** The output of every op of one invocation, in calls of `step` ops; `see` gets each as soon as its call is done. */
function run(
  program: Program,
  backend: Backend,
  batch: Batch,
  step: number,
  see: (op: number, rows: number, output: Int32Array) => void,
): Int32Array[] {
  const rows = batch[0]!.length / elementCount(program.tensors[program.inputs[0]!]!);
  program.inputs.forEach((tensor, i) => {
    backend.write(tensor, batch[i]!, rows);
  });
  const outputs: Int32Array[] = [];
  for (let first = 0; first < program.ops.length; first += step) {
    backend.invoke(first, first + step, rows);
    for (const { output } of program.ops.slice(first, first + step)) {
      outputs.push(backend.read(output, rows));
      see(outputs.length - 1, rows, outputs.at(-1)!);
    }
  }
  return outputs;
}

/** Like toBe, without its cost where nothing differs. */
export function expectIs<T>(found: T, expected: T, what = ""): void {
  if (found !== expected) expect(found, what).toBe(expected);
}

/** Like toEqual, without its cost where there is no difference. */
export function expectSame<T extends Int32Array | Uint32Array | Float64Array>(
  found: T,
  expected: T,
  what: string,
): void {
  let at = 0;
  while (at < found.length && found[at] === expected[at]) at++;
  if (at < found.length || found.length !== expected.length) {
    expect.fail(`${what}: element ${at} of ${found.length} is ${found[at]}, expected ${expected[at]}`);
  }
}
