import { describe, expect, it } from "vitest";
import { FlashError } from "../../host/base/errors.ts";
import type { Chunk } from "../../host/firmware/hex.ts";
import { checkSlot, type Slot, type SlotImage, slotImage } from "../../host/flash/slot.ts";
import { digitsBlob } from "../tools/tern.ts";
import { Device, type Geometry, layoutOf, STATUS } from "../update/device.ts";
import { NorFlash } from "../update/flash.ts";
import { CELL_BYTES, HEADER_BYTES, headerOf, markOf, record } from "../update/image.ts";
import { expectOk, install, type Model, modelOf } from "../update/model.ts";

/** A flash of erase units of one size, with a device that was started once, and its slots as the host names them. */
function board({ erased = 0xff, ...geometry }: Partial<Geometry> & Pick<Geometry, "sectorBytes">) {
  const units = { unitBytes: 8, recordSectorBytes: geometry.sectorBytes, sectors: 4, erased, ...geometry };
  const { layout, regions } = layoutOf(units);
  const flash = new NorFlash(units.unitBytes, erased, regions);
  const device = new Device(flash, layout);
  device.start();
  const slots = layout.slots.map(
    ({ log, sectorBytes, bodyBytes }): Slot => ({
      address: log,
      bytes: sectorBytes + bodyBytes,
      eraseBytes: sectorBytes,
      erased: erased as Slot["erased"],
    }),
  );
  return { flash, device, slots, layout };
}

/** What a programmer does: erases the units that the image touches, then programs. */
function programmed(flash: NorFlash, { eraseBytes }: Slot, chunks: readonly Chunk[]): void {
  const units = chunks.flatMap(({ address, bytes }) => {
    const first = Math.floor(address / eraseBytes);
    return Array.from({ length: Math.ceil(bytes.length / eraseBytes) }, (_, i) => (first + i) * eraseBytes);
  });
  for (const unit of new Set(units)) flash.erase(unit);
  for (const { address, bytes } of chunks) flash.program(address, bytes);
}

/** The same where all bytes of a unit are given: those that an erase leaves need no program. */
function programmedWhole(flash: NorFlash, slot: Slot, { address, bytes }: Chunk): void {
  const units = Array.from({ length: bytes.length / flash.unitBytes }, (_, i) => i * flash.unitBytes);
  for (let at = 0; at < bytes.length; at += slot.eraseBytes) flash.erase(address + at);
  for (const at of units) {
    const unit = bytes.subarray(at, at + flash.unitBytes);
    if (unit.some((byte) => byte !== flash.erased)) flash.program(address + at, unit);
  }
}

const imageOf = (slot: Slot, { data, statement }: Model, sequence = 1) =>
  slotImage(slot, data.subarray(0, statement.bytes), data.subarray(statement.bytes), {
    counter: statement.counter,
    sequence,
  });

describe("an image of a slot", () => {
  it("is what the definition of FORMAT.md makes", async () => {
    const model = modelOf(1, 700, 7, 20);
    for (const erased of [0xff, 0x00] as const) {
      const slot: Slot = { address: 0x1010_0000, bytes: 4096, eraseBytes: 256, erased };
      const { chunks, whole, sha256 } = await imageOf(slot, model, 9);
      const expected = new Uint8Array(256 + 768).fill(erased);
      const header = headerOf(model, 9);
      expected.set(header);
      expected.set(markOf(header, "stored"), HEADER_BYTES);
      expected.set(model.data, 256);
      expect(whole).toEqual({ address: slot.address, bytes: expected });
      expect(chunks).toEqual([
        { address: slot.address, bytes: expected.subarray(0, HEADER_BYTES + CELL_BYTES) },
        { address: slot.address + 256, bytes: expected.subarray(256) },
      ]);
      expect(sha256).toEqual(model.statement.sha256);
    }
  });

  const geometries: Partial<Geometry>[] = [
    { sectorBytes: 256, unitBytes: 1 },
    { sectorBytes: 256, unitBytes: 32, erased: 0x00 },
    { sectorBytes: 4096, unitBytes: 4 },
    { sectorBytes: 4096, unitBytes: 16, slots: 1 },
    { sectorBytes: 131_072, unitBytes: 32, sectors: 2 },
  ];
  describe.each(geometries)("on a flash of %j", (geometry) => {
    const { sectorBytes, sectors = 4 } = geometry as Geometry;
    const sizes = [1, sectorBytes - 1, sectorBytes, sectorBytes * sectors - 20];
    it.each(sizes)("is stored to the device, which runs a model of %i bytes", async (bytes) => {
      for (const program of [
        (flash: NorFlash, slot: Slot, image: SlotImage) => programmed(flash, slot, image.chunks),
        (flash: NorFlash, slot: Slot, image: SlotImage) => programmedWhole(flash, slot, image.whole),
      ]) {
        const { flash, device, slots, layout } = board({ ...geometry, sectorBytes });
        const model = modelOf(bytes, bytes, 5, 20);
        program(flash, slots[0]!, await imageOf(slots[0]!, model));
        // A start would try it at once, so a device that looks first has a counter beyond the model's.
        flash.program(layout.counter[0], cell(6, flash.erased));
        expectOk("start", device.start());
        expect(device.active).toBe(-1);
        expect(device.slot(0)).toEqual({ state: "stored", sequence: 1, ...model.statement });
        flash.erase(layout.counter[0]);
        expectOk("start", device.start());
        expect([device.active, device.slot(0).state]).toEqual([0, "trying"]);
        expect(flash.look(layout.slots[0]!.body, model.data.length)).toEqual(model.data);
        expectOk("confirm", device.confirm());
        expectOk("start", device.start());
        expect([device.active, device.slot(0).state, device.counter]).toEqual([0, "confirmed", 5]);
      }
    });
  });

  it("takes the place of the model that runs, by its sequence number, and the other slot stays", async () => {
    const { flash, device, slots } = board({ sectorBytes: 1024 });
    install(device, modelOf(1, 900, 1));
    const [old, next] = [device.slot(0), modelOf(2, 1500, 2)];
    programmed(flash, slots[1]!, (await imageOf(slots[1]!, next, old.sequence! + 1)).chunks);
    expectOk("start", device.start());
    expect([device.active, device.slot(0)]).toEqual([1, old]);
    expectOk("revert", device.revert());
    expect([device.active, device.slot(1).state]).toEqual([0, "retired"]);
  });

  it("is no model where its programmer was stopped, or wrote a byte wrong", async () => {
    for (const wrong of [
      (image: SlotImage) => [image.chunks[0]],
      (image: SlotImage) => [image.chunks[1]],
      ({ chunks: [log, body] }: SlotImage) => [log, { ...body, bytes: body.bytes.with(99, body.bytes[99]! ^ 1) }],
    ]) {
      const { flash, device, slots } = board({ sectorBytes: 1024 });
      programmed(flash, slots[0]!, wrong(await imageOf(slots[0]!, modelOf(1, 1500, 1))));
      expect([device.start(), device.active]).toEqual([STATUS.Ok, -1]);
    }
  });

  it("holds a blob as convert writes it", async () => {
    const { flash, device, slots } = board({ sectorBytes: 4096 });
    const blob = await digitsBlob();
    programmed(flash, slots[1]!, (await slotImage(slots[1]!, blob, new Uint8Array())).chunks);
    expectOk("start", device.start());
    expect([device.active, device.slot(1).bytes]).toEqual([1, blob.length]);
    expect(flash.look(slots[1]!.address + 4096, blob.length)).toEqual(blob);
  });
});

