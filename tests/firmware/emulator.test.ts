import { expect, it } from "vitest";
import { readBoard } from "../../host/firmware/boards.ts";
import { startEmulator } from "../../host/firmware/link/emulator.ts";
import { MODELS } from "../../tools/bench/device/models.ts";
import { describeUnless } from "../skip.ts";
import { missingFor, startBoard } from "./boards.ts";

const board = readBoard("sifive_e");

describeUnless(missingFor(board), "an emulated board", () => {
  it("takes a blob of more bytes than it has of RAM", async () => {
    const { blob } = await MODELS["ternary × i8, 256, multipliers"]();
    expect(blob.length).toBeGreaterThan(board.ram.bytes);
    const device = await startBoard(board, "wasm2c", blob);
    expect(device.info().blob).toMatchObject({ status: 0, bytes: blob.length });
    device.close();
  });

  it("says why its emulator has ended", async () => {
    const blob = new Uint8Array(64);
    await expect(startEmulator(board, "/none.elf", blob)).rejects.toThrow(/qemu-system-riscv32 has ended: .*none\.elf/);
    await expect(startEmulator(board, "/none.elf", blob, ["-abacus"])).rejects.toThrow("-abacus: invalid option");
  });
});
