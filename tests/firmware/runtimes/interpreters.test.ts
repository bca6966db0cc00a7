import { afterAll, describe, expect, it } from "vitest";
import wabt from "wabt";
import { readBlob } from "../../../host/blob/read.ts";
import { repack } from "../../../host/blob/repack.ts";
import { writeBlob } from "../../../host/blob/write.ts";
import { convert } from "../../../host/convert.ts";
import { v8 } from "../../../host/engines/v8.ts";
import { INTERPRETERS } from "../../../host/firmware/make/interpreters.ts";
import { planeOf } from "../../../host/numbers/plane.ts";
import type { Conv2dOp, DenseOp, WeightDtype, Window } from "../../../host/program.ts";
import { moduleFeatures, planScratch } from "../../../host/run/backend.ts";
import { type InputRows, loadReference } from "../../../host/run/session.ts";
import { elementBytes, elementCount } from "../../../host/shape.ts";
import { DIGITS, IMAGES } from "../../digits.ts";
import { Random } from "../../graph/random.ts";
import { lookup, programOf, requantize, smallLine, thresholds, weights } from "../../module/programs.ts";
import { describeUnless } from "../../skip.ts";
import { moduleNamed } from "../../variants.ts";
import { ALL } from "../boards.ts";
import {
  BOARDS,
  buildImage,
  countInstructions,
  type Image,
  missingTool,
  removeImages,
  runImage,
  runOnHost,
} from "./image.ts";

afterAll(removeImages);

const SIGN_OF_BYTE = Int16Array.from({ length: 256 }, (_, byte) => (byte < 128 ? -1 : 1));

interface Model {
  blob: Uint8Array;
  inputs: InputRows;
}

const digits: Model = { blob: (await convert(DIGITS, { file: "digits.onnx" })).blob, inputs: IMAGES };

/** The digits model in tiles of 4 channels: RAM for a tile is 320 bytes, not 2,048. */
const tiledDigits: Model = { blob: tiled(digits.blob, 4), inputs: IMAGES };

/** Every kernel of the scalar module, so as much of it as a model can have translated. */
const everything = modelOfEverything();

/** The same, packed for interpreters on 32-bit cores. */
const packedEverything: Model = { ...everything, blob: repack(everything.blob, "cortex-m4:wasm3") };

/** A network of ±1 for pictures of 28 × 28, in tiles of 4 channels. */
const bits = modelOfBits();

/** All that scalar_ternary has: wide and narrow codes, 2-bit weights, posts of one record and of many. */
const everyTernary = modelOfEveryTernary();

/** All that scalar_binary has but binary weights × codes. */
const everyBit = modelOfEveryBit();

const MODELS = { digits, tiledDigits, everything, packedEverything, bits, everyTernary, everyBit };

function tiled(blob: Uint8Array, channels: number): Uint8Array {
  const program = readBlob(blob);
  const ops = program.ops.map((op) =>
    op.kind === "dense" ? { ...op, tileChannels: Math.min(channels, program.tensors[op.output]!.channels) } : op,
  );
  return writeBlob({ ...program, ops });
}

/** A dense op of random weights, from a tensor to the next. */
function denseOf(
  random: Random,
  input: number,
  dtype: WeightDtype,
  from: number,
  to: number,
  post?: DenseOp["post"],
): DenseOp {
  return {
    ...{ kind: "dense", inputs: [input], output: input + 1, dtype },
    weights: weights(dtype, from * to, random),
    ...(post && { post }),
  };
}

function modelOfEveryTernary(): Model {
  const random = new Random(7);
  const dense = (input: number, dtype: WeightDtype, from: number, to: number, post?: DenseOp["post"]): DenseOp => ({
    ...denseOf(random, input, dtype, from, to, post),
    tileChannels: 4,
  });
  const steps = (channels: number) =>
    thresholds(...Array.from({ length: channels }, () => ({ base: 0, up: [-40, 0, random.int(9, 90)] })));
  const program = programOf(
    [
      ["u8", 70],
      ["u8", 70],
      ["u8", 9],
      ["u8", 9],
      ["u8", 6],
      ["i32", 5],
    ],
    [
      { kind: "quantize", inputs: [0], output: 1, post: lookup("u8", random) },
      dense(1, "ternary", 70, 9, steps(1)),
      { kind: "quantize", inputs: [2], output: 3, post: steps(9) },
      dense(3, "int2", 9, 6, steps(6)),
      dense(4, "ternary", 6, 5),
    ],
    { maxRows: 1 },
  );
  return { blob: writeBlob(program), inputs: Uint8Array.from({ length: 10 * 70 }, () => random.int(0, 255)) };
}

