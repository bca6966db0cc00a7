import { describe, expect, it } from "vitest";
import { packingsOf, VARIANTS, type VariantName } from "../../host/base/builds.mjs";
import { STATUS } from "../../host/base/status.ts";
import { featuresOf } from "../../host/blob/features.ts";
import { HEADER, HEADER_BYTES, PART_BYTES, TENSOR } from "../../host/blob/layout.ts";
import { readBlob } from "../../host/blob/read.ts";
import type { Target } from "../../host/blob/targets.ts";
import { writeBlob } from "../../host/blob/write.ts";
import { buildModule } from "../../host/build.ts";
import type { Engine } from "../../host/engines/engine.ts";
import { v8 } from "../../host/engines/v8.ts";
import type { Program, Window } from "../../host/program.ts";
import { moduleFeatures, planScratch } from "../../host/run/backend.ts";
import { sampleInputs } from "../../host/run/sample.ts";
import { load, loadReference } from "../../host/run/session.ts";
import { elementCount } from "../../host/shape.ts";
import { ENGINES } from "../engines.ts";
import { Random } from "../graph/random.ts";
import { ALL_SEEDS } from "../seeds.ts";
import { digitsBlob, smallBlob } from "../tools/tern.ts";
import { accepts, moduleNamed } from "../variants.ts";
import { expectReference, WAYS } from "./agree.ts";
import { machine, seal } from "./machine.ts";
import { elements, lookup, programOf, randomProgram, requantize, smallLine, thresholds, weights } from "./programs.ts";

const NAMES = Object.keys(VARIANTS) as VariantName[];

/** The first engine that accepts a variant. */
function engineFor(variant: VariantName): Engine | undefined {
  const engines = Object.values(ENGINES).map(({ engine }) => engine);
  return engines.find((engine) => typeof engine !== "string" && accepts(engine, moduleNamed(variant))) as Engine;
}

/** Compiles a module for a program, and expects that it says what the program needs, runs it as the reference does, and is smaller than the variant. */
async function expectBuilt(program: Program, variant: VariantName, streams: boolean, random: Random): Promise<void> {
  const engine = engineFor(variant);
  if (!engine) return;
  const module = await buildModule(writeBlob(program), { variant, weights: streams ? "streaming" : "resident" });
  expect((await moduleFeatures(module, engine)).features).toEqual(featuresOf(program));
  expect(module.length).toBeLessThan(moduleNamed(variant).length);
  const batch = (rows: number) =>
    program.inputs.map((input) =>
      elements(program.tensors[input]!.dtype, rows * elementCount(program.tensors[input]!), random),
    );
  await expectReference(program, engine, module, [batch(program.maxRows), batch(1)], {
    ways: streams ? WAYS : ["resident"],
  });
}

describe.each(NAMES)("modules for random programs, %s", (variant) => {
  // a module takes seconds to compile
  it.each(Array.from({ length: ALL_SEEDS ? 20 : 1 }, (_, seed) => seed))("%i", { timeout: 60_000 }, async (seed) => {
    const random = new Random(1000 + seed);
    const some = packingsOf(variant).filter(() => random.chance(0.3));
    const program = randomProgram(random, some.length > 0 ? some : [packingsOf(variant).at(-1)!]);
    await expectBuilt(program, variant, seed % 2 === 0, random);
  });
});

/** A window as large as the picture. */
const whole = (kernelHeight: number, kernelWidth: number): Window => ({
  ...{ kernelHeight, kernelWidth, strideY: 1, strideX: 1, dilationY: 1, dilationX: 1, padTop: 0, padLeft: 0 },
});

/** Programs of one packing alone, in which what a module tells apart when it is compiled stands beside each other. */
const CUTS: Record<string, { variant: VariantName; program: (random: Random) => Program }> = {
  "trit4 alone, with pools": {
    variant: "core",
    program: (random) =>
      programOf(
        [
          ["u8", [4, 4, 3]],
          ["u8", [4, 4, 5]],
          ["u8", [3, 3, 5]],
          ["i8", [1, 1, 5]],
          ["i32", [1, 1, 5]],
        ],
        [
          {
            ...{ kind: "conv2d", inputs: [0], output: 1, window: whole(1, 1), groups: 1, pad: 0, dtype: "ternary" },
            ...{
              packing: "trit4",
              weights: weights("ternary", 15, random),
              post: thresholds({ base: 0, up: [-90, 9] }),
            },
          },
          { kind: "maxpool", inputs: [1], output: 2, window: whole(2, 2) },
          { kind: "avgpool", inputs: [2], output: 3, window: whole(3, 3), post: thresholds({ base: -2, up: [1, 6] }) },
          { kind: "avgpool", inputs: [3], output: 4, window: whole(1, 1) },
        ],
      ),
  },
  "trit4 alone, with argmax and multipliers": {
    variant: "core",
    program: (random) =>
      programOf(
        [
          ["i16", 40],
          ["i8", 40],
          ["i8", 20],
          ["i32", 10],
          ["i32", 1],
        ],
        [
          { kind: "quantize", inputs: [0], output: 1, post: thresholds({ base: -3, up: [-9000, -100, 50, 20_000] }) },
          {
            ...{ kind: "dense", inputs: [1], output: 2, dtype: "ternary", packing: "trit4" },
            ...{
              weights: weights("ternary", 800, random),
              post: requantize({ lo: -100, hi: 100, rounding: "half-even" }, smallLine(3, 100, 8)),
            },
          },
          {
            ...{ kind: "dense", inputs: [2], output: 3, dtype: "ternary", packing: "trit4" },
            weights: weights("ternary", 200, random),
          },
          { kind: "argmax", inputs: [3], output: 4 },
        ],
      ),
  },
  "i32 quantized, and no input of 16 bits": {
    variant: "scalar",
    program: (random) =>
      programOf(
        [
          ["u8", 30],
          ["i32", 12],
          ["u8", 12],
        ],
        [
          {
            ...{ kind: "dense", inputs: [0], output: 1, dtype: "int4" },
            weights: weights("int4", 360, random),
          },
          { kind: "quantize", inputs: [1], output: 2, post: thresholds({ base: 0, up: [-500, 0, 300] }) },
        ],
      ),
  },
  "no dense op": {
    variant: "scalar",
    program: (random) =>
      programOf(
        [
          ["u8", 33],
          ["i8", 33],
        ],
        [{ kind: "quantize", inputs: [0], output: 1, post: lookup("i8", random) }],
      ),
  },
};

