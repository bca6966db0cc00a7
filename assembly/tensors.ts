import { Activation, Tensor } from "./blob";
import { PICTURES, SCALED } from "./features";
import { DTYPES } from "./profiles";

// What the record of a tensor says, once it has been proven (check.ts).

export function dtypeOf(tensor: usize): i32 {
  return load<u8>(tensor, Tensor.dtype);
}

/** Positions of a row; a constant in a build for vectors alone. */
export function positions(tensor: usize): u32 {
  return DTYPES & PICTURES ? <u32>load<u16>(tensor, Tensor.height) * load<u16>(tensor, Tensor.width) : 1;
}

/** Bytes of the elements of a position. At most 2^22 for the dtypes that exist. */
export function positionBytes(tensor: usize): u32 {
  if (DTYPES & SCALED && dtypeOf(tensor) == Activation.scaled8) return (load<u32>(tensor, Tensor.channels) + 7) & ~3;
  const log2 = load<u8>(tensor, Tensor.dtype) >> 1;
  const bits = load<u32>(tensor, Tensor.channels) << log2;
  return load<u8>(tensor, Tensor.dtype) == Activation.bit ? ((bits + 31) >> 5) << 2 : bits >> 3;
}

/** Bytes of a row's elements, without what aligns the next row. */
export function elementBytes(tensor: usize): u32 {
  return positions(tensor) * positionBytes(tensor);
}

/** Bytes from one row of a tensor to the next, a multiple of 16. */
export function rowStride(tensor: usize): u32 {
  if (DTYPES & (PICTURES | SCALED)) return (elementBytes(tensor) + 15) & ~15;
  const log2 = load<u8>(tensor, Tensor.dtype) >> 1;
  const bits = load<u32>(tensor, Tensor.channels) << log2;
  return ((bits + 127) >> 7) << 4;
}
