import { expect } from "vitest";

/** What a HEX file says: bytes by address. */
export function readHex(text: string): Map<number, number> {
  const bytes = new Map<number, number>();
  let upper = 0;
  for (const line of text.trim().split("\n")) {
    const [count, high, low, type, ...data] = Array.from(Buffer.from(line.slice(1), "hex"));
    expect(Array.from(Buffer.from(line.slice(1), "hex")).reduce((sum, byte) => sum + byte, 0) & 255).toBe(0);
    expect(data).toHaveLength(count! + 1);
    if (type === 4) upper = (data[0]! << 24) | (data[1]! << 16);
    if (type !== 0) continue;
    for (const [i, byte] of data.slice(0, -1).entries()) bytes.set((upper >>> 0) + (high! << 8) + low! + i, byte);
  }
  return bytes;
}
