import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { FlashError } from "../../../host/base/errors.ts";
import { readPartitions, slotPartition } from "../../../host/flash/esp/partitions.ts";
import { type Row, tableOf } from "./table.ts";

/** Two apps and two models. */
const ROWS: Row[] = [
  ["nvs", 1, 0x02, 0x9000, 0x5000],
  ["otadata", 1, 0x00, 0xe000, 0x2000],
  ["app0", 0, 0x10, 0x10000, 0x100000],
  ["model_0", 1, 0x06, 0x110000, 0x40000],
  ["model_1", 0x40, 0x00, 0x150000, 0x40000],
  ["a_label_of_16_by", 1, 0x06, 0x190000, 0x1000],
];
const flagged = (flags: number): Row[] => [["m", 1, 6, 0x10000, 0x2000, flags]];

describe("a partition table", () => {
  it("has the golden bytes of gen_esp32part", () => {
    // nvs, data, nvs, 0x9000, 0x6000 — the first line of ESP-IDF's partitions_singleapp.csv
    const entry = "aa50010200900000006000006e7673000000000000000000000000000000000000".slice(0, 64);
    const table = new Uint8Array(0xc00).fill(0xff);
    table.set(Buffer.from(entry, "hex"));
    table.set(Buffer.from(`ebeb${"ff".repeat(14)}`, "hex"), 32);
    table.set(createHash("md5").update(Buffer.from(entry, "hex")).digest(), 48);
    expect(tableOf([["nvs", 1, 2, 0x9000, 0x6000]])).toEqual(table);
    expect(readPartitions(table)).toEqual([
      { label: "nvs", type: 1, subtype: 2, address: 0x9000, bytes: 0x6000, encrypted: false, readonly: false },
    ]);
  });

  it.each([true, false])("is read as it is written, with a checksum: %s", (summed) => {
    const found = readPartitions(tableOf(ROWS, { summed }));
    expect(found.map(({ label, type, subtype, address, bytes }) => [label, type, subtype, address, bytes])).toEqual(
      ROWS,
    );
  });

  it("may fill all its bytes but the end's, and may be empty", () => {
    const most: Row[] = Array.from({ length: 94 }, (_, i) => [`p${i}`, 1, 6, 0x10000 + 4096 * i, 4096]);
    expect(readPartitions(tableOf(most))).toHaveLength(94);
    expect(readPartitions(tableOf([], { summed: false }))).toEqual([]);
  });

  it("is refused with any bit of its entries or its checksum changed", () => {
    const table = tableOf(ROWS);
    const end = 32 * (ROWS.length + 1);
    const read = (at: number, bit: number) => () => readPartitions(table.with(at, table[at]! ^ (1 << bit)));
    for (let at = 0; at < end; at++) {
      const isUnused = at >= end - 30 && at < end - 16; // of the checksum's entry, which nobody looks at
      if (!isUnused)
        for (let bit = 0; bit < 8; bit++) expect(read(at, bit), `byte ${at}, bit ${bit}`).toThrow(FlashError);
    }
  });

  it.each<[string, Uint8Array, string]>([
    ["no table", new Uint8Array(0xc00), "partition table, byte 0: magic 0x00000000, expected 0x000050aa"],
    ["no end", tableOf(ROWS).subarray(0, 32 * 3), "partition table: no end within 96 bytes"],
    ["nothing", new Uint8Array(), "partition table: no end within 0 bytes"],
    [
      "an entry behind the checksum",
      new Uint8Array([...tableOf(ROWS.slice(0, 1)).subarray(0, 64), ...tableOf(ROWS)]),
      "partition table, byte 64: magic 0x000050aa behind the checksum, expected the end",
    ],
  ])("is not %s", (_, table, message) => {
    expect(() => readPartitions(table)).toThrow(FlashError);
    expect(() => readPartitions(table)).toThrow(message);
  });
});

describe("the partition of a slot", () => {
  const found = (rows: Row[], label: string) => slotPartition(readPartitions(tableOf(rows)), label);

  it.each(["model_0", "model_1", "a_label_of_16_by"])("is %s by its label", (label) => {
    expect(found(ROWS, label)).toMatchObject({ label });
  });

  const expected = "expected data of subtype undefined, or a type from 0x40 to 0xfe";
  it.each<[Row[], string, string]>([
    [ROWS, "model", 'partition "model": is not in the device\'s table, expected one of nvs, otadata, app0, model_0'],
    [[], "m\u001b", 'partition "m\\u001b": is not in the device\'s table, expected one of none: it is empty'],
    [ROWS, "nvs", `partition "nvs": is for nvs (type 1, subtype 2), ${expected}`],
    [ROWS, "otadata", "is for ota (type 1, subtype 0)"],
    [ROWS, "app0", `is for an app (type 0, subtype 16), ${expected}`],
    [[["m", 1, 0x82, 0x10000, 4096]], "m", "is for spiffs"],
    [[["m", 2, 0, 0x10000, 4096]], "m", "is for the boot loader (type 2, subtype 0)"],
    [[["m", 0xff, 0, 0x10000, 4096]], "m", "is for the boot loader (type 255, subtype 0)"],
    [flagged(1), "m", "is encrypted, and what is written here is not"],
    [flagged(2), "m", "is read-only"],
    [[["m", 1, 6, 0x10800, 4096]], "m", "0x00010800, 4096 bytes: expected whole sectors of 4096 behind the table"],
    [[["m", 1, 6, 0x10000, 5000]], "m", "0x00010000, 5000 bytes: expected whole sectors"],
    [[["m", 1, 6, 0x8000, 4096]], "m", "0x00008000, 4096 bytes: expected whole sectors of 4096 behind the table"],
    [
      [
        ["m", 1, 6, 0x10000, 4096],
        ["m", 1, 6, 0x20000, 4096],
      ],
      "m",
      'partition "m": is there 2 times',
    ],
    [
      [
        ["m", 1, 6, 0x10000, 0x2000],
        ["n", 1, 6, 0x11000, 0x1000],
      ],
      "m",
      'partition "m": overlaps "n"',
    ],
  ])("is not in %j: %s", (rows, label, message) => {
    expect(() => found(rows, label)).toThrow(FlashError);
    expect(() => found(rows, label)).toThrow(message);
  });
});
