import type { PickOp } from "../program.ts";

/** output[c] = input[position, c] */
export function pick({ position }: PickOp, [input]: readonly Int32Array[], output: Int32Array): void {
  output.set(input!.subarray(position * output.length, (position + 1) * output.length));
}
