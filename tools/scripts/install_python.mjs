// Fetches interpreters that are Python packages, by the names that it is given: pip puts what their lists have, checksums verified, into .cache/peers.
// Nothing is installed into Python itself. Where that cannot be, it says why and goes on.
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PROJECT = fileURLToPath(new URL("../..", import.meta.url));

/** What is installed from which list, and where below .cache/peers. */
const PACKAGES = {
  LiteRT: { list: "tools/bench/peers/requirements.txt", folder: "python" },
  "tflite-micro": { list: "tests/oracle/requirements.txt", folder: "tflm" },
};

for (const name of process.argv.slice(2)) {
  const { list, folder } = PACKAGES[name];
  const offline = process.env.TERN_OFFLINE === "1" ? "TERN_OFFLINE=1 forbids downloads" : undefined;
  const reason = offline ?? install(join(PROJECT, list), join(PROJECT, ".cache", "peers", folder));
  if (reason) console.error(`SKIPPED: ${name} is not installed: ${reason}`);
  else console.log(`${name}: .cache/peers/${folder}`);
}

/** Why it could not be; undefined where it was. */
function install(requirements, target) {
  rmSync(target, { recursive: true, force: true });
  const options = ["--disable-pip-version-check", "--no-input", "--quiet", "--no-deps", "--only-binary=:all:"];
  const what = ["--require-hashes", "--requirement", requirements, "--target", target];
  const { status, error, stderr } = spawnSync("python3", ["-m", "pip", "install", ...options, ...what], {
    encoding: "utf8",
    timeout: 600_000,
  });
  if (status === 0) return undefined;
  rmSync(target, { recursive: true, force: true });
  return error ? `python3: ${error.message}` : (stderr.trim().split("\n").at(-1) ?? `pip ended with ${status}`);
}
