import { gzipSync } from "fflate";
import { encodeDescription } from "../../host/blob/description.ts";
import {
  HEADER,
  HEADER_BYTES,
  OP,
  OP_BYTES,
  PART,
  PART_BYTES,
  PART_KIND,
  TENSOR,
  TENSOR_BYTES,
} from "../../host/blob/layout.ts";
import { writeBlob } from "../../host/blob/write.ts";
import { floatTensor, int64Tensor, model, node, valueInfo } from "../../host/checkpoint/onnx/build.ts";
import { type Draft, encodeModel, type GraphProto, type TensorProto } from "../../host/checkpoint/onnx/proto.ts";
import { unitOf } from "../../host/numbers/unit.ts";
import type { Program } from "../../host/program.ts";
import { writeNpy } from "../../tools/inputs/npy.ts";
import { join } from "../fuzz/target.ts";
import { idat, ihdr, png } from "../inputs/png.ts";
import { seal } from "../module/machine.ts";
import { programOf, thresholds } from "../module/programs.ts";
import { CHECKPOINTS, WHOLE_CHECKPOINTS } from "./checkpoints.ts";

/** A crafted file, and what its reader must say. */
export interface Attack {
  /** Class of attack, for the README. */
  about: string;
  says: string;
  make: () => Uint8Array;
}

const ascii = (text: string) => new TextEncoder().encode(text);

// Blobs: checksums are right, as an attacker's would be.

const program = programOf(
  [
    ["u8", 4],
    ["u8", 4],
    ["i32", 2],
  ],
  [
    { kind: "quantize", inputs: [0], output: 1, post: thresholds({ base: 0, up: [3, 9] }) },
    { kind: "dense", inputs: [1], output: 2, dtype: "ternary", weights: Int8Array.of(1, 0, -1, 1, -1, 1, 0, 0) },
  ],
);
const TENSORS = HEADER_BYTES + PART_BYTES;
const OPS = TENSORS + 3 * TENSOR_BYTES;
const PORTS = OPS + 2 * OP_BYTES;

function blob(change: (view: DataView) => void, from: Program = program): Uint8Array {
  const bytes = writeBlob(from);
  const view = new DataView(bytes.buffer);
  change(view);
  return seal(bytes, view.getUint32(HEADER.headBytes, true), 1);
}

const described: Program = {
  ...program,
  description: {
    name: "net",
    source: { format: "onnx", file: "net.onnx", bytes: 9, sha256: "0".repeat(64) },
    converter: { version: "0", choices: {} },
    inputs: [
      {
        ...{ name: "x", shape: [4], unit: unitOf({}, 4), basis: "read" as const, steps: [], codes: 1 },
        quantizer: { kind: "bipolar", scale: Float64Array.of(1) },
      },
    ],
    outputs: [{ name: "y", shape: [2], kind: "scores", offset: [0], scale: [1], steps: [], softmax: false }],
    ops: [{ node: "q" }, { node: "d", weights: "w" }],
    tensors: [null, { value: "q", offset: [-1] }, { value: "y", offset: [0] }],
  },
};

/** The blob with a description whose text is changed. */
function description(change: (text: string) => string): Uint8Array {
  const text = change(new TextDecoder().decode(encodeDescription(described.description!)));
  return writeBlob(program, [{ kind: PART_KIND.description, flags: 0, bytes: ascii(text) }]);
}

function selfTest(pairs: number, input: number, output: number, bytes: number): Uint8Array {
  const part = new Uint8Array(16 + bytes);
  [pairs, input, output].forEach((value, i) => {
    new DataView(part.buffer).setUint32(4 * i, value, true);
  });
  return writeBlob(program, [{ kind: PART_KIND.selfTest, flags: 0, bytes: part }]);
}

