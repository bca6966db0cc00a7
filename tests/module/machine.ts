import { crc32 } from "../../host/base/crc32.ts";
import { HEADER, HEADER_BYTES, PART, PART_BYTES } from "../../host/blob/layout.ts";
import type { Engine, Instance } from "../../host/engines/engine.ts";
import { moduleFeatures } from "../../host/run/backend.ts";

/** A module's exports (assembly/ABI.md) on memory that the test lays out: all but what the module keeps for itself, which address 0 is behind. */
export interface Machine {
  memory(): Uint8Array;
  features(word: number): number;
  plan(blob: number, blobBytes: number, rows: number): number;
  open(blob: number, blobBytes: number, work: number, workBytes: number, rows: number): number;
  invoke(firstOp: number, endOp: number, rows: number): number;
  reset(): number;
  /** What the import reads from. Undefined: it fails. */
  flash: Uint8Array | undefined;
  /** Which read fails, counted in `reads`. */
  failAt: number | undefined;
  /** Calls of the import so far: their arguments. */
  reads: [destination: number, offset: number, bytes: number][];
}

export async function machine(engine: Engine, module: Uint8Array, memoryBytes = 65_536): Promise<Machine> {
  const imports = {
    weights_read(memory: Uint8Array, destination: number, offset: number, bytes: number): number {
      made.reads.push([destination - own, offset, bytes]);
      if (made.failAt === made.reads.length - 1) return 1;
      if (!made.flash || offset + bytes > made.flash.length) return 1;
      memory.set(made.flash.subarray(offset, offset + bytes), destination); // a RangeError past the end of memory
      return 0;
    },
  };
  const own = (await moduleFeatures(module, engine)).ownBytes;
  const instance: Instance = await engine.instantiate(module, { memoryBytes: own + memoryBytes, imports });
  const made: Machine = {
    memory: () => instance.memory().subarray(own),
    features: (word) => instance.call("features", word),
    plan: (blob, ...args) => instance.call("plan", blob + own, ...args),
    open: (blob, blobBytes, work, workBytes, rows) =>
      instance.call("open", blob + own, blobBytes, work + own, workBytes, 0, rows),
    invoke: (...args) => instance.call("invoke", ...args),
    reset: () => instance.call("reset", 0),
    flash: undefined,
    failAt: undefined,
    reads: [],
  };
  return made;
}

/** The checksums of a blob as they should be: of its parts, of its head and of the whole. `headBytes` is where the head really ends. */
export function seal(blob: Uint8Array, headBytes: number, parts: number): Uint8Array {
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength);
  for (let at = HEADER_BYTES; at < HEADER_BYTES + parts * PART_BYTES; at += PART_BYTES) {
    const [offset, bytes] = [view.getUint32(at + PART.offset, true), view.getUint32(at + PART.bytes, true)];
    if (offset + bytes <= blob.length)
      view.setUint32(at + PART.crc, crc32(blob.subarray(offset, offset + bytes)), true);
  }
  view.setUint32(headBytes - 4, crc32(blob.subarray(8, headBytes - 4)), true);
  view.setUint32(HEADER.crc, crc32(blob.subarray(8)), true);
  return blob;
}
