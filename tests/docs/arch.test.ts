import { describe, expect, it } from "vitest";
import { archSchema } from "../../host/checkpoint/arch/layers.ts";
import { convert } from "../../host/convert.ts";
import { mulberry32 } from "../../host/numbers/random.ts";
import { loadReference } from "../../host/run/session.ts";
import { f32, writeSafetensors } from "../checkpoint/safetensors_file.ts";
import { read } from "../house/project_files.ts";

const PAGE = read("docs/arch.md");
const EXAMPLES = Array.from(PAGE.matchAll(/^(\S.*):\n\n```json\n([\s\S]*?)^```$/gm), ([, title, text]) => ({
  title: title!,
  text: text!,
}));

const norm = (name: string, channels: number) => ({
  [`${name}.weight`]: [channels],
  [`${name}.bias`]: [channels],
  [`${name}.running_mean`]: [channels],
  [`${name}.running_var`]: [channels],
});
const sequence = (shapes: number[][], first = 0) =>
  Object.fromEntries(shapes.map((shape, i) => [`arr_${first + i}`, shape]));

/** The tensors of each example, in the order of the page. */
const TENSORS: Record<string, number[]>[] = [
  {
    "fc1.weight": [64, 256],
    ...norm("bn1", 64),
    "fc2.weight": [64, 64],
    ...norm("bn2", 64),
    "fc3.weight": [10, 64],
    ...norm("bn3", 10),
  },
  {
    "conv1.weight": [8, 3, 3, 3],
    ...norm("bn1", 8),
    "conv2.weight": [16, 8, 3, 3],
    ...norm("bn2", 16),
    "head.weight": [10, 16],
    "head.bias": [10],
  },
  {
    "block.conv1.weight": [8, 4, 3, 3],
    ...norm("block.bn1", 8),
    "block.conv2.weight": [8, 8, 3, 3],
    ...norm("block.bn2", 8),
    "block.shortcut.weight": [8, 4, 1, 1],
    "head.weight": [5, 128],
  },
  {
    "patches.weight": [24, 3, 16, 16],
    "class.token": [24],
    "x.embedding": [1, 5, 24],
    ...Object.fromEntries(
      ["norm1", "norm2", "norm"].flatMap((name) => [`${name}.weight`, `${name}.bias`]).map((name) => [name, [24]]),
    ),
    ...{ "qkv.weight": [72, 24], "proj.weight": [24, 24], "fc1.weight": [48, 24], "fc2.weight": [24, 48] },
    "head.weight": [10, 24],
  },
  { ...sequence([[784, 32], ...Array(5).fill([32]), [32, 10], ...Array(5).fill([10])]) },
  { ...sequence([[8, 3, 3, 3], ...Array(5).fill([8]), [2048, 10], [10]]) },
  { "model.1.weight": [32, 256], "model.3.weight": [32, 32], "classifier.weight": [10, 32] },
  {
    "conv/kernel": [3, 3, 1, 4],
    "conv/bias": [4],
    "dw/depthwise_kernel": [3, 3, 4, 1],
    "bn/beta": [4],
    "bn/moving_mean": [4],
    "bn/moving_variance": [4],
    "dense/kernel": [144, 3],
    "dense/bias": [3],
  },
];

it("has eight examples", () => expect(EXAMPLES).toHaveLength(TENSORS.length));

describe.each(EXAMPLES.map((example, i) => ({ ...example, shapes: TENSORS[i]! })))(
  "$title",
  ({ title, text, shapes }) => {
    it("converts and runs", async () => {
      const next = mulberry32(1);
      const tensors = Object.entries(shapes).map(([name, shape]) => {
        const count = shape.reduce((a, b) => a * b, 1);
        return [
          name,
          f32(
            shape,
            Array.from({ length: count }, () => (/var|arr_(3|5|11)$/.test(name) ? next() + 0.5 : next() - 0.5)),
          ),
        ];
      });
      const file = writeSafetensors(Object.fromEntries(tensors));
      const samples = Float32Array.from({ length: 8 * 256 }, () => next());
      const calibration = title.includes("BitNetMCU") && { calibration: { inputs: [samples] } };
      const floats = text.includes('"attention"') && { weights: "float" as const };
      const { blob, notes } = await convert(file, { arch: text, ...calibration, ...floats });
      expect(notes.filter((note) => note.includes("used by no layer"))).toEqual([]);
      const session = loadReference(blob);
      const { shape } = session.program.description!.inputs[0]!;
      const [output] = session.run([new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.5)]);
      expect(output!.scores.every(Number.isFinite)).toBe(true);
    });
  },
);

it("docs/arch.schema.json is what the table of fields says (npx vitest run tests/docs/arch.test.ts -u)", async () => {
  await expect(`${JSON.stringify(archSchema(), null, 2)}\n`).toMatchFileSnapshot("../../docs/arch.schema.json");
});

it("names every layer of the schema", () => {
  const { properties } = archSchema() as {
    properties: { layers: { items: { oneOf: { properties: { op: { enum: string[] } } }[] } } };
  };
  const ops = properties.layers.items.oneOf.flatMap(({ properties: { op } }) => op.enum);
  const named = Array.from(PAGE.split("## Weights")[0]!.matchAll(/^\| `(\w+)` \|/gm), ([, op]) => op);
  expect(named).toEqual(["op", ...ops]); // the head of the table first
});
