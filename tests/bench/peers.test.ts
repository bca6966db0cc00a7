import { expect, it } from "vitest";
import { read } from "../house/project_files.ts";

const MANIFEST = JSON.parse(read("tools/bench/peers/package.json"));
const LOCK = JSON.parse(read("tools/bench/peers/package-lock.json"));

it("pins the peers to versions and bytes, but to no registry", () => {
  for (const version of Object.values(MANIFEST.optionalDependencies))
    expect(version).toMatch(/^(npm:.+@)?\d+\.\d+\.\d+$/);
  const { "": root, ...installed } = LOCK.packages;
  expect(root.optionalDependencies).toEqual(MANIFEST.optionalDependencies);
  for (const each of Object.values<Record<string, unknown>>(installed)) {
    expect(each.integrity).toMatch(/^sha512-/);
    expect(each).not.toHaveProperty("resolved");
  }
});

it("pins the peer in Python to versions and bytes", () => {
  const packages = read("tools/bench/peers/requirements.txt")
    .replaceAll("\\\n", "")
    .split("\n")
    .filter((line) => line && !line.startsWith("#"));
  expect(packages).toHaveLength(2);
  for (const each of packages) expect(each).toMatch(/^[a-z-]+==\d+\.\d+\.\d+( +--hash=sha256:[0-9a-f]{64})+$/);
});