const BLOBS: Record<string, Attack> = {
  "count_of_ports.tern": {
    about: "255 outputs are claimed where one is",
    says: "but there are 3",
    make: () => blob((view) => view.setUint8(HEADER.outputCount, 255)),
  },
  "count_of_parts.tern": {
    about: "65,535 parts are claimed where one is",
    says: "part 1 at byte",
    make: () => blob((view) => view.setUint16(HEADER.partCount, 65_535, true)),
  },
  "negative_size.tern": {
    about: "a size whose highest bit is set",
    says: "size 0x",
    make: () => blob((view) => view.setInt32(HEADER.totalBytes, -16, true)),
  },
  "dims_overflow.tern": {
    about: "a place that wraps 32 bits into the arena",
    says: "of an arena of",
    make: () => blob((view) => view.setUint32(TENSORS + TENSOR.perRow, 0xfffffff0, true)),
  },
  "channels_overflow.tern": {
    about: "2^32 - 1 channels",
    says: "tensor of 4294967295 channels, expected 1 to 1048576",
    make: () => blob((view) => view.setUint32(TENSORS + TENSOR.channels, 0xffffffff, true)),
  },
  "alignment.tern": {
    about: "an offset that is no multiple of 16",
    says: "expected multiples of 16",
    make: () => blob((view) => view.setUint32(TENSORS + TENSOR.perRow, 8, true)),
  },
  "alignment_zero.tern": {
    about: "tiles of no channels, by whose number others are divided",
    says: "tiles of 0 channels",
    make: () => blob((view) => view.setUint16(OPS + OP.tileChannels, 0, true)),
  },
  "part_outside.tern": {
    about: "a part that ends behind the blob",
    says: "are left",
    make: () => blob((view) => view.setUint32(HEADER_BYTES + PART.bytes, 0x7fffffff, true)),
  },
  "part_hole.tern": {
    about: "bytes between head and first part that belong to none",
    says: "part 0 at byte",
    make: () => blob((view) => view.setUint32(HEADER_BYTES + PART.offset, 16 + view.getUint32(HEADER_BYTES + PART.offset, true), true)), // biome-ignore format: a row
  },
  "tiles_overlap.tern": {
    about: "two ops claim the same tiles",
    says: "tiles at bytes",
    make: () =>
      blob((view) => view.setUint32(OPS + OP_BYTES + OP.weights, view.getUint32(OPS + OP.weights, true), true)),
  },
  "tensors_overlap.tern": {
    about: "an op writes over an output: module and reference would differ",
    says: "alive together, overlap",
    make: () => blob((view) => view.setUint8(PORTS + 2, 1), { ...program, tensors: [...program.tensors.slice(0, 2), { ...program.tensors[2]!, perRow: 16 }], outputs: [1] }), // biome-ignore format: a row
  },
  "port_index.tern": {
    about: "an input tensor that does not exist",
    says: "tensor 65535, but there are 3",
    make: () => blob((view) => view.setUint16(PORTS, 65_535, true)),
  },
  "type_confusion.tern": {
    about: "codes that are read as f32",
    says: "expected thresholds",
    make: () => blob((view) => view.setUint8(TENSORS + TENSOR.dtype, 10), { ...program, ops: [{ ...program.ops[0]!, post: { kind: "lookup", table: new Int16Array(256) } } as never, program.ops[1]!], tensors: program.tensors.map((tensor) => ({ ...tensor, perRow: 2 * tensor.perRow })), arena: { fixed: 0, perRow: 96 } }), // biome-ignore format: a row
  },
  "trailing.tern": {
    about: "bytes behind the end",
    says: "size 0x",
    make: () => join(writeBlob(program), new Uint8Array(16)),
  },
  "self_test_overflow.tern": {
    about: "2^32 - 16 pairs, whose bytes wrap 32 bits",
    says: "self-test pairs of 0 and 0 bytes",
    make: () => selfTest(2 ** 32 - 16, 0, 0, 0),
  },
  "self_test_pairs.tern": {
    about: "more pairs than a device has time for",
    says: "1025 self-test pairs, expected at most 1024",
    make: () => selfTest(1025, 4, 8, 12 * 1025),
  },
  "description_null.tern": {
    about: "null for what must be described",
    says: "inputs[0].codes: expected a tensor",
    make: () => description((text) => text.replace('"codes":1', '"codes":0')),
  },
  "description_duplicate_key.tern": {
    about: "a key twice, of which readers take different ones",
    says: "not canonical",
    make: () => description((text) => text.replace('"name":"net"', '"name":"net","name":"net"')),
  },
  "description_prototype.tern": {
    about: "a key that would change the prototype of all objects",
    says: "names of at most 64 letters and digits",
    make: () => description((text) => text.replace('"choices":{}', '"choices":{"__proto__":{"polluted":true}}')),
  },
  "description_nested.tern": {
    about: "lists in lists, 20,000 deep: a stack ends at some ten thousand",
    says: "expected an object",
    make: () => description(() => "[".repeat(20_000) + "]".repeat(20_000)),
  },
  "description_infinite_scale.tern": {
    about: "zero times infinity would be a score",
    says: "scale[0]: expected finite numbers",
    make: () => description((text) => text.replace('"scale":[1],"shape":[2]', '"scale":["Infinity"],"shape":[2]')),
  },
  "description_negative_index.tern": {
    about: "an index below 0",
    says: "codes: expected a count",
    make: () => description((text) => text.replace('"codes":1', '"codes":-1')),
  },
};

