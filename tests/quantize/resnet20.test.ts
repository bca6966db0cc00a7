import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readCheckpoint } from "../../host/checkpoint/index.ts";
import { openNpz } from "../../host/checkpoint/npz/open.ts";
import { openZip } from "../../host/checkpoint/zip.ts";
import { convert } from "../../host/convert.ts";
import { evaluate } from "../../host/graph/evaluate.ts";
import { loadReference } from "../../host/run/session.ts";
import { DATA, describeWith } from "../data.ts";
import { ALL_SEEDS } from "../seeds.ts";

// A ResNet that somebody trained in PyTorch, described by hand.

const WEIGHTS = join(DATA, "resnet_cifar10", "resnet20-12fca82f.th");
const PICTURES = join(DATA, "cifar10_lossless", "cifar10_lossless_4000train.npz");
const ROWS = 4;

const [MEAN, STD] = [
  [0.485, 0.456, 0.406],
  [0.229, 0.224, 0.225],
];

/** ResNet-20 of He et al. 2015, with shortcuts of zero channels (option A). */
function resnet20(): string {
  const layers: object[] = [
    { op: "conv2d", name: "conv1", padding: 1 },
    { op: "batch_norm", name: "bn1" },
    { op: "relu", name: "relu1" },
  ];
  let from = "relu1";
  for (const [stage, channels] of [16, 32, 64].entries()) {
    for (let block = 0; block < 3; block++) {
      const name = `layer${stage + 1}.${block}`;
      const stride = stage > 0 && block === 0 ? 2 : 1;
      layers.push(
        { op: "conv2d", name: `${name}.conv1`, from, stride, padding: 1 },
        { op: "batch_norm", name: `${name}.bn1` },
        { op: "relu" },
        { op: "conv2d", name: `${name}.conv2`, padding: 1 },
        { op: "batch_norm", name: `${name}.bn2` },
        { op: "shortcut", from, stride, channels },
        { op: "add", with: `${name}.bn2` },
        { op: "relu", name },
      );
      from = name;
    }
  }
  layers.push({ op: "avgpool", kernel: "global" }, { op: "flatten" }, { op: "dense", name: "linear" });
  return JSON.stringify({ input: { shape: [3, 32, 32] }, layers });
}

describeWith([WEIGHTS, PICTURES], "ResNet-20 for CIFAR-10", () => {
  const arch = resnet20();
  const weights = () => new Uint8Array(readFileSync(WEIGHTS));
  const samples = () => {
    const { tensors } = openNpz(openZip(new Uint8Array(readFileSync(PICTURES))));
    const [pixels, labels] = ["x", "y"].map((name) => tensors.get(name)!.read()) as [Float64Array, Float64Array];
    const x = Float32Array.from(pixels.subarray(0, ROWS * 3072), (p, i) => (p / 255 - MEAN[i % 3]!) / STD[i % 3]!);
    return { x, labels: [...labels.subarray(0, ROWS)] };
  };

  it("knows what it was trained on", () => {
    const { graph } = readCheckpoint(weights(), { floats: "keep" }, arch);
    const { x, labels } = samples();
    expect(classes(evaluate(graph, [x], ROWS)[0]!)).toEqual(labels);
  });

  // the planes of its sums take a third of a minute to prove
  if (ALL_SEEDS) {
    it("knows it as int8 of its own ranges", async () => {
      const { x, labels } = samples();
      const { blob, notes } = await convert(weights(), { arch, calibration: { inputs: [x] }, maxOperations: 1e9 });
      expect(notes.at(-1)).toMatch(/^of the int8 network: 4 of 4 samples keep their greatest output/);
      expect(classes(loadReference(blob).run(x)[0]!.scores!)).toEqual(labels);
    });
  }
});

function classes(scores: Float32Array): number[] {
  return Array.from({ length: ROWS }, (_, row) => {
    const own = scores.subarray(10 * row, 10 * row + 10);
    return own.indexOf(Math.max(...own));
  });
}
