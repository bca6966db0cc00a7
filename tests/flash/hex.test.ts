import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { intelHex } from "../../host/firmware/hex.ts";
import { type Slot, slotImage } from "../../host/flash/slot.ts";
import { readHex } from "../firmware/read_hex.ts";
import { describeUnless } from "../skip.ts";
import { scratch } from "../tools/tern.ts";
import { modelOf } from "../update/model.ts";

// An image as Intel HEX, beside what binutils make and read.

const { path, put } = scratch();
const objcopy = (...args: string[]) => {
  const { status, stderr } = spawnSync("objcopy", args, { encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
};
const missing = spawnSync("objcopy", ["--version"]).error && "no objcopy (Debian: binutils)";

/** Across 64 KB, at the ends of the address space, with sectors smaller and larger than that. */
const SLOTS: Slot[] = [
  { address: 0, bytes: 0x40000, eraseBytes: 256, erased: 0xff },
  { address: 0x0800_c000, bytes: 0x40000, eraseBytes: 0x4000, erased: 0xff },
  { address: 0x1010_0000, bytes: 0x40000, eraseBytes: 0x1000, erased: 0x00 },
  { address: 0x9004_0000, bytes: 0x80000, eraseBytes: 0x20000, erased: 0xff },
  { address: 0xffff_0000, bytes: 0x10000, eraseBytes: 0x1000, erased: 0xff },
];
const imageIn = (slot: Slot) => slotImage(slot, modelOf(1, 40_000, 1).data, new Uint8Array());

it.each(SLOTS)("a HEX file of a slot %j holds every byte where it belongs", async (slot) => {
  const { chunks } = await imageIn(slot);
  const found = readHex(intelHex(chunks));
  expect(found.size).toBe(chunks[0].bytes.length + chunks[1].bytes.length);
  for (const { address, bytes } of chunks) {
    expect(bytes.every((byte, i) => found.get(address + i) === byte)).toBe(true);
  }
});

describeUnless(missing, "Intel HEX beside objcopy", () => {
  it.each(SLOTS)("objcopy makes the same flash of our HEX file as of our bytes: %j", async (slot) => {
    const { chunks, whole } = await imageIn(slot);
    const hex = put("ours.hex", intelHex(chunks));
    objcopy("-I", "ihex", "-O", "binary", "--gap-fill", String(slot.erased), hex, path("ours.bin"));
    expect(new Uint8Array(readFileSync(path("ours.bin")))).toEqual(whole.bytes);
  });

  it.each(SLOTS)("objcopy's HEX file of our bytes holds what ours does: %j", async (slot) => {
    const { whole } = await imageIn(slot);
    const bin = put("whole.bin", whole.bytes);
    objcopy("-I", "binary", "-O", "ihex", `--change-addresses=${whole.address}`, bin, path("theirs.hex"));
    const theirs = readHex(readFileSync(path("theirs.hex"), "utf8"));
    expect(theirs).toEqual(readHex(intelHex([whole])));
  });
});
