import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { EngineError } from "../../host/base/errors.ts";
import { packageRoot } from "../../host/base/package_root.ts";
import type { Solver } from "./matmul.ts";
import type { PeerLibrary } from "./peer.ts";
import { tfliteConvolution, tfliteProduct } from "./tflite.ts";
import type { Timing } from "./timing.ts";

// LiteRT (TensorFlow Lite with XNNPACK), native: a Python package, which litert_worker.py runs in a process of its own.

/** Throws EngineError "missing" where Python or the package is not there. */
export async function openLiteRt(): Promise<PeerLibrary> {
  const { worker, folder, version, close } = open();
  return {
    name: "LiteRT",
    version,
    peers: (["int4", "int8"] as const).map((weights) => ({
      name: `LiteRT ${weights}`,
      dtype: "ternary",
      solve: (matmul, rows) => {
        const { M, K } = matmul;
        const bytes = weights === "int8" ? M * K : (M * K) / 2;
        return solve(worker, folder, tfliteProduct(matmul, rows, weights), matmul.x.subarray(0, rows * K), bytes);
      },
    })),
    convolutions: [
      {
        name: "LiteRT int8",
        solve: (task) => solve(worker, folder, tfliteConvolution(task, "int8"), task.x, task.codes.length),
      },
    ],
    close,
  };
}

/** A worker, and a folder for what is told to it in files. */
function open() {
  const root = packageRoot();
  const packages = join(root, ".cache", "peers", "python");
  const info = existsSync(packages)
    ? readdirSync(packages).find((name) => /^ai_edge_litert-.*\.dist-info$/.test(name))
    : "";
  if (!info) throw new EngineError("missing", "no LiteRT: npm run bench:peers installs it, where Python is");
  const worker = startWorker(join(root, "tools", "bench", "litert_worker.py"), packages);
  const folder = mkdtempSync(join(tmpdir(), "tern-litert-"));
  return {
    ...{ worker, folder, version: `ai-edge-litert ${info.match(/-([\d.]+)\.dist-info$/)![1]}` },
    async close() {
      worker.end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** LiteRT with its reference kernels, which compute what a file means. */
export interface ReferenceKernels {
  version: string;
  /** The bytes of the one output of a file, for rows of its one input, in the types of the file. */
  outputs(file: Uint8Array, rows: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Throws EngineError "missing" where Python or the package is not there. */
export function openReferenceKernels(): ReferenceKernels {
  const { worker, folder, version, close } = open();
  return {
    ...{ version, close },
    async outputs(file, rows) {
      const [compute, x, y] = ["model.tflite", "x.rows", "y.rows"].map((name) => join(folder, name)) as [
        string,
        string,
        string,
      ];
      writeFileSync(compute, file);
      writeFileSync(x, rows);
      await worker.ask({ compute, x, y });
      return new Uint8Array(readFileSync(y));
    },
  };
}

/** `run` is done once, by what opens it; `measure` times it where it runs. */
async function solve(
  worker: Worker,
  folder: string,
  file: Uint8Array,
  input: Float32Array,
  weightBytes: number,
): Promise<Solver> {
  const [open, x, y] = ["product.tflite", "x.f32", "y.f32"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(open, file);
  writeFileSync(x, input);
  await worker.ask({ open, x, y });
  return {
    weightBytes,
    run: () => {},
    y: () => new Float32Array(new Uint8Array(readFileSync(y)).buffer),
    measure: async (effort) => (await worker.ask({ measure: effort })) as Timing,
    dispose: () => {},
  };
}

interface Worker {
  /** The answer to a request; one at a time. Rejects with EngineError where the process ended. */
  ask(request: object): Promise<unknown>;
  end(): void;
}

function startWorker(script: string, packages: string): Worker {
  const env = { ...process.env, PYTHONPATH: packages };
  const child: ChildProcess = spawn("python3", [script], { env, stdio: ["pipe", "pipe", "pipe"] });
  let complaint = "";
  child.stderr!.on("data", (text) => {
    complaint = `${complaint}${text}`.slice(-2000);
  });
  const ended = new Promise<never>((_, reject) => {
    const fail = (why: string) => reject(new EngineError("missing", `LiteRT: ${why}`));
    child.on("error", (error) => fail(`python3: ${error.message}`));
    child.on("close", (code) => fail(`Python ended with ${code}: ${complaint.trim().split("\n").at(-1)}`));
  });
  ended.catch(() => {}); // of interest only while somebody asks
  const answers = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  return {
    async ask(request) {
      child.stdin!.write(`${JSON.stringify(request)}\n`, () => {});
      const answer = await Promise.race([answers.next(), ended]);
      return answer.done ? ended : JSON.parse(answer.value);
    },
    end: () => void child.stdin!.end(),
  };
}
