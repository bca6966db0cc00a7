import * as client from "esptool-js";
import { describe, expect, it } from "vitest";
import { openEsp } from "../../../host/flash/esp/loader.ts";
import { slotImage } from "../../../host/flash/slot.ts";
import { Random } from "../../graph/random.ts";
import { digitsBlob } from "../../tools/tern.ts";
import { Chip, type ChipOptions } from "./chip.ts";
import { tableOf } from "./table.ts";

const BYTES = 0x40000;
const [FIRST, SLOT_BYTES] = [0x20000, 0x8000];
const blob = await digitsBlob();
const slot = { address: FIRST, bytes: SLOT_BYTES, eraseBytes: 4096, erased: 0xff } as const;
const { whole } = await slotImage(slot, blob, new Uint8Array());

/** All of the slot, in bytes that do not pack: two blocks on the line. */
const random = new Random(5);
const noise = { address: FIRST, bytes: Uint8Array.from({ length: SLOT_BYTES }, () => random.int(0, 255)) };

/** Flash with a table, and noise elsewhere: what is written must be erased. */
function flash(): Uint8Array {
  const bytes = Uint8Array.from({ length: BYTES }, (_, i) => (i * 193 + (i >> 8)) & 255);
  bytes.set(
    tableOf([
      ["nvs", 1, 2, 0x9000, 0x5000],
      ["model", 1, 6, FIRST, SLOT_BYTES],
    ]),
    0x8000,
  );
  return bytes;
}

const chipOf = (options: Partial<ChipOptions> = {}) => new Chip({ flash: flash(), ...options });
const open = (chip: Chip) => openEsp(client, chip.port());

describe("a chip in its boot loader", () => {
  it("tells its partition, takes an image there and nowhere else, and starts its firmware", async () => {
    const chip = chipOf();
    const session = await open(chip);
    expect([session.chip, chip.mode]).toEqual(["ESP32-C3", "flasher"]);
    expect(await session.partition("model")).toMatchObject({ address: FIRST, bytes: SLOT_BYTES });
    expect(await session.holds(whole)).toBe(false);
    const progress: number[] = [];
    await session.write(whole, (done) => progress.push(done));
    expect(await session.holds(whole)).toBe(true);
    const starts = chip.starts;
    await session.close();
    const expected = flash();
    expected.set(whole.bytes, FIRST);
    expect(Buffer.compare(chip.flash, expected)).toBe(0);
    expect([chip.mode, chip.starts]).toEqual(["firmware", starts + 1]);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    expect(progress.length).toBeGreaterThan(1);
  });

  it("refuses a label that its table does not have, and the firmware runs again", async () => {
    const chip = chipOf();
    const session = await open(chip);
    await expect(session.partition("other")).rejects.toMatchObject({ name: "UpdateError", kind: "refused" });
    await expect(session.partition("nvs")).rejects.toThrow('refused: partition "nvs": is for nvs');
    await session.close();
    expect([chip.mode, Buffer.compare(chip.flash, flash())]).toEqual(["firmware", 0]);
  });

  it("is no device where nothing answers", async () => {
    const chip = chipOf({ deaf: true });
    await expect(open(chip)).rejects.toMatchObject({ kind: "no device" });
  });

  it("is refused where nobody may read its flash", async () => {
    const chip = chipOf({ secureDownload: true });
    await expect(open(chip)).rejects.toThrow("refused: ESP32-C3: its secure download mode lets nobody read");
    expect(chip.mode).toBe("firmware");
  });

  it.each([
    ["its first block", 0x11, 1],
    ["its second block", 0x11, 2],
    ["a checksum", 0x13, 1],
  ])("that goes away with %s has broken off, and takes the same again", async (_, op, count) => {
    let left = count;
    const chip = chipOf({ fate: (came) => (came === op && --left <= 0 ? "unplugged" : "answered") });
    const session = await open(chip);
    await expect(session.write(noise, () => {})).rejects.toThrow(
      /^broken off: (unplugged|the port takes no more bytes); the same command/,
    );
    await session.close();
    expect(left).toBeLessThanOrEqual(0);
    const isOutside = (_: number, at: number) => at < FIRST || at >= FIRST + SLOT_BYTES;
    expect(Buffer.compare(chip.flash.filter(isOutside), flash().filter(isOutside))).toBe(0);
    const again = await open(new Chip({ flash: chip.flash }));
    await again.write(noise, () => {});
    expect(await again.holds(noise)).toBe(true);
    await again.close();
  });

  it("that was written a wrong byte has broken off", async () => {
    const chip: Chip = chipOf({
      fate: (op) => {
        if (op === 0x13) chip.flash[FIRST + 5000]! ^= 1;
        return "answered";
      },
    });
    const session = await open(chip);
    await expect(session.write(whole, () => {})).rejects.toThrow("broken off: MD5 of file does not match");
    await session.close();
  });

  it("is left by whoever stops", async () => {
    const chip = chipOf();
    const session = await open(chip);
    const stop = new Error("stopped");
    await expect(
      session.write(whole, () => {
        throw stop;
      }),
    ).rejects.toThrow("stopped");
    await session.close();
    expect(chip.mode).toBe("firmware");
  });
});
