import { describe, expect, it } from "vitest";
import { readCheckpoint } from "../../host/checkpoint/index.ts";
import { convert } from "../../host/convert.ts";
import { evaluate } from "../../host/graph/evaluate.ts";
import { verify } from "../../host/verify.ts";
import { seedCount } from "../seeds.ts";
import { disposeAll, openSessions } from "../sessions.ts";
import { evaluateOnnx } from "./onnx/definition.ts";
import { type QuantizedFile, randomQuantizedOnnx } from "./onnx/quantized.ts";

const ROWS = 3;

describe(`random quantized files of ${seedCount(400)} seeds`, () => {
  it("depend on the seed alone", () => {
    for (let seed = 0; seed < 20; seed++)
      expect(randomQuantizedOnnx(seed).bytes).toEqual(randomQuantizedOnnx(seed).bytes);
  });

  it("mean what their nodes do", () => {
    let saturated = 0;
    for (let seed = 0; seed < seedCount(400); seed++) {
      const file = randomQuantizedOnnx(seed);
      const x = file.rows(ROWS);
      const size = x.length / ROWS;
      const expected = Array.from({ length: ROWS }, (_, row) => {
        const { data } = evaluateOnnx(file.bytes, [...x.subarray(row * size, (row + 1) * size)]).get("y")!;
        if (new Set(data).size === 1) saturated++;
        return data.map((y) => Math.fround(y) + 0);
      });
      const { graph } = readCheckpoint(file.bytes);
      const [y] = evaluate(graph, [inOrder(file, x, graph.inputs[0]!.layout)], ROWS);
      expect([...y!], `seed ${seed}`).toEqual(expected.flat());
    }
    expect(saturated).toBeLessThan(0.2 * ROWS * seedCount(400)); // most tell
  });

  it("become programs that compute the same in every session", async () => {
    for (let seed = 0; seed < seedCount(200); seed++) {
      const file = randomQuantizedOnnx(seed);
      const { blob, program, checkpoint } = await convert(file.bytes);
      const sessions = await openSessions(blob);
      const inputs = [inOrder(file, file.rows(ROWS), checkpoint.graph.inputs[0]!.layout)];
      const { sha256 } = program.description!.source;
      const { differences } = verify({ blob: program, checkpoint: file.bytes, sha256, sessions, inputs });
      disposeAll(sessions);
      expect(differences, `seed ${seed}`).toEqual([]);
    }
  });
});

/** Rows of a file's own order as its graph takes them, channels last where they are pictures. */
function inOrder({ shape }: QuantizedFile, x: Float32Array, layout: string | undefined): Float32Array {
  if (layout !== "chw") return x;
  const [C] = shape as [number];
  const size = shape.reduce((a, b) => a * b, 1);
  return x.map((_, i) => {
    const [row, rest] = [Math.floor(i / size), i % size];
    return x[row * size + (rest % C) * (size / C) + Math.floor(rest / C)]!;
  });
}
