/** Numbers from a file, in row-major order. A picture is [height, width] if grey, [height, width, 3] if in colour. */
export type Input = { kind: "npy" | "idx" | "png"; shape: number[] } & Elements;

export type Elements =
  | { dtype: "u8"; data: Uint8Array }
  | { dtype: "i8"; data: Int8Array }
  | { dtype: "i16"; data: Int16Array }
  | { dtype: "i32"; data: Int32Array }
  | { dtype: "f32"; data: Float32Array };
