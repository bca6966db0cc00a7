import { instantiateSync } from "@assemblyscript/loader";
import { checkInstantiate } from "../base/arguments.ts";
import { EngineError } from "../base/errors.ts";
import type { Engine } from "./engine.ts";
import { noFunction, noMemory, noMemoryToHave, notRunning, wrongArguments } from "./failures.ts";
import { PAGE_BYTES, pagesFor } from "./pages.ts";

/** The WebAssembly of the JavaScript engine we run in: V8 in Node; in a browser, what that has. Ignores `fuel`. */
export const v8: Engine = {
  name: "v8",
  version: globalThis.process?.versions?.v8 ?? globalThis.navigator?.userAgent ?? "",

  async instantiate(wasm, options) {
    checkInstantiate(wasm, options);
    const { memoryBytes, imports } = options;
    const thrown: unknown[] = []; // by the import, in the run under way
    let state: "starting" | "running" | "disposed" = "starting";
    const board = {
      weights_read(destination: number, offset: number, bytes: number): number {
        try {
          return imports.weights_read(view(), destination >>> 0, offset >>> 0, bytes >>> 0);
        } catch (error) {
          thrown.push(error);
          throw error;
        }
      },
    };
    const { exports } = await start(wasm as Uint8Array<ArrayBuffer>, { board }).catch((error: Error) => {
      throw thrown.length > 0 ? thrown.at(-1) : refusal(error);
    });
    const memory = growTo(memoryBytes, exports.memory);
    state = "running";

    function view(): Uint8Array {
      if (state !== "running") throw notRunning(state);
      return new Uint8Array(memory.buffer);
    }

    return {
      memory: view,
      call(name, ...args) {
        if (state !== "running") throw notRunning(state);
        const run = exports[name];
        if (typeof run !== "function") throw noFunction(name);
        if (run.length !== args.length) throw wrongArguments(name, run.length, args.length);
        thrown.length = 0;
        try {
          return run(...args) | 0;
        } catch (error) {
          if (thrown.length > 0) throw thrown.at(-1);
          throw new EngineError("trap", `"${name}": ${(error as Error).message}`); // stack exhaustion is a RangeError
        }
      },
      dispose() {
        state = "disposed";
      },
    };
  },
};

/** The loader's own `instantiate` asks whether it has got a Response, and Node loads its HTTP client to answer: 15 ms. */
async function start(wasm: Uint8Array<ArrayBuffer>, imports: WebAssembly.Imports): Promise<WebAssembly.Instance> {
  return instantiateSync(await WebAssembly.compile(wasm), imports).instance;
}

/** Why there is no instance, as ours. V8's are CompileError, LinkError, TypeError for an import module we lack. */
function refusal(error: Error): EngineError {
  if (error instanceof RangeError) return new EngineError("memory", error.message);
  if (error instanceof WebAssembly.RuntimeError) return new EngineError("trap", `instantiation: ${error.message}`);
  return new EngineError("compile", error.message);
}

function growTo(bytes: number, memory: WebAssembly.ExportValue | undefined): WebAssembly.Memory {
  if (!(memory instanceof WebAssembly.Memory)) throw noMemory();
  const pages = memory.buffer.byteLength / PAGE_BYTES;
  if (pages > pagesFor(bytes)) throw noMemoryToHave(bytes, `the module starts with ${pages * PAGE_BYTES}`);
  try {
    memory.grow(pagesFor(bytes) - pages);
  } catch (error) {
    throw noMemoryToHave(bytes, (error as Error).message);
  }
  return memory;
}
