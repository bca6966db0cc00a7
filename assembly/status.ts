/** What the exports return; ABI.md has the table. */
export enum Status {
  Ok = 0,
  BadMagic = 1,
  BadVersion = 2,
  BadSize = 3,
  BadChecksum = 4,
  BadHead = 5,
  BadPart = 6,
  BadTensor = 7,
  BadOp = 8,
  Unsupported = 9,
  BadRows = 10,
  BadMemory = 11,
  NotOpen = 12,
  BadRange = 13,
  ReadFailed = 14,
}
