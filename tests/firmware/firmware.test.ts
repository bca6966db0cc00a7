import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { modelMemory } from "../../host/cost/fit.ts";
import { readMeasured } from "../../host/cost/measured.ts";
import { v8 } from "../../host/engines/v8.ts";
import { boardNames, parseBoard, readBoard } from "../../host/firmware/boards.ts";
import { flatImage, intelHex } from "../../host/firmware/hex.ts";
import { buildImage } from "../../host/firmware/make/build.ts";
import { runtimeNamed } from "../../host/firmware/make/runtimes.ts";
import { deviceModule, readModule } from "../../host/node.ts";
import { fitOf } from "../../tools/commands/fit.ts";
import { read } from "../house/project_files.ts";
import { describeUnless } from "../skip.ts";
import { digitsBlob, scratch, smallBlob, tern } from "../tools/tern.ts";
import {
  ALL,
  describeBoards,
  failureOf,
  isNarrow,
  MODULE,
  missingFor,
  moduleFor,
  startBoard,
  digits as tiled,
} from "./boards.ts";
import { readHex } from "./read_hex.ts";

const { path, put } = scratch();
const blob = await digitsBlob();
const model = put("digits.tern", blob);
const trit4 = await digitsBlob({ target: "cortex-m4" });
const index = await smallBlob("index");
const small = await smallBlob("scores");

describe("images", () => {
  it("hold every byte where it belongs, across 64 KB too", () => {
    const chunks = [
      { address: 0x0800fff5, bytes: Uint8Array.from({ length: 50 }, (_, i) => i) },
      { address: 0x20400000, bytes: Uint8Array.of(200, 201) },
    ];
    const found = readHex(intelHex(chunks));
    expect(found.size).toBe(52);
    for (const { address, bytes } of chunks) {
      expect(Array.from(bytes, (_, i) => found.get(address + i))).toEqual(Array.from(bytes));
    }
    expect(intelHex([{ address: 0x10, bytes: Uint8Array.of(1, 2, 3) }])).toBe(
      ":020000040000FA\n:03001000010203E7\n:00000001FF\n",
    );
    const flat = flatImage([
      { address: 4, bytes: Uint8Array.of(1) },
      { address: 8, bytes: Uint8Array.of(2) },
    ]);
    expect(Array.from(flat)).toEqual([1, 255, 255, 255, 2]);
  });
});

const board = readBoard("netduinoplus2");

describeBoards(
  "tern firmware",
  (board, runtime) => {
    it("writes a C project, and its ELF, BIN and HEX; make gives the same", { timeout: 120_000 }, async () => {
      const out = path(`built-${runtime}`);
      const { code, stdout, stderr } = tern("firmware", model, "--board", board.name, "--runtime", runtime, "-o", out);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toMatch(/code {5}\d\d,\d{3} bytes of flash/);
      const image = await buildImage(board, runtimeNamed(runtime), await moduleFor(runtime, blob));
      const bin = new Uint8Array(readFileSync(join(out, "firmware.bin")));
      const blobAt = board.blob.address - board.flash.address;
      expect(bin.subarray(0, image.code.length)).toEqual(image.code);
      expect(bin.subarray(blobAt)).toEqual(blob);
      const hex = readHex(readFileSync(join(out, "firmware.hex"), "utf8"));
      expect(hex.size).toBe(image.code.length + blob.length);
      for (const [address, byte] of hex) expect(byte).toBe(bin[address - board.flash.address]);
      expect(readFileSync(join(out, "firmware.elf")).subarray(1, 4).toString()).toBe("ELF");

      if (spawnSync("make", ["--version"]).error) return;
      const make = (...args: string[]) => spawnSync("make", args, { cwd: out, encoding: "utf8" });
      make("clean");
      expect(make("-j2").status).toBe(0);
      expect(new Uint8Array(readFileSync(join(out, "firmware.bin")))).toEqual(bin);
      expect(readHex(readFileSync(join(out, "firmware.hex"), "utf8"))).toEqual(hex);
    });
  },
  ["netduinoplus2"],
  ALL ? undefined : ["wasm2c"],
);

