import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Kernels } from "../../host/checkpoint/tflite/kernels.ts";

const PROJECT = join(import.meta.dirname, "../..");
const PEERS = join(PROJECT, ".cache", "peers");

/** The interpreter of each kind of kernels: its package where `npm run oracle:install` puts it, and the script that runs it. */
const INTERPRETERS: Record<Kernels, { at: string; script: string }> = {
  litert: { at: "python/ai_edge_litert", script: "litert.py" },
  tflm: { at: "tflm/tflite_micro", script: "tflm.py" },
};

/** Why an interpreter cannot run here; undefined where it can. */
export function missing(kernels: Kernels): string | undefined {
  const { at } = INTERPRETERS[kernels];
  return existsSync(join(PEERS, at)) ? undefined : `${at} is not there; npm run oracle:install installs it`;
}

/** A file, and rows of its input. */
export interface Case {
  file: Uint8Array;
  rows: Int8Array | Uint8Array | Float32Array;
}

/** The bytes of the outputs that kernels compute, for each case row by row. Throws where one is not taken. */
export function interpreted(cases: readonly Case[], kernels: Kernels = "litert"): Uint8Array[] {
  const folder = mkdtempSync(join(tmpdir(), "tern-litert-"));
  try {
    const paths = cases.flatMap(({ file, rows }, i) => {
      const [model, input] = [join(folder, `${i}.tflite`), join(folder, `${i}.rows`)];
      writeFileSync(model, file);
      writeFileSync(input, new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength));
      return [model, input];
    });
    const { status, stdout, stderr } = spawnSync("python3", [join(import.meta.dirname, INTERPRETERS[kernels].script)], {
      input: paths.join("\n"),
      env: { ...process.env, PYTHONPATH: `${join(PEERS, "tflm")}:${join(PEERS, "python")}` },
      maxBuffer: 2 ** 28,
    });
    if (status !== 0) throw new Error(stderr.toString());
    const lengths = cases.map((_, i) => stdout.readUInt32LE(4 * i));
    return lengths.map((length, i) => {
      const start = lengths.slice(0, i).reduce((a, b) => a + b, 4 * lengths.length);
      return stdout.subarray(start, start + length);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
