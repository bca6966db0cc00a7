import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { expect, it } from "vitest";
import { readKey, signBlob } from "../../host/flash/signature.ts";
import { describeBoards } from "../firmware/boards.ts";
import { CLI, digitsBlob, scratch, smallBlob, TEN, tern, ternHere } from "./tern.ts";

const { put, path } = scratch();
const blob = await digitsBlob();
const model = put("digits.tern", blob);
const other = put("other.tern", await smallBlob("scores"));

describeBoards(
  "tern flash on a device",
  (board) => {
    const target = `device:${board.name}@${path(`${board.name}.flash`)}`;

    it("writes, lists, runs, replaces, goes back and reads back", { timeout: 120_000 }, async () => {
      const dry = await ternHere("flash", model, "--to", target, "--dry-run", "--json");
      expect(JSON.parse(dry.stdout)).toMatchObject({ slot: 0, stage: "write", written: false });
      const first = await ternHere("flash", model, "--to", target);
      expect(first).toMatchObject({ code: 0, stderr: "" });
      expect(first.stdout).toMatch(
        /^\S+ → \S+, slot 0: confirmed\n\nsent {5}10,752 bytes; the slot held 0\ntested {3}2 golden pairs/,
      );
      const again = JSON.parse((await ternHere("flash", model, "--to", target, "--json")).stdout);
      expect(again).toMatchObject({ stage: "nothing", slot: 0, sent: 0 });

      const run = (...engine: string[]) => JSON.parse(tern("run", model, TEN, "--json", ...engine).stdout);
      expect(run("--engine", target)).toEqual({
        ...run(),
        engine: `device:${board.name}:wasm2c`,
        ms: expect.any(Number),
      });

      const second = await ternHere("flash", other, "--to", target, "--json");
      expect(JSON.parse(second.stdout)).toMatchObject({ board: board.name, slot: 1, counter: 0 });
      const refused = await ternHere("run", model, TEN, "--engine", target);
      expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("holds another blob") });
      const slots = JSON.parse((await ternHere("slots", target, "--json")).stdout);
      expect(slots).toMatchObject({
        counter: 0,
        slots: [
          { slot: 0, runs: false, state: "confirmed", bytes: blob.length },
          { slot: 1, runs: true, state: "confirmed" },
        ],
      });
      expect((await ternHere("rollback", target)).stdout).toMatch(/slot 1 is given up; slot 0 runs\n$/);
      expect((await ternHere("slots", target)).stdout).toMatch(/slot 0 runs; counter 0\n\n[\s\S]*1 {2}retired/);
      const back = path("back.tern");
      expect((await ternHere("dump", target, "-o", back)).code).toBe(0);
      expect(new Uint8Array(readFileSync(back))).toEqual(blob);
      expect(await ternHere("rollback", target)).toMatchObject({
        code: 3,
        stderr: expect.stringContaining("NoFallback"),
      });
    });

    it("refuses what the device would not run, by exit code 3", { timeout: 120_000 }, async () => {
      await ternHere("flash", model, "--to", target, "--counter", "5");
      const code = async (...args: string[]) => (await ternHere("flash", ...args, "--to", target)).code;
      expect(await code(model, "--counter", "4")).toBe(3);
      expect(await code(model, "--counter", "2000")).toBe(3);
      const key = path("model.key");
      tern("keygen", "-o", key);
      const trailer = signBlob(blob, readKey(readFileSync(key), "private"), { counter: 9, board: "microbit" });
      const signed = put("signed.tern", Uint8Array.from([...blob, ...trailer]));
      expect(await ternHere("flash", signed, "--to", target)).toMatchObject({
        code: 3,
        stderr: expect.stringContaining("the model is signed for board microbit"),
      });
      const damaged = put(
        "damaged.tern",
        blob.map((byte, at) => (at === 5000 ? byte ^ 1 : byte)),
      );
      expect(await code(damaged)).toBe(1);
      expect(await code(put("noise.tern", Uint8Array.of(1, 2, 3)))).toBe(1);
    });

    it("says that the flash of another emulator is taken", { timeout: 60_000 }, async () => {
      if (board.name !== "virt") return; // QEMU locks drives alone
      const first = spawn(process.execPath, [CLI, "flash", other, "--to", target, "--counter", "6"]);
      const second = ternHere("slots", target);
      const ended = await Promise.all([once(first, "exit"), second]);
      const codes = [ended[0][0], ended[1].code];
      expect(codes).toContain(0);
      if (codes.includes(7)) expect(`${ended[1].stderr}${first.stderr?.read() ?? ""}`).toMatch(/lock/);
    });
  },
  ["virt", "mps2-an500"],
  ["wasm2c"],
);

