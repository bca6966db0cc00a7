import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFileSync, chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, it } from "vitest";
import { PROJECT, read } from "../../house/project_files.ts";

/** A project of its own, so that nothing is in its .cache, and a folder for a cargo of our own. */
const project = mkdtempSync(join(tmpdir(), "tern-install-"));
const bin = join(project, "bin");
const script = "tools/scripts/install_runtimes.mjs";
const crates = ["wamrx-sys-0.3.0", "wasm3x-sys-0.2.1"].map((name) => join(".cache", "runtimes", name));
for (const path of [script, "host/firmware/runtimes/Cargo.toml", "host/firmware/runtimes/Cargo.lock"]) {
  cpSync(join(PROJECT, path), join(project, path));
}
afterAll(() => rmSync(project, { recursive: true }));
beforeEach(() => {
  for (const folder of [bin, join(project, ".cache")]) rmSync(folder, { recursive: true, force: true });
  mkdirSync(bin);
});

/** What a crate is pinned to. */
function checksumOf(name: string): string {
  return read("host/firmware/runtimes/Cargo.lock").match(
    new RegExp(`name = "${name}"\n(?:.+\n)*checksum = "(.*)"`),
  )![1]!;
}

/** A cargo that says that it has this version, and vendors crates of one file. */
function writeCargo(version: string, { contents = "int x;", checksum = checksumOf("wasm3x-sys") } = {}): void {
  const sha256 = createHash("sha256").update("int x;").digest("hex");
  const packages = { "wamrx-sys-0.3.0": checksumOf("wamrx-sys"), "wasm3x-sys-0.2.1": checksum };
  const path = join(bin, "cargo");
  writeFileSync(
    path,
    `#!${process.execPath}
const { mkdirSync, writeFileSync } = require("node:fs");
if (process.argv[2] === "--version") console.log("cargo ${version} (0123abc 2026-01-01)");
else for (const [folder, checksum] of Object.entries(${JSON.stringify(packages)})) {
  const at = process.argv.at(-1) + "/" + folder;
  mkdirSync(at, { recursive: true });
  writeFileSync(at + "/x.c", ${JSON.stringify(contents)});
  writeFileSync(at + "/.cargo-checksum.json", JSON.stringify({ files: { "x.c": "${sha256}" }, package: checksum }));
}
`,
  );
  chmodSync(path, 0o755);
}

function install(env: NodeJS.ProcessEnv = {}): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(project, script)], {
    cwd: project,
    env: { ...process.env, PATH: bin, TERN_OFFLINE: "", ...env },
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

it.each<[string, () => void, NodeJS.ProcessEnv, RegExp]>([
  ["TERN_OFFLINE=1", () => writeCargo("1.90.0"), { TERN_OFFLINE: "1" }, /TERN_OFFLINE=1 forbids downloads/],
  ["no cargo", () => {}, {}, /no cargo \(Debian's package cargo-web has it, or rustup.rs\)/],
  ["an old cargo", () => writeCargo("1.65.0"), {}, /cargo 1\.65\.0 .* is too old, expected 1\.85 or newer/],
  ["another crate", () => writeCargo("1.85.0", { checksum: "00" }), {}, /has checksum 00, expected 3484/],
  ["a changed file", () => writeCargo("1.85.0", { contents: "int y;" }), {}, /the sha256 of .*x\.c is .*, expected/],
])("with %s it installs nothing, and says so in one line", (_, prepare, env, reason) => {
  prepare();
  const { status, stdout, stderr } = install(env);
  expect(stdout).toMatch(/^sources of wasm3 and WAMR: not installed: .*\n$/);
  expect(stdout).toMatch(reason);
  expect([status, stderr]).toEqual([1, ""]);
  for (const crate of crates) expect(existsSync(join(project, crate))).toBe(false);
});

it("installs once, and again where a file has changed", () => {
  writeCargo("1.85.0");
  const done = { status: 0, stdout: `sources of wasm3 and WAMR: ${crates.join(", ")}\n`, stderr: "" };
  expect(install()).toEqual(done);
  expect(install({ PATH: "", TERN_OFFLINE: "1" })).toEqual(done);
  appendFileSync(join(project, crates[0]!, "x.c"), "!");
  expect(install({ TERN_OFFLINE: "1" }).status).toBe(1);
  expect(install()).toEqual(done);
});

it("pins what it names", () => {
  expect(checksumOf("wasm3x-sys")).toMatch(/^[0-9a-f]{64}$/);
  expect(checksumOf("wamrx-sys")).toMatch(/^[0-9a-f]{64}$/);
});