describeUnless(missingFor(board), "tern firmware", () => {
  it("takes less flash with a module for the model alone, which README.md says", { timeout: 120_000 }, async () => {
    const any = put("any.tern", await digitsBlob());
    const made = (...args: string[]) =>
      JSON.parse(tern("firmware", any, "--board", board.name, "-o", path("fixed"), "--json", ...args).stdout);
    const [all, fixed] = [made("--module", "core"), made("--fixed-model")];
    expect(fixed.module).toBe("core for this model alone");
    const [less, more] = [fixed, all].map(({ codeBytes }) => codeBytes.toLocaleString("en"));
    expect(read("README.md")).toContain(`take ${less} bytes of flash for code instead of ${more}`);
  });

  it("puts another model in without a compiler, once the code is there", async () => {
    const image = await buildImage(board, runtimeNamed("wasm2c"), MODULE);
    const other = put("small.tern", small);
    const out = path("swapped");
    const env = { ...process.env, PATH: "/nowhere" };
    const cli = join(import.meta.dirname, "../../dist/tools/cli.js");
    const args = [cli, "firmware", other, "--board", board.name, "-o", out];
    const { status, stdout } = spawnSync(process.execPath, args, { env, encoding: "utf8" });
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: expect.stringContaining("not compiled: no arm-none-eabi-gcc"),
    });
    const bin = new Uint8Array(readFileSync(join(out, "firmware.bin")));
    expect(bin.subarray(0, image.code.length)).toEqual(image.code);
    expect(bin.subarray(board.blob.address - board.flash.address)).toEqual(small);
    expect(existsSync(join(out, "firmware.elf"))).toBe(false);
  });
});

describeBoards(
  "tern firmware --slots",
  (board, runtime) => {
    it("writes a firmware without a model; make gives the same", { timeout: 120_000 }, async () => {
      const out = path(`slots-${board.name}-${runtime}`);
      const { code, stderr } = tern("firmware", "--board", board.name, "--runtime", runtime, "--slots", "-o", out);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      const { module } = await deviceModule(runtimeNamed(runtime));
      const image = await buildImage(board, runtimeNamed(runtime), module, { update: await readModule("update") });
      const bin = new Uint8Array(readFileSync(join(out, "firmware.bin")));
      expect(bin).toEqual(image.code);
      expect(existsSync(join(out, "blob.S"))).toBe(false);
      // one board in the share: make compiles all of a module
      if (spawnSync("make", ["--version"]).error || (!ALL && board.name !== "virt")) return;
      expect(spawnSync("make", ["clean"], { cwd: out }).status).toBe(0);
      expect(spawnSync("make", [], { cwd: out, encoding: "utf8" })).toMatchObject({ status: 0, stderr: "" });
      expect(new Uint8Array(readFileSync(join(out, "firmware.bin")))).toEqual(bin);
    });
  },
  ["virt", "mps2-an500"],
  ["wasm2c"],
);

it("a firmware with slots is refused for a board without them", () => {
  expect(tern("firmware", "--board", "microbit", "--slots", "-o", path("none"))).toMatchObject({
    code: 1,
    stderr: 'tern: microbit keeps no models in slots: its file has no "slots"\n',
  });
});

it.each([
  [["firmware", "m", "-o", "x"], "expected either --board or --library"],
  [["firmware", "m", "--library", "--board", "microbit", "-o", "x"], "expected either --board or --library"],
  [["firmware", "--board", "microbit", "-o", "x"], "missing argument MODEL"],
  [["firmware", "--library", "--slots", "-o", "x"], "expected either --library or --slots"],
  [["firmware", "--library", "--fixed-model", "-o", "x"], "--fixed-model: missing argument MODEL"],
  [
    ["firmware", "m", "--library", "--fixed-model", "--module", "core", "-o", "x"],
    "expected either --module or --fixed-model",
  ],
])("%j is wrong usage", (args, message) => {
  expect(tern(...args)).toMatchObject({ code: 2, stderr: expect.stringContaining(message) });
});

