// Fetches libwasmtime, which the engine "wasmtime" needs: pip downloads the Python package `wasmtime` for this
// platform, and the shared library inside it goes to .cache/wasmtime/<version>/. Nothing is installed into Python. Arguments: another
// platform, such as linux-arm64, and the folder for its library.
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
import { join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** Its C structs have the sizes that host/engines/libwasmtime.ts relies on. */
const VERSION = "50.0.1";

/**
 * Per platform: the tag that makes pip choose its wheel, the wheel's sha256, the library in it and its size in bytes.
 * (`manylinux_2_28_*` tags would make pip choose a wheel without a Linux library.)
 */
const WHEELS = {
  "linux-x64": {
    tag: "manylinux2014_x86_64",
    sha256: "cc14c3a17654e0394e0225b11813532ef0cd7bd1e222a0c5494cdedaabeddac4",
    library: "_libwasmtime.so",
    bytes: 29_673_400,
  },
  "linux-arm64": {
    tag: "manylinux2014_aarch64",
    sha256: "675484e525c028dc02762b777f1db4477ea70caa3fec6775426daff4d64edfb1",
    library: "_libwasmtime.so",
    bytes: 25_966_376,
  },
  "linux-x64-musl": {
    tag: "musllinux_1_2_x86_64",
    sha256: "e3e2051b02b8a47e2418f569e380843e87c1d74c40cd843bfa14c223245d420b",
    library: "_libwasmtime.so",
    bytes: 29_732_832,
  },
  "linux-arm64-musl": {
    tag: "musllinux_1_2_aarch64",
    sha256: "f9c6973ae735946b3387b7a8e812ecd350eac3152c4b73998a57899dd9c4345c",
    library: "_libwasmtime.so",
    bytes: 25_912_672,
  },
  "darwin-x64": {
    tag: "macosx_10_13_x86_64",
    sha256: "13fe813b922712a9e10fe0f48b2c56da06432eea4b24269bb7cd3a6b2720560b",
    library: "_libwasmtime.dylib",
    bytes: 26_815_560,
  },
  "darwin-arm64": {
    tag: "macosx_11_0_arm64",
    sha256: "ff4fc58ed3cbdb919d056accd4d280be13962a542754aaefd8a9b4654efa9bd9",
    library: "_libwasmtime.dylib",
    bytes: 23_517_920,
  },
  "win32-x64": {
    tag: "win_amd64",
    sha256: "a8999581230471f4ff62073b1111eff3a01d45ccec0a908da3f2ae3a499d459c",
    library: "_wasmtime.dll",
    bytes: 21_257_216,
  },
  "win32-arm64": {
    tag: "win_arm64",
    sha256: "83ddab2358ebde392a065581f2c66995a711ccc25ad0aee7b1d20f8c688075d2",
    library: "_wasmtime.dll",
    bytes: 16_143_872,
  },
};

const PROJECT = fileURLToPath(new URL("../..", import.meta.url));
const CACHE = join(PROJECT, ".cache", "wasmtime", VERSION);
const PYTHONS = process.platform === "win32" ? ["python", "py"] : ["python3", "python"];

/**
 * Puts libwasmtime into .cache, unless it is there. Prints one line, unless `quiet`.
 * Absence of pip, a network or a wheel for this platform is no error here: it comes back as `reason`.
 *
 * @param {{ quiet?: boolean, platform?: string, folder?: string }} [options] this platform, if not given
 * @returns {Promise<{ path: string } | { reason: string }>}
 */
export async function installWasmtime({ quiet = false, platform = platformName(), folder = CACHE } = {}) {
  const result = await install(platform, folder);
  if (!quiet) {
    const where = "path" in result ? relative(process.cwd(), result.path) : `not installed: ${result.reason}`;
    console.log(`libwasmtime ${VERSION}: ${where}`);
  }
  return result;
}

/** @returns {Promise<{ path: string } | { reason: string }>} */
async function install(platform, folder) {
  const wheel = WHEELS[platform];
  if (!wheel) return { reason: `no build for ${platform}` };

  const path = join(folder, wheel.library);
  if (sizeOf(path) === wheel.bytes) return { path };
  if (process.env.TERN_OFFLINE === "1") return { reason: "TERN_OFFLINE=1 forbids downloads" };
  const python = PYTHONS.find(hasPip);
  if (!python) return { reason: `no pip (tried ${PYTHONS.map((p) => `${p} -m pip`).join(", ")})` };

  const download = mkdtempSync(join(tmpdir(), "tern-wasmtime-"));
  const partial = `${path}.${process.pid}`;
  try {
    const options = ["--disable-pip-version-check", "--no-input", "--quiet", "--no-deps", "--only-binary=:all:"];
    const what = ["--platform", wheel.tag, "--dest", download, `wasmtime==${VERSION}`];
    execFileSync(python, ["-m", "pip", "download", ...options, ...what], { stdio: "pipe", timeout: 180_000 });

    const zip = readFileSync(join(download, readdirSync(download)[0]));
    const sha256 = createHash("sha256").update(zip).digest("hex");
    if (sha256 !== wheel.sha256) return { reason: `the wheel's sha256 is ${sha256}, expected ${wheel.sha256}` };

    const { unzipSync } = await import("fflate");
    const [library] = Object.values(unzipSync(zip, { filter: (file) => file.name.endsWith(`/${wheel.library}`) }));
    mkdirSync(folder, { recursive: true });
    writeFileSync(partial, library);
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
  const [platform, folder] = process.argv.slice(2);
  const result = await installWasmtime({ platform, folder });
  if ("reason" in result) process.exitCode = 1;
}