it.each(Object.entries(CUTS))("a module for %s", { timeout: 60_000 }, async (_, { variant, program }) => {
  const random = new Random(7);
  await expectBuilt(program(random), variant, true, random);
});

describe("a module for the digits", () => {
  const FOR: Record<VariantName, Target> = { scalar: "any", simd: "any", relaxed: "browser", core: "cortex-m4" };

  it.each(NAMES)("%s: scores as the reference, and refuses what needs more", { timeout: 60_000 }, async (variant) => {
    const engine = engineFor(variant);
    const blob = await digitsBlob({ target: FOR[variant] });
    if (!engine) return;
    const module = await buildModule(blob, { variant, weights: "streaming" });
    const inputs = sampleInputs(readBlob(blob), 20);
    const expected = loadReference(blob).run(inputs);
    for (const way of WAYS) {
      const session = await load({ module, blob, engine, weights: way });
      expect(session.run(inputs)).toEqual(expected);
      session.dispose();
    }
    const other = await smallBlob("index"); // which has an argmax
    const opened = planScratch({ module, blob: other, engine, weights: "resident", maxRows: 1 });
    await expect(opened).rejects.toThrow(/^plan returned status 9, Unsupported/);
  });

  it("imports nothing where its weights are resident", async () => {
    const blob = await digitsBlob();
    const [resident, streaming] = await Promise.all(WAYS.map((weights) => buildModule(blob, { weights })));
    const importsOf = (bytes: Uint8Array) => WebAssembly.Module.imports(new WebAssembly.Module(bytes.slice()));
    expect([importsOf(resident!).length, importsOf(streaming!).length]).toEqual([0, 1]);
    expect(resident!.length).toBeLessThan(streaming!.length);
    const onFlash = load({ module: resident!, blob, engine: v8, weights: "streaming" });
    await expect(onFlash).rejects.toMatchObject({ kind: "status" });
  });
});

describe("no module is made", () => {
  it.each([
    ["storage", "scalar", "scalar has no kernels for weights packed as trit5, nor has any other variant"],
    ["cortex-m4", "simd", "simd has no kernels for weights packed as trit4, only core"],
  ] as const)("for a blob for %s with %s", async (target, variant, message) => {
    const blob = await digitsBlob({ target });
    await expect(buildModule(blob, { variant })).rejects.toMatchObject({
      name: "EngineError",
      kind: "packing",
      message: expect.stringContaining(message),
    });
  });

  it("for what is no blob", async () => {
    await expect(buildModule(new Uint8Array(100))).rejects.toMatchObject({ name: "BlobError" });
  });
});

it("a module for pools of vectors refuses a tensor of several positions, whatever the header says", {
  timeout: 60_000,
}, async () => {
  const program = programOf(
    [
      ["u8", 16],
      ["u8", 16],
    ],
    [{ kind: "maxpool", inputs: [0], output: 1, window: whole(1, 1) }],
  );
  const module = await buildModule(writeBlob(program), { variant: "scalar", weights: "resident" });
  const at = await machine(v8, module);
  for (const [height, status] of [
    [1, "Ok"],
    [2, "BadTensor"],
    [0, "BadTensor"],
  ] as const) {
    const blob = writeBlob(program);
    const headBytes = new DataView(blob.buffer).getUint32(HEADER.headBytes, true);
    new DataView(blob.buffer).setUint16(HEADER_BYTES + PART_BYTES + TENSOR.height, height, true);
    at.memory().set(seal(blob, headBytes, 1), 16);
    expect(STATUS[at.open(16, blob.length, 16 + blob.length, 8192, 1)]).toBe(status);
  }
});
