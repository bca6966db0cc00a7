import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { runInThisContext } from "node:vm";
import { EngineError } from "../../host/base/errors.ts";
import { packageRoot } from "../../host/base/package_root.ts";
import type { Solver } from "./matmul.ts";
import { PEERS_FOLDER, type PeerLibrary } from "./peer.ts";
import { tfliteConvolution, tfliteProduct } from "./tflite.ts";

// LiteRT.js: LiteRT (TensorFlow Lite with XNNPACK) in WebAssembly, made for browsers.

const PACKAGE = "@litertjs/core";

/** What we use of it. */
interface LiteRtJs {
  loadLiteRt(folder: string): Promise<unknown>;
  loadAndCompile(file: Uint8Array, options: { accelerator: "wasm" }): Promise<CompiledModel>;
  Tensor: new (numbers: Float32Array, shape: number[]) => Tensor;
}

interface CompiledModel {
  run(input: Tensor): Promise<Tensor[]>;
  delete(): void;
}

interface Tensor {
  toTypedArray(): Float32Array;
  delete(): void;
}

/** Throws EngineError "missing" where the package is not installed. */
export async function openLiteRtJs(): Promise<PeerLibrary> {
  const folder = join(packageRoot(), PEERS_FOLDER, PACKAGE);
  if (!existsSync(folder)) throw new EngineError("missing", `no ${PACKAGE}: npm run bench:peers installs it`);
  const library: LiteRtJs = await import(pathToFileURL(join(folder, "dist", "index.js")).href);
  await loadAsInWorker(library, join(folder, "wasm"));
  const { version } = createRequire(import.meta.url)(join(folder, "package.json"));
  return {
    name: "LiteRT.js",
    version: `of ${PACKAGE} ${version}`,
    peers: (["int8", "int4"] as const).map((weights) => ({
      name: `LiteRT.js ${weights}`,
      dtype: "ternary",
      solve: (matmul, rows) => {
        const { M, K } = matmul;
        const bytes = weights === "int8" ? M * K : (M * K) / 2;
        return solve(library, tfliteProduct(matmul, rows, weights), matmul.x.slice(0, rows * K), [rows, K], bytes);
      },
    })),
    convolutions: (["fp32", "int8"] as const).map((numbers) => ({
      name: `LiteRT.js ${numbers}`,
      solve: (task) => {
        const bytes = task.codes.length * (numbers === "fp32" ? 4 : 1);
        const shape = [1, task.height, task.width, task.inputs];
        return solve(library, tfliteConvolution(task, numbers), task.x, shape, bytes);
      },
    })),
  };
}

/** It expects a browser's worker, whose global names it uses while it loads; it prints what it does, and warns of a lack of WebGPU. */
async function loadAsInWorker(library: LiteRtJs, folder: string): Promise<void> {
  const names = {
    self: globalThis,
    require: createRequire(import.meta.url),
    __dirname: folder,
    importScripts: (path: string) =>
      runInThisContext(`${readFileSync(path, "utf8")}\nglobalThis.ModuleFactory = ModuleFactory;`, { filename: path }),
    Module: { print: () => {}, printErr: () => {} },
  };
  const before = Object.getOwnPropertyDescriptors(globalThis);
  const { warn } = console;
  Object.assign(globalThis, names);
  console.warn = () => {};
  try {
    await library.loadLiteRt(`${folder}/`);
  } finally {
    console.warn = warn;
    for (const name of Object.keys(names)) {
      const own = before[name as keyof typeof before];
      if (own) Object.defineProperty(globalThis, name, own);
      else Reflect.deleteProperty(globalThis, name);
    }
  }
}

async function solve(
  library: LiteRtJs,
  file: Uint8Array,
  input: Float32Array,
  shape: number[],
  weightBytes: number,
): Promise<Solver> {
  const compiled = await library.loadAndCompile(file, { accelerator: "wasm" });
  const x = new library.Tensor(input, shape);
  let y = new Float32Array();
  return {
    weightBytes,
    async run() {
      const [output] = await compiled.run(x);
      y = output!.toTypedArray().slice();
      output!.delete();
    },
    y: () => y,
    dispose() {
      x.delete();
      compiled.delete();
    },
  };
}