/** A record in a cell of its own. */
function cell(word: number, erased: number): Uint8Array {
  const bytes = new Uint8Array(CELL_BYTES).fill(erased);
  bytes.set(record(word));
  return bytes;
}

const SLOT: Slot = { address: 0x1000_0000, bytes: 8192, eraseBytes: 4096, erased: 0xff };

it.each<[Partial<Slot>, string]>([
  [{ eraseBytes: 128 }, "erase unit: 128 bytes, expected a power of two from 256 to 262144"],
  [{ eraseBytes: 524_288 }, "erase unit: 524288 bytes, expected a power of two"],
  [{ eraseBytes: 768 }, "erase unit: 768 bytes, expected a power of two"],
  [{ eraseBytes: Number.NaN }, "erase unit: NaN bytes"],
  [{ erased: 1 as 0 }, "erased value: 1, expected 0xff or 0x00"],
  [{ address: 0x1000_0800 }, "address: 0x10000800, expected a multiple of the erase unit, 4096 bytes"],
  [{ address: -4096 }, "address: "],
  [{ address: 0.5 }, "address: "],
  [{ bytes: 4096 }, "slot size: 4096 bytes, expected whole erase units of 4096 bytes, at least two"],
  [{ bytes: 10_000 }, "slot size: 10000 bytes, expected whole erase units"],
  [{ address: 0xffff_f000 }, "slot: ends at 0x100001000, expected an end within 32 bits of address"],
])("refuses a slot of %j", (wrong, message) => {
  expect(() => checkSlot({ ...SLOT, ...wrong })).toThrow(FlashError);
  expect(() => checkSlot({ ...SLOT, ...wrong })).toThrow(message);
});

it.each<[string, () => Promise<unknown>, string]>([
  [
    "a blob that is one byte too large",
    () => slotImage(SLOT, new Uint8Array(4097), new Uint8Array()),
    "blob: 4097 bytes, expected at most 4096, the slot's 8192 without the erase unit of its log",
  ],
  [
    "a trailer that is",
    () => slotImage(SLOT, new Uint8Array(4096), new Uint8Array(1)),
    "blob: 4096 bytes and 1 of trailer, expected at most 4096",
  ],
  ["no blob", () => slotImage(SLOT, new Uint8Array(), new Uint8Array(1)), "blob: 0 bytes, expected at least 1"],
  ["a slot that is none", () => slotImage({ ...SLOT, bytes: 1 }, new Uint8Array(1), new Uint8Array()), "slot size: 1"],
  [
    "a counter beyond 32 bits",
    () => slotImage(SLOT, new Uint8Array(1), new Uint8Array(), { counter: 2 ** 32 }),
    "counter: 4294967296, expected a whole number from 0 to 4294967295",
  ],
  [
    "a sequence that is no number",
    () => slotImage(SLOT, new Uint8Array(1), new Uint8Array(), { sequence: Number.NaN }),
    "sequence: NaN, expected a whole number",
  ],
])("refuses %s", async (_, make, message) => {
  await expect(make()).rejects.toThrow(FlashError);
  await expect(make()).rejects.toThrow(message);
});
