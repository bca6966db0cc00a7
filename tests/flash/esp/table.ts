import { createHash } from "node:crypto";

/** Label, type, subtype, address, bytes, flags: as a line of a project's partitions.csv. */
export type Row = [label: string, type: number, subtype: number, address: number, bytes: number, flags?: number];

/** A partition table as ESP-IDF's gen_esp32part makes it of such lines: `<2sBBLL16sL` each, the MD5 of all, and 0xff up to 0xc00 bytes. */
export function tableOf(rows: readonly Row[], { summed = true } = {}): Uint8Array {
  const entries = rows.map(([label, type, subtype, address, bytes, flags = 0]) => {
    const entry = Buffer.alloc(32);
    entry.set([0xaa, 0x50, type, subtype]);
    entry.writeUInt32LE(address, 4);
    entry.writeUInt32LE(bytes, 8);
    entry.write(label, 12, 16, "utf8");
    entry.writeUInt32LE(flags, 28);
    return entry;
  });
  const table = Buffer.concat(entries);
  const sum = [Buffer.from([0xeb, 0xeb]), Buffer.alloc(14, 0xff), createHash("md5").update(table).digest()];
  const whole = new Uint8Array(0xc00).fill(0xff);
  whole.set(Buffer.concat(summed ? [table, ...sum] : [table]));
  return whole;
}
