import { Activation } from "../blob";
import { copy } from "../copy";
import { clearTensor, firstRow, tensorAt } from "../regions";
import { dtypeOf, elementBytes } from "../tensors";

/** Bytes of a sample's elements, of the tensors whose indices stand at `ports` … `end`: at least 1, and below 2^30, since there are at most 255. */
export function sampleBytes(ports: usize, end: usize): u32 {
  let bytes: u32 = 0;
  for (; ports < end; ports += 2) bytes += elementBytes(tensorAt(load<u16>(ports)));
  return bytes;
}

/** Copies a sample's elements to the first row of each input. False: one of them is a float that is NaN or infinite. */
export function writeInputs(ports: usize, end: usize, sample: usize): bool {
  for (; ports < end; ports += 2) {
    const tensor = tensorAt(load<u16>(ports));
    const bytes = elementBytes(tensor);
    clearTensor(tensor);
    copy(firstRow(tensor), sample, bytes);
    sample += bytes;
    if (dtypeOf(tensor) != Activation.f32) continue;
    for (let at = firstRow(tensor), last = at + bytes; at < last; at += 4) {
      if ((load<u32>(at) & 0x7f800000) == 0x7f800000) return false;
    }
  }
  return true;
}

/** Copies the elements of the first row of each output to `sample`, one output behind the other. */
export function readOutputs(ports: usize, end: usize, sample: usize): void {
  for (; ports < end; ports += 2) {
    const tensor = tensorAt(load<u16>(ports));
    const bytes = elementBytes(tensor);
    copy(sample, firstRow(tensor), bytes);
    sample += bytes;
  }
}
