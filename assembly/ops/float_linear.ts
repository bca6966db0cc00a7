import { Op, Tensor } from "../blob";
import { inputOf, outputOf, positionAt, positionsOfAll } from "../regions";
import { Status } from "../status";
import { tile } from "../weights";
import { dot } from "./reductions";

/** output[m] = Σ_k floats[m, k] · input[k] · scale + bias at every position. */
export function floatLinear(op: usize): Status {
  const input = inputOf(op);
  const output = outputOf(op);
  const inputs = load<u32>(input, Tensor.channels);
  const channels = load<u32>(output, Tensor.channels);
  const recordStep: u32 = load<u16>(op, Op.recordStep);
  let offset = load<u32>(op, Op.weights);
  for (let first: u32 = 0; first < channels; offset += load<u32>(op, Op.tileBytes)) {
    const last = min<u32>(first + load<u16>(op, Op.tileChannels), channels);
    const weights = tile(offset, load<u32>(op, Op.tileBytes));
    if (!weights) return Status.ReadFailed;
    for (let i = positionsOfAll(output); i--; ) {
      const from = positionAt(input, i);
      let to = positionAt(output, i) + (first << 2);
      let row = weights;
      let record = weights + load<u32>(op, Op.recordsAt);
      for (const end = to + ((last - first) << 2); to < end; to += 4, row += inputs << 2, record += recordStep) {
        store<f32>(to, dot(from, row, inputs) * load<f32>(record) + load<f32>(record, 4));
      }
    }
    first = last;
  }
  return Status.Ok;
}
