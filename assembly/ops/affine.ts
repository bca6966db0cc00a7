import { Op, Tensor } from "../blob";
import { outputOf, positionAt, positionsOfAll } from "../regions";
import { Status } from "../status";
import { tile } from "../weights";

/** Post float: what the output of an op holds, times a scale and plus a bias, by channel. Tile by tile, so that streamed ones are read once. */
export function affine(op: usize): Status {
  const output = outputOf(op);
  const channels = load<u32>(output, Tensor.channels);
  const step: u32 = load<u16>(op, Op.recordStep);
  let offset = load<u32>(op, Op.weights);
  for (let first: u32 = 0; first < channels; offset += load<u32>(op, Op.tileBytes)) {
    const last = min<u32>(first + load<u16>(op, Op.tileChannels), channels);
    const at = tile(offset, load<u32>(op, Op.tileBytes));
    if (!at) return Status.ReadFailed;
    for (let i = positionsOfAll(output); i--; ) {
      let to = positionAt(output, i) + (first << 2);
      let record = at + load<u32>(op, Op.recordsAt);
      for (const end = to + ((last - first) << 2); to < end; to += 4, record += step) {
        store<f32>(to, load<f32>(to) * load<f32>(record) + load<f32>(record, 4));
      }
    }
    first = last;
  }
  return Status.Ok;
}
