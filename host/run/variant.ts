import { checkBytes, checkEngine, checkObject } from "../base/arguments.ts";
import { HOST_VARIANTS } from "../base/builds.mjs";
import { EngineError } from "../base/errors.ts";
import { hasPacking } from "../blob/features.ts";
import { TAP8, WEIGHTS } from "../blob/pack/pack.ts";
import { writeBlob } from "../blob/write.ts";
import type { Engine } from "../engines/engine.ts";
import { mulberry32, type Random } from "../numbers/random.ts";
import type { ActivationDtype, Op, Program, Tensor, WeightDtype, Window } from "../program.ts";
import { rowStride } from "../shape.ts";
import { type Backend, moduleBackend, moduleFeatures, referenceBackend, using } from "./backend.ts";

/** Variants of the module (assembly/kernels/README.md), the fastest first. */
export const VARIANTS = HOST_VARIANTS;
export type Variant = (typeof VARIANTS)[number];

/**
 * The fastest of some variants that an engine both accepts and computes right. Throws EngineError if there is none, and says of
 * each why.
 */
export async function chooseVariant(
  engine: Engine,
  modules: Partial<Record<Variant, Uint8Array>>,
): Promise<{ variant: Variant; module: Uint8Array }> {
  checkEngine(engine);
  checkObject("modules", modules);
  const problems: string[] = [];
  for (const variant of VARIANTS) {
    const module = modules[variant];
    if (!module) continue;
    const problem = await variantProblem(engine, module);
    if (problem === undefined) return { variant, module };
    problems.push(`${variant} ${problem}`);
  }
  throw new EngineError("compile", `${engine.name} runs no variant of the module: ${problems.join("; ")}`);
}

/** Why an engine cannot be trusted with a module: it refuses it, or computes wrong numbers, as some have with new vector instructions. */
export async function variantProblem(engine: Engine, module: Uint8Array): Promise<string | undefined> {
  checkEngine(engine);
  checkBytes("module", module);
  try {
    return (await computesRight(engine, module)) ? undefined : "computes wrong numbers";
  } catch (error) {
    if (error instanceof EngineError) return `is refused: ${error.message}`;
    throw error;
  }
}

/** Inputs of the self-test: several vectors of every packing, and a rest that fills none. Channels: a few, or a whole group and a part. */
const INPUTS = 301;
const CHANNELS = 3;

/** Whether every kernel of a module equals the reference on one random product. Takes a few milliseconds. */
async function computesRight(engine: Engine, module: Uint8Array): Promise<boolean> {
  const program = everyKernel((await moduleFeatures(module, engine)).features.packings);
  const blob = writeBlob(program);
  const backends = [
    referenceBackend(program),
    await moduleBackend(program, { module, blob, engine, weights: "resident", maxRows: 1 }),
  ];
  const sumsIn = (backend: Backend): number[] => {
    const random = mulberry32(1);
    CODES.forEach(({ dtype, min, max }, i) => {
      const codes = randomCodes(INPUTS, min, max, random);
      backend.write(program.inputs[i]!, dtype === "bit" ? signs(codes) : codes, 1);
    });
    backend.invoke(0, program.ops.length, 1);
    return program.outputs.flatMap((tensor) => Array.from(backend.read(tensor, 1)));
  };
  const [expected, found] = backends.map((backend) => using(backend, sumsIn));
  return expected!.every((sum, i) => sum === found![i]);
}

/** Inputs that kernels take: some go other ways for codes of few bits. */
const CODES: { dtype: ActivationDtype; min: number; max: number }[] = [
  { dtype: "u8", min: 0, max: 255 },
  { dtype: "u8", min: 0, max: 15 },
  { dtype: "i8", min: -128, max: 127 },
  { dtype: "bit", min: -1, max: 1 },
];

/** What a depthwise convolution sees of one position: it, and eight taps outside. */
const WINDOW: Window = {
  ...{ kernelHeight: 3, kernelWidth: 3, strideY: 1, strideX: 1 },
  ...{ dilationY: 1, dilationX: 1, padTop: 1, padLeft: 1 },
};

/** One op for every input, dtype of weights and packing of the word `packings`, with random weights: dense or, in tap8, a depthwise convolution of one position. */
function everyKernel(packings: number): Program {
  const random = mulberry32(2);
  const tensors: Tensor[] = [];
  const add = (dtype: ActivationDtype, channels: number): number => {
    const last = tensors.at(-1);
    const perRow = last ? last.perRow + rowStride(last) : 0;
    return tensors.push({ dtype, height: 1, width: 1, channels, fixed: 0, perRow }) - 1;
  };
  const inputs = CODES.map(({ dtype }) => add(dtype, INPUTS));
  const ops = inputs.flatMap((input) =>
    (Object.keys(WEIGHTS) as WeightDtype[]).flatMap((dtype): Op[] => {
      if (tensors[input]!.dtype === "bit" && dtype !== "binary") return [];
      const { min, max, packings: all } = WEIGHTS[dtype];
      return all
        .filter(({ name }) => hasPacking(packings, name))
        .map(({ name, groupChannels }) => {
          const channels = groupChannels - 1 + CHANNELS;
          const codes = randomCodes(channels * INPUTS, min, max, random);
          const weights = Int8Array.from(dtype === "binary" ? signs(codes) : codes);
          return { kind: "dense", inputs: [input], output: add("i32", channels), dtype, packing: name, weights };
        });
    }),
  );
  for (const input of hasPacking(packings, TAP8.name) ? inputs : []) {
    if (tensors[input]!.dtype === "bit") continue;
    const taps = WINDOW.kernelHeight * WINDOW.kernelWidth;
    ops.push({
      ...{ kind: "conv2d", inputs: [input], output: add("i32", INPUTS), window: WINDOW, groups: INPUTS, pad: 5 },
      ...{ dtype: "int8", packing: TAP8.name, weights: Int8Array.from(randomCodes(INPUTS * taps, -128, 127, random)) },
    });
  }
  const end = tensors.at(-1)!;
  return {
    modelId: 0n,
    modelVersion: 0,
    maxRows: 1,
    arena: { fixed: 0, perRow: end.perRow + rowStride(end) },
    tensors,
    ops,
    inputs,
    outputs: ops.map(({ output }) => output),
  };
}

function signs(codes: number[]): number[] {
  return codes.map((code) => (code < 0 ? -1 : 1));
}

function randomCodes(count: number, min: number, max: number, random: Random): number[] {
  return Array.from({ length: count }, () => min + Math.floor(random() * (max - min + 1)));
}
