import { Activation, Op, Tensor } from "../blob";
import { copy } from "../copy";
import { packingOf } from "../features";
import { BLOCK_ROWS, panelBytes, prepare, preparedBytes } from "../kernels";
import { weightRowBytes } from "../packings";
import { STREAMS } from "../profiles";
import { blockChannels, inputOf, outputOf, positionAt, positionsOfAll, prepared, sums } from "../regions";
import { Status } from "../status";
import { dtypeOf } from "../tensors";
import { tile } from "../weights";
import { multiply } from "./multiply";

/** Bytes of scratch for `count` positions of so many codes: a panel, and the codes, as kernels want them or as they are. Never more for fewer positions. */
export function linearScratch(packing: u32, inputs: u32, count: u32): u64 {
  const bytes = max(max(preparedBytes(packing, inputs, count), preparedBytes(packing, inputs, 1)), (inputs + 15) & ~15);
  return panelBytes(packing, count, BLOCK_ROWS) + <u64>bytes * count;
}

/** output[m] = f32(Σ_k weights[m, k] · code[k]) · (the position's scale · scale) + bias at every position, which are rows of the kernels. */
export function linear(op: usize): Status {
  const input = inputOf(op);
  const output = outputOf(op);
  const packing = packingOf(op);
  const inputs = load<u32>(input, Tensor.channels);
  const channels = load<u32>(output, Tensor.channels);
  const count = positionsOfAll(output);
  const isScaled = dtypeOf(input) == Activation.scaled8;
  const isSigned = dtypeOf(input) != Activation.u8;
  const rowBytes = weightRowBytes(packing, inputs);
  const recordStep: u32 = load<u16>(op, Op.recordStep);

  const codes = prepared + panelBytes(packing, count, BLOCK_ROWS);
  const bytes = preparedBytes(packing, inputs, count);
  const codeStep = bytes ? bytes : (inputs + 15) & ~15;
  for (let i: u32 = 0, to = codes; i < count; i++, to += codeStep) {
    const from = positionAt(input, i) + (isScaled ? 4 : 0);
    if (bytes) prepare(isSigned, packing, from, inputs, count, to);
    else copy(to, from, inputs);
  }

  let offset = load<u32>(op, Op.weights);
  let first: u32 = 0;
  do {
    const last = min<u32>(first + load<u16>(op, Op.tileChannels), channels);
    let weights = tile(offset, load<u32>(op, Op.tileBytes));
    if (STREAMS && !weights) return Status.ReadFailed;
    let records = weights + load<u32>(op, Op.recordsAt);
    do {
      const width: u32 = min(blockChannels(count), last - first);
      const sumStep = width << 2;
      for (let row: u32 = 0; row < count; row += BLOCK_ROWS) {
        const height = min<u32>(BLOCK_ROWS, count - row);
        multiply(op, count, weights, rowBytes, width, codes + row * codeStep, codeStep, height, inputs, sums, sumStep);
        let sum = sums;
        for (let i = row; i < row + height; i++) {
          const scale: f32 = isScaled ? load<f32>(positionAt(input, i)) : 1;
          let to = positionAt(output, i) + (first << 2);
          let record = records;
          for (const end = to + sumStep; to < end; to += 4, sum += 4, record += recordStep) {
            store<f32>(to, <f32>load<i32>(sum) * (scale * load<f32>(record)) + load<f32>(record, 4));
          }
        }
      }
      weights += width * rowBytes;
      records += width * recordStep;
      first += width;
    } while (first < last);
    offset += load<u32>(op, Op.tileBytes);
  } while (first < channels);
  return Status.Ok;
}
