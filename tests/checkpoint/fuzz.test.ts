import fc from "fast-check";
import { expect, it } from "vitest";
import { TernError } from "../../host/base/errors.ts";
import type { ImportOptions } from "../../host/checkpoint/checkpoint.ts";
import { readCheckpoint } from "../../host/checkpoint/index.ts";
import { attribute, floatTensor, int64Tensor, model, node, valueInfo } from "../../host/checkpoint/onnx/build.ts";
import { MICROSOFT, OPS } from "../../host/checkpoint/onnx/ops.ts";
import { type AttributeProto, DATA_TYPE, decodeModel, encodeModel } from "../../host/checkpoint/onnx/proto.ts";
import { OPS as REGION_OPS } from "../../host/checkpoint/onnx/region/ops.ts";
import { mulberry32 } from "../../host/numbers/random.ts";
import { randomOnnx } from "../random_graph.ts";
import { seedCount } from "../seeds.ts";
import { BIT_LINEARS, encoder, File, GELUS, NORMS, RMS_NORMS, SCALES, scores } from "./encoder_file.ts";
import { hostile } from "./hostile.ts";
import { randomQuantizedOnnx } from "./onnx/quantized.ts";

const FILES = seedCount(2000);

/** Small, yet with every kind of message, typed and raw tensors, the shape idiom and a folded transpose. */
const SMALL = encodeModel(
  model(
    {
      name: "small",
      node: [
        node("Shape", ["x"], "s"),
        node("Gather", ["s", "i"], "n", { axis: 0n }),
        node("Unsqueeze", ["n"], "u", { axes: [0n] }),
        node("Concat", ["u", "r"], "t", { axis: 0n }),
        node("Reshape", ["x", "t"], "f"),
        node("Quant", ["f", "h", "z", "b"], "q", { signed: 1n, narrow: 0n, rounding_mode: "ROUND" }, "onnx.brevitas"),
        node("BipolarQuant", ["w", "h"], "k", {}, "onnx.brevitas"),
        node("Transpose", ["k"], "kt", { perm: [1n, 0n] }),
        node("Gemm", ["q", "kt", "c"], "g", { alpha: 0.5 }),
        node("BatchNormalization", ["g", "c", "c", "c", "c"], "y"),
      ],
      initializer: [
        int64Tensor("i", [], [0]),
        int64Tensor("r", [1], [-1]),
        floatTensor("h", [], [0.5]),
        floatTensor("z", [], [0]),
        floatTensor("b", [], [4]),
        floatTensor("w", [2, 4], [1, -1, 1, -1, -1, 1, -1, 1]),
        { name: "c", dims: [2], data_type: 1, float_data: [1, 2] },
      ],
      input: [valueInfo("x", ["N", 2, 2])],
      output: [valueInfo("y", ["N", 2])],
    },
    { "": 11, "onnx.brevitas": 1 },
    { name: "tests", version: "1" },
  ),
);

/** A file either imports or is refused with a typed error. */
function survives(bytes: Uint8Array, what: string, options: ImportOptions = {}): void {
  try {
    readCheckpoint(bytes, options);
  } catch (error) {
    if (!(error instanceof TernError)) throw new Error(what, { cause: error });
  }
}

it("the small file imports", () => {
  expect(readCheckpoint(SMALL).graph.nodes.map((n) => n.op)).toEqual(["quantize", "dense", "step", "step", "step"]);
});

it("truncation at every byte is survived", () => {
  for (let size = 0; size < SMALL.length; size++) survives(SMALL.subarray(0, size), `${size} bytes`);
});

it("every single bit flip is survived", () => {
  for (let bit = 0; bit < SMALL.length * 8; bit++) {
    const bytes = SMALL.slice();
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    survives(bytes, `bit ${bit}`);
  }
});

it("random bytes are survived, alone and spliced into random graphs", () => {
  const edit = fc.record({ at: fc.nat(), bytes: fc.uint8Array({ maxLength: 12 }), drop: fc.nat(8) });
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => survives(bytes, "random bytes")));
  fc.assert(
    fc.property(fc.nat(50), fc.array(edit, { minLength: 1, maxLength: 4 }), (seed, edits) => {
      let bytes = randomOnnx(seed);
      for (const { at, bytes: added, drop } of edits) {
        const start = at % bytes.length;
        bytes = Uint8Array.from([...bytes.subarray(0, start), ...added, ...bytes.subarray(start + drop)]);
      }
      survives(bytes, `seed ${seed}`);
    }),
    { numRuns: seedCount(300) },
  );
});

