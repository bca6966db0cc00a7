import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { describe, expect, it, vi } from "vitest";
import { slotImage } from "../../host/flash/slot.ts";
import { readUf2, UF2_FAMILIES } from "../../host/flash/uf2.ts";
import { readHex } from "../firmware/read_hex.ts";
import { digitsBlob, scratch, tern, ternHere } from "./tern.ts";

const { path, put, folder } = scratch();
const blob = await digitsBlob();
const model = put("m.tern", blob);
const image = await slotImage(
  { address: 0x1010_0000, bytes: 0x8000, eraseBytes: 4096, erased: 0xff },
  blob,
  new Uint8Array(),
);
const AT = ["--address", "0x10100000", "--slot-size", "0x8000"];
const UF2 = [...AT, "--family", "rp2040"];
const RAW = [...AT, "--erase-unit", "4096"];

describe("tern flash", () => {
  it("writes a slot as UF2, and says where it lies", async () => {
    const out = path("m.uf2");
    const { code, stdout, stderr } = await ternHere("flash", model, "--to", `uf2:${out}`, ...UF2);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toBe(`${model} → ${out}: 32,768 bytes

flash    0x10100000 … 0x10104000: 4 erase units of 4,096 bytes
log      0x10100000: stored, sequence 1, counter 0
model    0x10101000: ${blob.length.toLocaleString("en")} bytes; the slot has room for 28,672
sha256   ${Buffer.from(image.sha256).toString("hex")}
`);
    expect(readUf2(new Uint8Array(readFileSync(out)), UF2_FAMILIES.rp2040)).toEqual([image.whole]);
  });

  it("writes the same as bytes, and what is to be programmed as HEX", async () => {
    const [bin, hex] = [path("m.bin"), path("m.hex")];
    expect((await ternHere("flash", model, "--to", `bin:${bin}`, ...RAW)).code).toBe(0);
    expect(new Uint8Array(readFileSync(bin))).toEqual(image.whole.bytes);
    expect((await ternHere("flash", model, "--to", `hex:${hex}`, ...RAW)).code).toBe(0);
    const found = readHex(readFileSync(hex, "utf8"));
    const expected = image.chunks.flatMap(({ address, bytes }) =>
      Array.from(bytes, (byte, i) => [address + i, byte] as const),
    );
    expect(found).toEqual(new Map(expected));
  });

  it("writes a partition of an ESP chip, and a manifest for a web page", async () => {
    const out = path("esp.bin");
    const { code, stdout } = await ternHere("flash", model, "--to", `esp:${out}`, ...AT, "--chip", "esp32-c3");
    expect(code).toBe(0);
    expect(stdout).toContain(`\nmanifest ${path("esp.manifest.json")}\n`);
    expect(new Uint8Array(readFileSync(out))).toEqual(image.whole.bytes);
    // As https://esphome.github.io/esp-web-tools/ has it
    expect(JSON.parse(readFileSync(path("esp.manifest.json"), "utf8"))).toEqual({
      name: "m",
      version: `sha256 ${Buffer.from(image.sha256).toString("hex").slice(0, 16)}`,
      new_install_prompt_erase: true,
      builds: [{ chipFamily: "ESP32-C3", parts: [{ path: "esp.bin", offset: 0x1010_0000 }] }],
    });
  });

  it("takes a counter, a sequence and another erased value, and prints JSON", async () => {
    const out = path("other.bin");
    const options = ["--counter", "7", "--sequence", "0x10", "--erased", "0x00", "--json"];
    const { code, stdout } = await ternHere("flash", model, "--to", `bin:${out}`, ...RAW, ...options);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      out,
      kind: "bin",
      written: true,
      fileBytes: 16_384,
      address: 0x1010_0000,
      bytes: 16_384,
      slot: { log: 0x1010_0000, body: 0x1010_1000, sectorBytes: 4096, bodyBytes: 0x7000 },
      state: "stored",
      sequence: 16,
      counter: 7,
      blobBytes: blob.length,
      trailerBytes: 0,
      sha256: Buffer.from(image.sha256).toString("hex"),
    });
    const slot = { address: 0x1010_0000, bytes: 0x8000, eraseBytes: 4096, erased: 0x00 } as const;
    const { whole } = await slotImage(slot, blob, new Uint8Array(), { counter: 7, sequence: 16 });
    expect(new Uint8Array(readFileSync(out))).toEqual(whole.bytes);
  });

  it("says what it would write, and writes nothing", async () => {
    const before = readdirSync(folder);
    const dry = await ternHere("flash", model, "--to", `uf2:${path("dry.uf2")}`, ...UF2, "--dry-run");
    expect(dry).toMatchObject({ code: 0, stdout: expect.stringContaining("32,768 bytes, not written (--dry-run)\n") });
    const json = await ternHere("flash", model, "--to", `uf2:${path("dry.uf2")}`, ...UF2, "--dry-run", "--json");
    expect(JSON.parse(json.stdout)).toMatchObject({ written: false, family: "rp2040", fileBytes: 32_768 });
    expect(readdirSync(folder)).toEqual(before);
  });

  it("writes to standard output", () => {
    const { code, stderr, stdout } = tern("flash", model, "--to", "hex:-", ...RAW);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^[^\n]* → standard output: /);
    expect(stdout).toMatch(/^:020000041010DA\n/);
    expect(stdout).toMatch(/\n:00000001FF\n$/);
  });

  it("writes over neither the model nor what is read-only, and leaves no half file", async () => {
    symlinkSync("m.tern", path("link.uf2"));
    for (const out of [model, path("link.uf2")]) {
      const refused = await ternHere("flash", model, "--to", `uf2:${out}`, ...UF2);
      expect(refused).toEqual({ code: 2, stdout: "", stderr: "tern: --to is the model itself\n" });
    }
    expect(new Uint8Array(readFileSync(model))).toEqual(blob);
    const nowhere = await ternHere("flash", model, "--to", `bin:${path("no/m.bin")}`, ...RAW);
    expect(nowhere).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("cannot be written: no such file or folder"),
    });
  });

  it("writes on the drive of a boot loader in place, and says when the board has taken the drive away", async () => {
    const drive = path("RPI-RP2");
    mkdirSync(drive);
    const info = put("RPI-RP2/INFO_UF2.TXT", "UF2 Bootloader v3.0\nBoard-ID: RPI-RP2\n");
    const to = async (target: string) =>
      JSON.parse((await ternHere("flash", model, "--to", target, ...UF2, "--json")).stdout);
    expect(await to(`uf2:${drive}`)).toMatchObject({ out: path("RPI-RP2/m.uf2"), written: true, drive: "written" });
    const { ino } = statSync(path("RPI-RP2/m.uf2"));
    expect(await to(`uf2:${path("RPI-RP2/m.uf2")}`)).toMatchObject({ drive: "written" });
    expect(statSync(path("RPI-RP2/m.uf2")).ino).toBe(ino); // no file took its place
    expect(readdirSync(drive).sort()).toEqual(["INFO_UF2.TXT", "m.uf2"]);

    const file = await open(info);
    const sync = vi.spyOn(Object.getPrototypeOf(file) as FileHandle, "sync");
    await file.close();
    const broken = Object.assign(new Error("EIO"), { code: "EIO" });
    sync.mockRejectedValueOnce(broken);
    const failed = await ternHere("flash", model, "--to", `uf2:${drive}`, ...UF2);
    expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining("cannot be written: the disk fails") });
    sync.mockImplementationOnce(async () => {
      rmSync(info);
      throw broken;
    });
    const gone = await ternHere("flash", model, "--to", `uf2:${drive}`, ...UF2);
    expect(gone).toMatchObject({ code: 0, stdout: expect.stringContaining("\nThe drive is gone: a board that") });
    sync.mockRestore();
    const folder = await ternHere("flash", model, "--to", `uf2:${drive}`, ...UF2, "--dry-run");
    expect(folder).toMatchObject({ code: 1, stderr: expect.stringContaining("is a folder without INFO_UF2.TXT") });
  });

  it("refuses a blob that the slot has no room for, before anything is written", async () => {
    const small = ["--address", "0", "--slot-size", "0x2000", "--erase-unit", "4096"];
    const { code, stdout, stderr } = await ternHere("flash", model, "--to", `bin:${path("small.bin")}`, ...small);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toBe(
      `tern: ${model}: blob: ${blob.length} bytes, expected at most 4096, the slot's 8192 without the erase unit of its log\n`,
    );
    expect(existsSync(path("small.bin"))).toBe(false);
  });

  const geometry = "--address, --slot-size and --erase-unit: ";
  const kinds = "a device, /dev/ttyACM0 or device:virt@board.flash, or a file, uf2:FILE, hex:FILE, bin:FILE, esp:FILE";
  it.each<[string[], string]>([
    [["--to", "dfu:0483:df11", ...RAW], `--to "dfu:0483:df11": there is no kind of target "dfu", expected ${kinds}`],
    [["--to", "uf:x", ...RAW], `--to "uf:x": there is no kind of target "uf", did you mean "uf2"? expected ${kinds}`],
    [["--to", "m.uf2", ...UF2], '--to "m.uf2": there is no kind of target "m.uf2"'],
    [["--to", "toString:x", ...RAW], 'there is no kind of target "toString"'],
    [["--to", "uf2", ...UF2], '--to "uf2": no file, expected uf2:FILE'],
    [["--to", "uf2:", ...UF2], '--to "uf2:": no file, expected uf2:FILE'],
    [["--to", "uf2:x", ...RAW], "--to uf2: missing option --family"],
    [["--to", "hex:x", ...UF2], "--to hex: --family is for uf2 alone"],
    [["--to", "bin:x", ...AT], "--to bin: missing option --erase-unit"],
    [["--to", "esp:x", ...AT], "--to esp: missing option --chip"],
    [["--to", "bin:x", ...RAW, "--chip", "esp32"], "--to bin: --chip is for esp alone"],
    [["--to", "esp:-", ...AT, "--chip", "esp32"], "--to esp: an image and its manifest are two files, expected a path"],
    [["--to", "esp:/dev/ttyUSB0"], '--to "esp:/dev/ttyUSB0": no partition, expected esp:/dev/ttyUSB0#PARTITION'],
    [["--to", "esp:/dev/ttyUSB0#m", ...AT], "--to esp:/dev/ttyUSB0#m: --address is for images alone"],
    [["--to", "uf2:x", ...AT, "--family", "rp2350"], '--family "rp2350", expected one of rp2040, rp2350-data'],
    [["--to", "bin:x", ...RAW, "--erased", "0x11"], '--erased "0x11", expected one of 0xff, 0x00'],
    [["--to", "bin:x", ...RAW, "--counter", "-1"], '--counter "-1", expected a whole number below 2^32'],
    [
      ["--to", "bin:x", ...RAW, "--sequence", "4294967296"],
      '--sequence "4294967296", expected a whole number below 2^32',
    ],
    [["--to", "bin:x", ...AT, "--erase-unit", "1000"], `${geometry}erase unit: 1000 bytes, expected a power of two`],
    [
      ["--to", "bin:x", "--address", "0x800", "--slot-size", "0x8000", "--erase-unit", "0x1000"],
      `${geometry}address: 0x00000800, expected a multiple of the erase unit, 4096 bytes`,
    ],
    [
      ["--to", "uf2:x", "--address", "0x08000000", "--slot-size", "0x8000", "--family", "rp2040"],
      `${geometry}uf2, address: 0x08000000 … 0x08008000, expected a part of 0x10000000 … 0x11000000`,
    ],
    [
      ["--to", "uf2:x", ...UF2, "--erase-unit", "256"],
      "--erase-unit 256, expected a multiple of 4096, the erase unit of Raspberry Pi RP2040",
    ],
  ])("refuses %j as wrong usage", async (args, message) => {
    const { code, stdout, stderr } = await ternHere("flash", model, ...args);
    expect(stderr).toContain(message);
    expect({ code, stdout, lines: stderr.trim().split("\n").length }).toEqual({ code: 2, stdout: "", lines: 1 });
    expect(existsSync("x")).toBe(false);
  });
});
