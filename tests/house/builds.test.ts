import { describe, expect, it } from "vitest";
import { BUILD_NAMES, BUILDS, deviceBuilds, PROFILES, partsOf, VARIANTS } from "../../host/base/builds.mjs";
import { readMeasured } from "../../host/cost/measured.ts";
import { INTERPRETERS } from "../../host/firmware/make/interpreters.ts";
import { runtimeNamed } from "../../host/firmware/make/runtimes.ts";
import { FILES, textOf } from "../../tools/scripts/write_builds.mjs";
import { read } from "./project_files.ts";

// host/base/builds.mjs is the one table of builds; what stands in other files follows from it.

describe("the table of builds", () => {
  it("has at most nine, each named by a variant and a profile that there are", () => {
    expect(BUILD_NAMES.length).toBeLessThanOrEqual(9);
    for (const name of BUILD_NAMES) {
      const { variant, profile } = partsOf(name);
      expect(Object.keys(VARIANTS), name).toContain(variant);
      if (profile !== undefined) expect(Object.keys(PROFILES), name).toContain(profile);
      expect(name).toBe(profile === undefined ? variant : `${variant}_${profile}`);
    }
  });

  it("has each variant whole", () => {
    for (const variant of Object.keys(VARIANTS)) expect(BUILD_NAMES).toContain(variant);
  });

  it("gives a profile fewer bytes than its variant", () => {
    for (const name of BUILD_NAMES) {
      const { variant, profile } = partsOf(name);
      if (profile !== undefined) expect(BUILDS[name].bytes, name).toBeLessThan(BUILDS[variant].bytes);
    }
  });

  it("names profiles as assembly/profiles.ts does", () => {
    const named = [...read("assembly/profiles.ts").matchAll(/isDefined\(TERN_(\w+)\)/g)].map(([, name]) => name!);
    const words = ["OPS", "PACKINGS", "POSTS", "DTYPES", "RESIDENT"]; // of `tern build`
    expect(Object.values(PROFILES).map(({ use }) => use)).toEqual(
      Object.keys(PROFILES).map((name) => `TERN_${name.toUpperCase()}=1`),
    );
    const known = Object.keys(PROFILES).map((name) => name.toUpperCase());
    expect(named.sort()).toEqual([...known, ...words].sort());
  });
});

it.each(Object.keys(FILES) as (keyof typeof FILES)[])("%s is what `npm run builds` makes of the table", (path) => {
  expect(read(path)).toBe(textOf(path));
});

it("asconfig.json has no numbers but 1 behind the names that it gives", () => {
  const { targets } = JSON.parse(read("asconfig.json")) as { targets: Record<string, { use: string[] }> };
  for (const { use } of Object.values(targets)) {
    for (const each of use) expect(each).toMatch(/^(abort=|TERN_[A-Z_]+=1)$/);
  }
});

it.each(Object.entries(INTERPRETERS))("%s has sizes for the builds that it runs", (_, { modules }) => {
  expect(Object.keys(modules)).toEqual(deviceBuilds("scalar"));
});

it("the builds of every runtime were measured on every board", () => {
  for (const runtimes of Object.values(readMeasured())) {
    for (const [runtime, modules] of Object.entries(runtimes)) {
      expect(Object.keys(modules)).toEqual(runtimeNamed(runtime).modules);
    }
  }
});
