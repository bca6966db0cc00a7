import { Activation, Op, Post, Tensor } from "../blob";
import { firstRow, inputOf, outputOf, rows } from "../regions";
import { Status } from "../status";
import { rowStride } from "../tensors";
import { tile } from "../weights";

export function argmaxFits(from: i32, to: i32, channels: u32): bool {
  return (from & to) == Activation.i32 && channels == 1;
}

/** output[r] = index of the greatest input[r, c], or of the greatest score input[r, c] · multiplier[c] + offset[c]; the first among equals. */
export function argmax(op: usize): Status {
  const input = inputOf(op);
  const output = outputOf(op);
  const channels = load<u32>(input, Tensor.channels);
  const scored = load<u8>(op, Op.post) == Post.scores;
  const tileBytes = load<u32>(op, Op.tileBytes);
  let from = firstRow(input);
  let to = firstRow(output);
  for (let row: u32 = 0; row < rows; row++) {
    let best = i64.MIN_VALUE;
    let offset = load<u32>(op, Op.weights);
    for (let first: u32 = 0; first < channels; offset += tileBytes) {
      const last = min<u32>(first + load<u16>(op, Op.tileChannels), channels);
      let record = scored ? tile(offset, tileBytes) : 0;
      if (scored && !record) return Status.ReadFailed;
      for (record += load<u32>(op, Op.recordsAt); first < last; first++, record += load<u16>(op, Op.recordStep)) {
        let score: i64 = load<i32>(from + (first << 2));
        if (scored) score = score * load<i32>(record) + load<i64>(record, 8);
        if (score > best || !first) {
          best = score;
          store<u32>(to, first);
        }
      }
    }
    from += rowStride(input);
    to += rowStride(output);
  }
  return Status.Ok;
}
