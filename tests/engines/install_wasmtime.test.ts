import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";
import { EngineError } from "../../host/base/errors.ts";
import { checkLibrary } from "../../host/engines/find_libwasmtime.ts";

// A project of its own, so that nothing is in its .cache.
const project = mkdtempSync(join(tmpdir(), "tern-install-"));
const script = join(project, "tools/scripts/install_wasmtime.mjs");
const PINS = "host/engines/libwasmtime.json";
for (const file of ["tools/scripts/install_wasmtime.mjs", PINS]) {
  cpSync(fileURLToPath(new URL(`../../${file}`, import.meta.url)), join(project, file));
}
afterAll(() => rmSync(project, { recursive: true }));

it.each<[string, NodeJS.ProcessEnv, RegExp]>([
  ["TERN_OFFLINE=1", { TERN_OFFLINE: "1" }, /^libwasmtime [\d.]+: not installed: TERN_OFFLINE=1 forbids downloads\n$/],
  ["no pip", { PATH: project, TERN_OFFLINE: "" }, /^libwasmtime [\d.]+: not installed: no pip \(tried .*\)\n$/],
  [
    "an index without it",
    { PIP_NO_INDEX: "1", TERN_OFFLINE: "" },
    /^libwasmtime [\d.]+: not installed: .*(No matching distribution|no pip).*\n$/,
  ],
])("with %s it installs nothing, and says so in one line", (_, env, line) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script], {
    env: { ...process.env, ...env },
    encoding: "utf8",
  });
  expect(stdout).toMatch(line);
  expect([status, stderr]).toEqual([1, ""]);
  expect(existsSync(join(project, ".cache"))).toBe(false);
});

it("does not take a file of the right name, or size, for the library", async () => {
  const { version, wheels } = JSON.parse(readFileSync(join(project, PINS), "utf8"));
  const folder = join(project, ".cache", "wasmtime", version);
  mkdirSync(folder, { recursive: true });
  const sha256 = [];
  for (const { file, fileSha256 } of Object.values(wheels) as { file: string; fileSha256: string }[]) {
    writeFileSync(join(folder, file), "damaged");
    sha256.push(fileSha256);
    const found = { path: join(folder, file), by: "npm run wasmtime:install", sha256 };
    await expect(checkLibrary(found)).rejects.toThrow(expect.objectContaining({ kind: "version" }));
    await expect(checkLibrary(found)).rejects.toThrow(/is damaged: its sha256 is [0-9a-f]{64}/);
  }
  const env = { ...process.env, TERN_OFFLINE: "1" };
  expect(spawnSync(process.execPath, [script], { env, encoding: "utf8" }).stdout).toContain("not installed");
  expect(() => checkLibrary({ path: script, by: "TERN_WASMTIME" })).not.toThrow(EngineError);
});
