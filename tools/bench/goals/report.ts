import type { Machine } from "../machine.ts";
import { formatMarkdown, formatNumber } from "../report.ts";
import { COLUMNS, type Comparison, ratesOf, ratioOf, type Verdict } from "./goals.ts";

/** All that a page says of a run. */
export interface GoalsReport {
  command: string;
  machine: Machine;
  verdicts: Verdict[];
  missing: string[];
}

/** The goals as Markdown. */
export function formatGoals({ command, machine, verdicts, missing }: GoalsReport): string[] {
  const header = ["", "task", "against", "in", "worst", "ours", "theirs", "ratio", "goal", ""];
  return [
    "## Goals",
    "",
    `Measured by \`${command}\`, on one thread. A ratio is our rate to the peer's, the median of five rounds, in each of which the`,
    "peer is timed and ours right after it, in the same process: the faster quarter of some batches of calls, of both. Of several shapes",
    "(K = M = 1024, 2048, 4096), the worst counts; the rates are those of that shape, in GMAC/s or pictures/s. The peers of products quantize",
    "x to 8 bits, also beside our 4-bit and binary x: there they are a yardstick, not the same task. The network goes from 8-bit pixels to",
    "scores, with 4-bit codes between its layers.",
    "",
    ...Object.entries(machine).map(([name, value]) => `- ${name}: ${value}`),
    ...missing.map((reason) => `- Not measured: ${reason}`),
    "",
    ...formatMarkdown("lllllrrrrl", [header, ...verdicts.map(formatVerdict)]),
  ];
}

/** The run with what follows from it. */
export function jsonGoals({ verdicts, ...rest }: GoalsReport) {
  return {
    ...rest,
    goals: verdicts.map(({ goal, column, atLeast, worst, met }) => ({
      ...{ goal: goal.name, task: goal.task, column, atLeast, met, ...worst },
      ...(worst && { ratio: ratioOf(worst), rates: ratesOf(worst) }),
    })),
  };
}

function formatVerdict({ goal, column, atLeast, worst, met }: Verdict): string[] {
  const peers = goal.against.map(({ peer }) => peer).join(", ");
  const against = goal.against.length > 1 ? `best of ${peers}` : peers;
  const place = [goal.name, goal.task, worst?.peer ?? against, titleOf({ goal, column })];
  const bound = `≥ ${atLeast.toFixed(2)}`;
  if (!worst) return [...place, "", "", "", "", bound, "not measured"];
  return [...place, worst.what, ...rates(worst), roundedDown(ratioOf(worst)), bound, met ? "met" : "**not met**"];
}

/** "V8 of Node 24, relaxed", with the goal's own variant where it has one. */
function titleOf({ goal, column }: Pick<Verdict, "goal" | "column">): string {
  const { title, variant } = COLUMNS[column];
  return goal.variant ? title.replace(variant, goal.variant) : title;
}

function rates(worst: Comparison): string[] {
  const { ours, theirs } = ratesOf(worst);
  return [formatNumber(ours), formatNumber(theirs)];
}

/** Two digits; never up to a goal that is not reached. */
function roundedDown(ratio: number): string {
  return (Math.floor(ratio * 100 + 1e-9) / 100).toFixed(2);
}
