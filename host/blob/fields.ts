import { BlobError } from "../base/errors.ts";

/** What the types of fields hold. */
const RANGE = {
  u8: [0, 0xff],
  u16: [0, 0xffff],
  u32: [0, 0xffffffff],
  i8: [-0x80, 0x7f],
  i32: [-0x80000000, 0x7fffffff],
} as const;

type FieldType = keyof typeof RANGE;

/** Throws BlobError for a number that its field, at byte `at` of the blob, cannot hold: a writer never wraps one. */
export function checkField(at: number, type: FieldType, value: number, what: string): void {
  const [least, most] = RANGE[type];
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new BlobError(at, `${what} ${value}, expected ${least} to ${most}`);
}

/** Writes a field. Throws BlobError for a number that it cannot hold. */
export function putField(view: DataView, at: number, type: FieldType, value: number, what: string): void {
  checkField(at, type, value, what);
  switch (type) {
    case "u8":
      view.setUint8(at, value);
      break;
    case "u16":
      view.setUint16(at, value, true);
      break;
    case "i8":
      view.setInt8(at, value);
      break;
    case "u32":
      view.setUint32(at, value, true);
      break;
    case "i32":
      view.setInt32(at, value, true);
      break;
  }
}
