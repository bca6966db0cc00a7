import { readFileSync } from "node:fs";
import { join } from "node:path";
import { EngineError } from "../../../host/base/errors.ts";
import { packageRoot } from "../../../host/base/package_root.ts";
import { readBlob } from "../../../host/blob/read.ts";
import { repack } from "../../../host/blob/repack.ts";
import type { Target } from "../../../host/blob/targets.ts";
import { tilingOf } from "../../../host/blob/tiles.ts";
import { modelMemory } from "../../../host/cost/fit.ts";
import { readBoard } from "../../../host/firmware/boards.ts";
import type { CoreName } from "../../../host/firmware/cores.ts";
import { buildImage, type Image } from "../../../host/firmware/make/build.ts";
import { runtimeNamed } from "../../../host/firmware/make/runtimes.ts";
import { v8 } from "../../../host/index.ts";
import { isWeighted, type Op, type Program } from "../../../host/program.ts";
import { type Backend, referenceBackend } from "../../../host/run/backend.ts";
import { deviceBackend } from "../../../host/run/device.ts";
import { positionCount, shapeText } from "../../../host/shape.ts";
import { type CountedBoard, readSymbols, startCounted } from "../../rigs/counted_board.ts";
import { memoize } from "../products.ts";
import { MODELS, type Model } from "./models.ts";
import { type Build, labelOf, type Measurement, type Place, type Result, type Task } from "./runs.ts";

/** A module of build/, and what blobs are packed for where it runs. */
interface Choice {
  module: string;
  target(core: CoreName): Target;
}

const coreTarget = (core: CoreName) => (core === "rv32imac" ? "rv32" : core);
const inC = (module: string): Choice => ({ module, target: coreTarget });
const interpreted = (module: string): Choice => ({ module, target: (core) => `${coreTarget(core)}:wasm3` });

/** Modules of a firmware, the best first. One that a board has no memory for, or that its firmware does not run, makes way for the next. */
const MODULES: Record<"compiled" | "interpreted", Record<Build, Choice[]>> = {
  compiled: {
    checked: [inC("core")],
    unchecked: [inC("core")],
    mlp: [inC("core_ternary")],
  },
  interpreted: {
    checked: ["scalar_integers", "scalar_ternary", "scalar_binary"].map(interpreted),
    unchecked: [],
    mlp: [],
  },
};

const DEFINES: Record<Build, string[]> = { checked: [], mlp: [], unchecked: ["-DTERN_UNCHECKED"] };

export interface Measured {
  results: Result[];
  /** Why something was not measured. */
  missing: string[];
}

/** Measures tasks one after the other. What is missing on this machine costs the tasks that need it; what a device refuses is a result. */
export async function measureTasks(tasks: readonly Task[], onProgress: (label: string) => void): Promise<Measured> {
  const modelNamed = memoize((name: Task["model"]): Promise<Model> => MODELS[name]());
  const results: Result[] = [];
  const missing = new Set<string>();
  for (const task of tasks) {
    onProgress(labelOf(task));
    try {
      results.push({ ...task, ...(await measureModel(task, labelOf(task), await modelNamed(task.model))) });
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      if (error.kind === "missing") missing.add(error.message);
      else results.push({ ...task, refused: error.message });
    }
  }
  return { results, missing: [...missing] };
}

/** Measures with the first module that the firmware opens the model with. Throws EngineError: of kind "missing", or with the reason of each module. */
export async function measureModel(place: Place, label: string, model: Model): Promise<Measurement> {
  const runtime = runtimeNamed(place.runtime);
  const reasons: string[] = [];
  for (const choice of MODULES[runtime.name === "wasm2c" ? "compiled" : "interpreted"][place.build]) {
    try {
      return await measureWith(place, label, model, choice);
    } catch (error) {
      if (!(error instanceof EngineError) || error.kind === "missing") throw error;
      reasons.push(`${choice.module}: ${reasonOf(error)}`);
    }
  }
  throw new EngineError("status", reasons.join("; "));
}

