/** Status codes of the module (assembly/ABI.md), by number. */
export const STATUS = [
  "Ok",
  "BadMagic",
  "BadVersion",
  "BadSize",
  "BadChecksum",
  "BadHead",
  "BadPart",
  "BadTensor",
  "BadOp",
  "Unsupported",
  "BadRows",
  "BadMemory",
  "NotOpen",
  "BadRange",
  "ReadFailed",
] as const;

export type Status = (typeof STATUS)[number];
