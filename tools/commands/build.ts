import { defineCommand } from "citty";
import { VARIANTS, type VariantName } from "../../host/base/builds.mjs";
import { type Features, featuresOf } from "../../host/blob/features.ts";
import { ACTIVATION, OP_KIND, PACKING, POST } from "../../host/blob/layout.ts";
import { readBlob } from "../../host/index.ts";
import { buildModule, readModule } from "../../host/node.ts";
import { namingFiles, readModel } from "../files/models.ts";
import { checkOutputs, writeFileAtomic } from "../files/outputs.ts";
import { nameOf, outName, takeStdout } from "../files/stdio.ts";
import { JSON_ARG } from "../options/json.ts";
import { WEIGHTS } from "../options/sessions.ts";
import { printResult } from "../terminal/print.ts";
import { showWork } from "../terminal/progress.ts";
import { formatCount } from "../terminal/table.ts";

/** Names of the bits of each word. */
const NAMES: Record<keyof Features, Record<string, number>> = {
  ops: OP_KIND,
  packings: PACKING,
  posts: POST,
  dtypes: ACTIVATION,
};

export const EXAMPLE = "build model.tern -o model.wasm";

export default defineCommand({
  meta: { name: "build", description: "Compile a module with what a blob needs, and no more" },
  args: {
    model: { type: "positional", required: true, description: "Blob, as convert writes it" },
    out: { type: "string", alias: "o", required: true, valueHint: "m.wasm", description: "Module to write" },
    variant: {
      type: "enum",
      options: Object.keys(VARIANTS) as VariantName[],
      default: "scalar",
      description: "What its kernels are written for",
    },
    weights: {
      type: "enum",
      options: WEIGHTS,
      default: "resident",
      description: "Where weights may lie: in memory, or also outside, read by an import",
    },
    ...JSON_ARG,
  },
  async run({ args: { model, out, variant, weights, json } }) {
    takeStdout(out);
    checkOutputs([out], { model });
    const blob = await readModel(model);
    const module = await showWork(`Compiling a module for ${nameOf(model)}`, () => {
      return namingFiles({ model }, () => buildModule(blob, { variant, weights }));
    });
    await writeFileAtomic(out, module);
    const features = featuresOf(readBlob(blob));
    const holds = Object.fromEntries(
      Object.entries(NAMES).map(([word, names]) => [word, namesOf(features[word as keyof Features], names)]),
    );
    const whole = (await readModule(variant)).length;
    printResult(
      json,
      () => ({ out, variant, weights, bytes: module.length, bytesOfVariant: whole, ...holds }),
      () => [
        `${nameOf(model)} → ${outName(out)}: ${formatCount(module.length)} bytes, with all of ${variant} ${formatCount(whole)}`,
        ...Object.entries(holds).map(([word, names]) => `${word.padEnd(10)}${names.join(", ") || "none"}`),
        `${"weights".padEnd(10)}${weights}`,
      ],
    );
  },
});

/** Names of the bits of a word. */
function namesOf(word: number, names: Record<string, number>): string[] {
  return Object.entries(names).flatMap(([name, bit]) => ((word >>> bit) & 1 ? [name] : []));
}
