import { floatTensor, model, node, valueInfo } from "../../host/checkpoint/onnx/build.ts";
import { type Draft, encodeModel, type NodeProto, type TensorProto } from "../../host/checkpoint/onnx/proto.ts";
import { EPSILON, PIXEL_SCALE } from "./model.ts";
import { reluScale } from "./quantizers.ts";
import type { TrainedNetwork } from "./train.ts";

const OPSET = 13;
const QONNX = "qonnx.custom_op.general";

interface IntFormat {
  bits: number;
  signed: boolean;
  narrow: boolean;
}

const PIXELS: IntFormat = { bits: 8, signed: false, narrow: false };
const TERNARY: IntFormat = { bits: 2, signed: true, narrow: true };

/**
 * A network as a QONNX file (https://github.com/fastmachinelearning/qonnx): input "pixels" (1, channels, rows, columns)
 * holds code / 255, output "scores" is (1, classes). Weights are the latent floats, each tensor behind its quantizer.
 */
export function toQonnx({ architecture, layers }: TrainedNetwork): Uint8Array {
  const nodes: Draft<NodeProto>[] = [];
  const constants: Draft<TensorProto>[] = [];

  const constant = (name: string, dims: number[], values: ArrayLike<number>): string => {
    constants.push(floatTensor(name, dims, values));
    return name;
  };
  const zero = constant("zero", [], [0]);

  const quantInt = (input: string, output: string, scale: number, { bits, signed, narrow }: IntFormat): string => {
    const inputs = [input, constant(`${output}.scale`, [], [scale]), zero, constant(`${output}.bits`, [], [bits])];
    const attributes = { signed: signed ? 1n : 0n, narrow: narrow ? 1n : 0n, rounding_mode: "ROUND" };
    nodes.push(node("Quant", inputs, output, attributes, QONNX));
    return output;
  };
  const quantSign = (input: string, output: string, scale: number): string => {
    nodes.push(node("BipolarQuant", [input, constant(`${output}.scale`, [], [scale])], output, {}, QONNX));
    return output;
  };
  const quantWeights = (weights: string, scale: number): string =>
    architecture.weights === "ternary"
      ? quantInt(weights, `${weights}.quantized`, scale, TERNARY)
      : quantSign(weights, `${weights}.quantized`, scale);
  const quantActivations = (input: string, output: string): string => {
    if (architecture.activations === "sign") return quantSign(input, output, 1);
    const bits = architecture.activations;
    return quantInt(input, output, reluScale(bits), { bits, signed: false, narrow: false });
  };

  nodes.push(node("Flatten", ["pixels"], "flat"));
  let x = quantInt("flat", "codes", PIXEL_SCALE, PIXELS);
  for (const [i, { inputs, outputs, weights, scale, ...norm }] of layers.entries()) {
    const name = `dense${i + 1}`;
    const last = i === layers.length - 1;
    const w = quantWeights(constant(`${name}.weight`, [outputs, inputs], weights), scale);
    nodes.push(node("Gemm", [x, w], `${name}.sums`, { transB: 1n }));

    const statistics = (["gamma", "beta", "mean", "variance"] as const).map((key) =>
      constant(`${name}.norm.${key}`, [outputs], norm[key]),
    );
    const normalised = last ? "scores" : `${name}.norm`;
    nodes.push(node("BatchNormalization", [`${name}.sums`, ...statistics], normalised, { epsilon: EPSILON }));
    if (!last) x = quantActivations(normalised, `${name}.activation`);
  }

  const graph = {
    name: "littletern",
    node: nodes,
    initializer: constants,
    input: [valueInfo("pixels", [1, ...architecture.picture])],
    output: [valueInfo("scores", [1, architecture.classes])],
  };
  const producer = { name: "littletern", version: "" }; // no version: every release that computes the same writes the same
  return encodeModel(model(graph, { "": OPSET, [QONNX]: 1 }, producer));
}
