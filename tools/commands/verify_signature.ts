import { defineCommand } from "citty";
import { type Statement, verifySignature } from "../../host/flash/signature.ts";
import { readBlob } from "../../host/index.ts";
import { namingFiles, readKeyFile, readSignedModel } from "../files/models.ts";
import { nameOf } from "../files/stdio.ts";
import { JSON_ARG } from "../options/json.ts";
import { joinTexts, paint } from "../terminal/paint.ts";
import { printResult } from "../terminal/print.ts";

export const EXAMPLE = "verify-signature signed.tern --key model.key.pub";

export default defineCommand({
  meta: { name: "verify-signature", description: "Prove that a key signed a blob" },
  args: {
    model: { type: "positional", required: true, description: "Blob, as sign writes it" },
    key: { type: "string", required: true, valueHint: "K.pub", description: "Public key, as keygen makes it" },
    ...JSON_ARG,
  },
  async run({ args }) {
    const key = await readKeyFile(args.key, "public");
    const { blob, trailer } = await readSignedModel(args.model);
    const statement = await namingFiles({ model: args.model }, async () => {
      readBlob(blob); // is one
      return verifySignature(blob, trailer, key);
    });
    printResult(
      args.json,
      () => ({ model: args.model, ...statement }),
      () => [joinTexts([`${nameOf(args.model)}: `, paint("green", "signed")]), "", ...formatStatement(statement)],
    );
  },
});

/** What a signature says, in lines. */
export function formatStatement({ keyId, counter, abiVersion, board }: Statement): string[] {
  return [`key      ${keyId}`, `counter  ${counter}`, `board    ${board || "any"}`, `ABI      ${abiVersion}`];
}