/** In one line: of a compiler's or linker's, the first behind its command line. */
function reasonOf({ message }: EngineError): string {
  const [first = "", second] = message.split("\n");
  return (second ?? first).replace(/^\S*\/ld: /, "");
}

async function measureWith(
  place: Place,
  label: string,
  model: Model,
  { module, target }: Choice,
): Promise<Measurement> {
  const board = readBoard(place.board);
  const blob = model.isPacked ? model.blob : repack(model.blob, target(board.core));
  const { head, arena, scratch, bytes } = await modelMemory(blob, readBuilt(module), v8);
  const image = await imageOf(`${place.board} ${place.runtime} ${place.build} ${module}`);
  const addressOf = await readSymbols(board, image.elf);
  const counted = await startCounted(board, image.elf);
  try {
    await counted.program(blob);
    const taken = counted.device.open(1);
    const program = readBlob(blob);
    return {
      ...{ module, blobBytes: blob.length, taken },
      ...countProgram(label, counted, program, model),
      planned: { own: bytes - head - arena - scratch, head, arena, scratch, tile: largestTile(program) },
      firmware: {
        code: image.code.length,
        variables: addressOf("pool_start") - addressOf("stack_top"),
        stack: addressOf("stack_top") - addressOf("stack_bottom"),
        stackUsed: counted.device.info().stackUsed,
      },
    };
  } finally {
    counted.close();
  }
}

/** Firmware by "board runtime build module"; what cannot be built fails again at once. */
const imageOf = memoize((key: string): Promise<Image> => {
  const [board, runtime, build, module] = key.split(" ") as [string, string, Build, string];
  return buildImage(readBoard(board), runtimeNamed(runtime), readBuilt(module), { defines: DEFINES[build] });
});

function readBuilt(module: string): Uint8Array {
  return new Uint8Array(readFileSync(join(packageRoot(), "build", `${module}.wasm`)));
}

/** Counts a whole inference, three times, and op by op. Throws where the device's outputs are not the reference's, or two counts differ. */
function countProgram(label: string, { device, count }: CountedBoard, program: Program, { inputs }: Model) {
  const found = deviceBackend(program, device, label, 1);
  const expected = referenceBackend(program, 1);
  const write = (backend: Backend) => {
    for (const [i, elements] of inputs.entries()) backend.write(program.inputs[i]!, elements, 1);
  };
  const end = program.ops.length;
  write(expected);
  expected.invoke(0, end, 1);
  const counts = [0, 1, 2].map(() => {
    write(found);
    const instructions = count(0, end, 1);
    for (const output of program.outputs) {
      const wrong = found.read(output, 1).findIndex((element, i) => element !== expected.read(output, 1)[i]);
      if (wrong >= 0) throw new Error(`${label}: element ${wrong} of tensor ${output} is not the reference's`);
    }
    return instructions;
  });
  const [, second, third] = counts as [number, number, number]; // in the first, an interpreter translates what it runs
  if (second !== third) throw new Error(`${label}: ${second} instructions, then ${third}, expected equal counts`);
  const empty = count(0, 0, 1);
  write(found);
  const ops = program.ops.map((op, i) => ({
    ...{
      name: nameOf(op, program),
      macs: isWeighted(op) ? op.weights.length * positionCount(program.tensors[op.output]!) : 0,
    },
    instructions: count(i, i + 1, 1) - empty,
  }));
  const macs = ops.reduce((sum, op) => sum + op.macs, 0);
  return { macs, instructions: third - empty, empty, ops };
}

/** "dense 784 × bit → 64 × bit". */
function nameOf({ kind, inputs, output }: Op, { tensors }: Program): string {
  const text = (tensor: number) => `${shapeText(tensors[tensor]!)} × ${tensors[tensor]!.dtype}`;
  return `${kind} ${inputs.map(text).join(", ")} → ${text(output)}`;
}

function largestTile(program: Program): number {
  return Math.max(0, ...program.ops.map((op) => tilingOf(program, op).tileBytes));
}
