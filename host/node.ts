/** What needs Node: the compiled module as a file, wasmtime, and devices. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { hasPacking } from "./blob/features.ts";
import { HEADER, HEADER_BYTES } from "./blob/layout.ts";
import { type DeviceLoadOptions, loadDevice } from "./device.ts";
import type { Engine } from "./engines/engine.ts";
import { packageRoot } from "./engines/package_root.ts";
import { EngineError } from "./errors.ts";
import { readBoard } from "./firmware/boards.ts";
import { buildImage } from "./firmware/build.ts";
import { startEmulator } from "./firmware/emulator.ts";
import { openSerial } from "./firmware/port.ts";
import { runtimeNamed } from "./firmware/runtimes.ts";
import type { Session } from "./session.ts";
import { chooseVariant, VARIANTS, type Variant } from "./variant.ts";

/** The fastest variant that an engine computes right. */
export async function bestModule(engine: Engine): Promise<{ variant: Variant; module: Uint8Array }> {
  const modules = await Promise.all(VARIANTS.map(async (variant) => [variant, await readModule(variant)]));
  return chooseVariant(engine, Object.fromEntries(modules));
}

export { createWasmtime, type WasmtimeEngine } from "./engines/wasmtime.ts";

/** The module without vectors that was built for a blob's packings, if one was: it tells how much memory they need. */
export function plainModule(blob: Uint8Array): Promise<Uint8Array> {
  const needed =
    blob.length < HEADER_BYTES ? 0 : new DataView(blob.buffer, blob.byteOffset).getUint32(HEADER.dataFeatures, true);
  return readModule(hasPacking(needed, "trit4") ? "device" : "scalar");
}

/** A variant of the module, `build/scalar.wasm` if not said, out of this package. Throws EngineError where it was not built. */
export async function readModule(variant: Variant | "device" = "scalar"): Promise<Uint8Array> {
  const path = join(packageRoot(), "build", `${variant}.wasm`);
  try {
    return new Uint8Array(await readFile(path));
  } catch {
    throw new EngineError("missing", `${path} is missing; in a checkout, "npm run build" makes it`);
  }
}

/** What boards' own files say, and firmware speaks. */
const BAUD = 115_200;

/**
 * A model on a device. `target` is a board in its emulator, with the blob in its flash: "microbit", "microbit:wasm2c", "my_board.json"; or a
 * serial port with a board that has the blob in its flash: "/dev/ttyACM0". Throws EngineError, of kind "missing" where a cross compiler, an
 * emulator or the device is not there.
 */
export async function openOnDevice(target: string, options: DeviceLoadOptions): Promise<Session> {
  if (target.startsWith("/dev/")) return loadDevice(openSerial(target, BAUD), options);
  const [name = "", runtime = "wasm2c"] = target.split(":");
  const board = readBoard(name);
  const image = await buildImage(board, runtimeNamed(runtime), await readModule());
  return loadDevice(await startEmulator(board, image.elf, options.blob), options);
}
