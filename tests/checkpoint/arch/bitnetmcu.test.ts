import { describe, expect, it } from "vitest";
import { readCheckpoint } from "../../../host/checkpoint/index.ts";
import { convert } from "../../../host/convert.ts";
import { mulberry32 } from "../../../host/numbers/random.ts";
import { loadReference } from "../../../host/run/session.ts";
import { archive, stateDict, tensor } from "../torch_file.ts";

// BitNetMCU's networks (github.com/cpldcpu/BitNetMCU, BitNetMCU.py): latent weights in a .pth, quantized around 0 by the mean of their magnitudes; every layer divides its
// input by what makes the greatest of the sample's activations 127, and rounds.

const [INPUTS, HIDDEN, CLASSES] = [64, 24, 5];

/** Quantizers of weights by BitNetMCU's names, as it writes them, and by ours. */
const KINDS: Record<string, { weights: unknown; quantize(w: number, mean: number, magnitude: number): number }> = {
  Ternary: { weights: "ternary", quantize: (w, _, mag) => Math.max(-1, Math.min(1, even(w / mag))) * mag },
  Binary: {
    weights: { as: "binary", scale: "absmean", centred: true },
    quantize: (w, mean, mag) => Math.sign(w - mean) * mag,
  },
  BinarySym: { weights: { as: "binary", scale: "absmean" }, quantize: (w, _, mag) => Math.sign(w) * mag },
  "2bitsym": {
    weights: "2sym",
    quantize: (w, _, mag) => (Math.max(-2, Math.min(1, even(w / mag - 0.5))) + 0.5) * mag,
  },
  "4bitsym": {
    weights: { as: "4sym", scale: "absmean", times: "1/2" },
    quantize: (w, _, mag) => ((Math.max(-8, Math.min(7, even((2 * w) / mag - 0.5))) + 0.5) * mag) / 2,
  },
};

const even = (x: number) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));

const SHAPES = { "model.1": [HIDDEN, INPUTS], "model.3": [HIDDEN, HIDDEN], classifier: [CLASSES, HIDDEN] };

const next = mulberry32(9);
const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
const LATENT = Object.entries(SHAPES).map(([name, shape]) => {
  const data = Float32Array.from({ length: shape[0]! * shape[1]! }, () => normal() / 8 + 0.01);
  return { name, shape, data };
});
const FILE = archive(
  stateDict(
    LATENT.map(({ name, shape, data }, i) => [
      `${name}.weight`,
      tensor({ key: `${i}`, count: data.length, size: shape, stride: [shape[1]!, 1] }),
    ]),
  ),
  Object.fromEntries(LATENT.map(({ data }, i) => [i, new Uint8Array(data.buffer)])),
);

const archOf = (weights: unknown) =>
  JSON.stringify({
    input: { shape: [INPUTS], quantizer: { bits: 8, signed: false, scale: "1/255" } },
    layers: Object.keys(SHAPES).flatMap((name, i) => [
      { op: "dense", name, weights },
      ...(i < 2 ? [{ op: "relu" }] : []),
    ]),
  });

const quantized = (kind: string, { data }: (typeof LATENT)[number]) => {
  const mean = data.reduce((sum, w) => sum + w, 0) / data.length;
  const magnitude = data.reduce((sum, w) => sum + Math.abs(w), 0) / data.length;
  return Array.from(data, (w) => KINDS[kind]!.quantize(w, mean, magnitude));
};

/** The class that BitNetMCU gives a sample. */
function classOf(kind: string, sample: Float32Array): number {
  let x: number[] = [...sample];
  for (const [i, layer] of LATENT.entries()) {
    const greatest = Math.max(...x.map(Math.abs), 1e-5);
    const codes = x.map((e) => even((e * 127) / greatest));
    const w = quantized(kind, layer);
    const sums = Array.from({ length: layer.shape[0]! }, (_, m) => {
      return codes.reduce((sum, e, k) => sum + e * w[m * codes.length + k]!, 0);
    });
    x = i < 2 ? sums.map((e) => Math.max(0, e)) : sums;
  }
  return x.indexOf(Math.max(...x));
}

const SAMPLES = 200;
const samples = Float32Array.from({ length: SAMPLES * INPUTS }, () => Math.floor(256 * next() ** 2) / 255);
const sampleAt = (row: number) => samples.subarray(row * INPUTS, (row + 1) * INPUTS);

describe.each(Object.entries(KINDS))("BitNetMCU, %s", (kind, { weights }) => {
  const arch = archOf(weights);

  it("has the weights that were trained", () => {
    const { graph } = readCheckpoint(FILE, { floats: "keep" }, arch);
    const layers = graph.nodes.filter((node) => node.op === "dense");
    for (const [i, layer] of layers.entries()) {
      const { codes, scale } = layer.weights;
      expect(layer.weights.found).not.toBe("float");
      const expected = quantized(kind, LATENT[i]!);
      for (let k = 0; k < expected.length; k++) expect(codes[k]! * scale[0]!).toBeCloseTo(expected[k]!, 6);
    }
  });

  it("keeps nearly all answers with ranges of samples in place of each sample's greatest activation", async () => {
    const { blob, program } = await convert(FILE, { arch, calibration: { inputs: [samples] } });
    const session = loadReference(blob);
    const { scores } = session.run([samples])[0]!;
    const answers = Array.from({ length: SAMPLES }, (_, r) => {
      const own = [...scores.subarray(r * CLASSES, (r + 1) * CLASSES)];
      return own.indexOf(Math.max(...own));
    });
    const same = answers.filter((answer, r) => answer === classOf(kind, sampleAt(r))).length;
    expect(same).toBeGreaterThanOrEqual(0.95 * SAMPLES);
    expect(new Set(answers).size).toBeGreaterThan(1);
    const bits = { Ternary: "ternary", Binary: "binary", BinarySym: "binary", "2bitsym": "int3", "4bitsym": "int8" }[
      kind
    ];
    expect(program.ops.flatMap((op) => ("dtype" in op ? [op.dtype] : []))).toEqual(Array(3).fill(bits));
  });
});
