import { expect, it } from "vitest";
import { UnsupportedError } from "../../host/base/errors.ts";
import { readBlob } from "../../host/blob/read.ts";
import { writeBlob } from "../../host/blob/write.ts";
import { type Lowered, type LowerOptions, lower } from "../../host/lower/lower.ts";
import type { Tensor } from "../../host/program.ts";
import { elementCount } from "../../host/shape.ts";
import { Random, randomGraph } from "../graph/random.ts";
import { OPTIONS } from "../lower/agree.ts";
import { seedCount } from "../seeds.ts";
import { describeModules, packingsOf, runsFloats } from "../variants.ts";
import { expectReference } from "./agree.ts";
import { elements, randomFloats, randomPictures, randomProgram } from "./programs.ts";

const PROGRAMS = seedCount(200);
const GRAPHS = seedCount(120);

/** The program of a graph; undefined where lowering refuses it, which lowering's own tests judge. */
function lowered(seed: number, options: LowerOptions): Lowered | undefined {
  try {
    return lower(randomGraph(seed), options);
  } catch (error) {
    if (error instanceof UnsupportedError) return undefined;
    throw error;
  }
}

describeModules("random programs", (engine, module) => {
  it.each([
    ["all ops in one call", false],
    ["one call per op", true],
  ])("%s", async (_, oneByOne) => {
    for (let seed = 0; seed < PROGRAMS; seed++) {
      const random = new Random(seed);
      const program = randomProgram(random, packingsOf(module));
      const [input] = program.tensors as [Tensor];
      const batch = (rows: number) => [elements(input.dtype, rows * elementCount(input), random)];
      const batches = [batch(program.maxRows), batch(1), batch(program.maxRows)];
      await expectReference(program, engine, module, batches, { oneByOne });
    }
  });

  it("of pictures", async () => {
    for (let seed = 0; seed < PROGRAMS; seed++) {
      const random = new Random(seed);
      const program = randomPictures(random, packingsOf(module));
      const input = program.tensors[0]!;
      const batch = (rows: number) => [elements(input.dtype, rows * elementCount(input), random)];
      await expectReference(program, engine, module, [batch(program.maxRows), batch(1)]);
    }
  });

  const testFloats = runsFloats(module) ? it : undefined; // no test where there are none
  testFloats?.("of float regions", async () => {
    for (let seed = 0; seed < PROGRAMS; seed++) {
      const random = new Random(seed);
      const program = randomFloats(random, packingsOf(module));
      const input = program.tensors[0]!;
      const batch = (rows: number) => [elements(input.dtype, rows * elementCount(input), random)];
      await expectReference(program, engine, module, [batch(program.maxRows), batch(1)]);
    }
  });

  it.each(["u8", "i8", "i16", "f32"] as const)("lowered from graphs, %s inputs", async (dtype) => {
    let ran = 0;
    for (let seed = 0; seed < GRAPHS; seed++) {
      const program = lowered(seed, { ...OPTIONS, input: { dtype, scale: "1/7" } })?.program;
      if (!program) continue;
      const again = readBlob(writeBlob(program));
      for (const op of again.ops) delete op.tileChannels; // which the writer chose
      expect(again).toEqual(program);
      const random = new Random(seed);
      const count = elementCount(program.tensors[program.inputs[0]!]!);
      program.maxRows = 5;
      // lowering reuses memory, so only the op that ran last has its output: hence op by op
      await expectReference(program, engine, module, [[elements(dtype, 5 * count, random)]], { oneByOne: true });
      ran++;
    }
    expect(ran).toBeGreaterThan(GRAPHS / 2);
  });
});
