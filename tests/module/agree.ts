import { expect } from "vitest";
import { readBlob } from "../../host/blob/read.ts";
import { writeBlob } from "../../host/blob/write.ts";
import type { Engine } from "../../host/engines/engine.ts";
import type { Program } from "../../host/program.ts";
import { moduleBackend, referenceBackend } from "../../host/run/backend.ts";
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
  const reference = referenceBackend(program, program.maxRows);
  for (const weights of ways) {
    const backend = await moduleBackend(program, { module, blob, engine, weights, maxRows: program.maxRows });
    for (const batch of batches) {
      const rows = batch[0]!.length / elementCount(program.tensors[program.inputs[0]!]!);
      for (const each of [reference, backend]) {
        program.inputs.forEach((tensor, i) => {
          each.write(tensor, batch[i]!, rows);
        });
      }
      const step = oneByOne ? 1 : program.ops.length;
      for (let first = 0; first < program.ops.length; first += step) {
        for (const each of [reference, backend]) each.invoke(first, first + step, rows);
        program.ops.slice(first, first + step).forEach(({ kind, output }, i) => {
          const what = `op ${first + i} (${kind}), ${rows} rows, ${weights}`;
          expectSame(backend.read(output, rows), reference.read(output, rows), what);
        });
      }
    }
    backend.dispose();
  }
}

/** Like toEqual, without its cost where there is no difference. */
export function expectSame(found: Int32Array, expected: Int32Array, what: string): void {
  const at = found.findIndex((value, i) => value !== expected[i]);
  if (at >= 0 || found.length !== expected.length) {
    expect.fail(`${what}: element ${at} of ${found.length} is ${found[at]}, expected ${expected[at]}`);
  }
}