// ONNX files.

/** x (4) → Quant → MatMul with bipolar weights. */
function onnx(change: (graph: Draft<GraphProto>) => void = () => {}): Uint8Array {
  const quant = { signed: 1n, narrow: 0n, rounding_mode: "ROUND" };
  const graph: Draft<GraphProto> = {
    name: "net",
    node: [
      node("Quant", ["x", "scale", "zero", "bits"], "q", quant, "qonnx.custom_op.general"),
      node("BipolarQuant", ["w", "scale"], "k", {}, "qonnx.custom_op.general"),
      node("MatMul", ["q", "k"], "y"),
    ],
    initializer: [
      floatTensor("scale", [], [0.5]),
      floatTensor("zero", [], [0]),
      floatTensor("bits", [], [4]),
      floatTensor("w", [4, 2], [1, -1, 1, -1, -1, 1, -1, 1]),
    ],
    input: [valueInfo("x", ["N", 4])],
    output: [valueInfo("y", ["N", 2])],
  };
  change(graph);
  return encodeModel(model(graph, { "": 13, "qonnx.custom_op.general": 1 }, { name: "attacks", version: "1" }));
}

const weights = (change: Draft<TensorProto>) => (graph: Draft<GraphProto>) => {
  const { raw_data, ...rest } = graph.initializer![3]!;
  graph.initializer![3] = { ...rest, ...(change.data_location ? {} : { raw_data }), ...change } as TensorProto;
};

function external(location: string): Attack["make"] {
  return () => onnx(weights({ data_location: 1, external_data: [{ key: "location", value: location }] }));
}

const before =
  (name: string, op: string, inputs: string[], attributes = {}) =>
  (graph: Draft<GraphProto>) => {
    graph.node![0]!.input![0] = name;
    graph.node!.unshift(node(op, inputs, name, attributes));
  };

/** A varint. */
function varint(value: bigint): number[] {
  return value < 128n ? [Number(value)] : [Number(value & 127n) | 128, ...varint(value >> 7n)];
}

