import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { moduleBackend } from "../../host/backend.ts";
import { readBlob } from "../../host/blob/read.ts";
import { writeBlob } from "../../host/blob/write.ts";
import { v8 } from "../../host/engines/v8.ts";
import { lower } from "../../host/lower/lower.ts";
import { runReference } from "../../host/reference/model.ts";
import { Random, randomGraph } from "../graph/random.ts";
import { OPTIONS } from "../lower/agree.ts";

const module = readFileSync("build/scalar.wasm");

describe("random", () => {
  it.each(Array.from({ length: 60 }, (_, i) => i))("graph %i", async (seed) => {
    const graph = randomGraph(seed);
    let program;
    try {
      program = lower(graph, {
        ...OPTIONS,
        input: { dtype: (["u8", "i8", "i16", "f32"] as const)[seed % 4]!, divide: 7 },
      }).program;
    } catch (e) {
      console.log(String(e).slice(0, 200));
      return;
    }
    const blob = writeBlob(program);
    const again = readBlob(blob);
    for (const op of again.ops) delete op.tileChannels;
    expect(again).toEqual(program);
    const rows = 5;
    const random = new Random(seed);
    const t0 = program.tensors[program.inputs[0]!]!;
    const n = rows * t0.channels;
    const elements =
      t0.dtype === "u8"
        ? Uint8Array.from({ length: n }, () => random.int(0, 255))
        : t0.dtype === "i8"
          ? Int8Array.from({ length: n }, () => random.int(-128, 127))
          : t0.dtype === "i16"
            ? Int16Array.from({ length: n }, () => random.int(-3000, 3000))
            : Float32Array.from({ length: n }, () => random.unit() * 8 - 4);
    const expected = runReference(program, [elements], rows).tensors;
    for (const weights of ["resident", "streaming"] as const) {
      const backend = await moduleBackend(program, { module, blob, engine: v8, weights, maxRows: rows });
      backend.write(program.inputs[0]!, elements, rows);
      program.ops.forEach((op, i) => {
        backend.invoke(i, i + 1, rows);
        expect(backend.read(op.output, rows), `op ${i}`).toEqual(expected[op.output]!);
      });
    }
  });
});
