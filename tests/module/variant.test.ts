import { expect, it } from "vitest";
import { chooseVariant } from "../../host/variant.ts";
import { describeEngines } from "../engines.ts";
import { VARIANTS } from "../variants.ts";

const [scalar, simd] = [VARIANTS.scalar!, VARIANTS.simd!];

/** A module with one instruction in place of another, wherever it occurs. */
function patched(module: Uint8Array, from: number[], to: number[]): Uint8Array {
  const copy = module.slice();
  for (let at = 0; at < copy.length; at++) if (from.every((byte, i) => copy[at + i] === byte)) copy.set(to, at);
  expect(copy).not.toEqual(module);
  return copy;
}

const I16X8_SHR_S = [0xfd, 0x8c, 0x01];
const I16X8_SHR_U = [0xfd, 0x8d, 0x01];
const UNKNOWN = [0xfd, 0xff, 0x01];

describeEngines("the choice of a variant", (engine) => {
  it("is simd where that computes right", async () => {
    expect((await chooseVariant(engine, { scalar, simd })).variant).toBe("simd");
  });

  it("is scalar where simd computes wrong numbers, is not accepted, or is not there", async () => {
    const wrong = patched(simd, I16X8_SHR_S, I16X8_SHR_U);
    const refused = patched(simd, I16X8_SHR_S, UNKNOWN);
    for (const modules of [{ scalar, simd: wrong }, { scalar, simd: refused }, { scalar }]) {
      expect(await chooseVariant(engine, modules)).toEqual({ variant: "scalar", module: scalar });
    }
  });

  it("says why there is none", async () => {
    const modules = { scalar: new Uint8Array(8), simd: patched(simd, I16X8_SHR_S, I16X8_SHR_U) };
    await expect(chooseVariant(engine, modules)).rejects.toThrow(/no variant .*simd computes wrong numbers; scalar: /);
  });
});
