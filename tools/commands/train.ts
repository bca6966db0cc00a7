import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { defineCommand } from "citty";
import { EngineError } from "../../host/base/errors.ts";
import { packageRoot } from "../../host/base/package_root.ts";
import { parseUnit } from "../../host/numbers/unit.ts";
import { readArchFile } from "../files/models.ts";
import { checkOutputs } from "../files/outputs.ts";
import { STDIO } from "../files/stdio.ts";
import { JSON_ARG } from "../options/json.ts";
import { WORKERS_ARG } from "../options/sessions.ts";
import { checked, countOption, numberOption, UsageError } from "../options/usage.ts";
import { printResult } from "../terminal/print.ts";
import { formatCount, formatShare, plural } from "../terminal/table.ts";
import { RECIPE_NAMES } from "../train/recipes/names.ts";
import type { Ran, Training } from "../train/run.ts";
import { endWorkers, useWorkers } from "../train/workers.ts";

const MAX_WORKERS = 64;
const MAX_EPOCHS = 1e6;

export const EXAMPLE = "train --arch net.json --data mnist --recipe bnn -o net.onnx";

export default defineCommand({
  meta: { name: "train", description: "Train a network described by hand, and write it as QONNX" },
  args: {
    arch: {
      type: "string",
      required: true,
      valueHint: "net.json",
      description: "Network described by hand, with outputs and kernels",
    },
    data: {
      type: "string",
      required: true,
      valueHint: "FOLDER",
      description:
        "Folder, also one in $TERN_DATA: idx files, CIFAR-10's binary files,\n.npy arrays, or a folder of PNG files for each class; or the word digits",
    },
    recipe: { type: "enum", options: [...RECIPE_NAMES], default: "ternary", description: "How it is trained" },
    out: {
      type: "string",
      alias: "o",
      required: true,
      valueHint: "net.onnx",
      description: "File to write; its curve and where training stands go beside it",
    },
    epochs: { type: "string", valueHint: "N", description: "Passes over the samples, else what the recipe says" },
    batch: { type: "string", valueHint: "N", description: "Samples in a step, else what the recipe says" },
    rate: { type: "string", valueHint: "R", description: "Learning rate of the first step, else what the recipe says" },
    seed: { type: "string", valueHint: "N", default: "1", description: "Of all that is random" },
    augment: {
      type: "string",
      valueHint: "shift:2,flip,crop",
      description:
        "Move pictures by up to so many pixels, mirror half of them,\ntake a part where they are larger than the input",
    },
    dropout: {
      type: "string",
      valueHint: "0.2,0.5",
      description: "Share left out before the first layer with weights, and before others",
    },
    "hold-out": {
      type: "string",
      valueHint: "0.1",
      description: "Share of the samples not to learn from, else 0.1 where there is no test",
    },
    mean: {
      type: "string",
      valueHint: "M",
      description: "A pixel p stands for (p / 255 − M) / D: one number, or one per channel",
    },
    std: { type: "string", valueHint: "D", description: "Deviation, one or one per channel" },
    restart: { type: "boolean", description: "Begin anew where an earlier run stopped" },
    ...WORKERS_ARG,
    ...JSON_ARG,
  },
  async run({ args }) {
    if (args.out === STDIO) throw new UsageError("--out: expected a file, beside which others go");
    const { mean, std } = args;
    const training: Training = {
      arch: await readArchFile(args.arch),
      ...{ data: args.data, recipe: args.recipe, restart: args.restart === true },
      epochs: countOption("epochs", args.epochs, MAX_EPOCHS),
      batch: countOption("batch", args.batch),
      rate: shareOption("rate", args.rate, "a number above 0", (rate) => rate > 0),
      seed: numberOption("seed", args.seed)!,
      augmentation: augmentationOption(args.augment),
      dropout: dropoutOption(args.dropout),
      heldOut: shareOption(
        "hold-out",
        args["hold-out"],
        "a share from 0 to below 1",
        (share) => share >= 0 && share < 1,
      ),
      unit: checked("--mean, --std", () =>
        parseUnit({ ...(mean !== undefined && { mean }), ...(std !== undefined && { std }) }),
      ),
    };
    useWorkers(countOption("workers", args.workers, MAX_WORKERS) ?? availableParallelism());
    const { runTraining, filesOf } = await trainer();
    checkOutputs(Object.values(filesOf(args.out)), { arch: args.arch });
    const ran = await runTraining(args.out, training).finally(endWorkers);
    printResult(
      args.json,
      () => ran,
      () => formatRan(ran),
    );
  },
});

function formatRan({ files, bytes, curve, samples, test }: Ran): string[] {
  const last = curve.at(-1)!;
  return [
    `${files.out}: ${formatCount(bytes)} bytes, after ${plural(curve.length, "epoch")} of ${plural(samples, "sample")}`,
    `${formatShare(last.accuracy, 2)} of them right as it learned; the curve is in ${files.csv} and ${files.svg}`,
    ...(test
      ? [
          `${formatShare(test.accuracy, 2)} right of ${formatCount(test.samples)} ${test.of === "test" ? "of the test" : "held out"}`,
        ]
      : []),
  ];
}

/** The trainer, which needs jax-js. Throws EngineError "missing" where there is none. */
async function trainer(): Promise<typeof import("../train/run.ts")> {
  try {
    return await import("../train/run.ts");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== "ERR_MODULE_NOT_FOUND" || !message.includes(JAX)) throw error;
    const { devDependencies } = JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8"));
    throw new EngineError(
      "missing",
      `no jax-js, which trains networks: \`npm install ${JAX}@${devDependencies[JAX]}\` gets it`,
    );
  }
}

const JAX = "@jax-js/jax";

function shareOption(
  name: string,
  text: string | undefined,
  expected: string,
  isOne: (value: number) => boolean,
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && isOne(value)) return value;
  throw new UsageError(`--${name} "${text}", expected ${expected}`);
}

function augmentationOption(text = ""): Training["augmentation"] {
  const augmentation = { shift: 0, flip: false, crop: false };
  for (const word of text === "" ? [] : text.split(",")) {
    const [, pixels] = /^shift:(\d{1,3})$/.exec(word) ?? [];
    if (pixels !== undefined) augmentation.shift = Number(pixels);
    else if (word === "flip" || word === "crop") augmentation[word] = true;
    else throw new UsageError(`--augment "${text}", expected some of shift:PIXELS, flip and crop, with commas between`);
  }
  return augmentation;
}

function dropoutOption(text: string | undefined): Training["dropout"] {
  if (text === undefined) return undefined;
  const isShare = (share: number) => share >= 0 && share < 1;
  const shares = text
    .split(",")
    .map((share) => shareOption("dropout", share, "two shares from 0 to below 1", isShare)!);
  if (shares.length !== 2) throw new UsageError(`--dropout "${text}", expected two shares: 0.2,0.5`);
  return { input: shares[0]!, hidden: shares[1]! };
}
