import { CheckpointError } from "../errors.ts";
import { parseQuantizer } from "../numbers/quantizer_text.ts";
import type { Description } from "../program.ts";
import { type Checkpoint, type ImportOptions, importOnnx } from "./onnx.ts";

export type { Checkpoint, ImportOptions } from "./onnx.ts";

/** What files that are no ONNX start with. ONNX itself has no magic number. */
const SIGNATURES: readonly { format: string; offset: number; bytes: readonly number[] }[] = [
  { format: "a zip archive (PyTorch .pt, .npz or .keras)", offset: 0, bytes: ascii("PK\x03\x04") },
  { format: "a Python pickle (old PyTorch .pt)", offset: 0, bytes: [0x80, 0x02] },
  { format: "a blob of Little Tern, converted already", offset: 0, bytes: ascii("TERN") },
  { format: "a GGUF file", offset: 0, bytes: ascii("GGUF") },
  { format: "an HDF5 file", offset: 0, bytes: ascii("\x89HDF\r\n\x1a\n") },
  { format: "a NumPy array", offset: 0, bytes: ascii("\x93NUMPY") },
  { format: "a TensorFlow Lite model", offset: 4, bytes: ascii("TFL3") },
  { format: "a gzip archive", offset: 0, bytes: [0x1f, 0x8b] },
  { format: "a WebAssembly module", offset: 0, bytes: ascii("\0asm") },
  { format: "a PNG image", offset: 0, bytes: ascii("\x89PNG") },
  { format: "a pointer of Git LFS, not the file itself", offset: 0, bytes: ascii("version https://git-lfs") },
  { format: "an HTML page", offset: 0, bytes: ascii("<!DOCTYPE html") },
  { format: "an HTML page", offset: 0, bytes: ascii("<html") },
  { format: "a safetensors file", offset: 4, bytes: ascii('\0\0\0\0{"') }, // JSON after its length, a u64
  { format: "JSON text", offset: 0, bytes: ascii("{") },
];

/** Reads a trained network. Its format is told from its bytes, never from a file's name. */
export function readCheckpoint(bytes: Uint8Array, options: ImportOptions = {}): Checkpoint & { format: "onnx" } {
  if (bytes.length === 0) throw new CheckpointError("checkpoint: found an empty file, expected ONNX");
  const other = SIGNATURES.find(({ offset, bytes: magic }) => magic.every((byte, i) => bytes[offset + i] === byte));
  if (other) throw new CheckpointError(`checkpoint: found ${other.format}, expected ONNX`);
  return { format: "onnx", ...importOnnx(bytes, options) };
}

/** Options as a blob's description keeps them, by which the checkpoint can be read again. Throws InputError for a bad quantizer. */
export function importOptions({ inputQuantizer, argmax }: Description["converter"]["choices"]): ImportOptions {
  return {
    ...(inputQuantizer && { inputQuantizer: parseQuantizer(String(inputQuantizer)) }),
    ...(argmax && { argmax: true }),
  };
}

function ascii(text: string): number[] {
  return Array.from(text, (character) => character.charCodeAt(0));
}
