import { expect, it } from "vitest";
// @ts-expect-error: JavaScript, which runs before anything is compiled
import { buildWasm, CEILINGS } from "../../tools/scripts/build_wasm.mjs";
import { moduleNamed, TARGETS, VARIANTS } from "../variants.ts";

it.each(TARGETS)("build/%s.wasm keeps its ceiling", (target) => {
  expect(moduleNamed(target).length).toBeLessThanOrEqual(CEILINGS[target].bytes);
});

it("every target of asconfig.json has a ceiling, and every variant is one", () => {
  expect(Object.keys(CEILINGS)).toEqual(TARGETS);
  expect(TARGETS).toEqual(expect.arrayContaining(Object.keys(VARIANTS)));
});

it("the ceilings are those that were promised", () => {
  expect(CEILINGS.scalar.bytes).toBe(7 * 1024);
  expect(CEILINGS.scalar_ternary_resident.bytes).toBe(2 * 1024);
  expect(CEILINGS.core_ternary.bytes).toBe(3 * 1024);
});

it("builds a module of a name alone, and none of a name that there is not", async () => {
  await expect(buildWasm("simd", "sse")).rejects.toThrow(/^no module sse, expected some of scalar, simd, .*tern-cli/);
});
