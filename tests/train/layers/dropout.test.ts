import { init, numpy as np, random } from "@jax-js/jax";
import { expect, it } from "vitest";
import { dropout } from "../../../tools/train/layers/dropout.ts";
import { real } from "../../../tools/train/layers/quantized.ts";

it("leaves a share of the codes out, and scales the others up", async () => {
  await init("wasm");
  const count = 10_000;
  const key = () => random.key(np.array(1, { dtype: np.uint32 }));
  const dropped = real(dropout({ codes: np.full([count], 3), scale: np.array(0.5) }, 0.25, key())).js() as number[];
  expect(new Set(dropped)).toEqual(new Set([0, 2])); // 3 · 0.5 / 0.75
  const share = dropped.filter((x) => x === 0).length / count;
  expect(Math.abs(share - 0.25)).toBeLessThan(4 * Math.sqrt((0.25 * 0.75) / count));
  expect(real(dropout({ codes: np.full([count], 3), scale: np.array(0.5) }, 0.25, key())).js()).toEqual(dropped);
});
