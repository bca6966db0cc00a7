/** A tensor of f32 to write, row-major. */
export interface WrittenTensor {
  dims: readonly number[];
  data: Float32Array;
}

/** A safetensors file (https://huggingface.co/docs/safetensors) of f32 tensors, and of texts for people. Their data begin at a multiple of 8 bytes. */
export function writeSafetensors(
  tensors: ReadonlyMap<string, WrittenTensor>,
  metadata: Record<string, string> = {},
): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let bytes = 0;
  for (const [name, { dims, data }] of tensors) {
    header[name] = { dtype: "F32", shape: dims, data_offsets: [bytes, bytes + 4 * data.length] };
    bytes += 4 * data.length;
  }
  const json = JSON.stringify(header);
  const text = new TextEncoder().encode(json);
  const headerBytes = Math.ceil(text.length / 8) * 8;
  const file = new Uint8Array(8 + headerBytes + bytes).fill(0x20, 8 + text.length, 8 + headerBytes); // spaces end the JSON
  const view = new DataView(file.buffer);
  view.setBigUint64(0, BigInt(headerBytes), true);
  file.set(text, 8);
  let at = 8 + headerBytes;
  for (const { data } of tensors.values()) {
    for (let i = 0; i < data.length; i++) view.setFloat32(at + 4 * i, data[i]!, true);
    at += 4 * data.length;
  }
  return file;
}
