import { formatCount } from "../../terminal/table.ts";
import { distinct, formatMarkdown } from "../markdown.ts";
import type { DeviceGoalRow, FirmwareRow, InferenceRow, ModelRow } from "./rows.ts";

const COMPILED = "wasm2c";
/** The core that all interpreters run on. */
const INTERPRETED_ON = "cortex-m4";
/** Cores whose code is nearly that of the Cortex-M4: files alone have them. */
const LEFT_OUT = ["cortex-m3", "cortex-m7"];
/** Convolutions, by their kernels, which stand among the goals. */
const IN_GOALS = /^\d+ × \d+/;

/** A line for each goal; what is not met is bold. */
export function formatDeviceGoals(rows: readonly DeviceGoalRow[]): string[] {
  const lines = rows.map(({ goal, task, core, runtime, build, figure, measure, atMost, met }) => {
    const reached = figure === undefined ? (met === false ? "refused" : "not measured") : formatFigure(figure, atMost);
    const place = [core, runtime, build].filter((word) => word !== COMPILED && word !== "checked").join(", ");
    return [
      ...[goal, task, place, measure],
      ...[met === false ? `**${reached}**` : reached, formatFigure(atMost, atMost)],
    ];
  });
  return formatMarkdown("llllrr", [["", "task", "on", "in", "reached", "≤"], ...lines]);
}

/** A line for each model: its bytes where it is compiled; its instructions compiled for every core, and interpreted on one. */
export function formatDevices(inferences: readonly InferenceRow[], models: readonly ModelRow[]): string[] {
  const shown = inferences.filter(({ model, runtime, core }) => {
    if (IN_GOALS.test(model)) return false;
    return runtime === COMPILED ? !LEFT_OUT.includes(core) : core === INTERPRETED_ON;
  });
  const placeOf = ({ core, runtime }: InferenceRow) => (runtime === COMPILED ? core : runtime);
  const places = distinct(shown.map(placeOf));
  const lines = distinct(shown.map(({ model }) => model)).map((model) => {
    const own = shown.filter((row) => row.model === model);
    const module = own.find(({ runtime }) => runtime === COMPILED)?.module;
    const bytes = models.find((row) => row.model === model && row.module === module);
    const counts = places.map((place) => own.find((row) => placeOf(row) === place)?.instructions);
    return [model, ...[bytes?.macs, bytes?.flash, bytes?.planned, ...counts].map(formatOptional)];
  });
  const header = ["model", "MACs", "flash", "RAM", ...places];
  return formatMarkdown(`l${"r".repeat(header.length - 1)}`, [header, ...lines]);
}

/** A line for each image. */
export function formatFirmware(rows: readonly FirmwareRow[]): string[] {
  const shown = rows.filter(({ core }) => !LEFT_OUT.includes(core));
  const lines = shown.map(({ core, runtime, module, flash, variables, stack, stackUsed }) => [
    ...[core, runtime, module],
    ...[flash, variables, stack, stackUsed].map(formatCount),
  ]);
  return formatMarkdown("lllrrrr", [["core", "runtime", "module", "flash", "variables", "stack", "in use"], ...lines]);
}

/** Ratios with two digits, never rounded down to a goal that is not reached; counts in full. */
function formatFigure(figure: number, atMost: number): string {
  return atMost < 100 ? (Math.ceil(figure * 100 - 1e-9) / 100).toFixed(2) : formatCount(figure);
}

function formatOptional(value: number | undefined): string {
  return value === undefined ? "–" : formatCount(value);
}