function modelOfEveryBit(): Model {
  const random = new Random(9);
  const dense = (input: number, from: number, to: number, post?: DenseOp["post"]): DenseOp => ({
    ...{ kind: "dense", inputs: [input], output: input + 1, dtype: "binary", tileChannels: 4 },
    weights: weights("binary", from * to, random),
    ...(post && { post }),
  });
  const signs = (channels: number) =>
    thresholds(...Array.from({ length: channels }, () => ({ base: -1, up: [random.int(-9, 9)] })));
  const program = programOf(
    [
      ["u8", 430],
      ["bit", 430],
      ["bit", 35],
      ["bit", 9],
      ["u8", 6],
      ["bit", 6],
      ["i32", 5],
    ],
    [
      { kind: "quantize", inputs: [0], output: 1, post: { kind: "lookup", table: SIGN_OF_BYTE } },
      dense(1, 430, 35, signs(1)),
      dense(2, 35, 9, signs(9)),
      dense(3, 9, 6, thresholds(...Array.from({ length: 6 }, () => ({ base: 0, up: [-3, 0, 3] })))),
      { kind: "quantize", inputs: [4], output: 5, post: thresholds({ base: -1, up: [2] }) },
      dense(5, 6, 5),
    ],
    { maxRows: 1 },
  );
  return { blob: writeBlob(program), inputs: Uint8Array.from({ length: 10 * 430 }, () => random.int(0, 255)) };
}

function modelOfBits(): Model {
  const random = new Random(3);
  const dense = (input: number, from: number, to: number): DenseOp => ({
    kind: "dense",
    inputs: [input],
    output: input + 1,
    dtype: "binary",
    weights: weights("binary", from * to, random),
    tileChannels: 4,
  });
  const steps = thresholds(...Array.from({ length: 64 }, () => ({ base: -1, up: [random.int(-9, 9)] })));
  const program = programOf(
    [
      ["u8", 784],
      ["bit", 784],
      ["bit", 64],
      ["bit", 64],
      ["i32", 10],
    ],
    [
      {
        kind: "quantize",
        inputs: [0],
        output: 1,
        post: { kind: "lookup", table: SIGN_OF_BYTE },
      },
      { ...dense(1, 784, 64), post: steps },
      { ...dense(2, 64, 64), post: steps },
      dense(3, 64, 10),
    ],
    { maxRows: 1 },
  );
  return { blob: writeBlob(program), inputs: Uint8Array.from({ length: 10 * 784 }, () => random.int(0, 255)) };
}

function windowOf(kernelHeight: number, kernelWidth: number): Window {
  return { kernelHeight, kernelWidth, strideY: 1, strideX: 1, dilationY: 1, dilationX: 1, padTop: 0, padLeft: 0 };
}

