// Fetches the C sources of wasm3 and WAMR, which firmware with an interpreter is built from: `cargo vendor` downloads and checks the crates that
// host/firmware/runtimes/Cargo.lock pins, and the two that hold the sources go to .cache/runtimes/<crate>-<version>/. Cargo builds nothing.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const PROJECT = fileURLToPath(new URL("../..", import.meta.url));
const MANIFEST = join(PROJECT, "host", "firmware", "runtimes", "Cargo.toml");
const CACHE = join(PROJECT, ".cache", "runtimes");

/** The crates' own least version, and how to get it where it is missing. */
const CARGO = [1, 85];
const GET_CARGO = "Debian's package cargo-web has it, or rustup.rs";

/** The crates that hold the sources; all others in Cargo.lock only serve to build these as Rust libraries. */
const CRATES = ["wamrx-sys", "wasm3x-sys"];

/**
 * Puts the sources into .cache, unless they are there, whole. Prints one line, unless `quiet`.
 * Absence of cargo or of a network is no error here: it comes back as `reason`.
 *
 * @param {{ quiet?: boolean }} [options]
 * @returns {{ paths: string[] } | { reason: string }}
 */
export function installRuntimes({ quiet = false } = {}) {
  const result = install();
  if (!quiet) {
    const where =
      "paths" in result
        ? result.paths.map((path) => relative(process.cwd(), path)).join(", ")
        : `not installed: ${result.reason}`;
    console.log(`sources of wasm3 and WAMR: ${where}`);
  }
  return result;
}

function install() {
  const crates = CRATES.map(pinned);
  const paths = crates.map(({ folder }) => join(CACHE, folder));
  if (crates.every(({ folder, checksum }) => !whyBroken(join(CACHE, folder), checksum))) return { paths };
  if (process.env.TERN_OFFLINE === "1") return { reason: "TERN_OFFLINE=1 forbids downloads" };
  const why = whyNoCargo();
  if (why) return { reason: why };

  mkdirSync(CACHE, { recursive: true });
  const partial = mkdtempSync(join(CACHE, "partial-"));
  try {
    const options = ["vendor", "--locked", "--versioned-dirs", "--quiet", "--manifest-path", MANIFEST];
    execFileSync("cargo", [...options, partial], { stdio: "pipe", timeout: 300_000 });
    for (const { folder, checksum } of crates) {
      const broken = whyBroken(join(partial, folder), checksum);
      if (broken) return { reason: broken };
    }
    for (const { folder } of crates) {
      rmSync(join(CACHE, folder), { recursive: true, force: true });
      renameSync(join(partial, folder), join(CACHE, folder));
    }
    return { paths };
  } catch (error) {
    return { reason: lastLine(error) };
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

/** The folder and the checksum of a crate, by Cargo.lock. */
function pinned(name) {
  const lock = readFileSync(join(MANIFEST, "..", "Cargo.lock"), "utf8");
  const [, version] = lock.match(new RegExp(`^name = "${name}"\nversion = "(.*)"`, "m"));
  const [, checksum] = lock.match(new RegExp(`^name = "${name}"\n(?:.+\n)*checksum = "(.*)"`, "m"));
  return { folder: `${name}-${version}`, checksum };
}

/** Why a vendored crate is not the one with this checksum, file by file as `cargo vendor` wrote them; undefined where it is. */
function whyBroken(folder, checksum) {
  const list = join(folder, ".cargo-checksum.json");
  if (!existsSync(list)) return `no ${list}`;
  const { files, package: found } = JSON.parse(readFileSync(list, "utf8"));
  if (found !== checksum) return `${folder} has checksum ${found}, expected ${checksum}`;
  for (const [file, expected] of Object.entries(files)) {
    const path = join(folder, file);
    if (!existsSync(path)) return `no ${path}`;
    const sha256 = createHash("sha256").update(readFileSync(path)).digest("hex");
    if (sha256 !== expected) return `the sha256 of ${path} is ${sha256}, expected ${expected}`;
  }
  return undefined;
}

/** Why cargo cannot be used; undefined where it can. */
function whyNoCargo() {
  let line;
  try {
    line = execFileSync("cargo", ["--version"], { encoding: "utf8", stdio: "pipe", timeout: 60_000 }).trim();
  } catch {
    return `no cargo (${GET_CARGO})`;
  }
  const [major, minor] = (line.match(/^cargo (\d+)\.(\d+)/) ?? [0, 0, 0]).slice(1).map(Number);
  if (major > CARGO[0] || (major === CARGO[0] && minor >= CARGO[1])) return undefined;
  return `${line} is too old, expected ${CARGO.join(".")} or newer (${GET_CARGO})`;
}

function lastLine(error) {
  const lines = String(error.stderr || error.message).trim();
  return lines.split("\n").at(-1).trim();
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  if ("reason" in installRuntimes()) process.exitCode = 1;
}
