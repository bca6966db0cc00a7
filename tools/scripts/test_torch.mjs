// `npm run test:torch`: the tests of examples/torch. They need PyTorch (5 GB) and are no part of `npm test`: TERN_TORCH names a Python that has it;
// else pip puts it into .cache/torch once.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PROJECT = fileURLToPath(new URL("../..", import.meta.url));
const ENVIRONMENT = join(PROJECT, ".cache", "torch");
const PACKAGES = ["torch==2.15.0", "onnx==1.23.2", "onnxscript==0.7.2"]; // the latter two for torch.onnx

const python = process.env.TERN_TORCH ?? installed();
run(python, [
  "-W",
  "error::UserWarning",
  "-m",
  "unittest",
  "discover",
  "-s",
  join(PROJECT, "tests", "examples", "torch"),
  ...process.argv.slice(2),
]);

/** The Python of .cache/torch, made where it is missing. */
function installed() {
  const inside = join(ENVIRONMENT, ...(process.platform === "win32" ? ["Scripts", "python.exe"] : ["bin", "python"]));
  const hasTorch = existsSync(inside) && spawnSync(inside, ["-c", "import torch, onnxscript"]).status === 0;
  if (hasTorch) return inside;
  if (process.env.TERN_OFFLINE === "1") {
    console.error(
      "test:torch: TERN_OFFLINE=1 forbids downloads; expected PyTorch in .cache/torch, or TERN_TORCH=PYTHON",
    );
    process.exit(1);
  }
  run("python3", ["-m", "venv", ENVIRONMENT]);
  run(inside, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...PACKAGES]);
  return inside;
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: "inherit" });
  if (error) console.error(`test:torch: ${command}: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}
