import { describe, expect, it } from "vitest";
import wabt from "wabt";
import { BUILD_NAMES, hasFloats, partsOf, settingsOf, streams } from "../../host/base/builds.mjs";
import { STATUS, type Status } from "../../host/base/status.ts";
import {
  ACTIVATION,
  align16,
  HEADER,
  HEADER_BYTES,
  OP,
  OP_BYTES,
  OP_KIND,
  PART,
  PART_BYTES,
  POST,
  TENSOR,
  TENSOR_BYTES,
} from "../../host/blob/layout.ts";
import { tilingOf } from "../../host/blob/tiles.ts";
import { writeBlob } from "../../host/blob/write.ts";
import { v8 } from "../../host/engines/v8.ts";
import type { Program } from "../../host/program.ts";
import { moduleBackend } from "../../host/run/backend.ts";
import { ABI, codes, projectText, tableRows } from "../blob/spec.ts";
import { Random } from "../graph/random.ts";
import { accepts, describeModules, moduleNamed, packingsOf, runsFloats } from "../variants.ts";
import { expectReference, WAYS } from "./agree.ts";
import { type Machine, machine, seal } from "./machine.ts";
import { elements, lookup, programOf, requantize, SMALL, smallLine, thresholds, weights } from "./programs.ts";

const { readWasm } = await wabt();

const FIRST = Object.values(SMALL)[0]!; // tiles with records, and scores

// V8 of Node 20 cannot look into relaxed; that of Node 24 can
const readable = BUILD_NAMES.filter((target) => accepts(v8, moduleNamed(target)));

