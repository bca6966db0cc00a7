import type { PositionsOp } from "../program.ts";
import type { Picture } from "../shape.ts";
import { floatsOf, storeFloats } from "./floats.ts";

/** output[p] = floats[p], to which input[p − extra] is added from position `extra` on: as many as the output has more. */
export function positions(
  { floats }: PositionsOp,
  [input]: readonly Int32Array[],
  output: Int32Array,
  _: readonly Picture[],
  { channels }: Picture,
): void {
  const x = floatsOf(input!);
  const extra = output.length - x.length;
  storeFloats(
    output,
    channels,
    floats.map((each, i) => (i < extra ? each : x[i - extra]! + each)),
  );
}
