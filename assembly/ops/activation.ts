import { Curve, Op } from "../blob";
import { gelu, geluTanh, relu2, silu } from "../f32";
import { firstRow, inputOf, outputOf, rows } from "../regions";
import { rowStride } from "../tensors";

/** output[e] = function(input[e]); numbers between rows have no meaning. */
export function activation(op: usize): void {
  const form: u32 = load<u8>(op, Op.form);
  let from = firstRow(inputOf(op));
  let to = firstRow(outputOf(op));
  for (const end = to + rowStride(outputOf(op)) * rows; to < end; to += 4, from += 4) {
    store<f32>(to, apply(form, load<f32>(from)));
  }
}

function apply(form: u32, x: f32): f32 {
  if (form == Curve.gelu) return gelu(x);
  if (form == Curve.gelu_tanh) return geluTanh(x);
  if (form == Curve.silu) return silu(x);
  if (form == Curve.relu2) return relu2(x);
  return x > 0 ? x : 0;
}
