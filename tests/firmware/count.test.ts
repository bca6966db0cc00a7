import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { readBoard } from "../../host/firmware/boards.ts";
import { measureTask } from "../../tools/bench/device/measure.ts";
import { MODELS } from "../../tools/bench/device/models.ts";
import type { Task } from "../../tools/bench/device/runs.ts";
import { describeUnless } from "../skip.ts";
import { missingFor } from "./boards.ts";

const board = readBoard("netduinoplus2");
const noCompiler = spawnSync("cc", ["--version"]).error ? "needs cc" : undefined;

describeUnless(missingFor(board) ?? noCompiler, "instructions of an emulated board", () => {
  const measure = async (build: Task["build"]) => {
    const model = "ternary × i8, 128, multipliers";
    return measureTask({ board: board.name, runtime: "wasm2c", build, model }, await MODELS[model]());
  };

  it("are the same in every run, and fewer without the check of bounds", async () => {
    const first = await measure("checked");
    expect(await measure("checked")).toEqual(first);
    const { instructions, ops, macs, empty, planned, taken, firmware } = first;
    expect(macs).toBe(128 * 128);
    expect(ops).toEqual([{ name: "dense 128 × i8 → 128 × i8", macs, instructions }]);
    expect(instructions / macs).toBeGreaterThan(1); // a table serves four products at most: a load of its index, one of its entry, an addition
    expect(empty).toBeLessThan(1000);
    expect(taken).toBe(planned.own + planned.head + planned.arena + planned.scratch);
    expect(firmware.stackUsed).toBeLessThan(firmware.stack);
    expect((await measure("unchecked")).instructions).toBeLessThan(instructions);
  });
});
