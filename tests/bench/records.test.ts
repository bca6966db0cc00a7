import { expect, it } from "vitest";
import { type BenchRun, type Found, formatRecords, recordsOf, rounded, withTasks } from "../../tools/bench/records.ts";

type Own = { times: { task: string; ms: number }[]; sizes: { file: string; bytes: number }[] };
const KEYS = { times: ["task"], sizes: ["file"] } as const;

const run = (command: string): BenchRun => ({ command, machine: { CPU: "abacus" }, missing: [] });
const first: Found<Own> = {
  run: run("first"),
  times: [
    { task: "a", ms: 1 },
    { task: "b", ms: 2 },
    { task: "b", ms: 3 },
    { task: "c", ms: 4 },
  ],
  sizes: [{ file: "x", bytes: 10 }],
};

it("a run replaces the tasks that it measured, and all others stay with theirs", () => {
  const times = [
    { task: "d", ms: 9 },
    { task: "b", ms: 7 },
  ];
  expect(withTasks(recordsOf(first), { run: run("second"), times, sizes: [] }, KEYS)).toEqual({
    runs: [run("first"), run("second")],
    times: [
      { run: 0, task: "a", ms: 1 },
      { run: 1, task: "b", ms: 7 },
      { run: 0, task: "c", ms: 4 },
      { run: 1, task: "d", ms: 9 },
    ],
    sizes: [{ run: 0, file: "x", bytes: 10 }],
  });
});

it("forgets a run of which no row is left", () => {
  const second = { ...first, run: run("second"), times: [{ task: "a", ms: 5 }], sizes: [] };
  const both = withTasks(recordsOf(first), second, KEYS);
  const third = withTasks(both, { ...second, run: run("third") }, KEYS);
  expect(third.runs.map(({ command }) => command)).toEqual(["first", "third"]);
  expect(third.times[0]).toEqual({ run: 1, task: "a", ms: 5 });
  expect(withTasks(both, { ...first, run: run("all") }, KEYS)).toEqual({ ...recordsOf(first), runs: [run("all")] });
});

it("the file is JSON with a row a line", () => {
  const text = formatRecords(recordsOf(first));
  expect(JSON.parse(text)).toEqual(recordsOf(first));
  expect(text.split("\n")).toContain('{"run":0,"task":"b","ms":2},');
});

it.each([
  [1234.56, 1235],
  [0.123456, 0.1235],
])("keeps four digits of %d", (value, expected) => {
  expect(rounded(value)).toBe(expected);
});
