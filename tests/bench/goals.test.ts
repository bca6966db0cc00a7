import { describe, expect, it } from "vitest";
import {
  COLUMN_NAMES,
  type Comparison,
  cellsOf,
  describe as describeCell,
  exitCode,
  GOALS,
  judge,
  labelOf,
  ratesOf,
  ratioOf,
  SIZES,
  type Verdict,
} from "../../tools/bench/goals/goals.ts";
import { formatGoals } from "../../tools/bench/goals/page.ts";
import { goalRow } from "../../tools/bench/goals/rows.ts";

const ALL = () => true;

/** A comparison of every wanted cell, each `factor` times as fast as its goal asks. */
function measured(factor: number, wants: (label: string) => boolean = ALL): Comparison[] {
  return COLUMN_NAMES.flatMap((column) =>
    cellsOf(column, wants).map((cell): Comparison => {
      const { name: goal, task, atLeast } = cell.goal;
      const ratio = factor * atLeast[column]!;
      const rounds = [0.5, 1, 4].map((mood) => ({ theirs: ratio * mood, ours: mood }));
      const what = describeCell(cell);
      return { goal, task, column, what, peer: cell.against.peer, work: 8, unit: "GMAC/s", rounds };
    }),
  );
}

const verdict = (met?: boolean) => ({ met }) as Verdict;

describe("goals", () => {
  it("have products of all sizes, or the network, in each column that has a goal", () => {
    for (const goal of GOALS) {
      for (const column of COLUMN_NAMES) {
        const cells = cellsOf(column, ALL).filter((cell) => cell.goal === goal);
        const sizes = goal.products.length * goal.rows.length * SIZES.length || 1;
        expect(cells.length, goal.name).toBe(goal.atLeast[column] === undefined ? 0 : sizes * goal.against.length);
      }
    }
  });

  it("are told apart by their tasks", () => {
    expect(new Set(GOALS.map(({ task }) => task)).size).toBe(GOALS.length);
  });

  it("are measured size by size, so that weights are shared", () => {
    const sizes = cellsOf("node24", ALL).map(({ size = 0 }) => size);
    expect(sizes).toEqual(sizes.toSorted((a, b) => a - b));
  });

  it("have labels for --filter", () => {
    const labels = cellsOf("node20", ALL).map(labelOf);
    expect(labels).toContain("G1 ternary i8 K=1024 rows=1 node20 v8 simd ggml TQ2_0");
    expect(labels).toContain("G9 ternary i8 K=4096 rows=1 node20 v8 scalar ggml TQ2_0");
    expect(labels).toContain("G8 network rows=1 node20 v8 simd ORT fp32");
    expect(cellsOf("node24", ALL).map(labelOf)).toContain(
      "V6 binary bit convolution rows=1 node24 v8 relaxed own ternary 3 × 3",
    );
    expect(cellsOf("wasmtime", ALL).map(labelOf)).toContain("G2 ternary i4 K=2048 rows=1 wasmtime relaxed ggml TQ2_0");
  });
});

describe("a comparison", () => {
  const comparison = { work: 12, rounds: [2, 9, 4, 3, 100].map((ours, i) => ({ ours, theirs: [2, 9, 6, 6, 50][i]! })) };

  it("is the median of the ratios, not the ratio of the medians", () => {
    expect(ratioOf(comparison as Comparison)).toBe(1); // of 1, 1, 1.5, 2, 0.5
  });

  it("is of rates, where the peer does another task", () => {
    expect(ratioOf({ ...comparison, theirWork: 24 } as Comparison)).toBe(0.5);
    expect(ratesOf({ ...comparison, theirWork: 24 } as Comparison)).toEqual({ ours: 3, theirs: 4 });
  });

  it("has the rates of the median rounds", () => {
    expect(ratesOf(comparison as Comparison)).toEqual({ ours: 3, theirs: 2 });
  });
});

