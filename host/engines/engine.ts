/** Something that runs WebAssembly: V8, wasmtime, a device. */
export interface Engine {
  /** As given on the command line: "v8", "wasmtime". */
  readonly name: string;
  /** Version of the engine, for people. */
  readonly version: string;
  instantiate(wasm: Uint8Array, options: InstantiateOptions): Promise<Instance>;
}

export interface InstantiateOptions {
  /** Linear memory that the instance needs, in bytes. Engines may round up to their page size. */
  memoryBytes: number;
  /** The module's imports. */
  imports: Imports;
  /** Instructions (engine's own unit) that one call may use; engines that cannot count ignore it. */
  fuel?: number;
}

/** Functions of the import module "board" (assembly/board.ts). */
export interface Imports {
  /** Copies `bytes` bytes of the blob, from `offset`, to `destination` in the instance's memory. Returns 0, or another number when it cannot. */
  weights_read(memory: Uint8Array, destination: number, offset: number, bytes: number): number;
}

/** A running module. Throws EngineError; after a trap the instance must be dropped, and a fresh one works. */
export interface Instance {
  /** The whole linear memory as it is now. Fetch anew after every call. */
  memory(): Uint8Array;
  /** Calls an export with i32 arguments and an i32 result. */
  call(name: string, ...args: number[]): number;
  /** Frees what the engine holds. What memory() gave must not be touched after that: wasmtime's memory is gone. */
  dispose(): void;
}
