import { defineCommand } from "citty";
import { modelHeader } from "../../host/cost/fit.ts";
import { readBoard } from "../../host/firmware/boards.ts";
import { type Made, makeFirmware, makeLibrary } from "../../host/firmware/make/output.ts";
import { type Runtime, runtimeNamed, withMemoryFor } from "../../host/firmware/make/runtimes.ts";
import { readBlob, v8 } from "../../host/index.ts";
import { buildModule, deviceModule, readModule } from "../../host/node.ts";
import { namingFiles, readModel } from "../files/models.ts";
import { writeFolderAtomic } from "../files/outputs.ts";
import { BOARD_ARG, DEVICE_ARGS } from "../options/device_args.ts";
import { JSON_ARG } from "../options/json.ts";
import { UsageError } from "../options/usage.ts";
import { printResult } from "../terminal/print.ts";
import { showWork } from "../terminal/progress.ts";
import { formatCount } from "../terminal/table.ts";
import { wrapText } from "../terminal/wrap.ts";

export const EXAMPLE = "firmware model.tern --board netduinoplus2 -o firmware";

export default defineCommand({
  meta: { name: "firmware", description: "Write C for a microcontroller: a whole image, or a library" },
  args: {
    model: {
      type: "positional",
      required: false,
      description: "Blob; a library, and a firmware with slots, can do without",
    },
    out: { type: "string", alias: "o", required: true, valueHint: "folder", description: "Where the files go" },
    board: BOARD_ARG,
    library: { type: "boolean", description: "The library, for a firmware of your own" },
    ...DEVICE_ARGS,
    "fixed-model": {
      type: "boolean",
      description: "A module with what this model needs alone: less flash, and models that need more take new code",
    },
    slots: { type: "boolean", description: "Without a model: it keeps those that flash brings in slots of its flash" },
    ...JSON_ARG,
  },
  async run({ args }) {
    const { model, out, board, library } = args;
    if (library ? board !== undefined : board === undefined)
      throw new UsageError("expected either --board or --library");
    if (library && args.slots) throw new UsageError("expected either --library or --slots");
    if (!library && !args.slots && model === undefined) throw new UsageError("missing argument MODEL");
    const isFixed = args["fixed-model"];
    if (isFixed && model === undefined) throw new UsageError("--fixed-model: missing argument MODEL");
    if (isFixed && args.module !== undefined) throw new UsageError("expected either --module or --fixed-model");
    const known = runtimeNamed(args.runtime);
    const blob = model === undefined ? undefined : await readModel(model);
    if (blob) await namingFiles({ model: model! }, async () => readBlob(blob)); // is one
    const { name, module, runtime } = isFixed
      ? await showWork("Compiling the module", () => fixedModule(known, blob!))
      : { ...(await deviceModule(known, blob, args.module)), runtime: known };
    const made = await showWork(`Making C for ${board ?? "a library"}`, async () => {
      if (args.slots) return makeFirmware(readBoard(board!), runtime, module, { update: await readModule("update") });
      if (!library) return makeFirmware(readBoard(board!), runtime, module, { blob: blob! });
      return makeLibrary(runtime, module, blob && (await modelHeader(blob, module, v8, runtime.extraBytes)));
    });
    await writeFolderAtomic(out, made.files, { model, board });
    const { codeBytes, missing } = made;
    const files = Object.keys(made.files).filter((file) => !made.byTheWay.includes(file));
    printResult(
      args.json,
      () => ({ out, module: name, files, codeBytes, missing }),
      () => formatWritten(out, name, files, made),
    );
  },
});

/** A module for one model; an interpreter has the memory that the smallest build which runs the model takes, of which it is a part. */
async function fixedModule(known: Runtime, blob: Uint8Array) {
  const { name } = await deviceModule(known, blob);
  const module = await buildModule(blob, { variant: known.variant, weights: "streaming" });
  return { name: `${known.variant} for this model alone`, module, runtime: withMemoryFor(known, name) };
}

function formatWritten(out: string, module: string, files: string[], { codeBytes, missing }: Made): string[] {
  return [
    ...wrapText(`${out}: ${shortened(files).join(", ")}`),
    ...(codeBytes === undefined
      ? []
      : [`code     ${formatCount(codeBytes)} bytes of flash, with the module ${module}`]),
    ...(missing === undefined ? [] : wrapText(`not compiled: ${missing}`)),
  ];
}

/** An interpreter's hundred files as one folder. */
function shortened(files: string[]): string[] {
  return [...new Set(files.map((file) => file.replace(/^([^/]+\/)[^/]+\/.*/, "$1")))];
}
