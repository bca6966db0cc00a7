import { CheckpointError, InputError } from "../base/errors.ts";
import { BLOB, fileKind, NPY, ONNX, PICKLE, SAFETENSORS, TFLITE, ZIP } from "../base/file_kind.ts";
import { shown } from "../base/printable.ts";
import { parseQuantizer } from "../numbers/quantizer_text.ts";
import type { Description } from "../program.ts";
import { parseRanges } from "../quantize/ranges.ts";
import { importArch } from "./arch.ts";
import type { Checkpoint, ImportOptions } from "./checkpoint.ts";
import { openNpy, openNpz } from "./npz/open.ts";
import { importOnnx } from "./onnx/import.ts";
import { openSafetensors } from "./safetensors/open.ts";
import { importTflite } from "./tflite/import.ts";
import { KERNELS, type Kernels } from "./tflite/kernels.ts";
import { openTorchStream, openTorchZip, PICKLE_FILE } from "./torch/open.ts";
import type { WeightsFile } from "./weights_file.ts";
import { openZip } from "./zip.ts";

export type { Checkpoint, ImportOptions } from "./checkpoint.ts";

/** The name of a format in a blob's description. */
export type Format = "onnx" | "tflite";

/** Readers of networks, by the kind of their files. A file of no known kind may be ONNX. */
const GRAPHS: Record<string, (bytes: Uint8Array, options: ImportOptions) => Checkpoint & { format: Format }> = {
  [ONNX]: (bytes, options) => ({ format: "onnx", ...importOnnx(bytes, options) }),
  [TFLITE]: (bytes, options) => ({ format: "tflite", ...importTflite(bytes, options) }),
};

/** Readers of weights without a graph, by the kind of their files. */
const WEIGHTS: Record<string, (bytes: Uint8Array) => WeightsFile> = {
  [SAFETENSORS]: openSafetensors,
  [NPY]: openNpy,
  [ZIP]: openArchive,
  [PICKLE]: openTorchStream,
};

/** Whether a kind of file, as `fileKind` tells it, has weights and no graph. */
export function isWeights(kind: string): boolean {
  return Object.hasOwn(WEIGHTS, kind);
}

/** A zip archive is what its files are. */
function openArchive(bytes: Uint8Array): WeightsFile {
  const entries = openZip(bytes);
  const names = [...entries.keys()];
  if (names.some((name) => name.endsWith(PICKLE_FILE))) return openTorchZip(entries);
  if (names.some((name) => name.endsWith(".npy"))) return openNpz(entries);
  const some = names.slice(0, 3).map((name) => `"${shown(name)}"`);
  throw new CheckpointError(
    `checkpoint: found a zip archive of ${some.join(", ") || "nothing"}, expected .npy files, or data.pkl`,
  );
}

/**
 * Reads a trained network. Its format is told from its bytes, never from a file's name. `arch` is the text of a network described by hand,
 * for files that have no graph.
 */
export function readCheckpoint(
  bytes: Uint8Array,
  options: ImportOptions = {},
  arch?: string,
): Checkpoint & { format: Format | WeightsFile["format"] } {
  const kind = fileKind(bytes) ?? ONNX;
  if (options.kernels && kind !== TFLITE) {
    throw new CheckpointError(`checkpoint: found ${kind}, whose meaning is its own, beside kernels of TensorFlow Lite`);
  }
  const [open, read] = [WEIGHTS[kind], GRAPHS[kind]];
  if (open && arch !== undefined) {
    const file = open(bytes);
    return { format: file.format, ...importArch(file, arch, options) };
  }
  if (open) {
    const advice =
      "describe the network (docs/arch.md) and give it with --arch net.json; npx littletern arch FILE -o net.json drafts one";
    throw new CheckpointError(`checkpoint: found ${kind}, which has weights and no graph: ${advice}`);
  }
  if (!read) {
    const converted = kind === BLOB ? ", converted already" : "";
    throw new CheckpointError(`checkpoint: found ${kind}${converted}, expected ONNX or TensorFlow Lite`);
  }
  if (arch !== undefined) {
    const known = Object.keys(WEIGHTS).join(", ");
    throw new CheckpointError(
      `checkpoint: found a graph of its own beside an arch, expected weights without one: ${known}`,
    );
  }
  return read(bytes, options);
}

/** Opens a file of weights without a graph. Throws CheckpointError for what is none. */
export function openWeights(bytes: Uint8Array): WeightsFile {
  const kind = fileKind(bytes) ?? "a file of no known kind";
  const open = WEIGHTS[kind];
  if (open) return open(bytes);
  throw new CheckpointError(`checkpoint: found ${kind}, expected ${Object.keys(WEIGHTS).join(", ")}`);
}

/** Options as a blob's description keeps them, by which the checkpoint can be read again. Throws InputError for a bad quantizer, ranges or kernels. */
export function importOptions({
  inputQuantizer,
  argmax,
  ranges,
  kernels,
}: Description["converter"]["choices"]): ImportOptions {
  return {
    ...(inputQuantizer && { inputQuantizer: parseQuantizer(String(inputQuantizer)) }),
    ...(ranges !== undefined && { floats: parseRanges(String(ranges)) }),
    ...(argmax && { argmax: true }),
    ...(kernels !== undefined && { kernels: kernelsNamed(String(kernels)) }),
  };
}

function kernelsNamed(name: string): Kernels {
  const kernels = KERNELS.find((each) => each === name);
  if (kernels) return kernels;
  throw new InputError(`kernels "${shown(name)}", expected ${KERNELS.join(" or ")}`);
}
