import { distinct, formatMarkdown } from "../markdown.ts";
import type { GoalRow } from "./rows.ts";

/** A line for each task: what was reached of what is wanted, in each engine. */
export function formatGoals(rows: readonly GoalRow[]): string[] {
  const engines = distinct(rows.map(engineOf));
  const tasks = distinct(rows.map(({ goal, task }) => `${goal} ${task}`)).map((task) =>
    rows.filter((row) => `${row.goal} ${row.task}` === task),
  );
  const lines = tasks.map((own) => [
    ...[own[0]!.goal, own[0]!.task, distinct(own.map(({ against }) => against)).join(", ")],
    ...engines.map((engine) =>
      own
        .filter((row) => engineOf(row) === engine)
        .map(formatReached)
        .join(", "),
    ),
  ]);
  return formatMarkdown(`lll${"l".repeat(engines.length)}`, [["", "task", "beside", ...engines], ...lines]);
}

/** "V8 of Node 24". */
function engineOf(row: GoalRow): string {
  return row.in.split(", ")[0]!;
}

/** "0.77 of 0.62"; what is not reached is bold. */
function formatReached({ ratio, atLeast, met }: GoalRow): string {
  const bound = `≥ ${atLeast.toFixed(2)}`;
  if (ratio === undefined) return `not measured, ${bound}`;
  if (atLeast === 0) return roundedDown(ratio); // shown, and no goal
  const reached = `${roundedDown(ratio)}, ${bound}`;
  return met ? reached : `**${reached}**`;
}

/** Two digits; never up to a goal that is not reached. */
function roundedDown(ratio: number): string {
  return (Math.floor(ratio * 100 + 1e-9) / 100).toFixed(2);
}
