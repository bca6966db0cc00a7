// Fetches LiteRT, a peer of the benchmarks that is a Python package: pip puts what tools/bench/peers/requirements.txt lists, checksums
// verified, into .cache/peers/python. Nothing is installed into Python itself. Where that cannot be, it says why and goes on.
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PROJECT = fileURLToPath(new URL("../..", import.meta.url));
const TARGET = join(PROJECT, ".cache", "peers", "python");
const REQUIREMENTS = join(PROJECT, "tools", "bench", "peers", "requirements.txt");

const reason = process.env.TERN_OFFLINE === "1" ? "TERN_OFFLINE=1 forbids downloads" : install();
if (reason) console.error(`SKIPPED: LiteRT is not installed: ${reason}`);
else console.log("LiteRT: .cache/peers/python");

/** Why it could not be; undefined where it was. */
function install() {
  rmSync(TARGET, { recursive: true, force: true });
  const options = ["--disable-pip-version-check", "--no-input", "--quiet", "--no-deps", "--only-binary=:all:"];
  const what = ["--require-hashes", "--requirement", REQUIREMENTS, "--target", TARGET];
  const { status, error, stderr } = spawnSync("python3", ["-m", "pip", "install", ...options, ...what], {
    encoding: "utf8",
    timeout: 600_000,
  });
  if (status === 0) return undefined;
  rmSync(TARGET, { recursive: true, force: true });
  return error ? `python3: ${error.message}` : (stderr.trim().split("\n").at(-1) ?? `pip ended with ${status}`);
}
