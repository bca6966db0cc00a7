import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { CheckpointError } from "../../../host/base/errors.ts";
import { MAX_MESSAGES } from "../../../host/base/limits.ts";
import { floatTensor, int64Tensor, model, node, valueInfo } from "../../../host/checkpoint/onnx/build.ts";
import { DATA_TYPE, decodeModel, encodeModel } from "../../../host/checkpoint/onnx/proto.ts";
import { describeWith, TFC } from "../../data.ts";

const EXAMPLE = model(
  {
    name: "example",
    node: [
      node("Gemm", ["x", "w"], "y", { alpha: 0.5, transB: 1n }),
      node("Transpose", ["w"], "t", { perm: [1n, 0n] }),
      node("Quant", ["y", "s", "z", "b"], "q", { signed: 1n, rounding_mode: "ROUND" }, "qonnx.custom_op.general"),
      node("Constant", [], "c", { value: floatTensor("", [], [1.5]) }),
    ],
    initializer: [
      floatTensor("w", [2, 3], [1, -2, 3, 4, 5, 6]),
      int64Tensor("shape", [2], [-1, 6]),
      { name: "typed", dims: [3], data_type: DATA_TYPE.FLOAT, float_data: [0.5, 0, -1] },
      { name: "negative", dims: [2], data_type: DATA_TYPE.INT8, int32_data: [-128, 127] },
      { name: "end", dims: [1], data_type: DATA_TYPE.INT64, int64_data: [2 ** 63, -1] },
    ],
    input: [valueInfo("x", ["batch", 3])],
    output: [valueInfo("y", ["batch", 2])],
  },
  { "": 13, "qonnx.custom_op.general": 1 },
  { name: "tests", version: "1" },
);

describe("ONNX messages", () => {
  it("come back as written", () => {
    const bytes = encodeModel(EXAMPLE);
    expect(decodeModel(bytes)).toMatchObject(EXAMPLE);
    expect(encodeModel(decodeModel(bytes))).toEqual(bytes);
  });

  it("are written as protobuf has them", () => {
    // ModelProto { ir_version: 7, opset_import: [{ domain: "", version: 13 }] }
    expect(encodeModel({ opset_import: [{ version: 13, domain: "" }], ir_version: 7 })).toEqual(
      Uint8Array.of(0x08, 7, 0x42, 4, 0x0a, 0, 0x10, 13),
    );
  });

  it("take lists of numbers packed or not", () => {
    const packed = Uint8Array.of(0x3a, 8, 0x2a, 6, 0x3a, 4, 1, 2, 0x80, 1); // graph.initializer.int64_data
    const single = Uint8Array.of(0x3a, 9, 0x2a, 7, 0x38, 1, 0x38, 2, 0x38, 0x80, 1);
    for (const bytes of [packed, single]) {
      expect(decodeModel(bytes).graph!.initializer[0]!.int64_data).toEqual([1, 2, 128]);
    }
  });

  describeWith([TFC], "of TFC_1W1A.onnx", () => {
    it("survive a second trip", () => {
      const once = encodeModel(decodeModel(readFileSync(TFC)));
      const twice = encodeModel(decodeModel(once));
      expect(Buffer.compare(once, twice)).toBe(0);
    });
  });

  it.each([
    ["a tag of field 0", [0x00]],
    ["an unfinished varint", [0x08, 0x80]],
    ["a varint of eleven bytes", [0x08, ...new Array(10).fill(0xff), 1]],
    ["a length past the end", [0x3a, 5, 0x0a]],
    ["a length of 4 GiB", [0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f]],
    ["a wrong wire type", [0x38, 1]],
    ["text that is not UTF-8", [0x12, 1, 0xff]],
    ["nested groups without end", new Array(1000).fill(0xfb)],
    ["a group end without a start", [0xfc, 0x01]],
  ])("refuse %s", (_, bytes) => {
    expect(() => decodeModel(Uint8Array.from(bytes))).toThrow(CheckpointError);
  });

  it("say where damage is", () => {
    expect(() => decodeModel(Uint8Array.of(0x08, 7, 0x3a, 2, 0x0a, 9))).toThrow(
      "model.graph: damaged near byte 6: premature EOF",
    );
  });

  it("are limited in number", () => {
    const file = new Uint8Array(8 + 2 * 1_100_000); // empty nodes, two bytes each
    file.set([0x3a, 0x80 | (2_200_000 & 127), 0x80 | ((2_200_000 >> 7) & 127), 0x80 | ((2_200_000 >> 14) & 127), 1], 0);
    for (let i = 5; i + 1 < file.length; i += 2) file[i] = 0x0a;
    expect(() => decodeModel(file)).toThrow(`more than ${MAX_MESSAGES} messages`);
  });
});
