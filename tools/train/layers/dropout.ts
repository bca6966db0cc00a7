import { numpy as np, random } from "@jax-js/jax";
import type { Quantized } from "./quantized.ts";

/** Sets codes to 0, each with probability `share`, and scales the others up so that their mean stays (JMLR 15:1929). Draws by `key`. */
export function dropout({ codes, scale }: Quantized, share: number, key: np.Array): Quantized {
  const kept = np.greaterEqual(random.uniform(key, codes.shape), share);
  return { codes: np.where(kept, codes, 0), scale: scale.div(1 - share) };
}
