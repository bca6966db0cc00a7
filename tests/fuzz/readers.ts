import { crc32 } from "node:zlib";
import { gzipSync, zipSync, zlibSync } from "fflate";
import { Cursor } from "../../host/base/cursor.ts";
import { BlobError, TernError } from "../../host/base/errors.ts";
import { decodeDescription, encodeDescription } from "../../host/blob/description.ts";
import { decodeSelfTest, encodeSelfTest } from "../../host/blob/self_test.ts";
import { openWeights, readCheckpoint } from "../../host/checkpoint/index.ts";
import { attribute, int64Tensor } from "../../host/checkpoint/onnx/build.ts";
import { OPS } from "../../host/checkpoint/onnx/ops.ts";
import { type AttributeProto, decodeModel, encodeModel, type TensorProto } from "../../host/checkpoint/onnx/proto.ts";
import { writeTar } from "../../host/checkpoint/tar.ts";
import { convert } from "../../host/convert.ts";
import { readUf2, UF2_FAMILIES, writeUf2 } from "../../host/flash/uf2.ts";
import { lower } from "../../host/lower/lower.ts";
import type { Program } from "../../host/program.ts";
import { inputCodes, scores } from "../../host/run/describe.ts";
import { elementCount } from "../../host/shape.ts";
import type { Elements } from "../../tools/inputs/input.ts";
import { writeNpy } from "../../tools/inputs/npy.ts";
import { readInput } from "../../tools/inputs/read.ts";
import { word, words, writeGguf } from "../checkpoint/gguf_file.ts";
import { kerasH5, layer, sequential } from "../checkpoint/keras/build.ts";
import { pynqFiles, randomLayers } from "../checkpoint/pynq_folder.ts";
import { f32, writeSafetensors } from "../checkpoint/safetensors_file.ts";
import { encode } from "../checkpoint/tflite/build.ts";
import { netOf } from "../checkpoint/tflite/larq_net.ts";
import { randomNet } from "../checkpoint/tflite/random.ts";
import { archive, stateDict, stream, tensor } from "../checkpoint/torch_file.ts";
import { type Random, randomGraph } from "../graph/random.ts";
import { ihdr, png } from "../inputs/png.ts";
import { randomOnnx } from "../random_graph.ts";
import { damaged, join, randomBytes, type Target } from "./target.ts";

/** Different networks that inputs start from: mostly small ones, where a change finds what gives a file its structure rather than weights. */
const NETWORKS = { small: 50, large: 10 };
const SMALL_BYTES = 8192;
const LARGE_ONE_IN = 20;
/** Of the files that import, one in so many is converted, which takes longer. */
const CONVERT_ONE_IN = 32;

const SIZES = [0, 1, -1, 2, 3, 9, 255, 257, 2 ** 20, 2 ** 31, 2 ** 32, 2 ** 40, 2 ** 53, 2 ** 63];
const FLOATS = [0, -0, 1e-45, 1e30, 3e38, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY];

/** The first files of a kind. */
function networks(count: number, isWanted: (file: Uint8Array) => boolean): Uint8Array[] {
  const files: Uint8Array[] = [];
  for (let seed = 0; files.length < count; seed++) {
    const file = randomOnnx(seed);
    if (isWanted(file)) files.push(file);
  }
  return files;
}

const SMALL = networks(NETWORKS.small, (file) => file.length <= SMALL_BYTES);
const LARGE = networks(NETWORKS.large, (file) => file.length > SMALL_BYTES);

const onnx: Target = {
  input(random) {
    const file = random.pick(random.chance(1 / LARGE_ONE_IN) ? LARGE : SMALL);
    if (random.chance(0.5)) return damaged(file, random);
    const edited = editedModel(file, random);
    return random.chance(0.2) ? damaged(edited, random) : edited;
  },
  async run(bytes, random) {
    readCheckpoint(bytes);
    if (!random.chance(1 / CONVERT_ONE_IN)) return "imported";
    await convert(bytes);
    return "converted";
  },
};

const LARQ = (["INT8", "INT32", "FLOAT32"] as const).map((output) =>
  encode(netOf({ padding: "ones", stride: 2, activation: 1, output })),
);
const TFLITE = [...Array.from({ length: NETWORKS.small }, (_, seed) => encode(randomNet(seed))), ...LARQ];

const tflite: Target = {
  input: (random) => damaged(random.pick(TFLITE), random),
  run: onnx.run,
};

