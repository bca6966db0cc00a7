import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { LibraryHandle } from "koffi";
import { EngineError } from "../../host/base/errors.ts";
import { packageRoot } from "../../host/base/package_root.ts";
import { loadKoffi } from "../../host/engines/libwasmtime.ts";
import type { WeightDtype } from "../../host/program.ts";
import { floatWeights, type Matmul, type Solver } from "./matmul.ts";
import { PEERS_FOLDER, type PeerLibrary } from "./peer.ts";

// ggml, the tensor library of llama.cpp: native code, built by node-llama-cpp for several CPUs, called through koffi.

const PACKAGE = "@node-llama-cpp/linux-x64";

/** Weight types (enum ggml_type) by name, and the weights of ours that each is given. */
const TYPES: Record<string, { id: number; dtype: WeightDtype }> = {
  TQ2_0: { id: 35, dtype: "ternary" },
  Q4_0: { id: 2, dtype: "int4" },
  Q8_0: { id: 8, dtype: "int8" },
  F32: { id: 0, dtype: "ternary" },
};
const F32 = TYPES.F32!.id;

/** `void *` stands for a pointer to an opaque type; typed arrays are passed by address. */
const BASE = {
  ggml_new_tensor_2d: "void *(void *context, int type, int64_t ne0, int64_t ne1)",
  ggml_mul_mat: "void *(void *context, void *weights, void *x)",
  ggml_new_graph: "void *(void *context)",
  ggml_build_forward_expand: "void (void *graph, void *tensor)",
  ggml_quantize_chunk:
    "size_t (int type, const void *floats, void *out, int64_t start, int64_t rows, int64_t row_length, void *importance)",
  ggml_row_size: "size_t (int type, int64_t length)",
  ggml_free: "void (void *context)",
  ggml_backend_cpu_buffer_type: "void *()",
  ggml_backend_alloc_ctx_tensors_from_buft: "void *(void *context, void *buffer_type)",
  ggml_backend_buffer_free: "void (void *buffer)",
  ggml_backend_tensor_set: "void (void *tensor, const void *data, size_t offset, size_t bytes)",
  ggml_backend_tensor_get: "void (const void *tensor, void *data, size_t offset, size_t bytes)",
  ggml_backend_graph_compute: "int (void *backend, void *graph)",
};
const CPU = {
  ggml_cpu_init: "void ()",
  ggml_backend_cpu_init: "void *()",
  ggml_backend_cpu_set_n_threads: "void (void *backend, int threads)",
};

/** Tensors, graphs and their names; the numbers lie in a buffer. */
const CONTEXT_BYTES = 2 ** 20;

// biome-ignore lint/suspicious/noExplicitAny: types are checked by koffi, against the declarations above
type CFunction = (...args: any[]) => any;

/** Throws EngineError "missing" where the package is not installed. */
export async function openGgml(): Promise<PeerLibrary> {
  const folder = join(packageRoot(), PEERS_FOLDER, PACKAGE);
  if (!existsSync(folder)) throw new EngineError("missing", `no ${PACKAGE}: npm run bench:peers installs it`);
  const koffi = await loadKoffi();
  const binaries = join(folder, "bins", "linux-x64");
  const load = (file: string) => koffi.load(join(binaries, file));
  const base = load("libggml-base.so");

  /** The build that rates itself highest on this CPU; one that cannot run here gives 0. */
  const best = readdirSync(binaries)
    .filter((file) => /^libggml-cpu-\w+\.so$/.test(file))
    .map((file) => ({ file, score: load(file).func("int ggml_backend_score()")() as number }))
    .reduce((a, b) => (b.score > a.score ? b : a));
  if (best.score === 0) throw new EngineError("missing", `${PACKAGE} has no build for this CPU`);
  const cpu = load(best.file);

  const params = koffi.struct({ mem_size: "size_t", mem_buffer: "void *", no_alloc: "bool" });
  const c = {
    ...bind(base, BASE),
    ...bind(cpu, CPU),
    ggml_init: base.func("ggml_init", "void *", [params]) as CFunction,
  };
  c.ggml_cpu_init();
  const backend: bigint = c.ggml_backend_cpu_init();
  c.ggml_backend_cpu_set_n_threads(backend, 1);

  function solve(type: number, matmul: Matmul, rows: number): Solver {
    const { M, K } = matmul;
    const weightBytes = M * Number(c.ggml_row_size(type, K));
    const context = c.ggml_init({ mem_size: CONTEXT_BYTES, mem_buffer: null, no_alloc: true });
    const weights = c.ggml_new_tensor_2d(context, type, K, M);
    const input = c.ggml_new_tensor_2d(context, F32, K, rows);
    const output = c.ggml_mul_mat(context, weights, input);
    const graph = c.ggml_new_graph(context);
    c.ggml_build_forward_expand(graph, output);
    const buffer = c.ggml_backend_alloc_ctx_tensors_from_buft(context, c.ggml_backend_cpu_buffer_type());

    const packed = new Uint8Array(weightBytes);
    c.ggml_quantize_chunk(type, floatWeights(matmul), packed, 0, M, K, null);
    c.ggml_backend_tensor_set(weights, packed, 0, weightBytes);
    const x = matmul.x.subarray(0, rows * K);
    const y = new Float32Array(rows * M);
    return {
      weightBytes,
      run() {
        c.ggml_backend_tensor_set(input, x, 0, x.byteLength);
        const status = c.ggml_backend_graph_compute(backend, graph);
        if (status !== 0) throw new EngineError("status", `ggml_backend_graph_compute returned ${status}`);
        c.ggml_backend_tensor_get(output, y, 0, y.byteLength);
      },
      y: () => y,
      dispose() {
        c.ggml_backend_buffer_free(buffer);
        c.ggml_free(context);
      },
    };
  }

  const { version } = createRequire(import.meta.url)(join(folder, "package.json"));
  const build = best.file.slice("libggml-cpu-".length, -".so".length);
  return {
    name: "ggml",
    version: `of ${PACKAGE} ${version}, build ${build}`,
    peers: Object.entries(TYPES).map(([name, { id, dtype }]) => ({
      name: `ggml ${name}`,
      dtype,
      solve: async (matmul, rows) => solve(id, matmul, rows),
    })),
  };
}

function bind<Name extends string>(library: LibraryHandle, types: Record<Name, string>): Record<Name, CFunction> {
  const functions = {} as Record<Name, CFunction>;
  for (const name of Object.keys(types) as Name[]) functions[name] = library.func(types[name].replace("(", `${name}(`));
  return functions;
}
