import { CheckpointError } from "../base/errors.ts";
import { BLOB, fileKind, ONNX, TFLITE } from "../base/file_kind.ts";
import { parseQuantizer } from "../numbers/quantizer_text.ts";
import type { Description } from "../program.ts";
import type { Checkpoint, ImportOptions } from "./checkpoint.ts";
import { importOnnx } from "./onnx/import.ts";
import { importTflite } from "./tflite/import.ts";

export type { Checkpoint, ImportOptions } from "./checkpoint.ts";

/** The name of a format in a blob's description. */
export type Format = "onnx" | "tflite";

/** Reads a trained network. Its format is told from its bytes, never from a file's name. */
export function readCheckpoint(bytes: Uint8Array, options: ImportOptions = {}): Checkpoint & { format: Format } {
  const kind = fileKind(bytes);
  if (kind === TFLITE) return { format: "tflite", ...importTflite(bytes, options) };
  if (kind === ONNX || kind === undefined) return { format: "onnx", ...importOnnx(bytes, options) };
  const converted = kind === BLOB ? ", converted already" : "";
  throw new CheckpointError(`checkpoint: found ${kind}${converted}, expected ONNX or TensorFlow Lite`);
}

/** Options as a blob's description keeps them, by which the checkpoint can be read again. Throws InputError for a bad quantizer. */
export function importOptions({ inputQuantizer, argmax }: Description["converter"]["choices"]): ImportOptions {
  return {
    ...(inputQuantizer && { inputQuantizer: parseQuantizer(String(inputQuantizer)) }),
    ...(argmax && { argmax: true }),
  };
}
