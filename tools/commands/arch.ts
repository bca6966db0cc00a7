import { defineCommand } from "citty";
import { draftArch } from "../../host/checkpoint/arch/draft.ts";
import { openWeights } from "../../host/checkpoint/index.ts";
import { readCheckpointFile } from "../files/checkpoints.ts";
import { namingFiles } from "../files/models.ts";
import { checkOutputs, writeFileAtomic } from "../files/outputs.ts";
import { nameOf, outName, takeStdout } from "../files/stdio.ts";
import { JSON_ARG } from "../options/json.ts";
import { printResult } from "../terminal/print.ts";

export const EXAMPLE = "arch model.safetensors -o net.json";

export default defineCommand({
  meta: { name: "arch", description: "Draft the network of a file of weights, for convert --arch" },
  args: {
    checkpoint: {
      type: "positional",
      required: true,
      description: "safetensors, .npz, PyTorch state dict, or weights of Keras",
    },
    out: { type: "string", alias: "o", required: true, valueHint: "net.json", description: "Draft to write" },
    ...JSON_ARG,
  },
  async run({ args }) {
    const { checkpoint, out } = args;
    takeStdout(out);
    checkOutputs([out], { checkpoint });
    const bytes = await readCheckpointFile(checkpoint);
    const file = await namingFiles({ checkpoint }, async () => openWeights(bytes));
    const { arch, guesses } = draftArch(file);
    await writeFileAtomic(out, new TextEncoder().encode(`${JSON.stringify(arch, null, 2)}\n`));
    printResult(
      args.json,
      () => ({ out, arch, guesses, notes: file.notes }),
      () => [
        `${nameOf(checkpoint)} → ${outName(out)}, a draft`,
        ...guesses.map((guess) => `guessed: ${guess}`),
        ...file.notes.map((note) => `note: ${note}`),
      ],
    );
  },
});