const MODELS: Record<string, Attack> = {
  "dims_overflow.onnx": {
    about: "dimensions whose product is 2^64, so 0 in 64 bits",
    says: "impossible shape",
    make: () => onnx(weights({ dims: [2 ** 32, 2 ** 32], raw_data: new Uint8Array(0) })),
  },
  "dims_negative.onnx": {
    about: "negative dimensions, whose product is positive",
    says: "impossible shape",
    make: () => onnx(weights({ dims: [-4, -2] })),
  },
  "type_confusion.onnx": {
    about: "f32 weights that are said to be doubles",
    says: "32 bytes, expected 64",
    make: () => onnx(weights({ data_type: 11 })),
  },
  "type_unknown.onnx": {
    about: "an element type that is none",
    says: "w",
    make: () => onnx(weights({ data_type: 99 })),
  },
  "external_parent.onnx": {
    about: "weights in ../",
    says: "its data are in another file",
    make: external("../../../etc/passwd"),
  },
  "external_absolute.onnx": {
    about: "weights at an absolute path",
    says: "its data are in another file",
    make: external("/etc/passwd"),
  },
  "external_beside.onnx": { about: "weights in a file beside, which may be a link", says: "its data are in another file", make: external("w.bin") }, // biome-ignore format: a row
  "duplicate_initializer.onnx": {
    about: "a constant twice, of which readers take different ones",
    says: 'value "w" is defined twice',
    make: () => onnx((graph) => graph.initializer!.push(floatTensor("w", [4, 2], new Array(8).fill(1)))),
  },
  "duplicate_value.onnx": {
    about: "a value that two nodes make",
    says: 'value "q" is defined twice',
    make: () => onnx((graph) => graph.node!.push({ ...graph.node![0]! })),
  },
  "cycle.onnx": {
    about: "a node that waits for what it makes",
    says: "not in topological order",
    make: () => onnx((graph) => graph.node![0]!.input!.splice(0, 1, "q")),
  },
  "index_negative.onnx": {
    about: "an axis of -2^63",
    says: "axis",
    make: () => onnx(before("f", "Flatten", ["x"], { axis: -(2n ** 63n) })),
  },
  "index_outside.onnx": {
    about: "a permutation of axes that are not there",
    says: "perm",
    make: () => onnx((graph) => graph.node!.splice(1, 1, node("BipolarQuant", ["w", "scale"], "l", {}, "qonnx.custom_op.general"), node("Transpose", ["l"], "k", { perm: [7n, -9n] }))), // biome-ignore format: a row
  },
  "axes_many.onnx": {
    about: "two thousand axes",
    says: "axes",
    make: () => onnx(before("f", "Unsqueeze", ["x", "a"], {})),
  },
  "string_length.onnx": {
    about: "a name of 2^62 bytes",
    says: "damaged",
    make: () => Uint8Array.from([0x12, ...varint(2n ** 62n), 0x61]),
  },
  "message_length.onnx": {
    about: "a graph of 2^63 bytes",
    says: "model.graph",
    make: () => Uint8Array.from([0x3a, ...varint(2n ** 63n)]),
  },
  "varint.onnx": {
    about: "a number without end",
    says: "damaged",
    make: () => Uint8Array.from([0x08, ...new Array(40).fill(0xff)]),
  },
  "groups_nested.onnx": {
    about: "groups in groups, 20,000 deep: a stack ends at some ten thousand",
    says: "damaged",
    make: () => new Uint8Array(20_000).fill(0x23), // field 4, start of a group
  },
  "trailing.onnx": { about: "bytes behind the end", says: "damaged", make: () => join(onnx(), Uint8Array.of(0x07)) },
};
MODELS["axes_many.onnx"]!.make = () =>
  onnx((graph) => {
    graph.initializer!.push(int64Tensor("a", [2000], new Array(2000).fill(1)));
    before("f", "Unsqueeze", ["x", "a"])(graph);
  });

// Inputs.

function npy(header: string, data = new Uint8Array(4)): Uint8Array {
  const text = ascii(header.padEnd(117));
  const prefix = Uint8Array.of(
    0x93,
    0x4e,
    0x55,
    0x4d,
    0x50,
    0x59,
    1,
    0,
    (text.length + 1) & 255,
    (text.length + 1) >> 8,
  );
  return join(prefix, text, ascii("\n"), data);
}

const shaped = (shape: string) => npy(`{'descr': '|u1', 'fortran_order': False, 'shape': ${shape}, }`);
const ARRAY = writeNpy({ shape: [4], dtype: "u8", data: Uint8Array.of(1, 2, 3, 4) });