hostile("quantized ONNX", randomQuantizedOnnx(1).bytes, (bytes) => readCheckpoint(bytes));

const OF_CODES = [() => SMALL, (seed: number) => randomQuantizedOnnx(seed).bytes, randomOnnx, randomOnnx];
/** An encoder with a norm, GELU and attention in one of the forms that exporters have, its layers BitLinears or floats. */
const encoders = Array.from({ length: 8 }, (_, seed) => {
  const file = new File(seed);
  const at = <T>(forms: Record<string, T>): string => Object.keys(forms)[seed % Object.keys(forms).length]!;
  const bit = Object.values(BIT_LINEARS)[seed % Object.keys(BIT_LINEARS).length]!;
  const rms = Object.values(RMS_NORMS)[seed % Object.keys(RMS_NORMS).length]!;
  const form = { norm: at(NORMS), gelu: at(GELUS), scale: at(SCALES), heads: 2, isFused: seed % 2 === 0 };
  const read = rms(file, bit(file, encoder(file, "x", 4, 8, form), 8, 8), 8);
  return file.bytes([4, 8], scores(file, read));
});

it.each<[string, ((seed: number) => Uint8Array)[], string[], ImportOptions]>([
  ["of codes", OF_CODES, [...Object.keys(OPS), ...Object.keys(MICROSOFT)], {}],
  ["of floats", [(seed) => encoders[seed % 8]!], Object.keys(REGION_OPS), { floats: "region" }],
])("well-formed files %s that make no sense are survived", (_, filesOf, operators, options) => {
  const SIZES = [0, 1, -1, 2, 3, 9, 2 ** 20, 2 ** 31, 2 ** 40, 2 ** 53, 2 ** 63];
  for (let seed = 0; seed < FILES; seed++) {
    const next = mulberry32(seed);
    const pick = <T>(choices: readonly T[]): T => choices[Math.floor(next() * choices.length)]!;
    const file = decodeModel(filesOf[seed % filesOf.length]!(seed % 40));
    const { node: nodes, initializer, input } = file.graph!;
    const values = [...nodes.flatMap((n) => n.output), ...initializer.map((t) => t.name!), "x", ""];
    for (let edits = 1 + Math.floor(next() * 3); edits > 0; edits--) {
      const n = pick(nodes);
      const edit = pick([
        () => (n.op_type = pick(operators)),
        () => (n.domain = pick(["", "com.microsoft"])),
        () => Object.assign(pick(initializer) ?? {}, { data_type: pick(Object.values(DATA_TYPE)) }),
        () => initializer.length > 0 && pick(initializer).raw_data?.fill(pick([0, 1, 0x7f, 0x80, 0xff])),
        () => (n.input[Math.floor(next() * 4)] = pick(values)),
        () => (n.input = [...n.input, pick(values)]),
        () => n.input.pop(),
        () => (n.attribute = pick(nodes).attribute),
        () =>
          n.attribute.push({
            ...attribute(pick(["axis", "axes", "perm", "to", "output_dtype", "block_size"]), BigInt(pick(SIZES))),
          } as AttributeProto),
        () => n.attribute.push({ ...attribute(pick(["axes", "perm"]), [BigInt(pick(SIZES)), 0n]) } as AttributeProto),
        () => initializer.length > 0 && pick(initializer).dims.splice(0, 1, pick(SIZES)),
        () => (input[0]!.type!.tensor_type!.shape!.dim = [{ dim_value: pick(SIZES) }, { dim_value: pick(SIZES) }]),
      ]);
      edit();
      n.input = Array.from(n.input, (name) => name ?? "");
    }
    survives(encodeModel(file), `seed ${seed}`, options);
  }
});

it("what decodes is written back as the same model", () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const bytes = randomOnnx(seed);
      expect(encodeModel(decodeModel(bytes))).toEqual(bytes);
    }),
    { numRuns: 20 },
  );
});
