import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { readCheckpoint } from "../../host/checkpoint/index.ts";
import type { Graph } from "../../host/graph/graph.ts";
import type { DenseNode } from "../../host/graph/ops/dense.ts";
import { describeWith, TFC } from "../data.ts";

/** "dense 64", "batchnorm 64", …: what each node does and its channels. */
function outline(graph: Graph): string[] {
  return graph.nodes.map((node) => `${node.op === "step" ? node.step.kind : node.op} ${node.channels}`);
}

function layers(graph: Graph): DenseNode[] {
  return graph.nodes.filter((node) => node.op === "dense");
}

describeWith([TFC], "TFC_1W1A.onnx", () => {
  const read = () => readCheckpoint(readFileSync(TFC));

  it("is a chain of layers", () => {
    const { graph, notes, producer, format } = read();
    expect({ format, producer, notes }).toEqual({ format: "onnx", producer: "pytorch 1.7", notes: [] });
    expect(graph.inputs).toEqual([{ name: "0", shape: [1, 28, 28] }]);
    expect(graph.outputs).toEqual(["74"]);
    const hidden = ["dense 64", "batchnorm 64", "quantize 64"];
    const last = ["dense 10", "sub 10", "div 10", "mul 10", "add 10"];
    expect(outline(graph)).toEqual(["mul 784", "sub 784", "quantize 784", ...hidden, ...hidden, ...hidden, ...last]);
  });

  it("has binary weights of scale 1, already on the grid", () => {
    for (const { weights } of layers(read().graph)) {
      expect(weights).toMatchObject({ scale: Float64Array.of(1), found: "on-grid", bits: 1 });
      expect(new Set(weights.codes)).toEqual(new Set([-1, 1]));
    }
  });
});

it("the trainer's digits.onnx has ternary weights behind quantizers", () => {
  const { graph } = readCheckpoint(readFileSync(new URL("../../examples/digits/digits.onnx", import.meta.url)));
  expect(layers(graph).length).toBeGreaterThan(1);
  for (const { weights } of layers(graph)) {
    expect(weights).toMatchObject({ bits: 2 });
    expect(new Set(weights.codes)).toEqual(new Set([-1, 0, 1]));
  }
});
