import { describe, expect, it } from "vitest";
import { boardNames } from "../../host/firmware/boards.ts";
import { DEVICE_GOALS, type DeviceGoal, judge, tasksOf } from "../../tools/bench/device/goals.ts";
import { MODEL_NAMES } from "../../tools/bench/device/models.ts";
import { formatDeviceGoals, formatDevices, formatFirmware } from "../../tools/bench/device/page.ts";
import { deviceGoalRow, deviceRows } from "../../tools/bench/device/rows.ts";
import { labelOf, type Result, type Run, TASKS, type Task } from "../../tools/bench/device/runs.ts";
import { exitCode } from "../../tools/bench/goals/goals.ts";

const NET: Task = { board: "netduinoplus2", runtime: "wasm2c", build: "checked", model: "digits" };

/** What was measured of a task, with numbers that are easy to judge. */
function run(task: Task, instructions = 1000): Run {
  return {
    ...{ ...task, module: "core", macs: 400, instructions, empty: 90, blobBytes: 5000, taken: 1300 },
    ops: [
      { name: "quantize 8 × u8 → 8 × u8", macs: 0, instructions: 8 },
      { name: "dense 8 × u8 → 50 × i32", macs: 400, instructions: instructions - 8 },
    ],
    planned: { own: 100, head: 300, arena: 400, scratch: 500, tile: 450 },
    firmware: { code: 14_336, variables: 1024, stack: 1536, stackUsed: 1200 },
  };
}

function goalOf(measure: DeviceGoal["measure"], atMost: number, of: Task = NET): DeviceGoal {
  return { name: "M0", task: "task", of, measure, atMost };
}

describe("goals on devices", () => {
  it("are about boards, models and runtimes that are measured", () => {
    for (const { of } of DEVICE_GOALS) {
      expect(boardNames()).toContain(of.board);
      expect(MODEL_NAMES).toContain(of.model);
      expect(["wasm2c", "wasm3", "wamr"]).toContain(of.runtime);
    }
    expect([...new Set(DEVICE_GOALS.map(({ name }) => name))]).toEqual([
      "M1",
      "M2",
      "M3",
      "M4",
      "M5",
      "M6",
      "M7",
      "V1",
      "V2",
      "V3",
      "V8",
    ]);
    expect(new Set(TASKS.map(labelOf)).size).toBe(TASKS.length);
  });

  it.each([
    ["instructions per MAC", 2.5],
    ["instructions", 1000],
    ["bytes of flash", 14_336],
    ["bytes of RAM", 1300 + 1024 + 1536],
    ["bytes of RAM beside the plan", 1024],
  ] as const)("measured in %s are met up to the bound itself", (measure, figure) => {
    const bounds = [figure, figure - 0.001].map((atMost) => goalOf(measure, atMost));
    expect(judge(bounds, [run(NET)])).toMatchObject([
      { figure, met: true, run: { module: "core" } },
      { figure, met: false },
    ]);
  });

  it("compare a board with the Cortex-M4", () => {
    const board = { ...NET, board: "microbit" };
    const goal = goalOf("× Cortex-M4", 1.5, board);
    expect(tasksOf(goal)).toEqual([board, NET]);
    expect(judge([goal], [run(board, 1500), run(NET)])).toMatchObject([{ figure: 1.5, met: true }]);
    expect(judge([goal], [run(board, 1501), run(NET)])).toMatchObject([{ met: false }]);
    expect(judge([goal], [run(board, 1500)])).toEqual([{ goal }]);
  });

  it("are not met by what a device refuses, and not judged where nothing was measured", () => {
    const goal = goalOf("bytes of RAM", 16_384);
    const refusal: Result = { ...NET, refused: "out of memory" };
    expect(judge([goal], [refusal])).toEqual([{ goal, met: false }]);
    expect(judge([goal], [run({ ...NET, build: "unchecked" })])).toEqual([{ goal }]);
    const codes = [[run(NET)], [refusal], []].map((results) => exitCode(judge([goal], results)));
    expect(codes).toEqual([0, 1, 2]);
  });
});

describe("the devices of BENCHMARKS.md", () => {
  const other: Task = { ...NET, board: "microbit", model: "TFC_1W1A" };
  const results: Result[] = [run(NET), { ...other, refused: "scalar: out of memory" }];
  const { inferences, ops, models, firmware } = deviceRows(results);

  it("are rows of what was measured, and of what was refused", () => {
    expect(inferences).toEqual([
      { ...NET, core: "cortex-m4", module: "core", macs: 400, instructions: 1000, subtracted: 90 },
      { ...other, core: "cortex-m0", refused: "scalar: out of memory" },
    ]);
    expect(ops).toEqual([
      { ...NET, op: "quantize 8 × u8 → 8 × u8", macs: 0, instructions: 8 },
      { ...NET, op: "dense 8 × u8 → 50 × i32", macs: 400, instructions: 992 },
    ]);
    expect(models).toMatchObject([{ model: "digits", module: "core", flash: 5000, own: 100, planned: 1300 }]);
  });

  it("have the most of the stack that a model of the run used", () => {
    const small = { ...run(NET), model: "TFC_1W1A" as const };
    small.firmware = { ...small.firmware, stackUsed: 1300 };
    expect(deviceRows([run(NET), small]).firmware).toMatchObject([{ flash: 14_336, stack: 1536, stackUsed: 1300 }]);
  });

  it("show goals, and a figure never rounded down to its bound", () => {
    const goals = [
      goalOf("instructions per MAC", 2.49),
      goalOf("bytes of flash", 14_336),
      goalOf("instructions", 9, other),
      goalOf("instructions", 9, { ...NET, runtime: "wasm3" }),
    ];
    const verdicts = judge(goals, [run(NET, 996.001), ...results.slice(1)]);
    expect(formatDeviceGoals(verdicts.map(deviceGoalRow))).toEqual([
      "|    | task | on               | in                   |      reached |      ≤ |",
      "| -- | ---- | ---------------- | -------------------- | -----------: | -----: |",
      "| M0 | task | cortex-m4        | instructions per MAC |     **2.50** |   2.49 |",
      "| M0 | task | cortex-m4        | bytes of flash       |       14,336 | 14,336 |",
      "| M0 | task | cortex-m0        | instructions         |  **refused** |   9.00 |",
      "| M0 | task | cortex-m4, wasm3 | instructions         | not measured |   9.00 |",
    ]);
  });

  it("show a line for each model and each firmware", () => {
    expect(formatDevices(inferences, models)).toEqual([
      "| model    | MACs | flash |   RAM | cortex-m4 | cortex-m0 |",
      "| -------- | ---: | ----: | ----: | --------: | --------: |",
      "| digits   |  400 | 5,000 | 1,300 |     1,000 |         – |",
      "| TFC_1W1A |    – |     – |     – |         – |         – |",
    ]);
    expect(formatFirmware(firmware)).toEqual([
      "| core      | runtime | module |  flash | variables | stack | in use |",
      "| --------- | ------- | ------ | -----: | --------: | ----: | -----: |",
      "| cortex-m4 | wasm2c  | core   | 14,336 |     1,024 | 1,536 |  1,200 |",
    ]);
  });
});
