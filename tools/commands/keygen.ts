import { existsSync } from "node:fs";
import { defineCommand } from "citty";
import { InputError } from "../../host/base/errors.ts";
import { makeKeys } from "../../host/flash/signature.ts";
import { writeFilesAtomic } from "../files/outputs.ts";
import { STDIO } from "../files/stdio.ts";
import { JSON_ARG } from "../options/json.ts";
import { UsageError } from "../options/usage.ts";
import { printResult } from "../terminal/print.ts";

/** Nobody but the owner reads a private key. */
const PRIVATE_MODE = 0o600;

export const EXAMPLE = "keygen -o model.key";

export default defineCommand({
  meta: { name: "keygen", description: "Make a pair of keys that sign models" },
  args: {
    out: {
      type: "string",
      alias: "o",
      required: true,
      valueHint: "K",
      description: "Private key; the public one is K.pub",
    },
    ...JSON_ARG,
  },
  async run({ args }) {
    if (args.out === STDIO) throw new UsageError("--out: two keys are two files, expected a path");
    const [path, publicPath] = [args.out, `${args.out}.pub`];
    for (const each of [path, publicPath]) {
      if (existsSync(each)) throw new InputError(`${each}: is there already, and no key is written over`);
    }
    const { privatePem, publicPem, keyId } = makeKeys();
    await writeFilesAtomic([
      { path, bytes: Buffer.from(privatePem), mode: PRIVATE_MODE },
      { path: publicPath, bytes: Buffer.from(publicPem) },
    ]);
    printResult(
      args.json,
      () => ({ out: path, publicKey: publicPath, keyId }),
      () => [`${path}: private key ${keyId}; keep it`, `${publicPath}: public key, for verify-signature`],
    );
  },
});
