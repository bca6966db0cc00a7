import { describe, expect, it } from "vitest";
import { readCheckpoint } from "../../host/checkpoint/index.ts";
import type { Node } from "../../host/graph/graph.ts";
import { at, dequantize, quantize } from "../../host/numbers/quantizer.ts";
import { mulberry32 } from "../../host/numbers/random.ts";
import { applyStep } from "../../host/numbers/step.ts";
import { randomOnnx, randomPlainOnnx } from "../random_graph.ts";
import { seedCount } from "../seeds.ts";
import { evaluateOnnx } from "./onnx/definition.ts";

describe.each<[string, number, (seed: number) => Uint8Array]>([
  ["QONNX files", seedCount(1000), randomOnnx],
  ["files of plain ops", seedCount(500), randomPlainOnnx],
])("random %s of %i seeds", (_, seeds, randomFile) => {
  it("depend on the seed alone", () => {
    for (let seed = 0; seed < 20; seed++) expect(randomFile(seed)).toEqual(randomFile(seed));
    expect(randomFile(0)).not.toEqual(randomFile(1));
  });

  it("mean after import what they meant before", () => {
    let compared = 0;
    for (let seed = 0; seed < seeds; seed++) {
      const bytes = randomFile(seed);
      const { graph } = readCheckpoint(bytes);
      const next = mulberry32(seed);
      const channels = graph.inputs[0]!.shape.reduce((product, size) => product * size, 1);
      const x = Array.from({ length: channels }, () => Math.fround(4 * next() - 2));
      // Each node reads what the file's own nodes give, so that no rounding near a tie adds up.
      const truth = evaluateOnnx(bytes, x);
      const values = new Map<string, number[]>();
      for (const node of graph.nodes) {
        const inputs = node.inputs.map((input) => truth.get(input)?.data ?? values.get(input)!);
        const output = evaluateNode(node, inputs as [number[], ...number[][]]);
        values.set(node.output, output);
        const expected = truth.get(node.output)?.data;
        if (!expected) continue; // one of several nodes for a single ONNX node
        compared++;
        expect(output, `seed ${seed}, ${node.name}`).toHaveLength(expected.length);
        for (const [c, y] of output.entries()) {
          const tolerance = 1e-9 * Math.max(1, Math.abs(expected[c]!)); // sums in another order
          const off = Math.abs(y - expected[c]!);
          if (!(off <= tolerance)) expect.fail(`seed ${seed}, ${node.name}, channel ${c}: ${y}, not ${expected[c]}`);
        }
      }
      expect(graph.outputs.every((name) => truth.has(name))).toBe(true);
    }
    expect(compared).toBeGreaterThan((10 * seeds) / 2);
  });
});

function evaluateNode(node: Node, [x, y]: [number[], ...number[][]]): number[] {
  switch (node.op) {
    case "quantize":
      return x.map((v, c) => dequantize(node.quantizer, quantize(node.quantizer, v, c), c));
    case "step":
      return x.map((v, c) => applyStep(node.step, v, c));
    case "dense": {
      const { outputs, inputs, codes, scale } = node.weights;
      return Array.from({ length: outputs }, (_, m) => {
        let sum = 0;
        for (let k = 0; k < inputs; k++) sum += codes[m * inputs + k]! * x[k]!;
        return sum * at(scale, m);
      });
    }
    case "softmax": {
      const powers = x.map(Math.exp);
      return powers.map((power) => power / powers.reduce((a, b) => a + b, 0));
    }
    case "argmax":
      return [x.indexOf(Math.max(...x))];
    case "maximum":
      return x.map((v, c) => Math.max(v, y![c]!));
    case "conv2d":
    case "maxpool":
    case "avgpool":
      throw new Error("no file of these has one");
  }
}
