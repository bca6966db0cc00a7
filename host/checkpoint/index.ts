import { CheckpointError } from "../base/errors.ts";
import { BLOB, fileKind, ONNX } from "../base/file_kind.ts";
import { parseQuantizer } from "../numbers/quantizer_text.ts";
import type { Description } from "../program.ts";
import { type Checkpoint, type ImportOptions, importOnnx } from "./onnx/import.ts";

export type { Checkpoint, ImportOptions } from "./onnx/import.ts";

/** Reads a trained network. Its format is told from its bytes, never from a file's name. */
export function readCheckpoint(bytes: Uint8Array, options: ImportOptions = {}): Checkpoint & { format: "onnx" } {
  const kind = fileKind(bytes);
  if (kind !== undefined && kind !== ONNX) {
    throw new CheckpointError(`checkpoint: found ${kind}${kind === BLOB ? ", converted already" : ""}, expected ONNX`);
  }
  return { format: "onnx", ...importOnnx(bytes, options) };
}

/** Options as a blob's description keeps them, by which the checkpoint can be read again. Throws InputError for a bad quantizer. */
export function importOptions({ inputQuantizer, argmax }: Description["converter"]["choices"]): ImportOptions {
  return {
    ...(inputQuantizer && { inputQuantizer: parseQuantizer(String(inputQuantizer)) }),
    ...(argmax && { argmax: true }),
  };
}