const QUANTIZED = layer("QActivation", "codes", { activation: "quantized_bits(8,4,alpha=1)" });
const SIGNS = layer("QuantDense", "fc", { kernel_quantizer: "ste_sign" });
const KERAS = ([0, 2] as const).map((version) =>
  kerasH5(
    sequential([2], QUANTIZED, SIGNS),
    {
      fc: {
        kernel: [
          [2, 2],
          [1, 0, -1, 2],
        ],
        bias: [[2], [1, 2]],
      },
    },
    version,
  ),
);

const keras: Target = {
  input: (random) => damaged(random.pick(KERAS), random),
  run: onnx.run,
};

const FLOATS_OF_SIX = new Uint8Array(Float32Array.of(0, 1, 2, 3, 4, 5).buffer);
const STATE = stateDict([
  ["fc.weight", tensor({ key: "0", count: 6, size: [2, 3], stride: [3, 1] })],
  ["fc.turned", tensor({ key: "0", count: 6, size: [3, 2], stride: [1, 3] })],
]);
const ARRAY = writeNpy({ shape: [2, 3], dtype: "f32", data: Float32Array.of(0, 1, 2, 3, 4, 5) });
const WEIGHTS = [
  writeSafetensors({ "fc.weight": f32([2, 3], [0, 1, 2, 3, 4, 5]), "fc.bias": f32([2], [1, 2]) }),
  zipSync({ "fc.weight.npy": ARRAY, "fc.bias.npy": [ARRAY, { level: 0 }] }),
  archive(STATE, { 0: FLOATS_OF_SIX }),
  stream(STATE, { 0: { count: 6, bytes: FLOATS_OF_SIX } }),
  writeGguf({
    facts: { "general.architecture": word("llama"), "tokenizer.ggml.tokens": words("a", "bc") },
    tensors: {
      "fc.weight": { dims: [2, 3], type: 0, data: FLOATS_OF_SIX },
      "fc.ternary": { dims: [1, 256], type: 35, data: new Uint8Array(66).fill(0x15) },
      "fc.codes": { dims: [1, 32], type: 8, data: new Uint8Array(34).fill(0x35) },
    },
  }),
];

/** Named tensors without a graph. */
const weights: Target = {
  input: (random) => damaged(random.pick(WEIGHTS), random),
  async run(bytes) {
    const { format, tensors } = openWeights(bytes);
    for (const { read } of tensors.values()) read();
    return `read, ${format}`;
  },
};

const PYNQ = pynqFiles(randomLayers([64, 32, 3], 1), [
  { pe: 2, simd: 32 },
  { pe: 1, simd: 16 },
]);

/** Folders of parameters, in archives: damaged ones, and whole ones of damaged files. */
const pynq: Target = {
  input(random) {
    const files = new Map(PYNQ);
    const name = random.pick([...files.keys()]);
    if (random.chance(0.5)) files.set(name, damaged(files.get(name)!, random));
    if (random.chance(0.2)) files.delete(random.pick([...files.keys()]));
    const tar = writeTar(files);
    const file = random.pick([
      () => tar,
      () => gzipSync(tar, { level: 1 }),
      () => zipSync(Object.fromEntries(files)),
    ])();
    return random.chance(0.5) ? damaged(file, random) : file;
  },
  run: onnx.run,
};

