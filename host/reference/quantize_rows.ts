import { orderKey } from "../numbers/order.ts";
import { roundHalfEven } from "../numbers/round.ts";
import type { QuantizeRowsOp } from "../program.ts";
import type { Picture } from "../shape.ts";
import { floatsOf } from "./floats.ts";

/** The order key of the scale and the codes of every position of one row. */
export function quantizeRows(
  { levels, epsilon }: QuantizeRowsOp,
  [input]: readonly Int32Array[],
  output: Int32Array,
  _: readonly Picture[],
  { channels }: Picture,
): void {
  const x = floatsOf(input!);
  for (let from = 0, to = 0; from < x.length; from += channels) {
    const position = x.subarray(from, from + channels);
    const most = position.reduce((most, each) => (Math.abs(each) > most ? Math.abs(each) : most), epsilon);
    output[to++] = orderKey(Math.fround(most / levels));
    const factor = Math.fround(levels / most);
    for (const each of position) {
      const code = roundHalfEven(Math.fround(each * factor));
      output[to++] = Math.max(-levels, Math.min(levels, code)) + 0;
    }
  }
}
