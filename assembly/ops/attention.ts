import { Op, Tensor } from "../blob";
import { inputOf, outputOf, positionAt, prepared, rows, tensorAt } from "../regions";
import { dtypeOf, positionBytes, positions } from "../tensors";
import { secondOf } from "./operands";
import { dot, weighted } from "./reductions";
import { softmaxOf } from "./softmax";

/** Record of the third tensor that an op reads. */
export function thirdOf(op: usize): usize {
  return tensorAt(load<u16>(op, Op.third));
}

/** Whether keys and values exist, and heads are whole. */
export function attentionFits(op: usize, tensorCount: u32): bool {
  if (<u32>load<u16>(op, Op.second) >= tensorCount || <u32>load<u16>(op, Op.third) >= tensorCount) return false;
  const heads: u32 = load<u16>(op, Op.heads);
  const keyHeads: u32 = load<u16>(op, Op.keyHeads);
  const channels = load<u32>(outputOf(op), Tensor.channels);
  if (!heads || !keyHeads || channels % heads || heads % keyHeads) return false;
  const own = (channels / heads) * keyHeads;
  return operandFits(op, secondOf(op), own) && operandFits(op, thirdOf(op), own);
}

function operandFits(op: usize, tensor: usize, channels: u32): bool {
  const output = outputOf(op);
  if (dtypeOf(tensor) != dtypeOf(output)) return false;
  return positions(tensor) == positions(output) && load<u32>(tensor, Tensor.channels) == channels;
}

/** Bytes of scratch: the weights of all positions for one of them. */
export function attentionScratch(op: usize): u64 {
  return ((<u64>positions(outputOf(op))) << 2) + 16;
}

/** Σ_t softmax_t(q · k[t] · scale) · v[t] for every position and head, of the positions t of its row. */
export function attention(op: usize): void {
  const queries = inputOf(op);
  const output = outputOf(op);
  const heads: u32 = load<u16>(op, Op.heads);
  const sharing = heads / load<u16>(op, Op.keyHeads);
  const size = load<u32>(output, Tensor.channels) / heads;
  const scale = load<f32>(op, Op.scale);
  const count = positions(output);
  const step = positionBytes(secondOf(op)); // of keys and values
  for (let row: u32 = 0; row < rows; row++) {
    const keys = positionAt(secondOf(op), row * count);
    const values = positionAt(thirdOf(op), row * count);
    for (let i: u32 = 0; i < count; i++) {
      let query = positionAt(queries, row * count + i);
      let to = positionAt(output, row * count + i);
      for (let head: u32 = 0; head < heads; head++, query += size << 2, to += size << 2) {
        const first = (head / sharing) * (size << 2);
        for (let t: u32 = 0; t < count; t++) {
          store<f32>(prepared + (t << 2), dot(query, keys + first + t * step, size) * scale);
        }
        softmaxOf(prepared, count, prepared);
        weighted(prepared, values + first, step, count, to, size);
      }
    }
  }
}
