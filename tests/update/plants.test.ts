import { describe, expect, it } from "vitest";
import { projectText } from "../blob/spec.ts";
import { moduleNamed } from "../variants.ts";
import { compile } from "./compile.ts";
import { DUTIES, makerOf } from "./duties.ts";
import { PLANTS } from "./plants.ts";
import { ALL, proveCutsAgainAndAgain, proveSingleCuts, SMALL } from "./proof.ts";
import { HISTORY_NAMES, scenarioOf } from "./scenarios.ts";

// Whether the proof finds what it is for: bugs of the protocol, each in a copy of the sources that is compiled here. The module that ships has nothing of them.

/** Every duty, or every way to cut power once, and again and again, on a small flash of the largest unit. */
const PROOFS = {
  duties: (module: WebAssembly.Module) => {
    for (const fulfil of Object.values(DUTIES)) fulfil(makerOf(module));
  },
  cuts: (module: WebAssembly.Module) => {
    for (const history of HISTORY_NAMES) {
      const scenario = scenarioOf({ ...SMALL, erased: 0x00 }, history, module);
      proveSingleCuts(scenario);
      proveCutsAgainAndAgain(scenario);
    }
  },
};

it("what is compiled here without a bug is the module that ships", async () => {
  expect(await compile()).toEqual(moduleNamed("update"));
});

// a share is what is found fast
const planted = Object.entries(PLANTS).filter(([, { by }]) => ALL || by === "duties");

describe.each(planted)("where %s", (_, { file, from, to, by }) => {
  it(`the ${by} find it`, async () => {
    const path = `assembly/update/${file}.ts`;
    const source = projectText(path);
    expect(source.split(from), "the text occurs once").toHaveLength(2);
    const module = new WebAssembly.Module(await compile({ [path]: source.replace(from, () => to) }));
    expect(() => PROOFS[by](module)).toThrow();
  }, 600_000);
});
