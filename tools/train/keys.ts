import { type numpy as np, random } from "@jax-js/jax";

/** Keys of random draws, each used once: split from one, in order (arXiv 1806.03822, as JAX has it). */
export class Keys {
  #key: np.Array;

  /** `seed`: one u32. */
  constructor(seed: np.Array) {
    this.#key = random.key(seed);
  }

  next(): np.Array {
    const pair = random.split(this.#key);
    this.#key = pair.ref.slice(0);
    return pair.slice(1);
  }

  dispose(): void {
    this.#key.dispose();
  }
}
