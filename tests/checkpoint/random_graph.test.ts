import { describe, expect, it } from "vitest";
import { UnsupportedError } from "../../host/base/errors.ts";
import { readCheckpoint } from "../../host/checkpoint/index.ts";
import type { Graph, GraphInput, Node } from "../../host/graph/graph.ts";
import { shapesOf } from "../../host/graph/shapes.ts";
import { at, dequantize, quantize } from "../../host/numbers/quantizer.ts";
import { mulberry32 } from "../../host/numbers/random.ts";
import { applyStep } from "../../host/numbers/step.ts";
import type { Picture } from "../../host/shape.ts";
import { randomOnnx, randomPictureOnnx, randomPlainOnnx } from "../random_graph.ts";
import { seedCount } from "../seeds.ts";
import { evaluateOnnx } from "./onnx/definition.ts";

describe.each<[string, number, (seed: number) => Uint8Array]>([
  ["QONNX files", seedCount(1000), randomOnnx],
  ["files of plain ops", seedCount(500), randomPlainOnnx],
  ["convolutional files", seedCount(300), randomPictureOnnx],
])("random %s of %i seeds", (_, seeds, randomFile) => {
  it("depend on the seed alone", () => {
    for (let seed = 0; seed < 20; seed++) expect(randomFile(seed)).toEqual(randomFile(seed));
    expect(randomFile(0)).not.toEqual(randomFile(1));
  });

  it("mean after import what they meant before", () => {
    let compared = 0;
    let refused = 0; // an average of thresholds whose least value is no whole number of steps
    for (let seed = 0; seed < seeds; seed++) {
      const bytes = randomFile(seed);
      const graph = importedOrRefused(bytes);
      if (!graph) {
        refused++;
        continue;
      }
      const next = mulberry32(seed);
      const channels = graph.inputs[0]!.shape.reduce((product, size) => product * size, 1);
      const x = Array.from({ length: channels }, () => Math.fround(4 * next() - 2));
      // Each node reads what the file's own nodes give, so that no rounding near a tie adds up.
      let isNearTie = false;
      const truth = evaluateOnnx(bytes, x, undefined, (_, __, steps) => {
        isNearTie ||= steps?.data.some(comesNearTie) ?? false;
      });
      if (isNearTie) continue; // QuantizeLinear divides in f32, where sums are real numbers to the importer
      const shapes = shapesOf(graph);
      const [input] = graph.inputs as [GraphInput];
      if (input.layout === "hwc") truth.set(input.name, { dims: [], data: planar(x, shapes.get(input.name)!) });
      /** What the file gives for a value, its channels last. */
      const given = (value: string): number[] | undefined => {
        const found = truth.get(value);
        return found && channelsLast(found.data, shapes.get(value)!);
      };
      const values = new Map<string, number[]>();
      for (const node of graph.nodes) {
        const inputs = node.inputs.map((input) => given(input) ?? values.get(input)!);
        const output = evaluateNode(node, inputs as [number[], ...number[][]], shapes);
        values.set(node.output, output);
        const expected = given(node.output);
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
    expect(refused).toBeLessThanOrEqual(seeds / 50);
  });
});

/** Whether a number in steps of a scale is no tie, and one to f32 or nearly so. */
function comesNearTie(steps: number): boolean {
  const off = Math.abs(Math.abs(steps % 1) - 0.5);
  return off > 0 && off < 2 ** -21 * Math.max(1, Math.abs(steps));
}

function importedOrRefused(bytes: Uint8Array): Graph | undefined {
  try {
    return readCheckpoint(bytes).graph;
  } catch (error) {
    if (error instanceof UnsupportedError) return undefined;
    throw error;
  }
}

/** Elements of [C, H, W] as those of [H, W, C]. */
function channelsLast(data: number[], { height, width, channels }: Picture): number[] {
  const positions = height * width;
  return data.map((_, i) => data[(i % channels) * positions + Math.floor(i / channels)]!);
}

/** Elements of [H, W, C] as those of [C, H, W]. */
function planar(data: number[], { height, width, channels }: Picture): number[] {
  const positions = height * width;
  return data.map((_, i) => data[(i % positions) * channels + Math.floor(i / positions)]!);
}

function evaluateNode(node: Node, [x, y]: [number[], ...number[][]], shapes: Map<string, Picture>): number[] {
  const { channels } = node;
  switch (node.op) {
    case "quantize":
      return x.map((v, i) => dequantize(node.quantizer, quantize(node.quantizer, v, i % channels), i % channels));
    case "step":
      return x.map((v, i) => applyStep(node.step, v, i % channels));
    case "dense": {
      const { outputs, inputs, codes, scale } = node.weights;
      return Array.from({ length: outputs }, (_, m) => {
        let sum = 0;
        for (let k = 0; k < inputs; k++) sum += codes[m * inputs + k]! * x[k]!;
        return sum * at(scale, m);
      });
    }
    case "float":
      throw new Error(`${node.name}: a float region in a graph of integers`);
    case "softmax": {
      const powers = x.map(Math.exp);
      return powers.map((power) => power / powers.reduce((a, b) => a + b, 0));
    }
    case "argmax":
      return [x.indexOf(Math.max(...x))];
    case "maximum":
      return x.map((v, c) => Math.max(v, y![c]!));
    case "add":
      return x.map((v, c) => v + y![c]!);
    case "upsample": {
      const [from, to] = [shapes.get(node.inputs[0]!)!, shapes.get(node.output)!];
      return Array.from({ length: to.height * to.width * channels }, (_, i) => {
        const position = Math.floor(i / channels);
        const [line, column] = [Math.floor(position / to.width), position % to.width];
        const at = Math.floor(line / node.factorY) * from.width + Math.floor(column / node.factorX);
        return x[at * channels + (i % channels)]!;
      });
    }
    case "concat": {
      const others = channels - node.first;
      const positions = Array.from({ length: x.length / node.first }, (_, position) => position);
      return positions.flatMap((position) => [
        ...x.slice(position * node.first, (position + 1) * node.first),
        ...y!.slice(position * others, (position + 1) * others),
      ]);
    }
    case "conv2d": {
      const { window, groups, weights } = node;
      const [from, to] = [shapes.get(node.inputs[0]!)!, shapes.get(node.output)!];
      const [own, span] = [from.channels / groups, to.channels / groups];
      return Array.from({ length: to.height * to.width * channels }, (_, i) => {
        const [m, position] = [i % channels, Math.floor(i / channels)];
        let sum = 0;
        for (let k = 0; k < weights.inputs; k++) {
          const [c, tap] = [k % own, Math.floor(k / own)];
          const row =
            Math.floor(position / to.width) * window.strideY -
            window.padTop +
            Math.floor(tap / window.kernelWidth) * window.dilationY;
          const column =
            (position % to.width) * window.strideX - window.padLeft + (tap % window.kernelWidth) * window.dilationX;
          if (row < 0 || row >= from.height || column < 0 || column >= from.width) continue;
          const channel = Math.floor(m / span) * own + c;
          sum += weights.codes[m * weights.inputs + k]! * x[(row * from.width + column) * from.channels + channel]!;
        }
        return sum * at(weights.scale, m);
      });
    }
    case "maxpool":
    case "avgpool": {
      const { window } = node;
      const [from, to] = [shapes.get(node.inputs[0]!)!, shapes.get(node.output)!];
      return Array.from({ length: to.height * to.width * channels }, (_, i) => {
        const position = Math.floor(i / channels);
        const inside: number[] = [];
        for (let tap = 0; tap < window.kernelHeight * window.kernelWidth; tap++) {
          const row =
            Math.floor(position / to.width) * window.strideY -
            window.padTop +
            Math.floor(tap / window.kernelWidth) * window.dilationY;
          const column =
            (position % to.width) * window.strideX - window.padLeft + (tap % window.kernelWidth) * window.dilationX;
          if (row < 0 || row >= from.height || column < 0 || column >= from.width) continue;
          inside.push(x[(row * from.width + column) * channels + (i % channels)]!);
        }
        if (node.op === "maxpool") return Math.max(...inside);
        const divisor = node.countsPadding ? window.kernelHeight * window.kernelWidth : inside.length;
        return inside.reduce((sum, each) => sum + each, 0) / divisor;
      });
    }
  }
}
