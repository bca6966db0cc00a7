import { CheckpointError, InputError } from "../base/errors.ts";
import {
  BLOB,
  fileKind,
  GGUF,
  GZIP,
  HDF5,
  NPY,
  ONNX,
  PICKLE,
  SAFETENSORS,
  TAR,
  TFLITE,
  ZIP,
} from "../base/file_kind.ts";
import { shown } from "../base/printable.ts";
import { parseQuantizer } from "../numbers/quantizer_text.ts";
import type { Description } from "../program.ts";
import { parseRanges } from "../quantize/ranges.ts";
import { importArch } from "./arch.ts";
import type { ArchiveFile } from "./archive_file.ts";
import { isPynqFolder } from "./bnn_pynq/folder.ts";
import { importPynq } from "./bnn_pynq/import.ts";
import { inMemory } from "./byte_source.ts";
import type { Checkpoint, ImportOptions } from "./checkpoint.ts";
import { openGguf } from "./gguf/open.ts";
import { gunzipped } from "./gzip.ts";
import { isKerasZip, type KerasFile, openKerasH5, openKerasZip } from "./keras/file.ts";
import { importKeras } from "./keras/import.ts";
import { openNpy, openNpz } from "./npz/open.ts";
import { importOnnx } from "./onnx/import.ts";
import { openSafetensors } from "./safetensors/open.ts";
import { openTar } from "./tar.ts";
import { importTflite } from "./tflite/import.ts";
import { KERNELS, type Kernels } from "./tflite/kernels.ts";
import { openTorchStream, openTorchZip, PICKLE_FILE } from "./torch/open.ts";
import type { WeightsFile } from "./weights_file.ts";
import { openZip } from "./zip.ts";

export type { Checkpoint, ImportOptions } from "./checkpoint.ts";

/** The name of a format in a blob's description. */
export type Format = "onnx" | "tflite" | "keras" | "bnn-pynq";

/** A network, as a file has it. */
interface NetworkFile {
  format: Format;
  read(options: ImportOptions): Checkpoint;
}

/** What a file holds, by its kind: a network, or weights alone. A file of no known kind may be ONNX. */
const READERS: Record<string, (bytes: Uint8Array) => NetworkFile | WeightsFile> = {
  [ONNX]: (bytes) => ({ format: "onnx", read: (options) => importOnnx(bytes, options) }),
  [TFLITE]: (bytes) => ({ format: "tflite", read: (options) => importTflite(bytes, options) }),
  [HDF5](bytes) {
    const file = openKerasH5(bytes);
    return "tensors" in file ? file : kerasNetwork(file);
  },
  [SAFETENSORS]: openSafetensors,
  [NPY]: openNpy,
  [GGUF]: (bytes) => openGguf(inMemory(bytes)),
  [ZIP]: openArchive,
  [TAR]: openTarArchive,
  [GZIP]: (bytes) => openTarArchive(gunzipped(bytes)),
  [PICKLE]: openTorchStream,
};

/** Kinds of files that have weights and no graph. */
const BARE: readonly string[] = [SAFETENSORS, NPY, PICKLE, GGUF];

/** The same, and archives, of which some are models of Keras. */
const WEIGHTS: readonly string[] = [...BARE, ZIP];

/** Whether a file of this kind can be converted; "arch" if that takes a network described by hand. What is in a gzip file, mostly samples, is not known. */
export function canConvert(kind: string): boolean | "arch" {
  if (kind === GZIP) return false;
  return WEIGHTS.includes(kind) ? "arch" : Object.hasOwn(READERS, kind);
}

function kerasNetwork(file: KerasFile): NetworkFile {
  return { format: "keras", read: (options) => importKeras(file, options) };
}

function pynqNetwork(entries: ReadonlyMap<string, ArchiveFile>): NetworkFile {
  return { format: "bnn-pynq", read: (options) => importPynq(entries, options) };
}