function modelOfEverything(): Model {
  const random = new Random(5);
  const dense = (input: number, dtype: WeightDtype, from: number, to: number, post?: DenseOp["post"]) =>
    denseOf(random, input, dtype, from, to, post);
  /** 3 × 3, padded to as many positions, with 12 outputs. */
  const convolution = (input: number, dtype: WeightDtype, from: number, post: DenseOp["post"]): Conv2dOp => ({
    ...denseOf(random, input, dtype, 9 * from, 12, post),
    ...{ kind: "conv2d", window: { ...windowOf(3, 3), padTop: 1, padLeft: 1 }, groups: 1, pad: 0 },
  });
  const scaled = (multiplier: number, shift: number) =>
    requantize({ lo: -128, hi: 127, rounding: "half-even" }, smallLine(multiplier, 3, shift));
  const program = programOf(
    [
      ["f32", [5, 4, 10]],
      ["bit", [5, 4, 10]],
      ["bit", [4, 3, 10]],
      ["u8", [4, 3, 12]],
      ["u8", [3, 2, 12]],
      ["u8", [3, 2, 12]],
      ["u8", [3, 2, 12]],
      ["bit", 12],
      ["u8", 33],
      ["i8", 17],
      ["i8", 17],
      ["u8", 19],
      ["i8", 18],
      ["u8", 9],
      ["i32", 5],
      ["i32", 1],
      ["u8", 10],
      ["i8", 34],
      ["i8", [1, 2, 34]],
      ["u8", [3, 2, 12]],
      ["i8", [3, 2, 12]],
    ],
    [
      { kind: "quantize", inputs: [0], output: 1, post: thresholds({ base: -1, up: [0] }) },
      { kind: "maxpool", inputs: [1], output: 2, window: windowOf(2, 2) },
      convolution(2, "binary", 10, thresholds({ base: 0, up: [-16, 0, 16] })),
      { kind: "maxpool", inputs: [3], output: 4, window: windowOf(2, 2) },
      convolution(4, "ternary", 12, thresholds({ base: 0, up: [-9, 0, 9] })),
      {
        kind: "add",
        factors: [3, -2],
        inputs: [4, 5],
        output: 6,
        post: requantize({ lo: 0, hi: 9, rounding: "floor" }, smallLine(1, 0, 0)),
      },
      { kind: "avgpool", inputs: [6], output: 7, window: windowOf(3, 2), post: thresholds({ base: -1, up: [18] }) },
      dense(7, "binary", 12, 33, thresholds({ base: 0, up: [-6, 0, 6] })),
      dense(8, "binary", 33, 17, scaled(77, 2)),
      { kind: "maximum", inputs: [9, 9], output: 10 },
      dense(10, "ternary", 17, 19, thresholds({ base: 1, up: [-90, 0, 90], down: [140] })),
      dense(11, "int4", 19, 18, scaled(3, 1)),
      dense(12, "int3", 18, 9, thresholds({ base: 0, up: [-200, 0, 200] })),
      dense(13, "int8", 9, 5),
      { kind: "argmax", inputs: [14], output: 15 },
      { kind: "avgpool", inputs: [2], output: 16, window: windowOf(4, 3), post: thresholds({ base: 0, up: [-3, 3] }) },
      { kind: "concat", inputs: [9, 10], output: 17 },
      { kind: "upsample", inputs: [17], output: 18, factorY: 1, factorX: 2 },
      {
        ...convolution(4, "int8", 1, thresholds({ base: 0, up: [-90, 0, 90] })),
        ...{ output: 19, groups: 12, packing: "tap8" },
      },
      {
        ...convolution(
          4,
          "ternary",
          12,
          planeOf([{ multiplier: 3n, second: 2n, offset: 9n, lo: -9, hi: 9, shift: 3 }]),
        ),
        ...{ inputs: [4, 19], output: 20 },
      },
    ],
    { outputs: [14, 15, 16, 18, 20], maxRows: 1 },
  );
  return { blob: writeBlob(program), inputs: Float32Array.from({ length: 10 * 200 }, () => random.unit() - 0.5) };
}

/** What infer.c wants to know of a blob that `module` streams, one row at a time. */
async function placesOf(module: Uint8Array, blob: Uint8Array): Promise<Record<string, number>> {
  const { tensors, inputs, outputs, ops, arena } = readBlob(blob);
  const head = new DataView(blob.buffer, blob.byteOffset).getUint32(28, true);
  const scratch = await planScratch({ module, blob, engine: v8, weights: "streaming", maxRows: 1 });
  const blobAt = Math.max(16, (await moduleFeatures(module, v8)).ownBytes);
  const work = blobAt + head;
  const [input, output] = [tensors[inputs[0]!]!, tensors[outputs[0]!]!];
  return {
    MEMORY_BYTES: work + arena.fixed + arena.perRow + scratch,
    BLOB_AT: blobAt,
    HEAD_BYTES: head,
    SCRATCH_BYTES: scratch,
    INPUT_AT: work + input.fixed + input.perRow,
    INPUT_BYTES: elementBytes(input),
    OUTPUT_AT: work + output.fixed + output.perRow,
    OUTPUT_BYTES: elementBytes(output),
    OPS: ops.length,
  };
}

