import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readCheckpoint } from "../../host/checkpoint/index.ts";
import { TFC } from "./data.ts";

describe.runIf(existsSync(TFC))("TFC_1W1A.onnx", () => {
  const { graph, notes, producer, format } = readCheckpoint(readFileSync(TFC));

  it("is a chain of layers", () => {
    expect({ format, producer, notes }).toEqual({ format: "onnx", producer: "pytorch 1.7", notes: [] });
    expect(graph.inputs).toEqual([{ name: "0", shape: [1, 28, 28] }]);
    expect(graph.outputs).toEqual(["74"]);
    const steps = graph.nodes.map((node) => `${node.op === "step" ? node.step.kind : node.op} ${node.channels}`);
    const hidden = ["dense 64", "batchnorm 64", "quantize 64"];
    const last = ["dense 10", "sub 10", "div 10", "mul 10", "add 10"];
    expect(steps).toEqual(["mul 784", "sub 784", "quantize 784", ...hidden, ...hidden, ...hidden, ...last]);
  });

  it("has binary weights of scale 1, already on the grid", () => {
    for (const node of graph.nodes) {
      if (node.op !== "dense") continue;
      const { codes, scale, found, bits } = node.weights;
      expect({ scale: [...scale], found, bits }).toEqual({ scale: [1], found: "on-grid", bits: 1 });
      expect(new Set(codes)).toEqual(new Set([-1, 1]));
    }
  });
});
