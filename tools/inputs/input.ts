/** Numbers from a file, in row-major order. A picture is [height, width] if grey, [height, width, 3] if in colour. */
export type Input = { kind: Kind; shape: number[] } & Elements;

type Kind = "npy" | "idx" | "png";

export type Elements =
  | { dtype: "u8"; data: Uint8Array }
  | { dtype: "i8"; data: Int8Array }
  | { dtype: "i16"; data: Int16Array }
  | { dtype: "i32"; data: Int32Array }
  | { dtype: "f32"; data: Float32Array };

/** The same, read as it is asked for. */
export interface InputStream {
  kind: Kind;
  shape: number[];
  dtype: Elements["dtype"];
  /**
   * All elements in order, once: `count` at a time, and what is left. Throws InputError where the file is found to be
   * damaged, which may be behind its last element.
   */
  parts(count: number): Iterable<Elements["data"]>;
  /** Ends the reading: a file behind it is closed. */
  close(): void;
}
