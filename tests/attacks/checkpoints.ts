import { gzipSync } from "fflate";
import { writeTar } from "../../host/checkpoint/tar.ts";
import { type Given, ggufHeader, number, type Stored, text, u32, u64, writeGguf } from "../checkpoint/gguf_file.ts";
import { pynqFiles, randomLayers } from "../checkpoint/pynq_folder.ts";
import { encode } from "../checkpoint/tflite/build.ts";
import { netOf } from "../checkpoint/tflite/larq_net.ts";
import type { Attack } from "./attacks.ts";

// Archives of parameters, GGUF, and Larq's operators in TensorFlow Lite.

const FOLDINGS = [
  { pe: 2, simd: 32 },
  { pe: 1, simd: 16 },
];
const FOLDER = pynqFiles(randomLayers([64, 32, 3], 1), FOLDINGS);

/** The archive with text at a byte of its first header, whose checksum is right again. */
function tar(at: number, put: string): Uint8Array {
  const bytes = writeTar(FOLDER);
  bytes.set(new TextEncoder().encode(put), at);
  bytes.fill(0x20, 148, 156);
  const sum = bytes.subarray(0, 512).reduce((all, byte) => all + byte, 0);
  bytes.set(new TextEncoder().encode(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
  return bytes;
}

const folder = (name: string, bytes: Uint8Array) => writeTar(new Map(FOLDER).set(name, bytes));

const ARCHIVES: Record<string, Attack> = {
  "size_overflow.tar": { about: "a file of 8 GB", says: "needs 8589934591 bytes", make: () => tar(124, "77777777777") },
  "link.tar": { about: "a link out of the folder", says: 'of type "2"', make: () => tar(156, "2") },
  "duplicate.tar": { about: "a name twice", says: "two files named", make: () => tar(0, "0-1-weights.bin") },
  "element.tar": {
    about: "an element by a great number",
    says: "layer 0, element 99999999",
    make: () => folder("0-99999999-weights.bin", new Uint8Array(8)),
  },
  "layer.tar": {
    about: "a layer by a great number",
    says: "layer 4000000000",
    make: () => folder("4000000000-0-weights.bin", new Uint8Array(8)),
  },
  "threshold.tar": {
    about: "a threshold beyond 32 bits",
    says: "expected one of 32 bits",
    make: () => folder("0-0-thres.bin", new Uint8Array(128).fill(0x7f)),
  },
  "bomb.tar.gz": {
    about: "33 KB that unpack to 32 MB and more",
    says: "inflates to more than",
    make: () => gzipSync(new Uint8Array(2 ** 25 + 2 ** 20), { level: 9, mtime: 0 }),
  },
};

const weights: Stored = { dims: [1, 2], type: 0, data: new Uint8Array(8) };
const gguf = (given: Partial<Given>, tensor: Partial<Stored> = {}) =>
  writeGguf({ tensors: { w: { ...weights, ...tensor } }, ...given });
/** A file whose beginning says so many tensors and facts. */
const counts = (tensors: number | bigint, facts: number | bigint, ...behind: number[]) =>
  Uint8Array.from([...new TextEncoder().encode("GGUF"), ...u32(3), ...u64(tensors), ...u64(facts), ...behind]);

const GGUF: Record<string, Attack> = {
  "tensors.gguf": {
    about: "2^64 − 1 tensors",
    says: "tensors, expected at most",
    make: () => counts(2n ** 64n - 1n, 0),
  },
  "facts.gguf": { about: "2^32 facts", says: "facts, expected at most", make: () => counts(0, 2 ** 32) },
  "string_length.gguf": {
    about: "a name of 2^60 bytes",
    says: "bytes of a name, expected at most",
    make: () => counts(0, 1, ...u64(2n ** 60n)),
  },
  "array_length.gguf": {
    about: "an array of 2^61 numbers of 8 bytes, a product of 2^64",
    says: "entries, but 0 bytes are left",
    make: () => counts(0, 1, ...text("a"), ...u32(9), ...u32(10), ...u64(2n ** 61n)),
  },
  "nested.gguf": {
    about: "arrays in arrays",
    says: "arrays in at most 4 others",
    make: () =>
      counts(0, 1, ...text("a"), ...u32(9), ...Array.from({ length: 2000 }, () => [...u32(9), ...u64(1)]).flat()),
  },
  "dims_overflow.gguf": {
    about: "a product of 2^80",
    says: "impossible shape",
    make: () => gguf({}, { dims: [2 ** 40, 2 ** 40] }),
  },
  "offset.gguf": {
    about: "a tensor far behind the end",
    says: "but the file has",
    make: () => ggufHeader({ tensors: { w: weights }, offsets: [2 ** 52] }).header,
  },
  "overlap.gguf": {
    about: "two tensors of the same bytes",
    says: "0 bytes, expected 8",
    make: () => gguf({ tensors: { w: weights, v: weights }, offsets: [0, 0] }),
  },
  "hole.gguf": {
    about: "bytes that no tensor has",
    says: "64 bytes, expected 8",
    make: () => gguf({}, { data: new Uint8Array(64) }),
  },
  "alignment.gguf": {
    about: "an alignment of 0",
    says: "general.alignment 0",
    make: () => gguf({ facts: { "general.alignment": number(0) } }),
  },
  "type.gguf": {
    about: "a type whose layout the file does not tell",
    says: "stored as TL1",
    make: () => gguf({}, { type: 38 }),
  },
  "codes.gguf": {
    about: "bits that are no code",
    says: "has the bits 11",
    make: () => gguf({}, { dims: [1, 256], type: 35, data: new Uint8Array(66).fill(255) }),
  },
};

/** A binary convolution with options that are changed. */
function larq(custom: Record<string, number | string>): Uint8Array {
  const net = netOf({ padding: "valid", stride: 1, activation: 0, output: "INT8" });
  Object.assign(net.operators[1]!.custom!, custom);
  return encode(net);
}

const LARQ: Record<string, Attack> = {
  "channels.tflite": {
    about: "more channels than there are",
    says: "channels_in 2147483647",
    make: () => larq({ channels_in: 2 ** 31 - 1 }),
  },
  "stride.tflite": { about: "a stride of 0", says: "strideY is 0", make: () => larq({ stride_height: 0 }) },
  "dilation.tflite": {
    about: "a negative dilation",
    says: "dilationX is -1",
    make: () => larq({ dilation_width_factor: -1 }),
  },
  "options_many.tflite": {
    about: "more options than an operator has",
    says: "options, expected at most",
    make: () => larq(Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`option${i}`, i]))),
  },
};

export const CHECKPOINTS: Record<string, Attack> = { ...ARCHIVES, ...GGUF, ...LARQ };

/** Small files of these formats. */
export const WHOLE_CHECKPOINTS: Record<string, () => Uint8Array> = {
  "whole.tar": () => writeTar(FOLDER),
  "whole.tar.gz": () => gzipSync(writeTar(FOLDER), { mtime: 0 }),
  "whole.gguf": () => {
    const ternary = { dims: [1, 256], type: 35, data: new Uint8Array(66) };
    return gguf({ tensors: { t: ternary, w: { dims: [2, 4], type: 0, data: new Uint8Array(32) } } });
  },
};
