import { expect, it } from "vitest";
import { draftArch } from "../../../host/checkpoint/arch/draft.ts";
import { readArch } from "../../../host/checkpoint/arch/layers.ts";
import { openSafetensors } from "../../../host/checkpoint/safetensors/open.ts";
import { convert } from "../../../host/convert.ts";
import { f32, writeSafetensors } from "../safetensors_file.ts";

const norm = (name: string, channels: number): Record<string, number[]> => ({
  [`${name}.weight`]: [channels],
  [`${name}.bias`]: [channels],
  [`${name}.running_mean`]: [channels],
  [`${name}.running_var`]: [channels],
  [`${name}.num_batches_tracked`]: [],
});

function fileOf(shapes: Record<string, number[]>): Uint8Array {
  const tensors = Object.entries(shapes).map(([name, shape]) => {
    const count = shape.reduce((a, b) => a * b, 1);
    const sign = name.endsWith("running_var") ? Math.abs : (x: number) => x;
    return [
      name,
      f32(
        shape,
        Array.from({ length: count }, (_, i) => sign(Math.sin(i + 1)) + (sign === Math.abs ? 0.1 : 0)),
      ),
    ];
  });
  return writeSafetensors(Object.fromEntries(tensors));
}

const QUANTIZE = { op: "quantize", bits: 8, signed: false, scale: "1/16" };

it.each<[string, Record<string, number[]>, number[], object[], string | undefined]>([
  [
    "dense layers",
    { "fc1.weight": [16, 20], ...norm("bn1", 16), "fc2.weight": [4, 16], "fc2.bias": [4] },
    [20],
    [
      { op: "dense", name: "fc1", weights: 8 },
      { op: "batch_norm", name: "bn1" },
      QUANTIZE,
      { op: "dense", name: "fc2", weights: 8 },
    ],
    undefined,
  ],
  [
    "convolutions",
    {
      "conv1.weight": [8, 3, 3, 3],
      ...norm("bn1", 8),
      "dw.weight": [8, 1, 5, 3],
      "pw.weight": [6, 8, 1, 1],
      "fc.weight": [2, 6],
    },
    [3, 32, 32],
    [
      { op: "conv2d", name: "conv1", weights: 8, padding: [1, 1] },
      { op: "batch_norm", name: "bn1" },
      QUANTIZE,
      { op: "depthwise", name: "dw", weights: 8, padding: [2, 1] },
      QUANTIZE,
      { op: "conv2d", name: "pw", weights: 8 },
      QUANTIZE,
      { op: "avgpool", kernel: "global" },
      QUANTIZE,
      { op: "flatten" },
      { op: "dense", name: "fc", weights: 8 },
    ],
    undefined,
  ],
  [
    "what is no layer",
    { "emb.table": [5, 6], "fc.weight": [4, 6], "norm.weight": [4] },
    [6],
    [{ op: "dense", name: "fc", weights: 8 }],
    '"emb.table" [5, 6], "norm.weight" [4]',
  ],
])("drafts %s, which convert", async (_, shapes, shape, layers, left) => {
  const file = fileOf(shapes);
  const { arch, guesses } = draftArch(openSafetensors(file));
  expect(arch).toEqual({ input: { shape, quantizer: { bits: 8, signed: false, scale: "1/255" } }, layers });
  expect(
    guesses
      .find((guess) => guess.startsWith("left out"))
      ?.split(": ")
      .at(-1),
  ).toBe(left);
  const text = JSON.stringify(arch);
  expect(readArch(text).layers).toHaveLength(layers.length);
  const { program } = await convert(file, { arch: text });
  expect(program.ops.length).toBeGreaterThan(0);
});

it("drafts of files without layers are refused when they are read", () => {
  const { arch } = draftArch(openSafetensors(fileOf({ "emb.table": [5, 6] })));
  expect(() => readArch(JSON.stringify(arch))).toThrow("arch.layers: found []");
});
