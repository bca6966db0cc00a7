import type { Cursor } from "../base/cursor.ts";
import { BlobError } from "../base/errors.ts";
import type { SelfTest } from "../program.ts";

/** Golden pairs that a blob may have: a device runs all of them before it serves, and a host holds them. Converters write two. */
const MAX_PAIRS = 1024;

/** The self-test part (FORMAT.md, "Self-test"). All pairs have inputs of one size and outputs of one size. */
export function encodeSelfTest({ inputs, outputs }: SelfTest): Uint8Array {
  const inputBytes = inputs[0]?.length ?? 0;
  const outputBytes = outputs[0]?.length ?? 0;
  const isEven =
    inputs.every(({ length }) => length === inputBytes) && outputs.every(({ length }) => length === outputBytes);
  if (!isEven || inputs.length !== outputs.length || inputs.length > MAX_PAIRS) {
    const found = `${inputs.length} inputs and ${outputs.length} outputs`;
    throw new BlobError(0, `self-test of ${found}, expected at most ${MAX_PAIRS} pairs, all of one size`);
  }
  const bytes = new Uint8Array(16 + inputs.length * (inputBytes + outputBytes));
  const view = new DataView(bytes.buffer);
  [inputs.length, inputBytes, outputBytes].forEach((value, i) => {
    view.setUint32(4 * i, value, true);
  });
  inputs.forEach((input, i) => {
    bytes.set(input, 16 + i * (inputBytes + outputBytes));
    bytes.set(outputs[i]!, 16 + i * (inputBytes + outputBytes) + inputBytes);
  });
  return bytes;
}

/** Inverse of `encodeSelfTest`, for a part of `bytes` bytes whose pairs must have the given sizes. */
export function decodeSelfTest(cursor: Cursor, bytes: number, expected: { input: number; output: number }): SelfTest {
  const at = cursor.offset;
  const [count, input, output] = [cursor.u32(), cursor.u32(), cursor.u32()];
  cursor.skip(4);
  if (input !== expected.input || output !== expected.output) {
    throw new BlobError(
      at,
      `self-test pairs of ${input} and ${output} bytes, expected ${expected.input} and ${expected.output}`,
    );
  }
  if (count > MAX_PAIRS) throw new BlobError(at, `${count} self-test pairs, expected at most ${MAX_PAIRS}`);
  if (bytes !== 16 + count * (input + output)) {
    throw new BlobError(
      at,
      `${count} self-test pairs in ${bytes} bytes, expected ${16 + count * (input + output)} bytes`,
    );
  }
  const test: SelfTest = { inputs: [], outputs: [] };
  for (let i = 0; i < count; i++) {
    test.inputs.push(cursor.bytes(input).slice());
    test.outputs.push(cursor.bytes(output).slice());
  }
  return test;
}
