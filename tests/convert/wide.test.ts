import { expect, it } from "vitest";
import { InputError, UnsupportedError } from "../../host/base/errors.ts";
import { floatTensor, model, node, valueInfo } from "../../host/checkpoint/onnx/build.ts";
import { importOnnx } from "../../host/checkpoint/onnx/import.ts";
import { DATA_TYPE, type Draft, encodeModel, type NodeProto } from "../../host/checkpoint/onnx/proto.ts";
import { convert } from "../../host/convert.ts";
import { evaluate } from "../../host/graph/evaluate.ts";
import { codeRange } from "../../host/numbers/quantizer.ts";
import { mulberry32 } from "../../host/numbers/random.ts";
import { realOf } from "../../host/numbers/unit.ts";
import { loadReference } from "../../host/run/session.ts";
import { verify } from "../../host/verify.ts";

const QONNX = "qonnx.custom_op.general";

interface Stage {
  bits: number;
  scale: number;
  signed: boolean;
  zero?: number;
  /** A step behind the quantizer. */
  behind?: ["Mul" | "Add" | "Relu", number];
}

/** x (N, 8) of an integer type or float → quantizers → ternary 8-3. */
function network(type: "INT16" | "FLOAT", ...stages: Stage[]): Uint8Array {
  const nodes: Draft<NodeProto>[] = [node("Cast", ["x"], "v", { to: 1n })];
  const constants = [
    floatTensor(
      "w",
      [8, 3],
      Array.from({ length: 24 }, (_, i) => ((i * 5) % 3) - 1),
    ),
  ];
  let x = "v";
  for (const [i, { bits, scale, signed, zero = 0, behind }] of stages.entries()) {
    for (const [name, value] of Object.entries({ scale, zero, bits }))
      constants.push(floatTensor(`${name}${i}`, [], [value]));
    const attributes = { signed: signed ? 1n : 0n, narrow: 0n, rounding_mode: "ROUND" };
    nodes.push(node("Quant", [x, `scale${i}`, `zero${i}`, `bits${i}`], `q${i}`, attributes, QONNX));
    x = `q${i}`;
    if (!behind) continue;
    constants.push(floatTensor(`by${i}`, [], [behind[1]]));
    nodes.push(node(behind[0], behind[0] === "Relu" ? [x] : [x, `by${i}`], `t${i}`));
    x = `t${i}`;
  }
  nodes.push(node("MatMul", [x, "w"], "y"));
  const graph = {
    name: "wide",
    node: nodes,
    initializer: constants,
    input: [valueInfo("x", ["N", 8], DATA_TYPE[type])],
    output: [valueInfo("y", ["N", 3])],
  };
  return encodeModel(model(graph, { "": 13, [QONNX]: 1 }, { name: "tests", version: "1" }));
}

const next = mulberry32(16);
const elements = Int16Array.from(
  { length: 8 * 256 },
  (_, i) => [-32768, 32767, 0][i] ?? Math.floor(next() * 65536) - 32768,
);

const byte: Stage = { bits: 8, scale: 300, signed: true };
it.each<[string, Stage[], number]>([
  ["8 bits", [byte], 0],
  ["16 bits of which elements reach 8", [{ bits: 16, scale: 258, signed: true }], 0],
  ["10 bits with a zero point", [{ bits: 10, scale: 300, signed: false, zero: 400 }], 0],
  ["16 bits, then 8", [{ bits: 16, scale: 1, signed: true }, byte], 1],
  [
    "12 bits, then 3",
    [
      { bits: 12, scale: 16, signed: true },
      { bits: 3, scale: 5000, signed: true },
    ],
    1,
  ],
  [
    "16 bits, a factor, then 8",
    [
      { bits: 16, scale: 0.7, signed: true, behind: ["Mul", 0.1] },
      { ...byte, scale: 20 },
    ],
    1,
  ],
  [
    "16 bits, a sum, then 4",
    [
      { bits: 16, scale: 0.9, signed: true, behind: ["Add", 100] },
      { bits: 4, scale: 3000, signed: true },
    ],
    1,
  ],
  [
    "16 bits, then 12, then 2",
    [
      { bits: 16, scale: 1.5, signed: true },
      { bits: 12, scale: 20, signed: true },
      { bits: 2, scale: 9000, signed: true },
    ],
    2,
  ],
])("a 16-bit input is quantized exactly: %s", async (_, stages, wide) => {
  for (const [type, input] of [
    ["INT16", {}],
    ["FLOAT", { dtype: "i16", scale: "1/3" }],
  ] as const) {
    const checkpoint = network(type, ...stages);
    const { program, blob } = await convert(checkpoint, { input });
    const { unit, wide: before = [] } = program.description!.inputs[0]!;
    expect(program.tensors[program.inputs[0]!]!.dtype).toBe("i16");
    expect(before).toHaveLength(wide);
    const real = realOf(unit, 8);
    const x = Float32Array.from(elements, (e, i) => real(e, i % 8));
    const [expected] = evaluate(importOnnx(checkpoint).graph, [x], 256);
    const session = loadReference(blob);
    expect(session.run(elements)[0]!.scores).toEqual(expected);
    expect(session.run(x)[0]!.scores).toEqual(expected);
    for (const inputs of [[elements], [x]]) {
      const { differences } = verify({ blob: program, checkpoint, sha256: "", sessions: { session }, inputs });
      expect(differences).toEqual([]);
    }
  }
});

it("real numbers, too, go through a wide quantizer and a narrow one", async () => {
  const checkpoint = network("FLOAT", { bits: 16, scale: 0.01, signed: true }, { bits: 8, scale: 0.5, signed: true });
  const { blob } = await convert(checkpoint);
  const x = Float32Array.from(elements, (e) => e / 500);
  expect(loadReference(blob).run(x)[0]!.scores).toEqual(evaluate(importOnnx(checkpoint).graph, [x], 256)[0]);
});

it.each<[string, Stage[], number]>([
  ["16 bits", [{ bits: 16, scale: 1, signed: true }], 65536],
  ["9 bits, unsigned", [{ bits: 9, scale: 60, signed: false }], 512],
  ["16 bits and a ReLU, then 8", [{ bits: 16, scale: 1, signed: true, behind: ["Relu", 0] }, byte], 65536],
])("what a byte does not hold is refused with the reason: %s", async (_, stages, count) => {
  const conversion = convert(network("INT16", ...stages));
  await expect(conversion).rejects.toThrow(UnsupportedError);
  await expect(conversion).rejects.toThrow(
    `its codes take ${count} values, and a byte holds 256. Instead: at most 8 bits`,
  );
});

it("a real number that no element stands for is refused, since its code would have no place", async () => {
  const stage: Stage = { bits: 16, scale: 258, signed: true };
  const { program, blob } = await convert(network("INT16", stage));
  expect(codeRange(program.description!.inputs[0]!.quantizer!)).toEqual({ min: -32768, max: 32767 });
  const session = loadReference(blob);
  expect(() => session.run(new Float32Array(8).fill(32767))).not.toThrow();
  expect(() => session.run(new Float32Array(8).fill(32768))).toThrow(InputError);
  expect(() => session.run(new Float32Array(8).fill(32768))).toThrow(
    "found 32768 in row 0, element 0, expected what an element of i16 stands for",
  );
});
