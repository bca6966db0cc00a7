import { expect, it } from "vitest";
import { readCheckpoint } from "../../host/checkpoint/index.ts";
import { decodeModel, encodeModel } from "../../host/checkpoint/onnx_proto.ts";
import { randomOnnx } from "../random_graph.ts";

it("random graphs import, and their bytes depend on the seed alone", () => {
  for (let seed = 0; seed < 300; seed++) {
    const bytes = randomOnnx(seed);
    expect(Buffer.compare(bytes, randomOnnx(seed))).toBe(0);
    expect(Buffer.compare(bytes, encodeModel(decodeModel(bytes))), `seed ${seed}`).toBe(0);
    try {
      const { graph } = readCheckpoint(bytes);
      expect(graph.outputs).toHaveLength(1);
      expect(graph.nodes.some((node) => node.op === "dense")).toBe(true);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
});
