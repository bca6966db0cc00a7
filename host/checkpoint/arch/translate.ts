import { InputError, UnsupportedError } from "../../base/errors.ts";
import type { ImportOptions } from "../checkpoint.ts";
import { model, valueInfo } from "../onnx/build.ts";
import { encodeModel } from "../onnx/proto.ts";
import { MAKE_INT8 } from "../weights.ts";
import type { WeightsFile } from "../weights_file.ts";
import { Builder, QONNX, type Result } from "./builder.ts";
import { type Arch, isFloatLayer, type LayerOp } from "./layers.ts";
import { addLayer, quantize } from "./ops.ts";

const OPSET = 13;
/** That of RMSNormalization. */
const FLOAT_OPSET = 23;

/** Of layers that compute in floats. */
const IN_FLOATS = "--weights float, which computes the network as a whole in f32";

/** Of weights that are float. */
const INSTEAD = `a quantizer for them in the arch: "weights": "ternary" (or "binary", 2, 3, 4, 8), or ${MAKE_INT8}`;

/**
 * A network described by hand as a QONNX model, with the tensors of a file as its constants. What it means, and what of it can be
 * converted, is the importer's to say. Throws InputError where the description does not fit itself, CheckpointError where it does not
 * fit the file, and UnsupportedError with all weights that would need a quantizer, unless `floats` says what becomes of them.
 */
export function translate(
  arch: Arch,
  file: WeightsFile,
  floats: ImportOptions["floats"],
): { model: Uint8Array; notes: string[] } {
  const { name = "network", input, layers } = arch;
  const inFloats = layers.filter(isFloatLayer);
  if (inFloats.length > 0 && floats !== "region") {
    const why = "it computes in floats";
    throw new UnsupportedError(
      inFloats.map((layer) => ({ node: layer.name, op: layer.op, shape: "", why, instead: IN_FLOATS })),
    );
  }
  const names = [input.name ?? "input", ...layers.map((layer) => layer.name)];
  const to = new Builder(file, names, input.layout ?? "chw", INSTEAD);
  let last = addInput(to, arch);
  for (const [i, layer] of layers.entries()) {
    const path = `arch.layers[${i}]`;
    const from = layer.from === undefined ? last : to.resultOf(layer.from, `${path}.from`);
    last = addLayer(to, to.step(layer.name, layer.op, path, from), layer);
    to.results.set(layer.name, last);
  }
  if (to.floats.length > 0 && floats === undefined) throw new UnsupportedError(to.floats);
  const graph = {
    name,
    node: to.nodes,
    initializer: to.constants,
    input: [valueInfo(input.name ?? "input", ["N", ...input.shape])],
    output: [valueInfo(last.value, [])],
  };
  const bytes = encodeModel(
    model(graph, { "": inFloats.length > 0 ? FLOAT_OPSET : OPSET, [QONNX]: 1 }, { name: "", version: "" }),
  );
  return { model: bytes, notes: to.notes() };
}

const OF_PICTURES: readonly LayerOp[] = ["conv2d", "depthwise", "maxpool", "avgpool"];

/** Whether a layer looks at pictures. */
export function isOfPictures({ op }: { op: LayerOp }): boolean {
  return OF_PICTURES.includes(op);
}

/** The input behind its quantizer: a picture is channels first, a vector where no layer looks at pictures whose channels are last. */
function addInput(to: Builder, { input, layers }: Arch): Result {
  const { name = "input", shape, layout, quantizer } = input;
  const [path, rank] = ["arch.input", shape.length];
  if (rank === 2) throw new InputError(`${path}.shape: found [${shape}], expected one axis, or the three of a picture`);
  if (layout && rank === 1)
    throw new InputError(`${path}.layout: found "${layout}" of a vector, expected a shape of three axes`);
  let result: Result = { value: name, shape };
  if (layout === "hwc") {
    const [h, w, c] = shape as [number, number, number];
    const { emit } = to.step(name, "flatten", path, result);
    result = layers.some(isOfPictures)
      ? emit("Transpose", [name], [c, h, w], { perm: [0n, 3n, 1n, 2n] }, "more")
      : emit("Flatten", [name], [h * w * c], { axis: 1n }, "more");
  }
  if (quantizer) result = quantize(to, to.step(name, "quantize", path, result), quantizer, "more");
  to.results.set(name, result);
  return result;
}
