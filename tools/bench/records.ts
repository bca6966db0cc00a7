import type { Machine } from "./machine.ts";

// The files of benchmarks/: what was measured, a row each, and of which run it is. BENCHMARKS.md is made of them alone (page.ts).

/** A run of the bench, and what its numbers depend on. */
export interface BenchRun {
  command: string;
  machine: Machine;
  /** Why something was not measured. */
  missing: string[];
}

/** Rows by the name of their table. */
export type Tables = Record<string, readonly object[]>;

/** What one run found out. */
export type Found<All extends Tables> = { run: BenchRun } & All;

/** A row of a file: `run` is an index of `runs`. */
export type Recorded<Row> = Row & { run: number };

/** What a file holds. */
export type Records<All extends Tables> = { runs: BenchRun[] } & { [Name in keyof All]: Recorded<All[Name][number]>[] };

/** Columns that tell the tasks of a table apart. Several rows may be of one task. */
export type Keys<All extends Tables> = { [Name in keyof All]: readonly (keyof All[Name][number] & string)[] };

/** The records of one run. */
export function recordsOf<All extends Tables>({ run, ...tables }: Found<All>): Records<All> {
  const rows = Object.entries(tables as Tables).map(([name, own]) => [name, own.map((row) => ({ run: 0, ...row }))]);
  return { runs: [run], ...Object.fromEntries(rows) };
}

/** Records in which the tasks of a later run have its rows; all others stay as they are. Runs of which no row is left are forgotten. */
export function withTasks<All extends Tables>(old: Records<All>, found: Found<All>, keys: Keys<All>): Records<All> {
  const runs = [...old.runs, found.run];
  const fresh = recordsOf(found);
  const tables = Object.entries<readonly string[]>(keys).map(([name, columns]) => {
    const latest = (fresh[name] as Recorded<object>[]).map((row) => ({ ...row, run: old.runs.length }));
    return [name, replaceTasks((old[name] ?? []) as Recorded<object>[], latest, columns)] as const;
  });
  const left = runs.map((_, index) => tables.some(([, rows]) => rows.some(({ run }) => run === index)));
  const indexOf = (run: number) => left.slice(0, run).filter(Boolean).length;
  const renumbered = tables.map(([name, rows]) => [name, rows.map((row) => ({ ...row, run: indexOf(row.run) }))]);
  return { runs: runs.filter((_, index) => left[index]), ...Object.fromEntries(renumbered) };
}

/** A task's new rows stand where its first old one stood, those of new tasks at the end. */
function replaceTasks<Row extends object>(old: readonly Row[], latest: readonly Row[], columns: readonly string[]) {
  const taskOf = (row: Row) => JSON.stringify(columns.map((column) => row[column as keyof Row]));
  const tasks = new Map<string, Row[]>();
  for (const row of latest) tasks.set(taskOf(row), [...(tasks.get(taskOf(row)) ?? []), row]);
  const placed = new Set<string>();
  const rows = old.flatMap((row) => {
    const task = taskOf(row);
    if (!tasks.has(task)) return [row];
    const isFirst = !placed.has(task);
    placed.add(task);
    return isFirst ? tasks.get(task)! : [];
  });
  return [...rows, ...[...tasks].flatMap(([task, own]) => (placed.has(task) ? [] : own))];
}

/** The file: JSON, a row a line. */
export function formatRecords(records: object): string {
  const tables = Object.entries(records).map(([name, rows]: [string, readonly object[]]) => {
    const lines = rows.map((row) => `\n${JSON.stringify(row)}`);
    return `${JSON.stringify(name)}: [${lines.join(",")}\n]`;
  });
  return `{\n${tables.join(",\n")}\n}\n`;
}

/** Digits of what is judged by a bound: rounded to so many, it still lies on its side. */
export const EXACT = 9;

/** As many significant digits as a measurement is good for. */
export function rounded(value: number, digits = 4): number {
  return Number(value.toPrecision(digits));
}
