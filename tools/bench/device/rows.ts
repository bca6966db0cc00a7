import { readBoard } from "../../../host/firmware/boards.ts";
import { EXACT, rounded } from "../records.ts";
import { type DeviceVerdict, type Measure, plannedOf } from "./goals.ts";
import type { Refusal, Result, Run, Task } from "./runs.ts";

/** A goal on a board. Without a figure: refused by the device (then it is not met), or not measured. */
export interface DeviceGoalRow {
  goal: string;
  task: string;
  board: string;
  core: string;
  runtime: string;
  build: string;
  module?: string;
  figure?: number;
  measure: Measure;
  atMost: number;
  met?: boolean;
}

/** One inference of one row on a board, in executed instructions; or why the device refuses it. */
export interface InferenceRow extends Task {
  core: string;
  module?: string;
  macs?: number;
  instructions?: number;
  /** Of the same request when it runs no op: subtracted. */
  subtracted?: number;
  refused?: string;
}

/** An op of an inference that has several, by itself. */
export interface OpRow extends Task {
  op: string;
  macs: number;
  instructions: number;
}

/** Bytes of a model as a module takes it, for one row. */
export interface ModelRow {
  model: string;
  module: string;
  macs: number;
  /** Of the blob, in flash. */
  flash: number;
  head: number;
  arena: number;
  scratch: number;
  /** The largest tile, which scratch has room for. */
  tile: number;
  /** The module's own tables. */
  own: number;
  /** RAM as `tern fit` plans it, and as the device took it. */
  planned: number;
  taken: number;
}

/** Bytes of a linked image without a model. */
export interface FirmwareRow {
  board: string;
  core: string;
  runtime: string;
  build: string;
  module: string;
  flash: number;
  variables: number;
  /** What is set aside, and the most that the models of its run used, by its paint. */
  stack: number;
  stackUsed: number;
}

export function deviceGoalRow({ goal, run, figure, met }: DeviceVerdict): DeviceGoalRow {
  const { board, runtime, build } = goal.of;
  return {
    ...{ goal: goal.name, task: goal.task, board, core: readBoard(board).core, runtime, build },
    ...(run && { module: run.module, figure: rounded(figure!, EXACT) }),
    ...{ measure: goal.measure, atMost: goal.atMost },
    ...(met !== undefined && { met }),
  };
}

export function deviceRows(results: readonly Result[]) {
  const runs = results.filter((result): result is Run => "instructions" in result);
  return {
    inferences: results.map(inferenceRow),
    ops: runs.flatMap(opRows),
    models: firstOfEach(runs, ({ model, module }) => `${model} ${module}`).map(modelRow),
    firmware: firstOfEach(runs, imageOf).map((run) => firmwareRow(run, runs)),
  };
}

function inferenceRow(result: Run | Refusal): InferenceRow {
  const task = { ...taskOf(result), core: readBoard(result.board).core };
  if ("refused" in result) return { ...task, refused: result.refused };
  const { module, macs, instructions, empty } = result;
  return { ...task, module, macs, instructions, subtracted: empty };
}

function opRows(run: Run): OpRow[] {
  if (run.ops.length === 1) return [];
  return run.ops.map(({ name, macs, instructions }) => ({ ...taskOf(run), op: name, macs, instructions }));
}

function modelRow({ model, module, macs, blobBytes, planned, taken }: Run): ModelRow {
  const { own, head, arena, scratch, tile } = planned;
  const bytes = { flash: blobBytes, head, arena, scratch, tile, own, planned: plannedOf(planned), taken };
  return { model, module, macs, ...bytes };
}

function firmwareRow(run: Run, runs: readonly Run[]): FirmwareRow {
  const { board, runtime, build, module, firmware } = run;
  const same = runs.filter((other) => imageOf(other) === imageOf(run));
  return {
    ...{ board, core: readBoard(board).core, runtime, build, module },
    ...{ flash: firmware.code, variables: firmware.variables, stack: firmware.stack },
    stackUsed: Math.max(...same.map((each) => each.firmware.stackUsed)),
  };
}

function taskOf({ model, board, runtime, build }: Task): Task {
  return { model, board, runtime, build };
}

function imageOf({ board, runtime, build, module }: Run): string {
  return `${board} ${runtime} ${build} ${module}`;
}

function firstOfEach(runs: Run[], keyOf: (run: Run) => string): Run[] {
  return runs.filter((run, i) => runs.findIndex((other) => keyOf(other) === keyOf(run)) === i);
}
