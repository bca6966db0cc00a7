import { describe, expect, it } from "vitest";
import { drawDigits, SIDE } from "../../examples/digits/draw.ts";
import { decodeModel } from "../../host/checkpoint/onnx/proto.ts";
import { mulberry32 } from "../../host/numbers/random.ts";
import { toQonnx } from "../../tools/train/export.ts";
import type { Architecture } from "../../tools/train/model.ts";
import { accuracy, type Progress, scores, train } from "../../tools/train/train.ts";
import { evaluate } from "./evaluate.ts";

const DATA = drawDigits(600, mulberry32(1));
const SCHEDULE = { epochs: 10, batchSize: 50, learningRate: 0.02, shift: 0, seed: 1 };
const PICTURE: Architecture["picture"] = [1, SIDE, SIDE];

const ARCHITECTURES: Architecture[] = [
  { picture: PICTURE, hidden: [32], classes: 10, weights: "ternary", activations: 2 },
  { picture: PICTURE, hidden: [24, 16], classes: 10, weights: "ternary", activations: 8 },
  { picture: PICTURE, hidden: [64], classes: 10, weights: "binary", activations: "sign" },
  { picture: PICTURE, hidden: [], classes: 10, weights: "binary", activations: 1 },
];

describe.each(ARCHITECTURES)("hidden $hidden, $weights weights, $activations activations", (architecture) => {
  it("learns, and its file computes what was trained", async () => {
    const epochs: Progress[] = [];
    const network = await train(architecture, DATA, SCHEDULE, (p) => p.step === p.steps && epochs.push(p));
    expect(epochs).toHaveLength(SCHEDULE.epochs);
    expect(epochs.at(-1)!.loss).toBeLessThan(epochs[0]!.loss / 2);
    expect(epochs.at(-1)!.accuracy).toBeGreaterThan(0.8);
    expect(await accuracy(network, DATA)).toBeGreaterThan(0.8);

    const { graph } = decodeModel(toQonnx(network));
    const expected = await scores(network, DATA);
    // A code that falls the other way at a tie, f32 against f64, changes a score visibly: a few pictures may have one.
    let different = 0;
    for (let i = 0; i < DATA.count; i++) {
      const found = evaluate(graph!, DATA.pixels.subarray(i * SIDE * SIDE, (i + 1) * SIDE * SIDE));
      if (found.some((score, c) => Math.abs(score - expected[i * 10 + c]!) > 1e-4)) different++;
    }
    expect(different).toBeLessThanOrEqual(1);
  });
});

it("gives the same file for the same seed, another for another", async () => {
  const [architecture] = ARCHITECTURES as [Architecture];
  const schedule = { ...SCHEDULE, epochs: 1 };
  const file = toQonnx(await train(architecture, DATA, schedule));
  expect(toQonnx(await train(architecture, DATA, schedule))).toEqual(file);
  expect(toQonnx(await train(architecture, DATA, { ...schedule, seed: 2 }))).not.toEqual(file);
});

it("writes the nodes, shapes and domains of QONNX", async () => {
  const architecture: Architecture = { picture: PICTURE, hidden: [8], classes: 10, weights: "ternary", activations: 3 };
  const network = await train(architecture, DATA, { ...SCHEDULE, epochs: 1 });
  const { graph, opset_import } = decodeModel(toQonnx(network));

  const layer = ["Quant", "Gemm", "BatchNormalization"];
  expect(graph!.node.map((node) => node.op_type)).toEqual(["Flatten", "Quant", ...layer, "Quant", ...layer]);
  expect(new Set(graph!.node.filter((node) => node.op_type === "Quant").map((node) => node.domain))).toEqual(
    new Set(["qonnx.custom_op.general"]),
  );
  expect(opset_import.map(({ domain, version }) => [domain, version])).toEqual([
    ["", 13],
    ["qonnx.custom_op.general", 1],
  ]);
  const shape = (value: (typeof graph & object)["input"][0]) =>
    value.type!.tensor_type!.shape!.dim.map((d) => d.dim_value);
  expect(graph!.input.map(shape)).toEqual([[1, 1, SIDE, SIDE]]);
  expect(graph!.output.map(shape)).toEqual([[1, 10]]);

  const constants = new Map(graph!.initializer.map(({ name, dims, raw_data }) => [name, { dims, raw_data }]));
  expect(constants.get("dense1.weight")!.dims).toEqual([8, SIDE * SIDE]);
  expect(constants.get("dense1.activation.bits")!.raw_data).toEqual(new Uint8Array(new Float32Array([3]).buffer));
});