describe("boards", () => {
  const text = JSON.stringify(JSON.parse(readFileSync("host/firmware/boards/microbit.json", "utf8")));
  it.each([
    ["no JSON", () => "{", "the file: found "],
    ["a list", () => "[]", "the board: found [], expected an object"],
    ["an unknown core", () => text.replace("cortex-m0", "z80"), 'core: found "z80", expected one of cortex-m0, '],
    [
      "an address that is none",
      () => text.replace('"0x20000000"', '"ram"'),
      'ram.address: found "ram", expected a number',
    ],
    ["RAM that is not aligned", () => text.replace('"0x20000000"', "8"), "ram: found "],
    ["a blob outside of flash", () => text.replace("0x00018000", "0x00020000"), "blob: found "],
    ["no UART", () => text.replace('"uart"', '"art"'), "uart: found undefined, expected an object"],
    [
      "a path as its name",
      () => text.replace('"name":"microbit"', '"name":"../x"'),
      'name: found "../x", expected a word',
    ],
  ])("refuses %s", (_, file, message) => {
    expect(failureOf(() => parseBoard(file(), "b.json")).message).toContain(`b.json: ${message}`);
  });

  const slotted = JSON.parse(readFileSync("host/firmware/boards/mps2-an500.json", "utf8"));
  it.each<[string, Record<string, unknown>, string]>([
    ["a unit of three bytes", { unitBytes: 3 }, "unitBytes: found 3, expected a power of two from 1 to 32"],
    ["a unit of 64 bytes", { unitBytes: 64 }, "unitBytes: found 64"],
    ["another erased value", { erased: 1 }, "erased: found 1, expected 0 or 255"],
    ["too small a log", { logBytes: 224 }, "logBytes: found 224"],
    ["a log larger than its sector", { recordSectorBytes: 512 }, "logBytes: found 1024"],
    ["one sector of the counter", { counter: [0] }, "slots.counter: found [0], expected two addresses"],
    ["no slot", { slots: [] }, "slots: found 0, expected one or two"],
    ["three slots", { slots: [1, 2, 3].map(() => slotted.slots.slots[0]) }, "slots: found 3, expected one or two"],
    ["slots that are the same", { slots: [1, 2].map(() => slotted.slots.slots[0]) }, "0x60002000 … 0x60003000: found"],
    ["a counter among the code", { counter: [0, 0x6000_1000] }, "0x00000000 … "],
    ["a counter at an odd address", { counter: [0x6000_0004, 0x6000_1000] }, "counter or log: found 0x60000004"],
    ["a part of a sector", { slots: [{ ...slotted.slots.slots[0], bodyBytes: 5000 }] }, "bodyBytes: found 5000"],
    [
      "a slot that ends beyond 2^32",
      { slots: [{ ...slotted.slots.slots[0], body: 0xffff_f000, bodyBytes: 8192 }] },
      "0xfffff000 … ",
    ],
    ["a path as its flash", { flash: "../x" }, 'slots.flash: found "../x", expected a word'],
  ])("refuses slots with %s", (_, change, message) => {
    const file = JSON.stringify({ ...slotted, slots: { ...slotted.slots, ...change } });
    expect(failureOf(() => parseBoard(file, "b.json")).message).toContain(message);
  });

  it.each([
    [["--board", "sifive_e", "--runtime", "wasm3"], "wasm3 on sifive_e: its core is rv32imac, expected cortex-m0, "],
    [["--board", "microbit", "--runtime", "wamr"], "wamr on microbit: its core is cortex-m0, expected cortex-m4"],
  ])("refuses %j", (args, message) => {
    const { code, stderr } = tern("firmware", model, ...args, "-o", path("refused"));
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(`tern: ${message}`) });
  });

  it("refuses a name that it does not know", () => {
    expect(failureOf(() => readBoard("arduino")).message).toMatch(/^no board "arduino", expected one of lm3s6965evb, /);
    expect(failureOf(() => readBoard("none.json")).message).toContain("none.json: cannot be read");
    expect(failureOf(() => runtimeNamed("toString")).message).toMatch(/^no runtime "toString", expected one of wasm2c/);
  });
});