describeBoards(
  "tern flash that is stopped",
  (board) => {
    it("ends with exit code 6 on Ctrl-C, and goes on when it is asked again", { timeout: 120_000 }, async () => {
      const flash = path("stopped.flash");
      const target = `device:${board.name}@${flash}`;
      expect((await ternHere("slots", target)).stdout).toMatch(/no model runs; counter 0/);
      const fat = put("fat.tern", await digitsBlob({ target: "any" }));
      const child = spawn(process.execPath, [CLI, "flash", fat, "--to", target]);
      const isBegun = () => readFileSync(flash).includes("SLOT");
      for (let waited = 0; !isBegun() && waited < 20_000; waited += 50) await setTimeout(50);
      child.kill("SIGINT");
      const [code] = await once(child, "exit");
      expect([0, 6]).toContain(code); // 0: it was faster
      const again = await ternHere("flash", fat, "--to", target, "--json");
      expect(JSON.parse(again.stdout)).toMatchObject({ slot: 0, stage: code === 6 ? "write" : "nothing" });
    });
  },
  ["mps2-an500"],
  ["wasm2c"],
);

it.each([
  [["flash", model, "--to", "device:virt"], 7, "an emulated board forgets its flash, expected virt@FILE"],
  [["flash", model, "--to", "device:virt@"], 7, "expected a file behind the @"],
  [["flash", model, "--to", `device:microbit@${path("x")}`], 7, "microbit: no emulator keeps its slots in a file"],
  [["flash", model, "--to", `device:virt@${model}`], 7, "10752 bytes, expected 33554432, the flash of virt"],
  [["flash", model, "--to", "/dev/none"], 7, "no device: /dev/none: No such file or directory\n"],
  [["flash", model, "--to", "/dev/null"], 7, "no device: /dev/null: "],
  [["dump", "/dev/none", "-o", path("none.tern")], 7, "no device: /dev/none"],
  [["rollback", "/dev/none"], 7, "no device: /dev/none"],
  [
    ["flash", model, "--to", `device:virt@${path("no/f")}`],
    1,
    "no/f: cannot keep the flash of a board: no such file or folder\n",
  ],
  [["flash", model, "--to", `device:virt:wasm2c:none@${path("unmade")}`], 7, 'no module "none" for wasm2c'],
  [["flash", model, "--to", "device:virt@f", "--address", "0"], 2, "--address is for images alone"],
  [["flash", model, "--to", "bin:x", "--erase-unit", "4096"], 2, "missing option --address"],
  [["flash", model, "--to", "bin:x", "--address", "0", "--slot-size", "8192"], 2, "missing option --erase-unit"],
  [["slots", "virt"], 2, "expected a device, /dev/ttyACM0 or device:virt@board.flash"],
])("refuses %j", async (args, code, message) => {
  const ended = await ternHere(...args);
  expect(ended).toMatchObject({ code, stderr: expect.stringContaining(message) });
  expect(ended.stderr.trim().split("\n")).toHaveLength(1);
  expect([path("none.tern"), path("unmade")].filter((file) => existsSync(file))).toEqual([]);
});
