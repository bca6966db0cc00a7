import { InputError } from "../../../host/base/errors.ts";
import { mulberry32 } from "../../../host/numbers/random.ts";
import { type Dataset, subset } from "./dataset.ts";
import { shuffled } from "./shuffle.ts";

/** Samples to learn from, and a share of them held out for a look at what is not learned by heart: chosen at random, the same for the same seed. */
export function holdOut(
  data: Dataset,
  share: number,
  seed: number,
): { training: Dataset; heldOut: Dataset | undefined } {
  const count = Math.round(data.count * share);
  if (count === 0) return { training: data, heldOut: undefined };
  if (count >= data.count)
    throw new InputError(`${count} of ${data.count} samples held out, expected some to learn from`);
  const order = shuffled(data.count, mulberry32(seed ^ HELD_OUT));
  return {
    training: subset(data, order.subarray(count).toSorted()),
    heldOut: subset(data, order.subarray(0, count).toSorted()),
  };
}

/** Makes the choice another one than the first order of the samples. */
const HELD_OUT = 0x5eed;