async function inferenceImage(
  { interpreter, board, module, model }: Pick<Row, "interpreter" | "board" | "module"> & { model: Model },
  pool: number,
): Promise<Image> {
  const { blob, inputs } = model;
  const wasm = moduleNamed(module);
  const { stackBytes } = INTERPRETERS[interpreter]!.modules[module]!;
  const defines = { ...(await placesOf(wasm, blob)), RUNTIME_POOL_BYTES: pool, RUNTIME_STACK_BYTES: stackBytes };
  const bytes = new Uint8Array(inputs.buffer, inputs.byteOffset, inputs.byteLength);
  return buildImage({ interpreter, board, main: "infer.c", defines, files: { module: wasm, blob, inputs: bytes } });
}

/** The first output of each row as infer.c prints it: i32, little-endian. */
function expectedLines({ blob, inputs }: Model): string[] {
  const { elements } = loadReference(blob).run(inputs)[0]!;
  const rows = inputs.length / elementCount(readBlob(blob).tensors[0]!);
  const bytes = elements.byteLength / rows;
  return Array.from({ length: rows }, (_, i) => Buffer.from(elements.buffer, i * bytes, bytes).toString("hex"));
}

/** enum runtime_trap of runtime.h. */
const TRAP = { bounds: 1, unreachable: 2, stack: 3, load: 4, other: 5 };

/** What `features` does for 0, 1, …, and how that ends: −1 for a return of 7. 1,000 bytes are the memory. */
const HOSTILE: [number, string][] = [
  [-1, "(drop (i32.load (i32.const 996)))"],
  [TRAP.bounds, "(drop (i32.load (i32.const 997)))"],
  [TRAP.bounds, "(i64.store offset=0xfffffff9 (i32.const 8) (i64.const 1))"],
  [TRAP.bounds, "(i32.store8 (i32.const -1) (i32.const 1))"],
  [TRAP.unreachable, "(unreachable)"],
  [TRAP.stack, "(call $endless)"],
  [TRAP.other, "(drop (i32.div_u (i32.const 1) (local.get $zero)))"],
  [-1, "(drop (call $read (i32.const 900) (i32.const 5) (i32.const 100)))"],
  [TRAP.bounds, "(drop (call $read (i32.const 901) (i32.const 5) (i32.const 100)))"],
  [TRAP.bounds, "(drop (call $read (i32.const 0xfffffff0) (i32.const 5) (i32.const 32)))"],
  [TRAP.unreachable, "(if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then (unreachable)))"],
];

const { parseWat } = await wabt();
function wasmOf(text: string): Uint8Array {
  const module = parseWat("test.wat", text);
  const { buffer } = module.toBinary({});
  module.destroy();
  return new Uint8Array(buffer);
}

/** A module with the ABI's exports and imports; parts of it may be others. */
function moduleText({
  memory = "(memory 0)",
  imports = "",
  features = "(i32.const 7)",
  plan = '(func (export "plan") (param i32 i32 i32) (result i32) (i32.const 0))',
}): string {
  return `(module
    (import "board" "weights_read" (func $read (param i32 i32 i32) (result i32)))
    ${imports}
    ${memory}
    (func $endless (call $endless))
    (func (export "abi_version") (result i32) (i32.const 1))
    (func (export "features") (param $way i32) (result i32) (local $zero i32) ${features})
    ${plan}
    (func (export "open") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 0))
    (func (export "invoke") (param i32 i32 i32) (result i32) (i32.const 0))
    (func (export "reset") (param i32) (result i32) (i32.const 0)))`;
}

const hostile = wasmOf(
  moduleText({
    features: `${HOSTILE.map(([, does], i) => `(if (i32.eq (local.get $way) (i32.const ${i})) (then ${does}))`).join(" ")} (i32.const 7)`,
  }),
);

