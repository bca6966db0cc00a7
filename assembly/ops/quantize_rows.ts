import { Op, Tensor } from "../blob";
import { inputOf, outputOf, positionAt, positionsOfAll } from "../regions";

/** Added to a number below 2^22, it leaves the nearest integer, ties to even, in the low bits. */
const ROUNDER: f32 = 12582912;

/** Of every position: m = max(greatest |x|, epsilon); scale = m / levels, then code[c] = x[c] · (levels / m), half to even; 0 for NaN. */
export function quantizeRows(op: usize): void {
  const input = inputOf(op);
  const output = outputOf(op);
  const channels = load<u32>(input, Tensor.channels);
  const levels: f32 = <f32>(<i32>load<u8>(op, Op.hi));
  for (let i = positionsOfAll(input); i--; ) {
    let from = positionAt(input, i);
    let to = positionAt(output, i);
    const end = from + (channels << 2);
    let most = load<f32>(op, Op.epsilon);
    for (let at = from; at < end; at += 4) {
      const size = abs(load<f32>(at));
      if (size > most) most = size;
    }
    store<f32>(to, most / levels);
    const factor = levels / most;
    for (to += 4; from < end; from += 4, to++) {
      const x = load<f32>(from) * factor;
      let code: f32 = 0;
      if (x > levels) code = levels;
      else if (x >= -levels) code = x;
      else if (x < 0) code = -levels;
      store<u8>(to, reinterpret<i32>(code + ROUNDER));
    }
  }
}