/** Well-formed, with one to three other numbers, names, sizes and operators. */
function editedModel(bytes: Uint8Array, random: Random): Uint8Array {
  const file = decodeModel(bytes);
  const graph = file.graph!;
  const { node: nodes, initializer, input, output } = graph;
  const values = [...nodes.flatMap((node) => node.output), ...initializer.map(({ name }) => name!), "x", ""];
  const value = () => random.pick(values);
  const size = () => random.pick(SIZES);
  const edits: (() => void)[] = [
    () => {
      random.pick(nodes).op_type = random.pick(Object.keys(OPS));
    },
    () => {
      random.pick(nodes).input[random.int(0, 3)] = value();
    },
    () => random.pick(nodes).input.push(value()),
    () => random.pick(nodes).input.pop(),
    () => {
      random.pick(nodes).output = [value()];
    },
    () => {
      random.pick(nodes).attribute = random.pick(nodes).attribute;
    },
    () => {
      const name = random.pick(["axis", "to", "keepdims", "signed", "transB"]);
      random.pick(nodes).attribute.push(attribute(name, BigInt(size())) as AttributeProto);
    },
    () => {
      const list = Array.from({ length: random.int(0, 40) }, () => BigInt(size()));
      random.pick(nodes).attribute.push(attribute(random.pick(["axes", "perm"]), list) as AttributeProto);
    },
    () => {
      random.pick(initializer).dims = Array.from({ length: random.int(0, 5) }, size);
    },
    () => {
      random.pick(initializer).data_type = random.int(0, 27);
    },
    () => {
      const tensor = random.pick(initializer);
      if (!tensor.raw_data || tensor.raw_data.length < 4) return;
      tensor.raw_data = tensor.raw_data.slice();
      const at = 4 * random.int(0, Math.floor(tensor.raw_data.length / 4) - 1);
      new DataView(tensor.raw_data.buffer).setFloat32(at, random.pick(FLOATS), true);
    },
    () => initializer.push({ ...random.pick(initializer), name: value() }),
    () => {
      const list = Array.from({ length: random.int(0, 12) }, () => Math.min(size(), 2 ** 53));
      initializer.push(int64Tensor(value(), [list.length], list) as TensorProto);
    },
    () => {
      const dims = Array.from({ length: random.int(0, 6) }, () => ({ dim_value: size() }));
      input[0]!.type!.tensor_type!.shape!.dim = dims;
    },
    () => input.push({ ...input[0]!, name: value() }),
    () => output.push({ name: value() }),
    () => {
      random.pick(output).name = value();
    },
    () => nodes.splice(random.int(0, nodes.length - 1), 1),
    () => nodes.push(random.pick(nodes)),
    () => nodes.reverse(),
  ];
  for (let count = random.int(1, 3); count > 0; count--) {
    if (nodes.length > 0 && initializer.length > 0 && output.length > 0) random.pick(edits)();
  }
  for (const node of nodes) node.input = Array.from(node.input, (name) => name ?? "");
  return encodeModel(file);
}

/** Reads an input file whole. */
function runInput(bytes: Uint8Array): string {
  return `read, ${readInput(bytes, "input").kind}`;
}

function array(random: Random): Uint8Array {
  const length = random.int(0, 12);
  const elements = random.pick<Elements>([
    { dtype: "u8", data: randomBytes(length, random) },
    { dtype: "i16", data: Int16Array.from({ length }, () => random.int(-32768, 32767)) },
    { dtype: "f32", data: Float32Array.from({ length }, () => random.unit()) },
  ]);
  return writeNpy({ shape: random.pick([[length], [1, length], [length, 1, 1]]), ...elements });
}

const npy: Target = {
  input(random) {
    const bytes = array(random);
    if (random.chance(0.4)) return damaged(bytes, random);
    const text = new TextDecoder("latin1").decode(bytes.subarray(10, 128));
    const size = () =>
      random.pick([...SIZES, "0x10", "1e3", "1e400", "-1", "007", "'3'", "()", "[[]]", "None", "True"]);
    const descr = () => random.pick(["<i8", "<f8", ">f4", "|O", "|b1", "<f2", "<c16", "__proto__", "toString", ""]);
    const edited = random.pick([
      () => text.replace(/\(.*\)/, `(${Array.from({ length: random.int(0, 70) }, size).join(", ")})`),
      () => text.replace(/\d+/g, () => `${size()}`),
      () => text.replace(/'[<|]\w+'/, `'${descr()}'`),
      () => text.replace(/'[<|]\w+'/, random.pick(["[]", "3", "[('a', '<f4')]", "{}"])),
      () => text.replace("'descr'", "'descr': '|O', 'descr'"),
      () => text.replace("{", "{'__proto__': {'shape': (9,)}, "),
      () => text.replace("False", random.pick(["True", "1", "'False'", "None"])),
      () => "(".repeat(random.int(1, 118)),
    ])();
    const header = new TextEncoder().encode(edited);
    const prefix = Uint8Array.from([
      ...bytes.subarray(0, 6),
      random.pick([1, 1, 1, 2, 3, 4]),
      0,
      header.length & 255,
      header.length >> 8,
    ]);
    return join(prefix, header, bytes.subarray(128));
  },
  run: runInput,
};

const idx: Target = {
  input(random) {
    const axes = random.int(0, 4);
    const sizes = Array.from({ length: axes }, () => random.pick([0, 1, 2, 3, 2 ** 31, 2 ** 32 - 1]));
    const header = new Uint8Array(4 + 4 * axes);
    const view = new DataView(header.buffer);
    view.setUint8(2, random.pick([8, 8, 8, 9, 13, 0]));
    view.setUint8(3, random.chance(0.9) ? axes : random.int(0, 255));
    sizes.forEach((size, i) => {
      view.setUint32(4 + 4 * i, size);
    });
    const count = sizes.reduce((a, b) => a * b, 1);
    const right = count < 100 && random.chance(0.7);
    const file = join(header, randomBytes(right ? count : random.pick([0, 1, 2, 4, 12, 27]), random));
    return random.chance(0.4) ? damaged(file, random) : file;
  },
  run: runInput,
};

