import type { Post, Requantize } from "../../program.ts";

/** What an op's record tells of its post. */
export interface PostFields {
  /** Byte of the blob at which the op's record begins. */
  at: number;
  /** Parameter records: 1, or one for each channel. */
  records: number;
  count: number;
  lo: number;
  hi: number;
  left: number;
  right: number;
  /** The byte of `left`, as lo and hi are read. */
  zero: number;
  ownShifts: boolean;
  rounding: Requantize["rounding"];
  /** Refuses the op. */
  fail(message: string): never;
}

/** How a post is stored (FORMAT.md, "Post"): fields in the record of its op, and parameter records in its tiles. */
export interface PostFormat<P extends Post> {
  /** Bytes of a parameter record, and how many there are: 1 for all channels, or one for each. */
  recordBytes(post: P): number;
  records(post: P): number;
  /** The post that fields tell, for so many channels, without what its parameter records hold. */
  empty(fields: PostFields, channels: number): P;
  /** Writes its fields into the record of its op, at byte `at`. Codes are u8 if `unsigned`, otherwise i8. */
  putFields?(view: DataView, at: number, post: P, unsigned: boolean): void;
  /** Fills in what parameter record `index`, at byte `at`, holds. */
  read(view: DataView, at: number, post: P, index: number, unsigned: boolean): void;
  write(view: DataView, at: number, post: P, index: number): void;
}
