import { Op, Tensor } from "../blob";
import { inputOf, outputOf, positionAt, rows } from "../regions";
import { Status } from "../status";
import { positions } from "../tensors";
import { tile } from "../weights";

/** Whether the output has as many positions as the input, or more. */
export function positionsFit(op: usize): bool {
  const input = inputOf(op);
  const output = outputOf(op);
  if (load<u32>(input, Tensor.channels) != load<u32>(output, Tensor.channels)) return false;
  return positions(input) <= positions(output);
}

/** output[p] = floats[p], to which input[p − extra] is added from position `extra` on: as many as the output has more. */
export function addPositions(op: usize): Status {
  const input = inputOf(op);
  const output = outputOf(op);
  const count = positions(output);
  const inputs = positions(input);
  const extra = count - inputs;
  const bytes = load<u32>(output, Tensor.channels) << 2;
  let offset = load<u32>(op, Op.weights);
  for (let first: u32 = 0; first < count; offset += load<u32>(op, Op.tileBytes)) {
    const last = min<u32>(first + load<u16>(op, Op.tileChannels), count);
    let constant = tile(offset, load<u32>(op, Op.tileBytes));
    if (!constant) return Status.ReadFailed;
    for (; first < last; first++, constant += bytes) {
      for (let row: u32 = 0; row < rows; row++) {
        const to = positionAt(output, row * count + first);
        const from = first < extra ? 0 : positionAt(input, row * inputs + first - extra);
        for (let i: u32 = 0; i < bytes; i += 4) {
          const x = load<f32>(constant + i);
          store<f32>(to + i, from ? load<f32>(from + i) + x : x);
        }
      }
    }
  }
  return Status.Ok;
}