const INPUTS: Record<string, Attack> = {
  "dims_overflow.npy": {
    about: "a product of 2^64",
    says: "bytes of elements",
    make: () => shaped("(4294967296, 4294967296)"),
  },
  "dims_negative.npy": { about: "negative sizes", says: "shape", make: () => shaped("(-2, -2)") },
  "dims_hex.npy": { about: "a size in hexadecimal", says: "header", make: () => shaped("(0x4,)") },
  "dims_float.npy": { about: "a size beyond all numbers", says: "shape", make: () => shaped("(1e999,)") },
  "dims_many.npy": { about: "more axes than arrays have", says: "shape", make: () => npy(`{'descr':'|u1','fortran_order':False,'shape':(${"1,".repeat(65)}4)}`) }, // biome-ignore format: a row
  "nested.npy": { about: "tuples in tuples", says: "header", make: () => npy("(".repeat(117)) },
  "type_object.npy": { about: "a pickle", says: 'elements of type "|O"', make: () => npy("{'descr': '|O', 'fortran_order': False, 'shape': (4,), }") }, // biome-ignore format: a row
  "type_prototype.npy": { about: "a type that every object has", says: 'type "__proto__"', make: () => npy("{'descr': '__proto__', 'fortran_order': False, 'shape': (4,), }") }, // biome-ignore format: a row
  "header_length.npy": { about: "a header of 4 GB", says: "header of 4294967295 bytes", make: () => join(ARRAY.slice(0, 6), Uint8Array.of(2, 0, 255, 255, 255, 255), ARRAY.slice(10)) }, // biome-ignore format: a row
  "trailing.npy": {
    about: "bytes behind the end",
    says: "more than 4 bytes",
    make: () => join(ARRAY, Uint8Array.of(5)),
  },
  "dims_overflow.idx": { about: "a product of 2^64", says: "bytes of elements", make: () => Uint8Array.of(0, 0, 8, 4, ...[1, 2, 3, 4].flatMap(() => [0, 1, 0, 0]), 7) }, // biome-ignore format: a row
  "axes_many.idx": { about: "255 axes that are not there", says: "needs 4 bytes", make: () => Uint8Array.of(0, 0, 8, 255, 0, 0, 0, 1) }, // biome-ignore format: a row
  "trailing.idx": { about: "bytes behind the end", says: "more than 1 bytes", make: () => Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 1, 7, 7) }, // biome-ignore format: a row
  "dims_overflow.png": { about: "2^64 pixels", says: "picture of 4294967295 x 4294967295", make: () => png(["IHDR", ihdr(2 ** 32 - 1, 2 ** 32 - 1, 8, 0)], ["IDAT", idat([0])], ["IEND", []]) }, // biome-ignore format: a row
  "bomb.png": { about: "a picture of 2 x 2 that unpacks to 16 MB", says: "inflates to more than 6 bytes", make: () => png(["IHDR", ihdr(2, 2, 8, 0)], ["IDAT", idat(new Array(2 ** 24).fill(0))], ["IEND", []]) }, // biome-ignore format: a row
  "chunk_length.png": { about: "a chunk of 4 GB", says: "are left", make: () => join(png(["IHDR", ihdr(1, 1, 8, 0)]), Uint8Array.of(255, 255, 255, 255), ascii("IDAT")) }, // biome-ignore format: a row
  "palette.png": { about: "a pixel beyond the palette", says: "palette entry 9, but there are 1", make: () => png(["IHDR", ihdr(1, 1, 8, 3)], ["PLTE", [1, 2, 3]], ["IDAT", idat([0, 9])], ["IEND", []]) }, // biome-ignore format: a row
  "no_end.png": { about: "no chunk that ends it", says: "are left", make: () => png(["IHDR", ihdr(1, 1, 8, 0)], ["IDAT", idat([0, 9])]) }, // biome-ignore format: a row
  "bomb.npy.gz": { about: "16 KB that unpack to 16 MB, behind an array of 4 bytes", says: "more than 4 bytes", make: () => gzipSync(join(ARRAY, new Uint8Array(2 ** 24)), { level: 9, mtime: 0 }) }, // biome-ignore format: a row
  "trailing.npy.gz": { about: "a second member", says: "gzip", make: () => join(gzipSync(ARRAY, { mtime: 0 }), gzipSync(ARRAY, { mtime: 0 })) }, // biome-ignore format: a row
  "checksum.npy.gz": { about: "a wrong checksum", says: "gzip content has 132 bytes", make: () => gzipSync(ARRAY, { mtime: 0 }).map((byte, i, all) => (i === all.length - 8 ? byte ^ 1 : byte)) }, // biome-ignore format: a row
};

/** The files of this folder, by name. */
export const ATTACKS: Record<string, Attack> = { ...BLOBS, ...MODELS, ...CHECKPOINTS, ...INPUTS };

/** Small files of every format, of which every beginning is tried. */
export const WHOLE: Record<string, () => Uint8Array> = {
  "whole.tern": () => writeBlob(described),
  "whole.onnx": () => onnx(),
  ...WHOLE_CHECKPOINTS,
  "whole.npy": () => ARRAY,
  "whole.idx": () => Uint8Array.of(0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 2, 7, 7),
  "whole.png": () => png(["IHDR", ihdr(2, 2, 8, 0)], ["IDAT", idat([0, 9, 9], [1, 9, 9])], ["IEND", []]),
  "whole.npy.gz": () => gzipSync(ARRAY, { mtime: 0 }),
};
