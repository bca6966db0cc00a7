import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { expect, it } from "vitest";
import { convert } from "../../host/convert.ts";
import { buildImage } from "../../host/firmware/make/build.ts";
import { runtimeNamed } from "../../host/firmware/make/runtimes.ts";
import { describeWith, MNIST_IMAGES, MNIST_LABELS, TFC } from "../data.ts";
import { describeBoards, MODULE } from "../firmware/boards.ts";
import { PROJECT } from "../house/project_files.ts";
import { DIGITS, digitsBlob, IMAGES, LABELS, scratch, TEN, tern, ternWith } from "./tern.ts";

const { put, path } = scratch();
const CLI = join(PROJECT, "dist", "tools", "cli.js");
const model = put("digits.tern", await digitsBlob());
const trit4 = await digitsBlob({ target: "cortex-m4" });

describeBoards(
  "tern on a device",
  (board, runtime) => {
    const engine = ["--engine", `device:${board.name}:${runtime}`];

    it("runs, evaluates and verifies as elsewhere", () => {
      const run = (...more: string[]) => JSON.parse(tern("run", model, TEN, "--json", ...more).stdout);
      const ms = expect.any(Number);
      expect(run(...engine)).toEqual({ ...run(), engine: `device:${board.name}:${runtime}`, ms });
      const limited = ["--images", IMAGES, "--labels", LABELS, "--limit", "60"];
      expect(tern("eval", model, ...limited, ...engine).stdout).toMatch(/^100\.00 % right: 60 of 60, /m);
      const { code, stdout } = tern("verify", model, DIGITS, "--limit", "20", ...engine);
      expect({ code, stdout }).toEqual({
        code: 0,
        stdout: expect.stringMatching(/device:\S+ +equal {2}self-test: 2 of 2/),
      });
    });
  },
  ["netduinoplus2"],
);

describeBoards(
  "tern on a device with a module of a name",
  (board, runtime) => {
    it("runs as with the one that is taken if none is said", () => {
      const packed = put("trit4.tern", trit4);
      const engine = (module: string) => `device:${board.name}:${runtime}${module}`;
      const run = (module: string) => JSON.parse(tern("run", packed, TEN, "--json", "--engine", engine(module)).stdout);
      expect(run(":core")).toEqual({ ...run(""), ms: expect.any(Number) });
    });
  },
  ["netduinoplus2"],
  ["wasm2c"],
);

describeBoards(
  "tern on a device that is not there",
  (board, runtime) => {
    it("says how to get the emulator, and that pipes are missing", async () => {
      await buildImage(board, runtimeNamed(runtime), MODULE); // so that no compiler is needed
      const run = (path: string) => ternWith({ PATH: path }, "run", model, TEN, "--engine", `device:${board.name}`);
      expect(run("/nowhere")).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^tern: no pipes for the emulator's UART: .*mkfifo ENOENT\n$/),
      });
      const mkfifo = execFileSync("sh", ["-c", "command -v mkfifo"], { encoding: "utf8" }).trim();
      mkdirSync(path("bin"));
      symlinkSync(mkfifo, path("bin/mkfifo"));
      expect(run(path("bin"))).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(
          /^tern: no qemu-system-arm: `apt-get install .* qemu-system-arm` gets it, on Debian\n$/,
        ),
      });
    });
  },
  ["netduinoplus2"],
  ["wasm2c"],
);

describeBoards(
  "an emulator",
  (board, runtime) => {
    it.each([
      ["ends", undefined],
      ["is interrupted", "SIGINT"],
      ["is killed", "SIGKILL"],
    ] as const)("is gone, and its files, after the command %s", async (_, signal) => {
      const folder = path(`tmp ${signal}`);
      mkdirSync(folder);
      const limit = signal ? "1000" : "3";
      const args = ["eval", model, "--images", IMAGES, "--labels", LABELS, "--limit", limit];
      const child = spawn(process.execPath, [CLI, ...args, "--engine", `device:${board.name}:${runtime}`], {
        env: { ...process.env, TMPDIR: folder },
        stdio: "ignore",
      });
      const ended = once(child, "exit");
      const until = async (what: () => boolean) => {
        for (let tries = 0; !what(); tries++) {
          expect(tries, "tries of 20 ms").toBeLessThan(1000);
          await setTimeout(20);
        }
      };
      let emulators: string[] = [];
      await until(() => {
        emulators = running(folder);
        return emulators.length > 0 || child.exitCode !== null;
      });
      if (signal) {
        expect(emulators).toHaveLength(1);
        child.kill(signal);
      }
      await ended;
      await until(() => running(folder).length === 0 && readdirSync(folder).every((name) => !name.includes("device")));
    });
  },
  ["netduinoplus2"],
  ["wasm2c"],
);

/** Emulators whose files are in a folder: process numbers. */
function running(folder: string): string[] {
  const { stdout } = spawnSync("ps", ["-eo", "pid,args"], { encoding: "utf8" });
  return stdout.split("\n").filter((line) => line.includes("qemu-system") && line.includes(folder));
}

it.each([
  ["device:arduino", 'no board "arduino", expected one of '],
  ["device:microbit:wasm9", 'no runtime "wasm9", expected one of wasm2c'],
  ["device:microbit:wasm2c:scalar", 'no module "scalar" for wasm2c, expected one of core_ternary, core'],
  ["device:microbit:wasm2c:core:more", 'no device "microbit:wasm2c:core:more", expected BOARD:RUNTIME:MODULE'],
  ["device:/dev/nothing", "/dev/nothing: "],
])("refuses --engine %s", (engine, message) => {
  const { code, stderr } = tern("run", model, TEN, "--engine", engine);
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(`tern: ${message}`) });
});

describeWith([TFC, MNIST_IMAGES], "TFC_1W1A on a device", async () => {
  const target = "cortex-m0:wasm3";
  const tfc = put("tfc.tern", (await convert(readFileSync(TFC), { file: "TFC_1W1A.onnx", target })).blob);
  describeBoards(
    "on MNIST",
    (board, runtime) => {
      it("is right as often as in the reference", () => {
        const all = ["eval", tfc, "--images", MNIST_IMAGES, "--labels", MNIST_LABELS, "--limit", "50", "--json"];
        const evaluate = (engine: string) => JSON.parse(tern(...all, "--engine", engine).stdout).confusion;
        expect(evaluate(`device:${board.name}:${runtime}`)).toEqual(evaluate("reference"));
      });
    },
    ["microbit", "sifive_e"],
  );
});
