import { defineCommand } from "citty";
import { type ModelMemory, modelMemory } from "../../host/cost/fit.ts";
import { predictInstructions } from "../../host/cost/instructions.ts";
import { type Measured, readMeasured } from "../../host/cost/measured.ts";
import { type Board, boardNames, readBoard } from "../../host/firmware/boards.ts";
import { type Runtime, runtimeNamed } from "../../host/firmware/make/runtimes.ts";
import { EngineError, readBlob, v8 } from "../../host/index.ts";
import { deviceModule } from "../../host/node.ts";
import type { Program } from "../../host/program.ts";
import { namingFiles, readModel } from "../files/models.ts";
import { BOARD_ARG, DEVICE_ARGS } from "../options/device_args.ts";
import { JSON_ARG } from "../options/json.ts";
import { printResult } from "../terminal/print.ts";
import { showWork } from "../terminal/progress.ts";
import { formatCount, formatTable } from "../terminal/table.ts";

/** What a model takes of a board with a runtime, and what is left; below 0: so much is missing. */
export interface Fit {
  board: string;
  runtime: string;
  module: string;
  flash: { code: number; codeFree: number; blob: number; blobFree: number };
  ram: { model: number; variables: number; stack: number; total: number; free: number };
  fits: boolean;
  /** Of an inference of one row, by the cost model; absent where the model has a kernel that was not measured. */
  instructions?: number;
}

export const EXAMPLE = "fit model.tern --board microbit";

export default defineCommand({
  meta: { name: "fit", description: "Say whether a blob fits boards, and by how many bytes" },
  args: {
    model: { type: "positional", required: true, description: "Blob, as convert writes it" },
    board: { ...BOARD_ARG, values: ["all", ...BOARD_ARG.values], default: "all" },
    ...DEVICE_ARGS,
    ...JSON_ARG,
  },
  async run({ args }) {
    const blob = await readModel(args.model);
    await namingFiles({ model: args.model }, async () => readBlob(blob)); // is one
    const runtime = runtimeNamed(args.runtime);
    const { name, module } = await deviceModule(runtime, blob, args.module);
    const memory = await showWork(`Reading ${args.model}`, () => {
      return modelMemory(blob, module, v8, 1, runtime.extraBytes);
    });
    const boards = (args.board === "all" ? boardNames() : [args.board]).map(readBoard);
    const fits = boards
      .filter(({ core }) => args.board !== "all" || runtime.cores.includes(core))
      .map((board): Fit => {
        const instructions = predictFor(board, runtime, name, readBlob(blob));
        return {
          ...fitOf(board, runtime, name, blob.length, memory),
          ...(instructions !== undefined && { instructions }),
        };
      });
    printResult(
      args.json,
      () => ({ blob: blob.length, memory, boards: fits }),
      () => formatFits(blob.length, memory, fits),
    );
  },
});

/** What a model takes of a board. A board of a user's own counts as the measured one of the same core. */
export function fitOf(board: Board, runtime: Runtime, module: string, blobBytes: number, { bytes }: ModelMemory): Fit {
  const { code, variables, stack } = measuredFor(board, runtime, module);
  const flash = {
    code,
    codeFree: board.blob.address - board.flash.address - code,
    blob: blobBytes,
    blobFree: board.blob.bytes - blobBytes,
  };
  const total = board.ram.bytes;
  const ram = { model: bytes, variables, stack, total, free: total - bytes - variables - stack };
  const fits = Math.min(flash.codeFree, flash.blobFree, ram.free) >= 0;
  return { board: board.name, runtime: runtime.name, module, flash, ram, fits };
}

/** Instructions of an inference of one row; undefined where the program has a kernel that was not measured. */
export function predictFor(board: Board, runtime: Runtime, module: string, program: Program): number | undefined {
  const { costs } = measuredFor(board, runtime, module);
  const ops = costs && predictInstructions(program, costs);
  return ops && Math.round(ops.reduce((sum, op) => sum + op, 0));
}

function measuredFor(board: Board, { name: runtime, cores }: Runtime, module: string): Measured {
  const all = readMeasured();
  const same = Object.keys(all).find((name) => name === board.name || readBoard(name).core === board.core);
  const measured = same === undefined ? undefined : (all[board.name] ?? all[same])?.[runtime]?.[module];
  if (measured) return measured;
  const known = cores.includes(board.core) ? "" : `, which runs on ${cores.join(", ")}`;
  throw new EngineError("missing", `nothing was measured for ${board.name} (${board.core}) with ${runtime}${known}`);
}

function formatFits(
  blob: number,
  { tables, head, arena, scratch, runtime, bytes }: ModelMemory,
  fits: Fit[],
): string[] {
  const rows = fits.map(({ board, runtime: name, module, flash, ram, fits: fit, instructions }) => [
    board,
    name,
    module,
    formatCount(flash.code),
    formatCount(ram.stack + ram.variables),
    formatCount(ram.total),
    fit && instructions !== undefined ? formatCount(instructions) : "",
    fit ? `fits, ${formatCount(ram.free)} bytes of RAM free` : shortOf(flash, ram),
  ]);
  return [
    `flash    ${formatCount(blob)} bytes of blob`,
    `RAM      ${formatCount(bytes)} bytes: tables ${formatCount(tables)}, head ${formatCount(head)}, activations ${formatCount(arena)}, scratch ${formatCount(scratch)}, runtime ${runtime}`,
    "",
    ...formatTable(
      "lllrrrrl",
      [["board", "runtime", "module", "code", "RAM beside it", "of RAM", "instructions", ""], ...rows],
      { headed: true },
    ),
  ];
}

function shortOf(flash: Fit["flash"], ram: Fit["ram"]): string {
  const lacks = [
    [ram.free, "RAM"],
    [flash.blobFree, "flash for the blob"],
    [flash.codeFree, "flash for code"],
  ] as const;
  return `no: ${lacks.flatMap(([free, what]) => (free < 0 ? [`${formatCount(-free)} bytes of ${what} short`] : [])).join(", ")}`;
}
