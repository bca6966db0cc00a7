import { defineCommand } from "citty";
import { readTrailer, signBlob } from "../../host/flash/signature.ts";
import { readBlob } from "../../host/index.ts";
import { namingFiles, readKeyFile, readSignedModel } from "../files/models.ts";
import { checkOutputs, writeFileAtomic } from "../files/outputs.ts";
import { nameOf, outName, takeStdout } from "../files/stdio.ts";
import { concat } from "../inputs/concat.ts";
import { JSON_ARG } from "../options/json.ts";
import { checked, numberOption } from "../options/usage.ts";
import { printResult } from "../terminal/print.ts";
import { formatCount } from "../terminal/table.ts";
import { formatStatement } from "./verify_signature.ts";

export const EXAMPLE = "sign model.tern --key model.key --counter 3 -o signed.tern";

export default defineCommand({
  meta: { name: "sign", description: "Sign a blob: a trailer behind it says who made it" },
  args: {
    model: { type: "positional", required: true, description: "Blob; a signature that it has is replaced" },
    key: { type: "string", required: true, valueHint: "K", description: "Private key, as keygen makes it" },
    out: { type: "string", alias: "o", required: true, valueHint: "signed.tern", description: "File to write" },
    counter: {
      type: "string",
      valueHint: "N",
      description: "Devices that have a greater one refuse the model, else 0",
    },
    board: { type: "string", valueHint: "NAME", description: "The board that it is for, else any" },
    ...JSON_ARG,
  },
  async run({ args }) {
    const counter = numberOption("counter", args.counter);
    takeStdout(args.out);
    checkOutputs([args.out], { model: args.model, key: args.key });
    const key = await readKeyFile(args.key, "private");
    const { blob } = await readSignedModel(args.model);
    await namingFiles({ model: args.model }, async () => readBlob(blob)); // is one
    const trailer = checked("--board", () => signBlob(blob, key, { counter, board: args.board }));
    const statement = readTrailer(trailer);
    await writeFileAtomic(args.out, concat([blob, trailer]));
    printResult(
      args.json,
      () => ({ out: args.out, blobBytes: blob.length, trailerBytes: trailer.length, ...statement }),
      () => [
        `${nameOf(args.model)} → ${outName(args.out)}: ${formatCount(blob.length)} bytes and ${trailer.length} of signature`,
        "",
        ...formatStatement(statement),
      ],
    );
  },
});
