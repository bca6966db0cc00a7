import type { Program } from "../../host/program.ts";
import { encodeRow } from "../../host/run/backend.ts";
import type { InputRows, Session } from "../../host/run/session.ts";
import { elementBytes, elementCount } from "../../host/shape.ts";

/** Samples as the command takes them: one row of each input after another. */
export function samplesOf(program: Program, inputs: readonly InputRows[], rows: number): Uint8Array {
  return concat(program, program.inputs, inputs, rows);
}

/** What the command is to write: the elements that a session gives for the same inputs. */
export function expectedOf(session: Session, inputs: readonly InputRows[], rows: number): Uint8Array {
  const elements = session.run(inputs).map((output) => output.elements);
  return concat(session.program, session.program.outputs, elements, rows);
}

function concat(program: Program, ports: readonly number[], elements: readonly ArrayLike<number>[], rows: number) {
  const tensors = ports.map((index) => program.tensors[index]!);
  const bytes: Uint8Array[] = [];
  for (let row = 0; row < rows; row++) {
    tensors.forEach((tensor, i) => {
      const to = new Uint8Array(elementBytes(tensor));
      encodeRow(to, tensor, elements[i]!, row * elementCount(tensor));
      bytes.push(to);
    });
  }
  return new Uint8Array(Buffer.concat(bytes));
}
