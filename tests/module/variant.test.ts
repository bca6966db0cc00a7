import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { chooseVariant } from "../../host/run/variant.ts";
import { describeEngines } from "../engines.ts";
import { PROJECT } from "../house/project_files.ts";
import { accepts, VARIANTS } from "../variants.ts";

const [scalar, simd, relaxed] = [VARIANTS.scalar!, VARIANTS.simd!, VARIANTS.relaxed!];

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
  it("is relaxed where the engine has it, else simd", async () => {
    const fastest = accepts(engine, relaxed) ? "relaxed" : "simd";
    expect((await chooseVariant(engine, { scalar, simd, relaxed })).variant).toBe(fastest);
  });

  it("is simd where that computes right and there is no relaxed", async () => {
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
    await expect(chooseVariant(engine, modules)).rejects.toThrow(
      /no variant .*simd computes wrong numbers; scalar is refused: /,
    );
  });
});

// V8 11.3, behind a flag, computes one relaxed instruction wrongly in its baseline tier: a wrong number that no validation shows.
if (process.versions.node.startsWith("20.")) {
  it("is not relaxed in V8 11.3 with --experimental-wasm-relaxed-simd, which accepts it and computes wrong numbers", () => {
    const script = `
      import { v8, variantProblem } from "./dist/host/index.js";
      import { readModule } from "./dist/host/node.js";
      for (const variant of ["relaxed", "simd"]) console.log(variant, await variantProblem(v8, await readModule(variant)));
    `;
    const args = ["--experimental-wasm-relaxed-simd", "--input-type=module", "--eval", script];
    const { stdout } = spawnSync(process.execPath, args, { cwd: PROJECT, encoding: "utf8" });
    expect(stdout).toBe("relaxed computes wrong numbers\nsimd undefined\n");
  });
}
