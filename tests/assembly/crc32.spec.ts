import { CRC_START, crc32 } from "../../assembly/crc32";
import { crc32ByTable, crcTable } from "../../assembly/crc32_table";

/** "123456789", the check value of every list of CRCs. */
const DIGITS: StaticArray<u8> = [0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39];

describe("crc32", () => {
  it("has the check value", () => {
    expect<u32>(~crc32(CRC_START, changetype<usize>(DIGITS), 9)).toBe(0xcbf43926);
  });

  it("goes on where it stopped", () => {
    for (let bytes: u32 = 0; bytes <= 9; bytes++) {
      const first = crc32(CRC_START, changetype<usize>(DIGITS), bytes);
      expect<u32>(~crc32(first, changetype<usize>(DIGITS) + bytes, 9 - bytes)).toBe(0xcbf43926);
    }
  });

  it("is the same by table, of any bytes", () => {
    const table = new StaticArray<u8>(1024);
    crcTable(changetype<usize>(table));
    const data = new StaticArray<u8>(256);
    for (let i = 0; i < 256; i++) data[i] = <u8>(i * 167 + 13);
    for (let bytes: u32 = 0; bytes <= 256; bytes++) {
      const state = crc32ByTable(changetype<usize>(table), bytes, changetype<usize>(data), bytes);
      expect<u32>(state).toBe(crc32(bytes, changetype<usize>(data), bytes));
    }
  });

  it("of nothing is 0", () => {
    expect<u32>(~crc32(CRC_START, 0, 0)).toBe(0);
  });
});
