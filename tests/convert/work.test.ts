import { describe, expect, it } from "vitest";
import type { EngineError } from "../../host/base/errors.ts";
import { MAX_ACTIVATION_BYTES, MAX_OPERATIONS } from "../../host/base/limits.ts";
import { writeBlob } from "../../host/blob/write.ts";
import { inspect } from "../../host/cost/inspect.ts";
import { v8 } from "../../host/engines/v8.ts";
import { readModule } from "../../host/node.ts";
import type { Op, Program, Tensor } from "../../host/program.ts";
import { load, loadReference } from "../../host/run/session.ts";
import { rowsWithin, rowWork } from "../../host/run/work.ts";
import { writeNpy } from "../../tools/inputs/npy.ts";
import { ended } from "../tools/cost.ts";
import { scratch } from "../tools/tern.ts";

const { put } = scratch();

/**
 * Quantizers of `channels` u8 elements, one behind the other, in two places by turns, with so many thresholds that all channels share.
 */
function slow(channels: number, count: number, ops: number, maxRows = 1): Program {
  const bytes = Math.ceil(channels / 16) * 16;
  const tensor = (perRow: number): Tensor => ({ dtype: "u8", height: 1, width: 1, channels, fixed: 0, perRow });
  const post = {
    kind: "thresholds" as const,
    records: 1,
    count,
    base: Int16Array.of(0),
    ups: Uint16Array.of(count),
    steps: Int32Array.from({ length: count }, (_, i) => i),
  };
  return {
    modelId: 1n,
    modelVersion: 1,
    maxRows,
    arena: { fixed: 0, perRow: 2 * bytes },
    tensors: Array.from({ length: ops + 1 }, (_, i) => tensor((i % 2) * bytes)),
    ops: Array.from({ length: ops }, (_, i): Op => ({ kind: "quantize", inputs: [i], output: i + 1, post })),
    inputs: [0],
    outputs: [ops],
  };
}

const kind = (work: () => unknown) => {
  try {
    work();
    return "ran";
  } catch (error) {
    return (error as EngineError).kind;
  }
};

describe("the work of a model", () => {
  it.each<[string, Program, number]>([
    ["thresholds of one op", slow(1000, 255, 1), 256_000],
    ["of ten", slow(1000, 255, 10), 2_560_000],
    ["of 2^20 channels", slow(2 ** 20, 1000, 1), 2 ** 20 * 1001],
  ])("is counted: %s", (_, program, operations) => {
    expect(rowWork(program)).toBe(operations);
  });

  it("beyond the limit is refused before it is done, by whatever would do it", async () => {
    const program = slow(2 ** 20, 1000, 1);
    const blob = writeBlob(program);
    const module = await readModule("scalar");
    const options = { blob, module, engine: v8 };
    await expect(load(options)).rejects.toMatchObject({ name: "EngineError", kind: "fuel" });
    await expect(inspect(blob, module, v8)).rejects.toMatchObject({ kind: "fuel" });
    expect(kind(() => loadReference(blob))).toBe("fuel");
    const maxOperations = rowWork(program);
    expect((await load({ ...options, maxOperations })).engine).toBe("v8");
    expect(kind(() => rowsWithin(program, maxOperations - 1))).toBe("fuel");
    expect(kind(() => loadReference(blob, { maxOperations }))).toBe("ran");
  });

  it("bounds the rows of one invocation, and the results are the same", async () => {
    const program = slow(2 ** 16, 255, 4, 64);
    const rows = rowsWithin(program);
    expect(rows).toBe(Math.floor(MAX_OPERATIONS / rowWork(program)));
    const session = await load({ blob: writeBlob(program), module: await readModule("simd"), engine: v8 });
    const inputs = Uint8Array.from({ length: 6 * 2 ** 16 }, (_, i) => (i * 7) & 255);
    const done: number[] = [];
    const [output] = session.run(inputs, { onProgress: (count) => done.push(count) });
    expect(done).toEqual([rows, 6].toSorted((a, b) => a - b));
    const one = session.run(inputs.subarray(5 * 2 ** 16))[0]!;
    expect(output!.elements.subarray(5 * 2 ** 16)).toEqual(one.elements);
  });

  it("whose activations take too much memory is refused, in the reference too, which keeps all tensors", () => {
    const program = slow(2 ** 20, 1, 1);
    const tensors = [...program.tensors, ...new Array<Tensor>(62).fill(program.tensors[1]!)];
    expect(4 * tensors.length * 2 ** 20).toBe(MAX_ACTIVATION_BYTES);
    expect(kind(() => loadReference(writeBlob({ ...program, tensors })))).toBe("memory");
    expect(kind(() => rowsWithin({ ...program, arena: { fixed: 2 ** 31, perRow: 2 ** 21 } }))).toBe("memory");
  });

  it("is limited in the command line, which can raise that", async () => {
    const blob = put("slow.tern", writeBlob(slow(2 ** 18, 1000, 1)));
    const row = put("row.npy", writeNpy({ shape: [2 ** 18], dtype: "u8", data: new Uint8Array(2 ** 18) }));
    for (const args of [
      ["inspect", blob],
      ["run", blob, row],
    ]) {
      const refused = await ended(...args);
      expect(refused.stderr).toMatch(
        /^tern: a row takes 262406144 operations, and at most 250000000 are allowed: .*--limit-work/,
      );
      expect(refused).toMatchObject({ code: 1, stdout: "" });
      expect(refused.seconds).toBeLessThan(2);
    }
    expect((await ended("inspect", blob, "--limit-work", "263")).code).toBe(0);
    expect((await ended("inspect", blob, "--limit-work", "no")).code).toBe(2);
  });
});
