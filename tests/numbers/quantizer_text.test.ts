import { describe, expect, it } from "vitest";
import { InputError } from "../../host/base/errors.ts";
import { floatTensor, model, node, valueInfo } from "../../host/checkpoint/onnx/build.ts";
import { encodeModel } from "../../host/checkpoint/onnx/proto.ts";
import { convert } from "../../host/convert.ts";
import { codeRange } from "../../host/numbers/quantizer.ts";
import { parseQuantizer } from "../../host/numbers/quantizer_text.ts";
import { loadReference } from "../../host/run/session.ts";

const QONNX = "qonnx.custom_op.general";

/** x (N, 4) → what `quantizer` says → binary 4-2. */
function network(quantizer?: {
  op: "Quant" | "BipolarQuant";
  scale: number;
  bits: number;
  signed: boolean;
}): Uint8Array {
  const attributes = { signed: quantizer?.signed ? 1n : 0n, narrow: 0n, rounding_mode: "ROUND" };
  const first = {
    Quant: node("Quant", ["x", "s", "z", "b"], "q", attributes, QONNX),
    BipolarQuant: node("BipolarQuant", ["x", "s"], "q", {}, QONNX),
  };
  const graph = {
    name: "net",
    node: [...(quantizer ? [first[quantizer.op]] : []), node("MatMul", [quantizer ? "q" : "x", "w"], "y")],
    initializer: [
      floatTensor("s", [], [quantizer?.scale ?? 1]),
      floatTensor("z", [], [0]),
      floatTensor("b", [], [quantizer?.bits ?? 1]),
      floatTensor("w", [4, 2], [1, 1, -1, 1, 1, -1, -1, -1]),
    ],
    input: [valueInfo("x", ["N", 4])],
    output: [valueInfo("y", ["N", 2])],
  };
  return encodeModel(model(graph, { "": 13, [QONNX]: 1 }, { name: "tests", version: "1" }));
}

const x = Float32Array.from({ length: 256 }, (_, i) => Math.sin(i * 7) * 3 * ((i % 5) - 1)); // zeros among them

async function scores(checkpoint: Uint8Array, inputQuantizer?: string): Promise<Float32Array> {
  const { blob } = await convert(checkpoint, inputQuantizer === undefined ? {} : { inputQuantizer });
  return loadReference(blob).run(x)[0]!.scores;
}

describe("--input-quant and a node Quant of the same fields mean the same", () => {
  for (const scale of [0.25, 1, 1.5]) {
    for (const signed of [true, false]) {
      it.each([1, 2, 3, 4, 8])(`scale ${scale}, ${signed ? "signed" : "unsigned"}, %i bits`, async (bits) => {
        const text = `scale=${scale},bits=${bits},${signed ? "signed" : "unsigned"}`;
        expect(await scores(network(), text)).toEqual(await scores(network({ op: "Quant", scale, bits, signed })));
      });
    }
    it.each(["bits=1,signed", "bipolar", "bipolar,bits=1", "bipolar,zero=0"])(
      `BipolarQuant is scale=${scale},%s`,
      async (text) => {
        const node = network({ op: "BipolarQuant", scale, bits: 1, signed: true });
        expect(await scores(network(), `scale=${scale},${text}`)).toEqual(await scores(node));
      },
    );
  }

  it("a sign's scale is 1 if left out", async () => {
    expect(parseQuantizer("bipolar")).toEqual({ kind: "bipolar", scale: Float64Array.of(1) });
    expect(codeRange(parseQuantizer("bits=1,signed,scale=1"))).toEqual({ min: -1, max: 1 });
  });
});

it.each([
  ["scale=1,bits=1,signed,zero=1", "a sign has no zero point"],
  ["bipolar,zero=2", "a sign has no zero point"],
  ["bipolar,bits=2", "found 2 bits of a sign"],
  ["bipolar,signed", "found signed and bipolar of"],
  ["scale=1,bits=2", "found none of signed"],
  ["scale=1,bits=2,signed,unsigned", "found signed and unsigned of"],
  ["scale=1,bits=0,signed", "bits are not 1 to"],
  ["scale=0,bipolar", "the scale is no positive number"],
  ["bits=2,signed", "the scale is no positive number"],
  ["bipolar=1", 'found "bipolar=1"'],
  ["bipolar,bipolar", 'found "bipolar"'],
])("refuses %s", (text, message) => {
  expect(() => parseQuantizer(text)).toThrow(InputError);
  expect(() => parseQuantizer(text)).toThrow(message);
});