/** A tar archive, or a folder that was packed as one, is one of BNN-PYNQ's parameters. */
function openTarArchive(bytes: Uint8Array): NetworkFile {
  const kind = fileKind(bytes);
  if (kind !== TAR) {
    throw new CheckpointError(`checkpoint: found ${GZIP} of ${kind ?? "something else"}, expected one of ${TAR}`);
  }
  const entries = openTar(bytes);
  if (isPynqFolder(entries.keys())) return pynqNetwork(entries);
  throw new CheckpointError(
    `checkpoint: found ${TAR} of ${someOf([...entries.keys()])}, expected BNN-PYNQ's 0-0-weights.bin, 0-0-thres.bin and so on`,
  );
}

/** The first of some names, for messages. */
function someOf(names: readonly string[]): string {
  const some = names.slice(0, 3).map((name) => `"${shown(name)}"`);
  return some.join(", ") || "nothing";
}

/** A zip archive is what its files are. */
function openArchive(bytes: Uint8Array): NetworkFile | WeightsFile {
  const entries = openZip(bytes);
  const names = [...entries.keys()];
  if (isKerasZip(entries)) return kerasNetwork(openKerasZip(entries));
  if (names.some((name) => name.endsWith(PICKLE_FILE))) return openTorchZip(entries);
  if (names.some((name) => name.endsWith(".npy"))) return openNpz(entries);
  if (isPynqFolder(names)) return pynqNetwork(entries);
  throw new CheckpointError(
    `checkpoint: found a zip archive of ${someOf(names)}, expected .npy files, data.pkl, or config.json and model.weights.h5`,
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
  const open = READERS[kind];
  if (!open) {
    const converted = kind === BLOB ? ", converted already" : "";
    throw new CheckpointError(`checkpoint: found ${kind}${converted}, expected ONNX, TensorFlow Lite or Keras`);
  }
  if (arch === undefined && BARE.includes(kind)) throw withoutGraph(kind);
  const file = open(bytes);
  const { format } = file;
  if (options.floats === "region" && format !== "onnx" && arch === undefined) {
    throw new CheckpointError(
      `checkpoint: found ${kind}, expected ONNX for a network of floats, or weights and an arch`,
    );
  }
  if (!("tensors" in file)) {
    if (arch === undefined) return { format, ...file.read(options) };
    const known = WEIGHTS.join(", ");
    throw new CheckpointError(
      `checkpoint: found a graph of its own beside an arch, expected weights without one: ${known}`,
    );
  }
  if (arch !== undefined) return { format, ...importArch(file, arch, options) };
  throw withoutGraph(kind);
}

function withoutGraph(kind: string): CheckpointError {
  const advice =
    "describe the network (docs/arch.md) and give it with --arch net.json; npx littletern arch FILE -o net.json drafts one";
  return new CheckpointError(`checkpoint: found ${kind}, which has weights and no graph: ${advice}`);
}

/** Opens a file of weights without a graph. Throws CheckpointError for what is none. */
export function openWeights(bytes: Uint8Array): WeightsFile {
  const kind = fileKind(bytes) ?? "a file of no known kind";
  const file = READERS[kind]?.(bytes);
  if (file && "tensors" in file) return file;
  const found = file ? `${kind} with a graph, which needs no arch` : kind;
  throw new CheckpointError(`checkpoint: found ${found}, expected ${WEIGHTS.join(", ")}`);
}

/** Options as a blob's description keeps them, by which the checkpoint can be read again. Throws InputError for a bad quantizer, ranges or kernels. */
export function importOptions({
  inputQuantizer,
  argmax,
  ranges,
  weights,
  kernels,
}: Description["converter"]["choices"]): ImportOptions {
  return {
    ...(inputQuantizer && { inputQuantizer: parseQuantizer(String(inputQuantizer)) }),
    ...(ranges !== undefined && { floats: parseRanges(String(ranges)) }),
    ...(weights === "float" && { floats: "region" as const }),
    ...(argmax && { argmax: true }),
    ...(kernels !== undefined && { kernels: kernelsNamed(String(kernels)) }),
  };
}

function kernelsNamed(name: string): Kernels {
  const kernels = KERNELS.find((each) => each === name);
  if (kernels) return kernels;
  throw new InputError(`kernels "${shown(name)}", expected ${KERNELS.join(" or ")}`);
}
