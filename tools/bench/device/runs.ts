import { boardNames } from "../../../host/firmware/boards.ts";
import { MODEL_NAMES, type ModelName } from "./models.ts";

/** How the firmware is built: as always; with only what a ternary MLP needs; without the check of bounds. */
export type Build = "checked" | "mlp" | "unchecked";

/** Where a model is measured: a board with a runtime. */
export interface Place {
  board: string;
  runtime: string;
  build: Build;
}

/** What is measured together. */
export interface Task extends Place {
  model: ModelName;
}

/** What was measured of a model. Bytes and executed instructions, of one row. */
export interface Measurement {
  /** Of build/, that the firmware was made from. */
  module: string;
  macs: number;
  /** One inference, and each op by itself; less what the same request takes that runs no op. */
  instructions: number;
  ops: { name: string; macs: number; instructions: number }[];
  /** What was subtracted. */
  empty: number;
  blobBytes: number;
  /** RAM of the model, as its blob tells; `tile` is a part of scratch, the largest one. */
  planned: { own: number; head: number; arena: number; scratch: number; tile: number };
  /** RAM of the model, as the device took it. */
  taken: number;
  firmware: {
    /** Flash, without a blob. */
    code: number;
    /** RAM that is no model's: variables; the stack that is set aside, and the most of it that was in use. */
    variables: number;
    stack: number;
    stackUsed: number;
  };
}

export interface Run extends Task, Measurement {}

/** A task that a device refuses: the model does not fit, or the runtime does not run it. */
export interface Refusal extends Task {
  refused: string;
}

export type Result = Run | Refusal;

/** Boards of chips: virt has the core of sifive_e, and its instructions. */
const CHIPS = boardNames().filter((name) => name !== "virt");

/** Boards of a runtime: WAMR's interpreter is too large for the others. */
const BOARDS: Record<string, string[]> = {
  wasm2c: CHIPS,
  wasm3: CHIPS.filter((name) => name !== "sifive_e"),
  wamr: ["netduinoplus2"],
};

/** All that is measured where nothing is said. */
export const TASKS: readonly Task[] = MODEL_NAMES.flatMap((model) =>
  Object.entries(BOARDS).flatMap(([runtime, boards]) =>
    boards.map((board): Task => ({ board, runtime, build: "checked", model })),
  ),
);

/** What --filter is compared with, and what tells tasks apart: "netduinoplus2 wasm2c checked digits". */
export function labelOf({ board, runtime, build, model }: Task): string {
  return `${board} ${runtime} ${build} ${model}`;
}
