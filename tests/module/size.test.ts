import { expect, it } from "vitest";
import { BUILD_NAMES, BUILDS } from "../../host/base/builds.mjs";
import { buildWasm } from "../../tools/scripts/build_wasm.mjs";
import { moduleNamed } from "../variants.ts";

it.each(BUILD_NAMES)("build/%s.wasm keeps its ceiling", (name) => {
  expect(moduleNamed(name).length).toBeLessThanOrEqual(BUILDS[name].bytes);
});

it("the ceilings are those that were promised", () => {
  expect(BUILDS.scalar.bytes).toBe(20 * 1024);
  expect(BUILDS.scalar_integers.bytes).toBe(11.5 * 1024);
  expect(BUILDS.scalar_ternary_resident.bytes).toBe(2 * 1024);
  expect(BUILDS.core_ternary.bytes).toBe(3 * 1024);
});

it("builds a module of a name alone, and none of a name that there is not", async () => {
  await expect(buildWasm("simd", "sse")).rejects.toThrow(/^no module sse, expected some of scalar, simd, .*tern-cli/);
});