/** Modules that are no tern.wasm. */
const REFUSED: Record<string, () => Uint8Array> = {
  "is empty": () => new Uint8Array(0),
  "begins otherwise": () => moduleNamed("scalar_ternary").fill(1, 0, 4),
  "ends early": () => moduleNamed("scalar_ternary").subarray(0, -1),
  "ends in the middle": () => moduleNamed("scalar_ternary").subarray(0, 2000),
  "has an opcode that does not exist": () => {
    const module = moduleNamed("scalar_ternary").slice();
    module[module.lastIndexOf(0x0b) - 1] = 0xff; // before the end of the last function
    return module;
  },
  "has an export of another type": () =>
    wasmOf(moduleText({ plan: '(func (export "plan") (param i32 i64 i32) (result i32) (i32.const 0))' })),
  "lacks an export": () => wasmOf(moduleText({ plan: "" })),
  "wants another import": () => wasmOf(moduleText({ imports: '(import "board" "other" (func))' })),
  "wants weights_read of another type": () =>
    wasmOf(moduleText({}).replace("(param i32 i32 i32) (result i32)))", "(param i32 i32) (result i32)))")),
  "brings memory": () => wasmOf(moduleText({ memory: "(memory 1)" })),
};

interface Row {
  interpreter: string;
  board: string;
  module: string;
  model: keyof typeof MODELS;
  /** Bytes that the painted stack is deep, at most. */
  stack: number;
  /** Whether no model takes more of the pool, which then must not be much larger than it needs to be. */
  fills?: true;
  /** Whether `npm test` runs it: each module under each interpreter. */
  share?: true;
}

const rows: Row[] = [
  {
    interpreter: "wasm3",
    board: "microbit",
    module: "scalar_ternary",
    model: "tiledDigits",
    stack: 2_052,
    fills: true,
    share: true,
  },
  {
    interpreter: "wasm3",
    board: "microbit",
    module: "scalar_binary",
    model: "bits",
    stack: 1_900,
    fills: true,
    share: true,
  },
  { interpreter: "wasm3", board: "microbit", module: "scalar_ternary", model: "everyTernary", stack: 2_137 },
  { interpreter: "wasm3", board: "microbit", module: "scalar_binary", model: "everyBit", stack: 1_971 },
  { interpreter: "wasm3", board: "lm3s6965evb", module: "scalar_integers", model: "digits", stack: 2_450 },
  {
    interpreter: "wasm3",
    board: "netduinoplus2",
    module: "scalar_ternary",
    model: "digits",
    stack: 1_700,
    fills: true,
  },
  {
    interpreter: "wasm3",
    board: "netduinoplus2",
    module: "scalar_integers",
    model: "everything",
    stack: 2_450,
    fills: true,
    share: true,
  },
  {
    interpreter: "wasm3",
    board: "mps2-an500",
    module: "scalar_integers",
    model: "everything",
    stack: 2_450,
    fills: true,
  },
  { interpreter: "wasm3", board: "lm3s6965evb", module: "scalar_integers", model: "packedEverything", stack: 2_450 },
  {
    interpreter: "wamr",
    board: "netduinoplus2",
    module: "scalar_ternary",
    model: "digits",
    stack: 1_900,
    fills: true,
    share: true,
  },
  {
    interpreter: "wamr",
    board: "netduinoplus2",
    module: "scalar_binary",
    model: "bits",
    stack: 1_900,
    fills: true,
    share: true,
  },
  { interpreter: "wamr", board: "mps2-an386", module: "scalar_integers", model: "digits", stack: 1_900 },
  {
    interpreter: "wamr",
    board: "netduinoplus2",
    module: "scalar_integers",
    model: "everything",
    stack: 1_900,
    fills: true,
    share: true,
  },
];

/** Bytes of flash that an image may take without module, model and inputs. */
const FLASH: Record<string, number> = { wasm3: 66 << 10, wamr: 93 << 10 };

