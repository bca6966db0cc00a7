import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, afterEach, expect, it, vi } from "vitest";
import { isInstalled, npmRun } from "../../host/base/package_root.ts";
import { bundleForNode } from "../bundle.ts";
import { PROJECT } from "../house/project_files.ts";

const user = realpathSync(mkdtempSync(join(tmpdir(), "tern-user-")));
afterEach(() => vi.restoreAllMocks());
afterAll(() => rmSync(user, { recursive: true }));

it("runs a script of a checkout by its name, from within", () => {
  expect(isInstalled()).toBe(false);
  for (const folder of [PROJECT, join(PROJECT, "tests", "engines")]) {
    vi.spyOn(process, "cwd").mockReturnValue(folder);
    expect(npmRun("test")).toBe("npm run test");
  }
});

it("names the folder of an installed package", async () => {
  const root = join(user, "node_modules", "littletern");
  mkdirSync(root, { recursive: true });
  writeFileSync(join(root, "package.json"), "{}");
  const outfile = join(root, "package_root.mjs");
  const source = join(PROJECT, "host", "base", "package_root.ts");
  await bundleForNode(source, outfile);
  const installed: typeof import("../../host/base/package_root.ts") = await import(pathToFileURL(outfile).href);
  expect(installed.isInstalled()).toBe(true);
  vi.spyOn(process, "cwd").mockReturnValue(user);
  expect(installed.npmRun("runtimes:install")).toBe("npm run --prefix node_modules/littletern runtimes:install");
});
