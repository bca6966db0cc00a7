import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { readBlob } from "../../host/blob/read.ts";
import { readBoard } from "../../host/firmware/boards.ts";
import { openDevice } from "../../host/firmware/link/client.ts";
import { startEmulator } from "../../host/firmware/link/emulator.ts";
import { buildImage } from "../../host/firmware/make/build.ts";
import { runtimeNamed } from "../../host/firmware/make/runtimes.ts";
import { measureModel } from "../../tools/bench/device/measure.ts";
import { MODELS } from "../../tools/bench/device/models.ts";
import type { Build } from "../../tools/bench/device/runs.ts";
import { countFrom } from "../../tools/rigs/counted_board.ts";
import { describeUnless } from "../skip.ts";
import { digits, MODULE, missingFor } from "./boards.ts";

const board = readBoard("netduinoplus2");
const noCompiler = spawnSync("cc", ["--version"]).error ? "needs cc" : undefined;

describeUnless(missingFor(board) ?? noCompiler, "instructions of an emulated board", () => {
  const measure = async (build: Build) => {
    const model = await MODELS["ternary × i8, 128, multipliers"]();
    return measureModel({ board: board.name, runtime: "wasm2c", build }, build, model);
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

/** Of 16 MHz, and no core does less in a cycle. */
const slowest = readBoard("microbit");

describeUnless(missingFor(slowest) ?? noCompiler, "a long frame", () => {
  it("is received faster than its bytes come", async () => {
    const { elf } = await buildImage(slowest, runtimeNamed("wasm2c"), MODULE);
    const { options, counts, close } = await countFrom("frame_receive", slowest, elf);
    const port = await startEmulator(slowest, elf, digits, options);
    try {
      const device = openDevice(port);
      device.open(1);
      device.write(readBlob(digits).inputs[0]!, 1, 0, new Uint8Array(200));
      // At 115,200 baud and 16 MHz a byte comes every 1,389 cycles, of which an instruction takes up to two.
      expect(counts().at(-1)! / 200).toBeLessThan(1389 / 2);
    } finally {
      port.close();
      close();
    }
  });
});