describe.each(readable)("build/%s.wasm", (target) => {
  const wasm = moduleNamed(target);
  const module = new WebAssembly.Module(wasm as Uint8Array<ArrayBuffer>);
  const { enable } = settingsOf(partsOf(target));
  const [hasVectors, isRelaxed] = [enable.includes("simd"), enable.includes("relaxed-simd")];
  const parsed = readWasm(wasm, { relaxed_simd: isRelaxed });
  const text = parsed.toText({ foldExprs: false, inlineExport: false });

  it("exports what ABI.md lists", () => {
    const listed = tableRows(ABI, "export", "arguments", "returns").map(([name]) => name!);
    expect(
      WebAssembly.Module.exports(module)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(listed.sort());
  });

  it("exports functions of as many i32 as ABI.md lists, that return one", async () => {
    const { exports } = await WebAssembly.instantiate(module, { board: { weights_read: () => 1 } });
    for (const [name, args] of tableRows(ABI, "export", "arguments", "returns")) {
      if (name === "memory") continue;
      expect((exports[name!] as () => number).length, name).toBe(args === "" ? 0 : args!.split(",").length);
    }
    const types = [...text.matchAll(/\(type \(;\d+;\) \(func(.*)\)\)$/gm)].map(([, type]) => type!);
    const exported = [...text.matchAll(/\(export "\w+" \(func (\d+)\)\)/g)].map(([, index]) => index!);
    expect(exported).toHaveLength(6);
    for (const index of exported) {
      const type = text.match(new RegExp(`\\(func \\(;${index};\\) \\(type (\\d+)\\)`))![1]!;
      expect(types[Number(type)]).toMatch(/^( \(param( i32)+\))? \(result i32\)$/);
    }
  });

  it("imports what ABI.md lists, if it streams; else nothing", () => {
    const listed = tableRows(ABI, "import", "arguments", "returns").map(([name]) => name!);
    const found = WebAssembly.Module.imports(module).map(({ module, name, kind }) => `${kind} ${module}.${name}`);
    expect(found).toEqual(streams(target) ? listed.map((name) => `function ${name}`) : []);
  });

  it("has memory (0) without maximum, no data, no start, no table", () => {
    expect(text.match(/^ *\(memory [^0-9(]*\(;0;\).*$/gm)?.map((line) => line.trim())).toEqual(["(memory (;0;) 0)"]);
    expect(text).not.toMatch(/\((data|start|table|elem) /);
    expect(WebAssembly.Module.customSections(module, "name")).toEqual([]);
  });

  it("has instructions of the first version of WebAssembly alone (SIMD128 in simd; that and relaxed SIMD in relaxed); on floats those of f32 that never trap, where there are float regions", () => {
    const instructions = new Set(text.match(/\b(?:[if](?:32|64)|v128|memory|table|data|local|global|ref)\.\w+/g));
    const floats = hasFloats(target) ? "f64|trunc_f|f32\\.(?:nearest|convert_i64)" : "^f|_f\\d\\d";
    const later = new RegExp(`${floats}|_sat|extend\\d+_s|memory\\.(?!size)|table|data|ref`);
    expect([...instructions].filter((name) => later.test(name))).toEqual([]);
    const vectors = [...text.matchAll(/\b(?:v128|[if]\d+x\d+)\.\w+/g)].map(([name]) => name);
    expect(vectors.length > 0).toBe(hasVectors);
    expect(vectors.filter((name) => /^f64|_f\d\d|madd/.test(name) || (!hasFloats(target) && /^f/.test(name)))).toEqual(
      [],
    );
    expect(vectors.some((name) => name.includes("relaxed"))).toBe(isRelaxed);
    expect(instructions.size).toBeGreaterThan(20); // the pattern finds some
    expect(() =>
      readWasm(wasm, {
        mutable_globals: false,
        sat_float_to_int: false,
        sign_extension: false,
        simd: vectors.length > 0,
        relaxed_simd: isRelaxed,
        bulk_memory: false,
        multi_value: false,
        reference_types: false,
      }),
    ).not.toThrow();
  });
});

describe("status codes", () => {
  it("are the same in ABI.md, host/base/status.ts and assembly/status.ts", () => {
    const listed = tableRows(ABI, "code", "name", "meaning").map(([code, name]) => [name, Number(code)]);
    expect(STATUS.map((name, code) => [name, code])).toEqual(listed);
    const source = projectText("assembly/status.ts").matchAll(/^ {2}(\w+) = (\d+),$/gm);
    expect([...source].map(([, name, code]) => [name, Number(code)])).toEqual(listed);
  });
});

/** A blob with a change in its head, and right checksums. */
function changed(program: Program, change: (view: DataView) => void): Uint8Array {
  const blob = writeBlob(program);
  const view = new DataView(blob.buffer);
  const headBytes = view.getUint32(HEADER.headBytes, true);
  change(view);
  return seal(blob, headBytes, 1);
}

const TENSORS = HEADER_BYTES + PART_BYTES;
const OPS = TENSORS + FIRST.tensors.length * TENSOR_BYTES;
const PORTS = OPS + FIRST.ops.length * OP_BYTES;
const MEMORY = 65_536;
const LARGEST_TILE = Math.max(...FIRST.ops.map((op) => tilingOf(FIRST, op).tileBytes));

describeModules("the ABI", (engine, module) => {
  const fresh = (wasm = module) => machine(engine, wasm, MEMORY);

  /** Puts a blob, or its head, at `blobAt` and opens it with the work area at the next multiple of 16. */
  function open(
    at: Machine,
    blob: Uint8Array,
    { way = "resident", blobAt = 16, rows = 1, workBytes = 16_384, work = 0 } = {},
  ): Status {
    const headBytes = new DataView(blob.buffer).getUint32(HEADER.headBytes, true);
    const image = way === "resident" ? blob : blob.subarray(0, headBytes);
    at.memory().set(image, blobAt);
    at.flash = way === "resident" ? undefined : blob;
    return STATUS[at.open(blobAt, image.length, work || blobAt + align16(image.length), workBytes, rows)]!;
  }

  it("abi_version and features are those of FORMAT.md: all ops and posts, and the variant's packings", async () => {
    const instance = await engine.instantiate(module, { memoryBytes: 0, imports: { weights_read: () => 1 } });
    expect(instance.call("abi_version")).toBe(Number(ABI.match(/, version (\d+)/)![1]));
    const bits = (table: Record<string, number>) => Object.values(table).reduce((word, code) => word | (1 << code), 0);
    const floats = runsFloats(module);
    const of = (table: Record<string, number>, isFloat: (code: number) => boolean) =>
      Object.fromEntries(Object.entries(table).filter(([, code]) => floats || !isFloat(code)));
    const ops = of(codes("kind", "name", "input", "output", "computes"), (code) => code >= OP_KIND.quantize_rows);
    const all = codes("packing", "name", "for", "layout of an output channel's K weights");
    const names = [...packingsOf(module), ...(floats ? ["f32"] : [])];
    const packings = Object.fromEntries(names.map((name) => [name, all[name]!]));
    const posts = of(codes("post", "name", "bytes of a record", "record"), (code) => code === POST.float);
    const held = of(codes("dtype", "name", "bytes of a position"), (code) => code === ACTIVATION.scaled8);
    const dtypes = { ...held, "quantize of i32": 31, "several positions": 30 };
    const words = [ops, packings, posts, dtypes].map(bits);
    expect(words.map((_, word) => instance.call("features", word))).toEqual(words);
    instance.dispose();
  });

  it.each<[Status, (view: DataView) => void]>([
    ["BadMagic", (view) => view.setUint32(HEADER.magic, 0, true)],
    ["BadVersion", (view) => view.setUint16(HEADER.formatVersion, 1, true)],
    ["BadVersion", (view) => view.setUint16(HEADER.abiVersion, 1, true)],
    ["BadSize", (view) => view.setUint32(HEADER.totalBytes, 16, true)],
    ["BadHead", (view) => view.setUint16(HEADER.tensorCount, 0, true)],
    ["BadHead", (view) => view.setUint16(HEADER.inputCount, 2 << 8, true)], // no input, two outputs: a head of the same size
    ["BadHead", (view) => view.setUint16(HEADER.inputCount, 2, true)],
    ["BadHead", (view) => view.setUint16(PORTS, FIRST.tensors.length, true)],
    ["BadHead", (view) => view.setUint16(PORTS, 0xffff, true)],
    ["BadHead", (view) => view.setUint16(PORTS + 2, FIRST.tensors.length, true)],
    ["BadPart", (view) => view.setUint32(TENSORS - PART_BYTES + PART.offset, 0x7fffffff, true)],
    ["BadPart", (view) => view.setUint32(TENSORS - PART_BYTES + PART.bytes, 0xffffffff, true)],
    ["BadPart", (view) => view.setUint32(TENSORS - PART_BYTES + PART.kind, 3, true)], // no weights
    ["BadTensor", (view) => view.setUint32(TENSORS + TENSOR.channels, 0, true)],
    ["BadTensor", (view) => view.setUint32(TENSORS + TENSOR.channels, 0x8000_0000, true)],
    ["BadTensor", (view) => view.setUint32(TENSORS + TENSOR.fixed, 0xffff_fff0, true)],
    ["BadOp", (view) => view.setUint16(OPS + OP.input, 99, true)],
    ["BadOp", (view) => view.setUint16(OPS + OP.output, 99, true)],
    ["BadOp", (view) => view.setUint32(OPS + OP.weights, 0, true)],
    ["BadOp", (view) => view.setUint32(OPS + OP.weights, 0xffff_fff0, true)],
    ["BadOp", (view) => view.setUint16(OPS + OP.tileChannels, 0, true)],
    ["BadOp", (view) => view.setUint32(OPS + OP_BYTES + OP.recordsAt, 0xffff_fff0, true)],
    ["BadOp", (view) => view.setUint32(OPS + OP_BYTES + OP.recordsAt, 0, true)], // records over weights
    ["BadOp", (view) => view.setUint16(OPS + OP_BYTES + OP.recordStep, 0xffff, true)],
    ["BadOp", (view) => view.setUint16(OPS + OP_BYTES + OP.count, 0xffff, true)],
    ["BadOp", (view) => view.setUint8(OPS + OP.post, 4)], // scores of a quantize
    ["BadOp", (view) => view.setUint8(OPS + 3 * OP_BYTES + OP.post, 1)], // thresholds of an argmax
    ["Unsupported", (view) => view.setUint32(HEADER.ops, 1 << 28, true)],
    ["Unsupported", (view) => view.setUint32(HEADER.packings, 1 << 5, true)],
    ["Unsupported", (view) => view.setUint32(HEADER.dtypes, 2 ** 29, true)],
    ["Unsupported", (view) => view.setUint16(TENSORS - PART_BYTES + PART.kind, 4, true)], // required
    ["Unsupported", (view) => view.setUint8(TENSORS + TENSOR.dtype, 1)],
    ["Unsupported", (view) => view.setUint8(TENSORS + TENSOR.dtype, 32 + 6)],
    ["Unsupported", (view) => view.setUint8(OPS + OP.kind, 1 + Math.max(...Object.values(OP_KIND)))],
    ["Unsupported", (view) => view.setUint8(OPS + OP.kind, 32 + 1)],
    ["Unsupported", (view) => view.setUint8(OPS + OP.post, 1 + Math.max(...Object.values(POST)))],
    ["Unsupported", (view) => view.setUint8(OPS + OP_BYTES + OP.packing, 5)],
    ["BadRows", (view) => view.setUint32(HEADER.maxRows, 0, true)],
  ])("%s, case %#", async (status, change) => {
    const at = await fresh();
    expect(open(at, writeBlob(FIRST))).toBe("Ok");
    for (const way of WAYS) expect(open(at, changed(FIRST, change), { way })).toBe(status);
    expect(STATUS[at.invoke(0, 1, 1)]).toBe("NotOpen");
  });

  it("BadChecksum: of the head, and of the weights", async () => {
    const at = await fresh();
    const blob = writeBlob(FIRST);
    const headBytes = new DataView(blob.buffer).getUint32(HEADER.headBytes, true);
    for (const byte of [HEADER.modelId, headBytes - 1, headBytes, blob.length - 1]) {
      for (const way of WAYS) expect(open(at, blob.with(byte, blob[byte]! ^ 1), { way })).toBe("BadChecksum");
    }
  });

  it("BadRows: 0 or more than the blob or open allowed", async () => {
    const at = await fresh();
    for (const rows of [0, FIRST.maxRows + 1, 0xffff_ffff])
      expect(open(at, writeBlob(FIRST), { rows })).toBe("BadRows");
    expect(open(at, writeBlob({ ...FIRST, maxRows: 2 ** 21 }), { rows: 2 ** 20 + 1 })).toBe("BadRows");
    expect(open(at, writeBlob(FIRST), { rows: 3 })).toBe("Ok");
    for (const rows of [0, 4, 0xffff_ffff]) expect(STATUS[at.invoke(0, 1, rows)]).toBe("BadRows");
    for (const rows of [1, 3]) expect(STATUS[at.invoke(0, 1, rows)]).toBe("Ok");
  });

  it("BadMemory: one byte too few; exactly planned bytes work", async () => {
    const at = await fresh();
    for (const way of WAYS) {
      for (const rows of [1, 4]) {
        const blob = writeBlob(FIRST);
        const headBytes = new DataView(blob.buffer).getUint32(HEADER.headBytes, true);
        at.memory().set(blob, 16);
        const scratch = at.plan(16, way === "resident" ? blob.length : headBytes, rows);
        const planned = FIRST.arena.fixed + FIRST.arena.perRow * rows + scratch;
        const resident = at.plan(16, blob.length, rows);
        expect(scratch - resident).toBe(way === "streaming" ? LARGEST_TILE : 0);
        expect(open(at, blob, { way, rows, workBytes: planned - 1 })).toBe("BadMemory");
        expect(open(at, blob, { way, rows, workBytes: planned })).toBe("Ok");
        expect(STATUS[at.invoke(0, FIRST.ops.length, rows)]).toBe("Ok");
      }
    }
  });

  it("BadMemory: a work area before, over, or past the end of all addresses", async () => {
    const at = await fresh();
    const blob = writeBlob(FIRST);
    for (const work of [16, 1024, 1024 + blob.length - 16, 0xffff_f010]) {
      expect(open(at, blob, { blobAt: 1024, work }), `work at ${work}`).toBe("BadMemory");
    }
    expect(open(at, blob, { blobAt: 1024, work: 1024 + blob.length })).toBe("Ok");
  });

  it("BadMemory: an arena of more than 4 GB", async () => {
    const at = await fresh();
    const huge = changed({ ...FIRST, maxRows: 2 ** 20 }, (view) =>
      view.setUint32(HEADER.arenaPerRow, 0xffff_fff0, true),
    );
    expect(open(at, huge, { rows: 2 ** 20, workBytes: 0xffff })).toBe("BadMemory");
  });

  it("NotOpen: before open, after a failed one, and after plan", async () => {
    const at = await fresh();
    const closed = () =>
      expect([at.invoke(0, 1, 1), at.reset()].map((status) => STATUS[status])).toEqual(["NotOpen", "NotOpen"]);
    closed();
    const blob = writeBlob(FIRST);
    expect(open(at, blob)).toBe("Ok");
    expect(STATUS[at.reset()]).toBe("Ok");
    expect(open(at, blob, { workBytes: 0 })).toBe("BadMemory");
    closed();
    expect(open(at, blob)).toBe("Ok");
    expect(at.plan(16, blob.length, 1)).toBeGreaterThanOrEqual(0);
    closed();
  });

  it("BadRange: ops that the blob does not have", async () => {
    const at = await fresh();
    expect(open(at, writeBlob(FIRST))).toBe("Ok");
    for (const end of [FIRST.ops.length + 1, 0xffff_ffff]) expect(STATUS[at.invoke(0, end, 1)]).toBe("BadRange");
    for (const [first, end] of [
      [0, 0],
      [4, 4],
      [3, 1],
      [0xffff_ffff, 4],
    ] as const)
      expect(STATUS[at.invoke(first, end, 1)]).toBe("Ok");
  });

  it("ReadFailed: at each read in turn; the next run works", async () => {
    const at = await fresh();
    const blob = writeBlob(FIRST);
    expect(open(at, blob, { way: "streaming" })).toBe("Ok");
    const opening = at.reads.length;
    expect(STATUS[at.invoke(0, FIRST.ops.length, 1)]).toBe("Ok");
    const all = at.reads.length;
    expect(all).toBeGreaterThan(opening);
    for (let failing = 0; failing < all; failing++) {
      at.reads.length = 0;
      at.failAt = failing;
      if (failing < opening) {
        expect(open(at, blob, { way: "streaming" })).toBe("ReadFailed");
        expect(STATUS[at.invoke(0, 1, 1)]).toBe("NotOpen");
        at.failAt = undefined;
        expect(open(at, blob, { way: "streaming" })).toBe("Ok");
      } else {
        at.reads.length = opening;
        expect(STATUS[at.invoke(0, FIRST.ops.length, 1)]).toBe("ReadFailed");
        at.failAt = undefined;
      }
      expect(STATUS[at.invoke(0, FIRST.ops.length, 1)]).toBe("Ok");
    }
  });

  it("reads each tile once per invocation, whole, into scratch", async () => {
    const at = await fresh();
    const dense = FIRST.ops[1]!;
    const blob = writeBlob({ ...FIRST, ops: [FIRST.ops[0]!, dense] });
    const view = new DataView(blob.buffer);
    expect(open(at, blob, { way: "streaming", rows: 4, workBytes: 40_000 })).toBe("Ok");
    at.reads.length = 0;
    expect(STATUS[at.invoke(1, 2, 4)]).toBe("Ok");
    const [first, tileBytes] = [
      view.getUint32(OPS + OP_BYTES + OP.weights, true),
      view.getUint32(OPS + OP_BYTES + OP.tileBytes, true),
    ];
    const scratch = 16 + view.getUint32(HEADER.headBytes, true) + FIRST.arena.fixed + FIRST.arena.perRow * 4;
    expect(at.reads).toEqual([0, 1].map((tile) => [scratch, first + tile * tileBytes, tileBytes]));
  });

  it("imports nothing to read resident weights, wherever the blob lies, also at address 0", async () => {
    const at = await fresh();
    const blob = writeBlob(FIRST);
    for (const blobAt of [0, 16, 4096]) {
      expect(open(at, blob, { way: "streaming", blobAt })).toBe("Ok"); // and again resident
      at.reads.length = 0;
      expect(open(at, blob, { blobAt })).toBe("Ok");
      expect(STATUS[at.invoke(0, FIRST.ops.length, 1)]).toBe("Ok");
      expect(at.reads).toEqual([]);
    }
  });

  it("a blob without weights part is no matter of what was open before", async () => {
    const at = await fresh();
    const none = changed(FIRST, (view) => view.setUint32(TENSORS - PART_BYTES + PART.kind, 9, true));
    expect(open(at, none)).toBe("BadPart");
    expect(open(at, writeBlob(FIRST))).toBe("Ok");
    expect(open(at, none)).toBe("BadPart");
  });

  it("clears the padding behind the bits of a row", async () => {
    const at = await fresh();
    for (let channels = 1; channels <= 33; channels++) {
      const program = programOf(
        [
          ["i8", channels],
          ["bit", channels],
        ],
        [{ kind: "quantize", inputs: [0], output: 1, post: thresholds({ base: -1 }) }], // all −1: bits of 1
      );
      expect(open(at, writeBlob(program), { rows: 2 })).toBe("Ok");
      const arena = 16 + align16(writeBlob(program).length);
      at.memory().fill(0xff, arena, arena + 4096);
      expect(STATUS[at.invoke(0, 1, 2)]).toBe("Ok");
      const bits = arena + program.tensors[1]!.perRow * 2;
      for (let bit = 0; bit < 2 * 128; bit++) {
        expect((at.memory()[bits + (bit >> 3)]! >> (bit & 7)) & 1).toBe(bit % 128 < channels ? 1 : 0);
      }
    }
  });
});

describe("build/scalar_ternary_resident.wasm", () => {
  const module = moduleNamed("scalar_ternary_resident");
  const random = new Random(1);
  const dense = (input: number, from: number, to: number) => ({
    kind: "dense" as const,
    inputs: [input],
    output: input + 1,
    dtype: "ternary" as const,
    weights: weights("ternary", from * to, random),
  });
  const steps = { base: 0, up: [-9, 0, 9] };
  const quantize = { kind: "quantize" as const, inputs: [0], output: 1, post: lookup("u8", random) };
  const mlp = programOf(
    [
      ["u8", 50],
      ["u8", 50],
      ["u8", 20],
      ["i32", 10],
    ],
    [quantize, { ...dense(1, 50, 20), post: thresholds(...new Array(20).fill(steps)) }, dense(2, 20, 10)],
  );
  const options = { module, engine: v8, maxRows: 3 };

  it("runs a ternary MLP as the reference does", async () => {
    await expectReference(mlp, v8, module, [[elements("u8", 5 * 50, random)]], { ways: ["resident"] });
  });

  it("has no other way to its weights than memory", async () => {
    await expect(moduleBackend(mlp, { ...options, blob: writeBlob(mlp), weights: "streaming" })).rejects.toThrow(
      "BadSize",
    );
  });

  const line = smallLine(1, 0, 0);
  it.each<[string, Program]>([
    [
      "signed inputs",
      programOf(
        [
          ["i8", 4],
          ["u8", 4],
        ],
        [quantize],
      ),
    ],
    [
      "wide inputs",
      programOf(
        [
          ["i16", 4],
          ["u8", 4],
        ],
        [{ ...quantize, post: thresholds(steps) }],
      ),
    ],
    [
      "bits",
      programOf(
        [
          ["u8", 4],
          ["bit", 4],
        ],
        [quantize],
      ),
    ],
    [
      "binary weights",
      programOf(
        [
          ["u8", 4],
          ["i32", 2],
        ],
        [{ kind: "dense", inputs: [0], output: 1, dtype: "binary", weights: new Int8Array(8).fill(1) }],
      ),
    ],
    [
      "int8 weights",
      programOf(
        [
          ["u8", 4],
          ["i32", 2],
        ],
        [{ kind: "dense", inputs: [0], output: 1, dtype: "int8", weights: new Int8Array(8) }],
      ),
    ],
    [
      "fixed point",
      programOf(
        [
          ["u8", 4],
          ["u8", 4],
        ],
        [{ ...quantize, post: requantize({ lo: 0, hi: 1, rounding: "floor" }, line) }],
      ),
    ],
    [
      "argmax",
      programOf(
        [
          ["i32", 4],
          ["i32", 1],
        ],
        [{ kind: "argmax", inputs: [0], output: 1 }],
      ),
    ],
  ])("refuses %s", async (_, program) => {
    const blob = writeBlob(program);
    await expect(moduleBackend(program, { ...options, blob, weights: "resident" })).rejects.toThrow("Unsupported");
    // and where the header hides what is needed
    const at = await machine(v8, module, MEMORY);
    const hidden = changed(program, (view) => {
      for (const word of ["ops", "packings", "posts", "dtypes"] as const) view.setUint32(HEADER[word], 0, true);
    });
    at.memory().set(hidden, 16);
    expect(["Unsupported", "BadOp"]).toContain(STATUS[at.open(16, hidden.length, 16 + hidden.length, 4096, 1)]);
  });
});
