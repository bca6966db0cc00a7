import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { Device, layoutOf, STATUS } from "./device.ts";
import { NorFlash } from "./flash.ts";
import { modelOf, transfer } from "./model.ts";

const GEOMETRY = { unitBytes: 1, erased: 0xff, recordSectorBytes: 256, sectorBytes: 256, sectors: 6 };

// no byte, one block, each side of where the length still fits into the last block, and of whole blocks
it.each([1, 2, 54, 55, 56, 57, 63, 64, 65, 119, 120, 127, 128, 129, 1000])(
  "hashes %i bytes as node:crypto does",
  (bytes) => {
    const { layout, regions } = layoutOf(GEOMETRY);
    const device = new Device(new NorFlash(1, 0xff, regions), layout);
    device.start();
    const model = modelOf(bytes, bytes, 0);
    expect(model.statement.sha256).toEqual(new Uint8Array(createHash("sha256").update(model.data).digest()));
    transfer(device, model); // `finish` compares them
    expect(device.check(0)).toBe(STATUS.Ok);
    device.flash.disturb(layout.slots[0]!.body + bytes - 1, 1);
    expect(device.check(0)).toBe(STATUS.BadHash);
  },
);
