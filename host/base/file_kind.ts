export const ONNX = "an ONNX file";
export const TFLITE = "a TensorFlow Lite model";
export const BLOB = "a blob of Little Tern";
export const SAFETENSORS = "a safetensors file";
export const ZIP = "a zip archive (PyTorch .pt, .npz or .keras)";
export const PICKLE = "a Python pickle (old PyTorch .pt)";
export const HDF5 = "an HDF5 file";
export const NPY = "a NumPy array";
export const GGUF = "a GGUF file";
export const TAR = "a tar archive";
export const GZIP = "a gzip archive";

/** What files start with, by what they are called in messages. ONNX has no such bytes: `isOnnx`. */
const SIGNATURES: readonly { kind: string; offset: number; bytes: readonly number[] }[] = [
  { kind: SAFETENSORS, offset: 4, bytes: ascii("\0\0\0\0{") }, // JSON after its length, a u64, whose low bytes may look like anything
  { kind: ZIP, offset: 0, bytes: ascii("PK\x03\x04") },
  ...[2, 3, 4, 5].map((protocol) => ({ kind: PICKLE, offset: 0, bytes: [0x80, protocol] })),
  { kind: BLOB, offset: 0, bytes: ascii("TERN") },
  { kind: GGUF, offset: 0, bytes: ascii("GGUF") },
  { kind: HDF5, offset: 0, bytes: ascii("\x89HDF\r\n\x1a\n") },
  { kind: NPY, offset: 0, bytes: ascii("\x93NUMPY") },
  { kind: TFLITE, offset: 4, bytes: ascii("TFL3") },
  { kind: GZIP, offset: 0, bytes: [0x1f, 0x8b] },
  { kind: TAR, offset: 257, bytes: ascii("ustar") },
  { kind: "a WebAssembly module", offset: 0, bytes: ascii("\0asm") },
  { kind: "a PNG image", offset: 0, bytes: ascii("\x89PNG") },
  { kind: "a JPEG image", offset: 0, bytes: [0xff, 0xd8, 0xff] },
  { kind: "an ELF program", offset: 0, bytes: ascii("\x7fELF") },
  { kind: "a pointer of Git LFS, not the file itself", offset: 0, bytes: ascii("version https://git-lfs") },
  { kind: "an HTML page", offset: 0, bytes: ascii("<!DOCTYPE html") },
  { kind: "an HTML page", offset: 0, bytes: ascii("<html") },
  { kind: "JSON text", offset: 0, bytes: ascii("{") },
];

/** Bytes from which a kind is told. */
export const KIND_BYTES = 4096;

/** What a file is, from its first bytes (KIND_BYTES, or all), never from its name. Undefined for what is not known, text or raw numbers. */
export function fileKind(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0) return "an empty file";
  const found = SIGNATURES.find(({ offset, bytes: magic }) => magic.every((byte, i) => bytes[offset + i] === byte));
  return found?.kind ?? (isOnnx(bytes) ? ONNX : undefined);
}

/** Fields of ONNX's ModelProto: 0, a number; 2, bytes with their length before them. */
const MODEL_FIELDS: Record<number, 0 | 2> = {
  1: 0,
  2: 2,
  3: 2,
  4: 2,
  5: 0,
  6: 2,
  7: 2,
  8: 2,
  14: 2,
  20: 2,
  25: 2,
  26: 2,
};
const IR_VERSION = 1;
const GRAPH = 7;
const OPSET_IMPORT = 8;

/** Whether bytes begin as a model in protobuf: fields that a model has, up to the graph, versions before it or behind it. */
function isOnnx(bytes: Uint8Array): boolean {
  const seen = new Set<number>();
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined) return Number.NaN;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    return Number.NaN;
  };
  while (at < bytes.length) {
    const tag = varint();
    const field = Math.floor(tag / 8);
    if (!Object.hasOwn(MODEL_FIELDS, field) || MODEL_FIELDS[field] !== tag % 8) return false;
    const value = varint();
    if (Number.isNaN(value)) return false;
    if (tag % 8 === 2) at += value;
    seen.add(field);
    if (seen.has(GRAPH) && (seen.has(IR_VERSION) || seen.has(OPSET_IMPORT))) return true;
  }
  return false;
}

function ascii(text: string): number[] {
  return Array.from(text, (character) => character.charCodeAt(0));
}
