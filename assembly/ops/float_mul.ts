import { HAS_VECTORS } from "../kernels";
import { firstRow, inputOf, outputOf, rows } from "../regions";
import { rowStride } from "../tensors";
import { secondOf } from "./operands";

/** output[e] = a[e] · b[e]; rows are multiples of 16 bytes, and numbers between them have no meaning. */
export function floatMul(op: usize): void {
  let a = firstRow(inputOf(op));
  let b = firstRow(secondOf(op));
  let to = firstRow(outputOf(op));
  const end = to + rowStride(outputOf(op)) * rows;
  if (HAS_VECTORS) {
    for (; to < end; to += 16, a += 16, b += 16) v128.store(to, f32x4.mul(v128.load(a), v128.load(b)));
  } else {
    for (; to < end; to += 4, a += 4, b += 4) store<f32>(to, load<f32>(a) * load<f32>(b));
  }
}
