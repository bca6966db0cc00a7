import { createHash } from "node:crypto";
import { Cursor } from "../../base/cursor.ts";
import { FlashError } from "../../base/errors.ts";
import { hex, shown } from "../../base/printable.ts";

// Partition tables of ESP-IDF: https://docs.espressif.com/projects/esp-idf/en/stable/esp32/api-guides/partition-tables.html. Entries of 32 bytes,
// behind them one with the MD5 of all before it, and erased bytes to the end.

/** Where a table lies, if its project says nothing else, and bytes of it. */
export const TABLE = { address: 0x8000, bytes: 0xc00 } as const;

/** Flash of these chips is erased in sectors. */
export const SECTOR_BYTES = 4096;

const ENTRY_BYTES = 32;
const LABEL_BYTES = 16;
const [ENTRY_MAGIC, MD5_MAGIC, END_MAGIC] = [0x50aa, 0xebeb, 0xffff];
const MD5_BYTES = 16;
const FLAG = { encrypted: 1, readonly: 2 } as const;

export interface Partition {
  label: string;
  /** 0: an app; 1: data; 0x40 … 0xfe: a project's own. */
  type: number;
  subtype: number;
  /** Where it lies in flash. */
  address: number;
  bytes: number;
  encrypted: boolean;
  readonly: boolean;
}

/** An untrusted table. Throws FlashError, with the byte, for one that is damaged or has no end. */
export function readPartitions(table: Uint8Array): Partition[] {
  const cursor = new Cursor(table, (offset, message) => new FlashError(`partition table, byte ${offset}`, message));
  const partitions: Partition[] = [];
  let isSummed = false;
  while (cursor.remaining >= ENTRY_BYTES) {
    const at = cursor.offset;
    const fail = (message: string) => {
      throw new FlashError(`partition table, byte ${at}`, message);
    };
    const magic = cursor.u16();
    const rest = cursor.bytes(ENTRY_BYTES - 2);
    if (magic === END_MAGIC) return partitions;
    if (isSummed) fail(`magic ${hex(magic)} behind the checksum, expected the end`);
    if (magic === MD5_MAGIC) {
      const expected = createHash("md5").update(table.subarray(0, at)).digest();
      if (!expected.equals(rest.subarray(-MD5_BYTES))) {
        fail(`MD5 ${Buffer.from(rest.subarray(-MD5_BYTES)).toString("hex")}, expected ${expected.toString("hex")}`);
      }
      isSummed = true;
    } else if (magic === ENTRY_MAGIC) partitions.push(readEntry(rest));
    else
      fail(`magic ${hex(magic)}, expected ${hex(ENTRY_MAGIC)}: an entry, ${hex(MD5_MAGIC)}: the checksum, or the end`);
  }
  throw new FlashError("partition table", `no end within ${table.length} bytes`);
}

/** An entry behind its magic. */
function readEntry(bytes: Uint8Array): Partition {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const label = Buffer.from(bytes.subarray(10, 10 + LABEL_BYTES));
  const end = label.indexOf(0);
  const flags = view.getUint32(10 + LABEL_BYTES, true);
  return {
    label: label.toString("utf8", 0, end < 0 ? LABEL_BYTES : end),
    type: bytes[0]!,
    subtype: bytes[1]!,
    address: view.getUint32(2, true),
    bytes: view.getUint32(6, true),
    encrypted: (flags & FLAG.encrypted) !== 0,
    readonly: (flags & FLAG.readonly) !== 0,
  };
}

const DATA = 1;
/** Subtypes of data that ESP-IDF keeps something of its own in: the rest is for whoever makes the table. */
const DATA_KINDS: Record<number, string> = {
  0: "ota",
  1: "phy",
  2: "nvs",
  3: "coredump",
  4: "nvs_keys",
  5: "efuse",
  128: "esphttpd",
  129: "fat",
  130: "spiffs",
  131: "littlefs",
};
const OWN_TYPES = { first: 0x40, last: 0xfe };

/**
 * The partition of a label, for a slot: data of subtype `undefined` or one without a name, or of a type of the project's own. Throws FlashError where there is
 * none, for one that holds something else, and for one whose sectors are not its own.
 */
export function slotPartition(partitions: readonly Partition[], label: string): Partition {
  const fail = (message: string): never => {
    throw new FlashError(`partition "${shown(label)}"`, message);
  };
  const [found, ...others] = partitions.filter((partition) => partition.label === label);
  if (!found) {
    const labels = partitions.map((partition) => shown(partition.label)).join(", ");
    return fail(`is not in the device's table, expected one of ${labels || "none: it is empty"}`);
  }
  if (others.length > 0) fail(`is there ${others.length + 1} times`);
  const { type, subtype, address, bytes } = found;
  const isOwn = type >= OWN_TYPES.first && type <= OWN_TYPES.last;
  const isFree = isOwn || (type === DATA && !Object.hasOwn(DATA_KINDS, subtype));
  if (!isFree) {
    const kind = type === DATA ? DATA_KINDS[subtype] : type === 0 ? "an app" : undefined;
    const expected = "expected data of subtype undefined, or a type from 0x40 to 0xfe";
    fail(`is for ${kind ?? "the boot loader"} (type ${type}, subtype ${subtype}), ${expected}`);
  }
  if (found.encrypted) fail("is encrypted, and what is written here is not");
  if (found.readonly) fail("is read-only");
  if (address % SECTOR_BYTES || bytes % SECTOR_BYTES || address < TABLE.address + SECTOR_BYTES) {
    fail(`${hex(address)}, ${bytes} bytes: expected whole sectors of ${SECTOR_BYTES} behind the table`);
  }
  const other = partitions.find(
    (each) => each !== found && each.address < address + bytes && address < each.address + each.bytes,
  );
  if (other) fail(`overlaps "${shown(other.label)}"`);
  return found;
}
