import { defineCommand } from "citty";
import { shown } from "../../host/base/printable.ts";
import { type Inspection, inspect, repack, v8 } from "../../host/index.ts";
import { plainModule } from "../../host/node.ts";
import { namingFiles, readModel } from "../files/models.ts";
import { checkOutputs, writeFileAtomic } from "../files/outputs.ts";
import { nameOf, outName, takeStdout } from "../files/stdio.ts";
import { JSON_ARG } from "../options/json.ts";
import { TARGET_ARG } from "../options/targets.ts";
import { printResult } from "../terminal/print.ts";
import { showWork } from "../terminal/progress.ts";
import { formatCount, formatTable } from "../terminal/table.ts";
import { formatTotals } from "./inspect.ts";

/** A blob is packed anew whatever work it takes where it runs. */
const NOTHING_RUNS = { maxOperations: Number.POSITIVE_INFINITY };

/** What became of a weight tensor. */
interface RepackedWeights {
  weights: string;
  from: string;
  to: string;
  /** Bytes of the op's tiles, parameters included. */
  bytesBefore: number;
  bytes: number;
}

export const EXAMPLE = "repack model.tern -o small.tern --for storage";

export default defineCommand({
  meta: { name: "repack", description: "Pack a blob's weights for a target, losslessly" },
  args: {
    model: { type: "positional", required: true, description: "Blob, as convert writes it" },
    out: { type: "string", alias: "o", required: true, valueHint: "out.tern", description: "Blob to write" },
    for: { ...TARGET_ARG, required: true },
    ...JSON_ARG,
  },
  async run({ args }) {
    takeStdout(args.out);
    checkOutputs([args.out], { model: args.model });
    const blob = await readModel(args.model);
    const { repacked, before, after } = await showWork(`Packing ${nameOf(args.model)}`, async () => {
      const repacked = await namingFiles({ model: args.model }, async () => repack(blob, args.for));
      const before = await inspect(blob, await plainModule(blob), v8, NOTHING_RUNS);
      return { repacked, before, after: await inspect(repacked, await plainModule(repacked), v8, NOTHING_RUNS) };
    });
    await writeFileAtomic(args.out, repacked);
    const weights = compare(before, after);
    printResult(
      args.json,
      () => ({ out: args.out, target: args.for, blobBytes: repacked.length, bytesBefore: blob.length, weights }),
      () => [
        `${nameOf(args.model)} → ${outName(args.out)}, for ${args.for}: ${formatCount(blob.length)} → ${formatCount(repacked.length)} bytes`,
        "",
        ...format(weights),
        "",
        ...formatTotals(after),
      ],
    );
  },
});

function compare(before: Inspection, after: Inspection): RepackedWeights[] {
  return after.layers.flatMap(({ name, weights, packing, bytes }, i) => {
    const was = before.layers[i]!;
    const tensor = after.program.description?.ops[i]?.weights ?? name;
    return weights === "" ? [] : [{ weights: tensor, from: was.packing, to: packing, bytesBefore: was.bytes, bytes }];
  });
}

function format(weights: RepackedWeights[]): string[] {
  const rows = weights.map(({ weights, from, to, bytesBefore, bytes }) => [
    shown(weights),
    from === to ? to : `${from} → ${to}`,
    formatCount(bytesBefore),
    formatCount(bytes),
  ]);
  return formatTable("llrr", [["weights", "packing", "bytes before", "bytes"], ...rows], { headed: true });
}
