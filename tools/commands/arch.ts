import { open } from "node:fs/promises";
import { defineCommand } from "citty";
import { fileKind, GGUF, KIND_BYTES } from "../../host/base/file_kind.ts";
import { type Draft, draftArch } from "../../host/checkpoint/arch/draft.ts";
import { openGguf } from "../../host/checkpoint/gguf/open.ts";
import { openWeights } from "../../host/checkpoint/index.ts";
import type { WeightsFile } from "../../host/checkpoint/weights_file.ts";
import { readCheckpointFile } from "../files/checkpoints.ts";
import { openFileSource } from "../files/file_source.ts";
import { namingFiles } from "../files/models.ts";
import { checkOutputs, writeFileAtomic } from "../files/outputs.ts";
import { nameOf, outName, STDIO, takeStdout } from "../files/stdio.ts";
import { JSON_ARG } from "../options/json.ts";
import { printResult } from "../terminal/print.ts";

export const EXAMPLE = "arch model.safetensors -o net.json";

export default defineCommand({
  meta: { name: "arch", description: "Draft the network of a file of weights, for convert --arch" },
  args: {
    checkpoint: {
      type: "positional",
      required: true,
      description: "safetensors, .npz, PyTorch state dict, GGUF, or weights of Keras",
    },
    out: { type: "string", alias: "o", required: true, valueHint: "net.json", description: "Draft to write" },
    ...JSON_ARG,
  },
  async run({ args }) {
    const { checkpoint, out } = args;
    takeStdout(out);
    checkOutputs([out], { checkpoint });
    const { arch, guesses, notes } = await draftFrom(checkpoint);
    await writeFileAtomic(out, new TextEncoder().encode(`${JSON.stringify(arch, null, 2)}\n`));
    printResult(
      args.json,
      () => ({ out, arch, guesses, notes }),
      () => [
        `${nameOf(checkpoint)} → ${outName(out)}, a draft`,
        ...guesses.map((guess) => `guessed: ${guess}`),
        ...notes.map((note) => `note: ${note}`),
      ],
    );
  },
});

/** The draft of a file, of which names and shapes are read: a GGUF file may be larger than the memory. */
async function draftFrom(checkpoint: string): Promise<Draft & { notes: string[] }> {
  const draft = (file: WeightsFile) => ({ ...draftArch(file), notes: file.notes });
  if (checkpoint !== STDIO && (await isGguf(checkpoint))) {
    const source = openFileSource(checkpoint);
    try {
      return await namingFiles({ checkpoint }, async () => draft(openGguf(source)));
    } finally {
      source.close();
    }
  }
  const bytes = await readCheckpointFile(checkpoint);
  return namingFiles({ checkpoint }, async () => draft(openWeights(bytes)));
}

async function isGguf(path: string): Promise<boolean> {
  const file = await open(path).catch(() => undefined); // reading it says why
  if (!file) return false;
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(KIND_BYTES), 0, KIND_BYTES, 0).catch(() => ({
      buffer: new Uint8Array(0),
      bytesRead: 0,
    }));
    return fileKind(buffer.subarray(0, bytesRead)) === GGUF;
  } finally {
    await file.close();
  }
}