describeUnless(missingTool(), "interpreters on emulated boards", () => {
  it.each(rows.filter(({ share }) => ALL || share))(
    "$interpreter on $board: $module runs $model as the reference does",
    async (row) => {
      const { interpreter, board, module, model } = row;
      const { poolBytes } = INTERPRETERS[interpreter]!.modules[module]!;
      const image = await inferenceImage({ ...row, model: MODELS[model] }, poolBytes);
      const { lines, code } = await runImage(board, image);
      const stack = Number(lines.at(-1)!.replace("stack ", ""));
      expect(lines.slice(0, -1)).toEqual(expectedLines(MODELS[model]));
      expect(code).toBe(0);
      expect(stack).toBeLessThanOrEqual(row.stack);
      expect(image.code).toBeLessThanOrEqual(FLASH[interpreter]!);
      expect(image.ram + stack).toBeLessThanOrEqual(BOARDS[board]!.ram[1]);

      if (!row.fills || !ALL) return;
      const small = await runImage(
        board,
        await inferenceImage({ ...row, model: MODELS[model] }, Math.floor((poolBytes * 0.97) / 8) * 8),
      );
      expect(small.lines.find((line) => line.includes("trap"))).toMatch(/trap 5$/);
    },
  );

  describe.each([
    ...(ALL ? [["wasm3", "netduinoplus2"] as const] : []),
    ["wasm3", "microbit"],
    ["wamr", "netduinoplus2"],
  ] as const)("%s on %s", (interpreter, board) => {
    /** The lines that traps.c prints. */
    const run = async (module: Uint8Array, ways = 0) => {
      const { poolBytes, stackBytes } = INTERPRETERS[interpreter]!.modules.scalar_ternary!;
      const sizes = { MEMORY_BYTES: 1000, RUNTIME_POOL_BYTES: poolBytes, RUNTIME_STACK_BYTES: stackBytes };
      const defines = { ...sizes, WAYS: ways };
      const image = await buildImage({ interpreter, board, main: "traps.c", defines, files: { module } });
      return (await runImage(board, image)).lines.slice(0, -1);
    };

    it("says how a module trapped, and runs a fresh instance a hundred times after each trap", async () => {
      const lines = HOSTILE.map(([trap]) => (trap < 0 ? "returned 7" : `trap ${trap}`));
      expect(await run(hostile, HOSTILE.length)).toEqual(lines);
    });

    it.each(Object.entries(REFUSED))("refuses a module that %s", async (_, module) => {
      expect(await run(module(), 1)).toEqual([`start: trap ${TRAP.load}`]);
    });
  });
});

describeUnless(missingTool("cc"), "instructions of interpreters", () => {
  it.each([
    { interpreter: "wasm3", module: "scalar_ternary", most: 610_000 },
    { interpreter: "wasm3", module: "scalar_integers", most: 520_000 },
    { interpreter: "wamr", module: "scalar_ternary", most: 920_000 },
    { interpreter: "wamr", module: "scalar_integers", most: 835_000 },
  ])("$interpreter, $module: at most $most for a drawn digit on Cortex-M4, in every run", async (row) => {
    const { interpreter, module, most } = row;
    const { poolBytes } = INTERPRETERS[interpreter]!.modules[module]!;
    const imageFor = (drawings: number) => {
      const model = { blob: digits.blob, inputs: IMAGES.subarray(0, drawings * 256) };
      return inferenceImage({ interpreter, board: "netduinoplus2", module, model }, poolBytes);
    };
    const one = await countInstructions("netduinoplus2", await imageFor(1));
    const image = await imageFor(3);
    const three = await countInstructions("netduinoplus2", image);
    expect(await countInstructions("netduinoplus2", image)).toBe(three);
    const each = (three - one) / 2;
    expect(each).toBeLessThanOrEqual(most);
    expect(each).toBeGreaterThan(most * 0.97); // else say so above
  });
});

const MUTATIONS = ALL ? 5_000 : 1_000;
describeUnless(missingTool("cc"), "wasm3 with sanitizers", () => {
  it("touches nothing that is not its own, whatever the module holds", async () => {
    const module = moduleNamed("scalar_ternary");
    const { blob } = tiledDigits;
    const sizes = { ...(await placesOf(module, blob)), RUNTIME_POOL_BYTES: 24_000, RUNTIME_STACK_BYTES: 2_000 };
    const counts = await runOnHost("mutations.c", { ...sizes, MUTATIONS }, { module, blob });
    const [refused, trapped, ran, endless] = counts.match(/\d+/g)!.map(Number) as [number, number, number, number];
    expect(refused + trapped + ran + endless).toBe(MUTATIONS);
    expect(Math.min(refused, trapped, ran)).toBeGreaterThan(0);
  });
});
