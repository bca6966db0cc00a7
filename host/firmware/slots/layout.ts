import { FlashError } from "../../base/errors.ts";
import { hex } from "../../base/printable.ts";

/** A slot in a device's flash, as assembly/update/FORMAT.md has it. */
export interface SlotLayout {
  log: number;
  body: number;
  sectorBytes: number;
  bodyBytes: number;
}

/** Where everything of the slots lies in a device's flash: assembly/update/FORMAT.md. */
export interface Layout {
  unitBytes: number;
  erased: number;
  logBytes: number;
  counter: readonly [number, number];
  /** One or two. */
  slots: readonly SlotLayout[];
}

/** A layout as the module reads it. A second slot of no bytes is none. */
export function layoutWords({ unitBytes, erased, logBytes, counter, slots }: Layout): number[] {
  const words = [0, 1].map((i) => slots[i] ?? { log: 0, body: 0, sectorBytes: 0, bodyBytes: 0 });
  const of = ({ log, body, sectorBytes, bodyBytes }: SlotLayout) => [log, body, sectorBytes, bodyBytes];
  return [unitBytes, erased, logBytes, ...counter, ...words.flatMap(of)];
}

/** What FORMAT.md allows: powers of two. */
export const isUnit = (bytes: number) => isPower(bytes, 1, 32);
export const isSector = (bytes: number) => isPower(bytes, 256, 1 << 18);

const isPower = (value: number, min: number, max: number) =>
  value >= min && value <= max && Number.isInteger(Math.log2(value));

/**
 * Throws FlashError for what is no layout of FORMAT.md, and for regions that overlap, among themselves or with the code, which the module does not look
 * at. Sectors of logs and of the counter have `recordSectorBytes`.
 */
export function checkLayout(
  { unitBytes, erased, logBytes, counter, slots }: Layout,
  recordSectorBytes: number,
  code: { address: number; bytes: number },
): void {
  const fail = (where: string, found: unknown, expected: string): never => {
    throw new FlashError(where, `found ${found}, expected ${expected}`);
  };
  if (!isUnit(unitBytes)) fail("unitBytes", unitBytes, "a power of two from 1 to 32");
  if (erased !== 0 && erased !== 255) fail("erased", erased, "0 or 255");
  if (!(logBytes >= 256 && logBytes <= 1024 && logBytes % 32 === 0 && logBytes <= recordSectorBytes)) {
    fail("logBytes", logBytes, `a multiple of 32 from 256 to 1024, at most a sector, ${recordSectorBytes}`);
  }
  if (slots.length !== 1 && slots.length !== 2) fail("slots", slots.length, "one or two");
  const regions = [...counter, ...slots.map(({ log }) => log)].map((address) => ({
    address,
    bytes: recordSectorBytes,
  }));
  for (const { address } of regions) {
    if (address % unitBytes) fail("counter or log", hex(address), `a multiple of unitBytes, ${unitBytes}`);
  }
  for (const { body, sectorBytes, bodyBytes } of slots) {
    if (!isSector(sectorBytes)) fail("sectorBytes", sectorBytes, "a power of two from 256 to 262144");
    if (bodyBytes < sectorBytes || bodyBytes % sectorBytes) fail("bodyBytes", bodyBytes, `whole sectors, one at least`);
    if (body % sectorBytes) fail("body", hex(body), `a multiple of sectorBytes, ${sectorBytes}`);
    regions.push({ address: body, bytes: bodyBytes });
  }
  regions.push(code);
  const sorted = regions.toSorted((a, b) => a.address - b.address);
  for (const [i, { address, bytes }] of sorted.entries()) {
    const end = Math.min(sorted[i + 1]?.address ?? 2 ** 32, 2 ** 32);
    if (address + bytes > end) {
      fail(`${hex(address)} … ${hex(address + bytes)}`, "a region of that size", `an end before ${hex(end)}`);
    }
  }
}