describeBoards("tern fit", (each, runtime) => {
  it("says what the image and the device have", async () => {
    const other = runtime === "wasm2c" ? trit4 : index; // interpreters do not run trit4
    for (const fitted of isNarrow(each, runtime) ? [tiled] : [tiled, other]) {
      const runs = runtimeNamed(runtime);
      const { name, module } = await deviceModule(runs, fitted);
      const { code } = await buildImage(each, runs, module);
      const device = await startBoard(each, runtime, fitted, { module });
      const { memoryBytes, stackBytes, blobRoom } = device.info();
      const memory = await modelMemory(fitted, module, v8, 1, runs.extraBytes);
      const { ram, flash } = fitOf(each, runs, name, fitted.length, memory);
      expect(device.open(1)).toBe(ram.model);
      device.close();
      expect(ram.stack).toBe(stackBytes);
      expect(ram.total - ram.stack - ram.variables).toBe(memoryBytes);
      expect(ram.free).toBe(memoryBytes - ram.model);
      expect(flash.blobFree).toBe(blobRoom - fitted.length);
      expect(Math.abs(flash.code / code.length - 1), "npm run firmware:measure brings it up to date").toBeLessThan(
        0.05,
      );
    }
  });
});

describe("firmware", () => {
  it("takes no more flash on a Cortex-M4 than 24 KB with all ops, and 7 KB with what a ternary MLP needs", () => {
    const { core, core_ternary } = readMeasured().netduinoplus2!.wasm2c!;
    expect(core!.code).toBeLessThanOrEqual(24 * 1024);
    expect(core_ternary!.code).toBeLessThanOrEqual(7 * 1024);
  });
});

describe("tern fit", () => {
  it("says how much is missing", async () => {
    const large = { tables: 0, head: 512, arena: 14000, scratch: 800, runtime: 64, bytes: 15376 };
    const { ram, fits } = fitOf(readBoard("microbit"), runtimeNamed("wasm2c"), "core", 200_000, large);
    expect({ free: ram.free, fits }).toEqual({ free: 16384 - 15376 - ram.stack - ram.variables, fits: false });
    const { stdout, code } = tern("fit", model, "--board", "microbit");
    expect(code).toBe(0);
    expect(stdout).toMatch(/microbit {2}wasm2c .* fits, [\d,]+ bytes of RAM free/);
    const { boards } = JSON.parse(tern("fit", model, "--json").stdout);
    expect(boards).toHaveLength(boardNames().length);
    for (const { instructions } of boards) expect(instructions).toBeGreaterThan(50_000); // cost.test.ts counts them
  });

  it("tells what a larger module takes and saves", () => {
    const packed = put("trit4.tern", trit4);
    const fitWith = (...args: string[]) =>
      JSON.parse(tern("fit", packed, "--board", "microbit", "--json", ...args).stdout).boards[0];
    const [small, large] = [fitWith(), fitWith("--module", "core")];
    expect([small.module, large.module]).toEqual(["core_ternary", "core"]);
    expect(large.flash.code).toBeGreaterThan(small.flash.code);
    expect(large.instructions).toBeLessThan(small.instructions);
  });

  it("counts what the runtime takes of a model's memory, on the boards that it runs on", () => {
    const { memory, boards } = JSON.parse(tern("fit", model, "--runtime", "wasm3", "--json").stdout);
    expect(memory.bytes).toBe(memory.head + memory.arena + memory.scratch + 16);
    expect(boards.map((each: { module: string }) => each.module)).toEqual(Array(4).fill("scalar_ternary"));
    const { code, stderr } = tern("fit", model, "--runtime", "wasm3", "--board", "sifive_e");
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining(
        "nothing was measured for sifive_e (rv32imac) with wasm3, which runs on cortex-m0",
      ),
    });
  });
});