const picture: Target = {
  input(random) {
    const [width, height] = [random.int(1, 6), random.int(1, 6)];
    const [bits, colour] = random.pick([[8, 0], [1, 0], [16, 0], [8, 2], [16, 2], [4, 3], [8, 3], [8, 4], [8, 6], [16, 6]]) as [number, number]; // biome-ignore format: pairs
    const samples = [1, 0, 3, 1, 2, 0, 4][colour]!;
    const rowBytes = 1 + Math.ceil((width * samples * bits) / 8);
    const raw = randomBytes(height * rowBytes, random);
    for (let row = 0; row < height; row++)
      raw[row * rowBytes] = random.chance(0.98) ? random.int(0, 4) : random.int(0, 255);
    const size = () => random.pick([0, 1, 2 ** 16, 2 ** 24, 2 ** 31, 2 ** 32 - 1]);
    const head = random.chance(0.8)
      ? ihdr(width, height, bits, colour, random.chance(0.95) ? 0 : 1)
      : ihdr(
          random.chance(0.5) ? width : size(),
          random.chance(0.5) ? height : size(),
          random.int(0, 17),
          random.int(0, 7),
        );
    const data = zlibSync(raw, { level: 1 });
    const chunks: [string, Iterable<number>][] = [
      ["IHDR", head],
      ["PLTE", randomBytes(random.pick([0, 1, 3, 48, 768]), random)],
      ...(random.chance(0.3)
        ? ([["tRNS", randomBytes(random.pick([1, 2, 6, 16]), random)]] as [string, Uint8Array][])
        : []),
      ["IDAT", random.chance(0.2) ? damaged(data, random) : data],
      ["IEND", []],
    ];
    if (random.chance(0.2)) chunks.splice(random.int(0, 4), 1);
    if (random.chance(0.1)) chunks.splice(random.int(0, chunks.length), 0, random.pick(chunks));
    const file = png(...chunks);
    return random.chance(0.3) ? damaged(file, random) : file;
  },
  run: runInput,
};

const gzip: Target = {
  input(random) {
    const content = random.chance(0.8) ? array(random) : damaged(array(random), random);
    const file = gzipSync(content, { level: 1 });
    if (random.chance(0.2)) return file;
    if (random.chance(0.5)) return damaged(file, random);
    const view = new DataView(file.buffer, file.byteOffset, file.length);
    const body = damaged(file.subarray(10, -8), random);
    if (random.chance(0.5)) return join(file.subarray(0, 10), body, file.subarray(-8));
    view.setUint32(file.length - 8, random.chance(0.5) ? crc32(content) : random.int(0, 2 ** 32 - 1), true);
    view.setUint32(file.length - 4, random.pick([0, content.length, 2 ** 32 - 1]), true);
    return random.chance(0.2) ? join(file, file) : file;
  },
  run: runInput,
};

/** Networks with descriptions: an edit of one is read as that of each. */
const described = Array.from({ length: 6 }, (_, seed) => {
  try {
    const { program } = lower(randomGraph(seed), {
      modelId: 1n,
      modelVersion: 1,
      source: { format: "onnx", file: "a.onnx", bytes: 9, sha256: "0".repeat(64) },
      converter: { version: "0", choices: { argmax: true } },
    });
    return [{ program, json: JSON.parse(new TextDecoder().decode(encodeDescription(program.description))) }];
  } catch (error) {
    if (error instanceof TernError) return [];
    throw error;
  }
}).flat();

/** What hostile JSON has in place of a value. */
const VALUES: unknown[] = [
  ...[
    null,
    true,
    0,
    1,
    -1,
    0.5,
    1e308,
    2 ** 53,
    5e-324,
    "",
    "Infinity",
    "-Infinity",
    "NaN",
    "x",
    "constructor",
    [],
    {},
  ],
  ...[[[]], [0], [1], [1e308], ["Infinity"], [null], [0, 1, 2], { kind: "relu" }, { kind: "mul", by: [0] }],
  ...[
    [{ kind: "pow", by: [0.5] }],
    [
      { kind: "mul", by: [1e308] },
      { kind: "mul", by: [0] },
    ],
  ],
  JSON.parse('{"__proto__":{"name":"x"}}'),
];

