import { readBoard } from "../../../host/firmware/boards.ts";
import { formatMarkdown } from "../report.ts";
import { type DeviceGoal, type DeviceVerdict, plannedOf } from "./goals.ts";
import { labelOf, type Refusal, type Result, type Run } from "./runs.ts";

/** All that a run found out. */
export interface DeviceReport {
  command: string;
  /** Versions of compilers and emulators, which the numbers depend on. */
  versions: Record<string, string>;
  results: Result[];
  missing: string[];
}

export interface DeviceGoalsReport extends DeviceReport {
  verdicts: DeviceVerdict[];
}

const ABOUT = [
  "Instructions are counted by a plugin of QEMU, from the call of `tern_invoke` to its reply; what the same request takes that runs no op is",
  "subtracted. One row, weights streamed from flash in the packing of module and core; tables, sums and what follows them included. Every",
  "count was found twice, and all outputs were equal to the reference's.",
];

/** The goals as Markdown. */
export function formatDeviceGoals(report: DeviceGoalsReport): string[] {
  const { verdicts } = report;
  const header = ["", "task", "board", "runtime", "build", "module", "measured", "", "goal", ""];
  return [
    "## Goals on devices",
    "",
    `Measured by \`${report.command}\`.`,
    ...ABOUT,
    "",
    ...formatSources(report),
    "",
    ...formatMarkdown("llllllrlrl", [header, ...verdicts.map(formatVerdict)]),
    ...formatRefusals(report.results),
  ];
}

function formatVerdict({ goal, run, figure, met }: DeviceVerdict): string[] {
  const { of, measure, atMost } = goal;
  const place = [goal.name, goal.task, of.board, of.runtime, of.build, run?.module ?? ""];
  const state = met === undefined ? "not measured" : met ? "met" : "**not met**";
  const value = figure === undefined ? "" : formatFigure(figure, goal);
  return [...place, value, measure, `≤ ${formatFigure(atMost, goal)}`, state];
}

function formatFigure(figure: number, goal: DeviceGoal): string {
  return hasDigits(goal) ? roundedUp(figure) : count(figure);
}

function hasDigits({ measure }: DeviceGoal): boolean {
  return measure === "instructions per MAC" || measure === "× Cortex-M4";
}

/** The measurements as Markdown. */
export function formatDevice(report: DeviceReport): string[] {
  const runs = report.results.filter((result): result is Run => !("refused" in result));
  return [
    "## Devices",
    "",
    `Measured by \`${report.command}\`.`,
    ...ABOUT,
    "",
    ...formatSources(report),
    "",
    ...formatInstructions(runs),
    "",
    ...formatModels(runs),
    "",
    ...formatFirmware(runs),
    "",
    ...formatOps(runs),
    ...formatRefusals(report.results),
  ];
}

function formatInstructions(runs: Run[]): string[] {
  const rows = runs.map((run) => {
    const { model, board, runtime, module, instructions, macs, empty } = run;
    const { core } = readBoard(board);
    return [model, board, core, runtime, module, count(instructions), roundedUp(instructions / macs), count(empty)];
  });
  const header = ["model", "board", "core", "runtime", "module", "instructions", "per MAC", "subtracted"];
  return ["### Instructions of an inference", "", ...formatMarkdown("lllllrrr", [header, ...rows])];
}

/** The same on every board that runs the same module. */
function formatModels(runs: Run[]): string[] {
  const rows = firstOfEach(runs, ({ model, module }) => `${model} ${module}`).map((run) => {
    const { own, head, arena, scratch, tile } = run.planned;
    const numbers = [run.macs, run.blobBytes, head, arena, scratch, tile, own, plannedOf(run.planned), run.taken];
    return [run.model, run.module, ...numbers.map(count)];
  });
  const header = [
    "model",
    "module",
    "MACs",
    "flash",
    "head",
    "arena",
    "scratch",
    "tile in it",
    "module's own",
    "RAM",
    "taken",
  ];
  return [
    "### Models",
    "",
    "Bytes, for one row. RAM is what `tern fit` plans, and beside it what the device took.",
    "",
    ...formatMarkdown("llrrrrrrrrr", [header, ...rows]),
  ];
}

function formatFirmware(runs: Run[]): string[] {
  const rows = firstOfEach(runs, ({ board, runtime, build, module }) => `${board} ${runtime} ${build} ${module}`).map(
    ({ board, runtime, build, module, firmware }) => {
      const same = runs.filter((run) => run.board === board && run.runtime === runtime && run.module === module);
      const stackUsed = Math.max(...same.map((run) => run.firmware.stackUsed));
      const numbers = [firmware.code, firmware.variables, firmware.stack, stackUsed].map(count);
      return [board, readBoard(board).core, runtime, build, module, ...numbers];
    },
  );
  const header = ["board", "core", "runtime", "build", "module", "flash", "variables", "stack", "stack in use"];
  return [
    "### Firmware",
    "",
    "Bytes of the linked image, without a model; the stack in use is the most that these models used, by its paint.",
    "",
    ...formatMarkdown("lllllrrrr", [header, ...rows]),
  ];
}

function formatOps(runs: Run[]): string[] {
  const models = [...new Set(runs.filter(({ ops }) => ops.length > 1).map(({ model }) => model))];
  return models.flatMap((model, i) => {
    const own = runs.filter((run) => run.model === model);
    const title = (run: Run) => `${run.board} ${run.runtime}`;
    const header = ["op", "MACs", ...own.map(title)];
    const rows = own[0]!.ops.map(({ name, macs }, op) => [
      ...[name, count(macs)],
      ...own.map(({ ops }) => `${count(ops[op]!.instructions)}${perMac(ops[op]!)}`),
    ]);
    return [
      ...(i > 0 ? [""] : []),
      `### Ops of ${model}`,
      "",
      "Instructions, and per MAC.",
      "",
      ...formatMarkdown(`lr${"r".repeat(own.length)}`, [header, ...rows]),
    ];
  });
}

function perMac({ instructions, macs }: Run["ops"][number]): string {
  return macs > 0 ? ` (${roundedUp(instructions / macs)})` : "";
}

/** One line for each reason, with all that it holds for. */
function formatRefusals(results: readonly Result[]): string[] {
  const refusals = results.filter((result): result is Refusal => "refused" in result);
  const reasons = [...new Set(refusals.map(({ refused }) => refused))].map((reason) => {
    const labels = refusals.filter(({ refused }) => refused === reason).map(labelOf);
    return `- ${labels.join("; ")}. ${reason}`;
  });
  return reasons.length === 0 ? [] : ["", "Refused:", "", ...reasons];
}

function formatSources({ versions, missing }: DeviceReport): string[] {
  return [
    ...Object.entries(versions).map(([name, version]) => `- ${name}: ${version}`),
    ...missing.map((reason) => `- Not measured: ${reason}`),
  ];
}

function firstOfEach(runs: Run[], keyOf: (run: Run) => string): Run[] {
  return runs.filter((run, i) => runs.findIndex((other) => keyOf(other) === keyOf(run)) === i);
}

/** Two digits; never down to a goal that is not reached. */
function roundedUp(value: number): string {
  return (Math.ceil(value * 100 - 1e-9) / 100).toFixed(2);
}

function count(value: number): string {
  return value.toLocaleString("en");
}