describe("judge", () => {
  it("meets a goal that is just reached", () => {
    const verdicts = judge(measured(1), ALL);
    expect(verdicts).toHaveLength(GOALS.flatMap(({ atLeast }) => Object.keys(atLeast)).length);
    expect(verdicts.every(({ met }) => met)).toBe(true);
  });

  it("counts the worst shape", () => {
    const comparisons = measured(1.5);
    const slow = comparisons.find(({ what }) => what === "ternary × i4, K = M = 2048, 1 row")!;
    for (const round of slow.rounds) round.ours *= 2;
    const failed = judge(comparisons, ALL).filter(({ met }) => !met);
    expect(failed.map(({ goal, column }) => `${goal.name} ${column}`)).toEqual(["G2 node24"]);
    expect(failed[0]!.worst).toBe(slow);
    expect(ratioOf(slow)).toBeCloseTo(0.9, 9);
  });

  it("says nothing of a goal of which a shape is missing", () => {
    const comparisons = measured(2).filter(
      ({ what, column }) => what !== "int8 × i8, K = M = 4096, 64 rows" || column !== "wasmtime",
    );
    const open = judge(comparisons, ALL).filter(({ met }) => met === undefined);
    expect(open.map(({ goal, column }) => `${goal.name} ${column}`)).toEqual(["G5 wasmtime"]);
    expect(open[0]!.worst).toBeUndefined();
  });

  it("judges what --filter leaves", () => {
    const wants = (label: string) => label.startsWith("G1") && label.includes("K=1024") && label.includes("wasmtime");
    const verdicts = judge(measured(0.5, wants), wants);
    expect(verdicts).toMatchObject([
      { column: "wasmtime", met: false, worst: { what: "ternary × i8, K = M = 1024, 1 row" } },
    ]);
  });
});

it.each([
  [[true, true], 0],
  [[true, false], 1],
  [[true, undefined], 2],
  [[false, undefined], 2],
] as const)("exit code of %j is %d", (mets, code) => {
  expect(exitCode(mets.map((met) => verdict(met)))).toBe(code);
});

describe("the goals of BENCHMARKS.md", () => {
  const wants = (label: string) => /^G[19] .*K=1024/.test(label) && !label.includes("node24");
  const comparisons = measured(1.5, wants).filter(({ column, goal }) => column !== "node20" || goal !== "G1");
  const slow = comparisons.find(({ column, goal }) => column === "node20" && goal === "G9")!;
  for (const round of slow.rounds) round.ours *= 1.5001;
  const rows = judge(comparisons, wants).map(goalRow);

  it("are rows of what was measured", () => {
    expect(rows[0]).toEqual({
      ...{ goal: "G1", task: "ternary × i8, 1 row", in: "wasmtime, relaxed", against: "ggml TQ2_0" },
      ...{ worst: "ternary × i8, K = M = 1024, 1 row", ours: 8, theirs: 8.602, unit: "GMAC/s" },
      ...{ ratio: 0.93, atLeast: 0.62, met: true },
    });
    expect(rows[1]).toEqual({
      ...{ goal: "G1", task: "ternary × i8, 1 row", in: "V8 of Node 20, simd", against: "ggml TQ2_0", atLeast: 0.45 },
    });
    expect(rows.map((row) => row.in)).toContain("V8 of Node 20, scalar");
  });

  it("show a ratio alone where there is no goal", () => {
    const shown = { ...rows[0]!, ratio: 0.518, atLeast: 0 };
    expect(formatGoals([shown])[2]).toBe("| G1 | ternary × i8, 1 row | ggml TQ2_0 | 0.51     |");
  });

  it("are a line for each task, and a ratio is never rounded up to its goal", () => {
    expect(formatGoals(rows)).toEqual([
      "|    | task                                | beside     | wasmtime     | V8 of Node 20        |",
      "| -- | ----------------------------------- | ---------- | ------------ | -------------------- |",
      "| G1 | ternary × i8, 1 row                 | ggml TQ2_0 | 0.93, ≥ 0.62 | not measured, ≥ 0.45 |",
      "| G9 | scalar variant, ternary × i8, 1 row | ggml TQ2_0 | 0.16, ≥ 0.11 | **0.10, ≥ 0.11**     |",
    ]);
  });
});
