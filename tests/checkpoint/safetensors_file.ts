/** A tensor to write. */
export interface Given {
  dtype: string;
  shape: readonly number[];
  bytes: Uint8Array;
}

export function f32(shape: readonly number[], values: Iterable<number>): Given {
  return { dtype: "F32", shape, bytes: new Uint8Array(Float32Array.from(values).buffer) };
}

/** A safetensors file, its tensors one behind another. */
export function writeSafetensors(tensors: Record<string, Given>, metadata?: Record<string, string>): Uint8Array {
  let end = 0;
  const entries = Object.entries(tensors).map(([name, { dtype, shape, bytes }]) => {
    const from = end;
    end += bytes.length;
    return [name, { dtype, shape, data_offsets: [from, end] }];
  });
  const header = { ...(metadata && { __metadata__: metadata }), ...Object.fromEntries(entries) };
  return joinSafetensors(
    JSON.stringify(header),
    Object.values(tensors).map(({ bytes }) => bytes),
  );
}

/** A header as it is given, and data behind it. */
export function joinSafetensors(header: string, data: readonly Uint8Array[]): Uint8Array {
  const text = new TextEncoder().encode(header);
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(text.length), true);
  return Uint8Array.from([length, text, ...data].flatMap((part) => [...part]));
}