const description: Target = {
  input(random) {
    const { json } = random.pick(described);
    const copy = structuredClone(json);
    for (let edits = random.int(1, 3); edits > 0; edits--) {
      let at: Record<string, unknown> = copy;
      for (;;) {
        const name = random.pick(Object.keys(at));
        const next = at[name];
        const isOpen = typeof next === "object" && next !== null && Object.keys(next).length > 0;
        if (isOpen && random.chance(0.8)) at = next as Record<string, unknown>;
        else if (random.chance(0.1)) {
          delete at[name];
          break;
        } else {
          at[name] = structuredClone(random.pick(VALUES));
          break;
        }
        if (Object.keys(at).length === 0) break;
      }
      if (Object.keys(copy).length === 0) break;
    }
    const bytes = new TextEncoder().encode(JSON.stringify(copy));
    return random.chance(0.2) ? damaged(bytes, random) : bytes;
  },
  run(bytes, random) {
    const refusals = described.map(({ program }) => {
      try {
        useDescription(bytes, program, random);
        return undefined;
      } catch (error) {
        if (error instanceof TernError) return error;
        throw error;
      }
    });
    const refusal = refusals.find((each) => each !== undefined);
    if (refusal && !refusals.includes(undefined)) throw refusal;
    return "used";
  },
};

/** Real numbers go in by the description, and what comes out is never NaN. */
function useDescription(bytes: Uint8Array, program: Program, random: Random): void {
  const read = decodeDescription(bytes, 0, program);
  encodeDescription(read);
  read.inputs.forEach((_, i) => {
    const input = program.tensors[program.inputs[i]!]!;
    const [least, most] = CODES[program.tensors[read.inputs[i]!.codes]!.dtype as keyof typeof CODES];
    const codes = inputCodes(
      read,
      i,
      input,
      Float32Array.from({ length: elementCount(input) }, () => random.unit() * 1e30),
    );
    if (codes.some((code) => code < least || code > most)) throw new Error("a code outside its dtype");
  });
  read.outputs.forEach((output, i) => {
    const shape = program.tensors[program.outputs[i]!]!;
    const found = scores(
      output,
      shape,
      Int32Array.from({ length: elementCount(shape) }, () => random.int(-(2 ** 31), 2 ** 31 - 1)),
    );
    if (found.some(Number.isNaN)) throw new Error("a score is NaN");
  });
}

const CODES = { bit: [-1, 1], u8: [0, 255], i8: [-128, 127] } as const;

const selfTest: Target = {
  input(random) {
    const pairs = random.int(0, 3);
    const list = (size: number) => Array.from({ length: pairs }, () => randomBytes(size, random));
    const bytes = encodeSelfTest({ inputs: list(random.int(2, 3)), outputs: list(random.int(2, 3)) });
    const view = new DataView(bytes.buffer);
    if (random.chance(0.5))
      view.setUint32(4 * random.int(0, 3), random.pick([0, 1, 2, 3, 2 ** 31, 2 ** 32 - 16, 2 ** 32 - 1]), true);
    return random.chance(0.3) ? damaged(bytes, random) : bytes;
  },
  run(bytes) {
    const cursor = new Cursor(bytes, (offset, message) => new BlobError(offset, message));
    decodeSelfTest(cursor, bytes.length, { input: 2, output: 3 });
    return "read";
  },
};

const uf2: Target = {
  input(random) {
    const family = UF2_FAMILIES[random.pick(["samd21", "rp2040"] as const)];
    const bytes = randomBytes(family.eraseBytes * random.int(1, 2), random);
    const address = family.flash.address + random.int(0, 3) * family.eraseBytes;
    const file = writeUf2({ address, bytes }, family);
    const word = () => 512 * random.int(0, file.length / 512 - 1) + 4 * random.pick([2, 3, 4, 5, 6, 7]);
    if (random.chance(0.5))
      new DataView(file.buffer).setUint32(word(), random.pick([0, 1, 2, 256, 476, 480, address, 2 ** 32 - 4]), true);
    return random.chance(0.3) ? damaged(file, random) : file;
  },
  run(bytes) {
    readUf2(bytes, UF2_FAMILIES.samd21);
    return "read";
  },
};

/** Readers of files, and of parts of blobs. */
export const READERS = { onnx, tflite, keras, weights, pynq, npy, idx, png: picture, gzip, description, selfTest, uf2 };
