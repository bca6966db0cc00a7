import { Op, Tensor } from "../blob";
import { copy } from "../copy";
import { inputOf, outputOf, positionAt, rows } from "../regions";
import { positionBytes } from "../tensors";

/** Whether patches of so many lines and columns are the positions of the output. */
export function patchesFit(op: usize): bool {
  const input = inputOf(op);
  const output = outputOf(op);
  const height: u32 = load<u16>(op, Op.kernelHeight);
  const width: u32 = load<u16>(op, Op.kernelWidth);
  if (<u64>height * load<u16>(output, Tensor.height) != load<u16>(input, Tensor.height)) return false;
  if (<u64>width * load<u16>(output, Tensor.width) != load<u16>(input, Tensor.width)) return false;
  return <u64>(height * width) * load<u32>(input, Tensor.channels) == load<u32>(output, Tensor.channels);
}

/** The channels of an output position are those of a patch of the input, line by line. */
export function patches(op: usize): void {
  const input = inputOf(op);
  const output = outputOf(op);
  const height: u32 = load<u16>(op, Op.kernelHeight);
  const width: u32 = load<u16>(op, Op.kernelWidth);
  const across: u32 = load<u16>(output, Tensor.width);
  const lines: u32 = rows * load<u16>(input, Tensor.height);
  const bytes = width * positionBytes(input);
  for (let line: u32 = 0; line < lines; line++) {
    const to = (line / height) * across;
    for (let x: u32 = 0; x < across; x++) {
      const from = positionAt(input, (line * across + x) * width);
      copy(positionAt(output, to + x) + (line % height) * bytes, from, bytes);
    }
  }
}
