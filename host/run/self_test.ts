import { checkSession } from "../base/arguments.ts";
import { fromOrderKey } from "../numbers/order.ts";
import type { Program, SelfTest } from "../program.ts";
import { elementBytes, elementCount } from "../shape.ts";
import { decodeRow, encodeRow, referenceBackend } from "./backend.ts";
import { sampleInputs } from "./sample.ts";
import { ARRAYS, type InputRows, Session } from "./session.ts";
import { rowsWithin } from "./work.ts";

/** Golden pairs that a blob carries for devices. */
const PAIRS = 2;

/** What the reference computes for a few random inputs, one row each. Throws EngineError for a model that takes more work than is allowed. */
export function goldenPairs(program: Program, maxOperations?: number): SelfTest {
  rowsWithin(program, maxOperations);
  const session = new Session(program, referenceBackend(program, 1));
  const test: SelfTest = { inputs: [], outputs: [] };
  const samples = sampleInputs(program, PAIRS + 2); // the first two are the least and the greatest everywhere
  for (let row = 2; row < PAIRS + 2; row++) {
    const inputs = samples.map((rows, i) => {
      const count = elementCount(program.tensors[program.inputs[i]!]!);
      return rows.subarray(row * count, (row + 1) * count);
    });
    test.inputs.push(packRow(program, program.inputs, inputs));
    test.outputs.push(packOutputs(session, inputs));
  }
  return test;
}

export interface SelfTestResult {
  /** Golden pairs that the blob carries. */
  pairs: number;
  /** Numbers of those whose outputs came out wrong. */
  wrong: number[];
}

/** Runs the golden pairs that a blob carries. */
export function selfTest(session: Session): SelfTestResult {
  checkSession("session", session);
  const { inputs, outputs } = session.program.selfTest ?? { inputs: [], outputs: [] };
  const isRight = (input: Uint8Array, pair: number) => {
    const found = packOutputs(session, unpackInputs(session.program, input));
    return found.every((byte, i) => byte === outputs[pair]![i]);
  };
  const wrong = Array.from(inputs.keys()).filter((pair) => !isRight(inputs[pair]!, pair));
  return { pairs: inputs.length, wrong };
}

function packOutputs(session: Session, inputs: InputRows[]): Uint8Array {
  const outputs = session.run(inputs).map(({ elements }) => elements);
  return packRow(session.program, session.program.outputs, outputs);
}

/** One row of each tensor, without padding behind the elements. */
function packRow(program: Program, tensors: number[], rows: ArrayLike<number>[]): Uint8Array {
  const sizes = tensors.map((index) => elementBytes(program.tensors[index]!));
  const bytes = new Uint8Array(sizes.reduce((sum, size) => sum + size, 0));
  let offset = 0;
  for (const [i, index] of tensors.entries()) {
    encodeRow(bytes.subarray(offset, offset + sizes[i]!), program.tensors[index]!, rows[i]!);
    offset += sizes[i]!;
  }
  return bytes;
}

/** One row of each input, out of what `packRow` made. */
function unpackInputs(program: Program, bytes: Uint8Array): InputRows[] {
  let offset = 0;
  return program.inputs.map((index) => {
    const tensor = program.tensors[index]!;
    const elements = new Int32Array(elementCount(tensor));
    decodeRow(bytes.subarray(offset, offset + elementBytes(tensor)), tensor, elements);
    offset += elementBytes(tensor);
    return new ARRAYS[tensor.dtype]!(tensor.dtype === "f32" ? Array.from(elements, fromOrderKey) : elements);
  });
}
