import { shown } from "../../base/printable.ts";
import { QONNX } from "../arch/builder.ts";
import type { ArchiveFile } from "../archive_file.ts";
import type { Checkpoint, ImportOptions } from "../checkpoint.ts";
import { floatTensor, model, node, valueInfo } from "../onnx/build.ts";
import { importOnnx } from "../onnx/import.ts";
import { DATA_TYPE, type Draft, encodeModel, type NodeProto, type TensorProto } from "../onnx/proto.ts";
import { readPynqFolder } from "./folder.ts";

const OPSET = 13;

/** Pixels from here on are +1, those below −1. */
const WHITE = 128;

/** Names of files that a note lists. */
const MAX_LISTED = 3;

/**
 * Reads a folder of BNN-PYNQ's parameters, whose files `entries` are by name: it becomes a QONNX model, and is imported as one. Its input is pixels of a
 * byte; its scores are how many inputs of the last layer agree with their weights.
 */
export function importPynq(entries: ReadonlyMap<string, ArchiveFile>, options: ImportOptions): Checkpoint {
  const { layers, others } = readPynqFolder(entries);
  const nodes: Draft<NodeProto>[] = [];
  const constants: Draft<TensorProto>[] = [];
  const constant = (name: string, dims: number[], values: ArrayLike<number>): string => {
    constants.push(floatTensor(name, dims, values));
    return name;
  };
  const emit = (op: string, inputs: string[], output: string, name: string, attributes = {}): string => {
    nodes.push({ ...node(op, inputs, output, attributes, op === "BipolarQuant" ? QONNX : ""), name });
    return output;
  };
  const one = constant("one", [], [1]);
  const pixels = emit("Cast", ["pixels"], "numbers", "pixels", { to: BigInt(DATA_TYPE.FLOAT) });
  const white = emit("Sub", [pixels, constant("white", [], [WHITE])], "contrast", "pixels");
  let signs = emit("BipolarQuant", [white, one], "signs", "pixels");
  for (const [i, { name, inputs, outputs, weights, thresholds }] of layers.entries()) {
    const layer = `layer${name}`;
    const stored = constant(`${name}-weights`, [outputs, inputs], weights);
    const w = emit("BipolarQuant", [stored, one], `${layer}.signs`, layer);
    const sums = emit("Gemm", [signs, w], `${layer}.sums`, layer, { transB: 1n });
    if (i < layers.length - 1) {
      // of n inputs a agree: the sum is 2a − n, and a > t where it is at least 2t − n + 1
      const least = constant(
        `${name}-thres`,
        [outputs],
        thresholds.map((t) => 2 * t - inputs + 1),
      );
      signs = emit("BipolarQuant", [emit("Sub", [sums, least], `${layer}.above`, layer), one], layer, layer);
    } else {
      const twice = emit("Add", [sums, constant(`${layer}.inputs`, [], [inputs])], `${layer}.twice`, layer);
      signs = emit("Mul", [twice, constant("half", [], [0.5])], layer, layer);
    }
  }
  const graph = {
    name: "BNN-PYNQ",
    node: nodes,
    initializer: constants,
    input: [valueInfo("pixels", ["N", layers[0]!.inputs], DATA_TYPE.UINT8)],
    output: [valueInfo(signs, ["N", layers.at(-1)!.outputs])],
  };
  const bytes = encodeModel(model(graph, { "": OPSET, [QONNX]: 1 }, { name: "BNN-PYNQ", version: "" }));
  const checkpoint = importOnnx(bytes, options);
  const sizes = [layers[0]!.inputs, ...layers.map(({ outputs }) => outputs)];
  const notes = [
    `the sizes ${sizes.join("-")} are found from the files' lengths and bits; a pixel from ${WHITE} on is +1, else −1`,
  ];
  if (others.length > 0) {
    const some = others.slice(0, MAX_LISTED).map((name) => `"${shown(name)}"`);
    const rest = others.length > some.length ? `, and ${others.length - some.length} more` : "";
    notes.push(
      `${others.length} of ${entries.size} files hold no parameters and are left out: ${some.join(", ")}${rest}`,
    );
  }
  return { ...checkpoint, notes: [...notes, ...checkpoint.notes] };
}
