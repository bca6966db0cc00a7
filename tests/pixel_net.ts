import { floatTensor, model, node, valueInfo } from "../host/checkpoint/onnx/build.ts";
import { DATA_TYPE, type Draft, encodeModel, type NodeProto } from "../host/checkpoint/onnx/proto.ts";

const QONNX = "qonnx.custom_op.general";

/** A network whose first quantizer the tests choose. */
export interface PixelNet {
  /** Of a row: [16], [1, 4, 4], [3, 4, 4]. */
  shape: number[];
  /** Element type of the input; float32 if not given, integers are cast. */
  type?: keyof typeof DATA_TYPE;
  /** The Cast stands behind the steps. */
  castLast?: boolean;
  /** Steps before the quantizer, with constants: one number, or one per channel of a picture. */
  before?: ["Add" | "Sub" | "Mul" | "Div", number | number[]][];
  /** The quantizer, or "sign". */
  quant?: { scale: number; bits: number; signed?: boolean; zero?: number } | "sign";
  outputs?: number;
}

/** Input "x" (N, shape) → steps → quantizer "q" → ternary weights of a fixed pattern → "y" (N, outputs). */
export function pixelNet({
  shape,
  type = "FLOAT",
  castLast = false,
  before = [],
  quant = { scale: 1 / 255, bits: 8 },
  outputs = 3,
}: PixelNet) {
  const channels = shape.reduce((a, b) => a * b, 1);
  const weights = Array.from({ length: channels * outputs }, (_, i) => ((i * 7 + (i >> 3)) % 3) - 1);
  const constants = [floatTensor("w", [channels, outputs], weights)];
  const nodes: Draft<NodeProto>[] = [];
  let x = "x";
  const add = (op: string, inputs: string[], output: string, attributes = {}, domain = "") => {
    nodes.push(node(op, inputs, output, attributes, domain));
    return output;
  };
  const cast = () => add("Cast", [x], "cast", { to: BigInt(DATA_TYPE.FLOAT) });
  if (type !== "FLOAT" && !castLast) x = cast();
  for (const [i, [op, by]] of before.entries()) {
    const dims = typeof by === "number" ? [] : [by.length, ...shape.slice(1).map(() => 1)];
    constants.push(floatTensor(`c${i}`, dims, [by].flat()));
    x = add(op, [x, `c${i}`], `step${i}`);
  }
  if (type !== "FLOAT" && castLast) x = cast();
  if (quant === "sign") {
    constants.push(floatTensor("scale", [], [1]));
    x = add("BipolarQuant", [x, "scale"], "codes", {}, QONNX);
  } else {
    for (const [name, value] of [
      ["scale", quant.scale],
      ["zero", quant.zero ?? 0],
      ["bits", quant.bits],
    ] as const) {
      constants.push(floatTensor(name, [], [value]));
    }
    const attributes = { signed: quant.signed ? 1n : 0n, narrow: 0n, rounding_mode: "ROUND" };
    x = add("Quant", [x, "scale", "zero", "bits"], "codes", attributes, QONNX);
  }
  x = add("Flatten", [x], "flat");
  add("MatMul", [x, "w"], "y");
  const graph = {
    name: "pixels",
    node: nodes,
    initializer: constants,
    input: [valueInfo("x", ["N", ...shape], DATA_TYPE[type])],
    output: [valueInfo("y", ["N", outputs])],
  };
  return encodeModel(model(graph, { "": 13, [QONNX]: 1 }, { name: "tests", version: "1" }));
}
