/** What needs Node: the compiled module as a file, wasmtime, and devices. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { checkBytes, checkEngine, checkList, checkObject, checkOptional, checkText } from "./base/arguments.ts";
import { EngineError } from "./base/errors.ts";
import { packageRoot } from "./base/package_root.ts";
import { hasBinaryOfCodes, hasPacking, needsMore } from "./blob/features.ts";
import { HEADER, HEADER_BYTES } from "./blob/layout.ts";
import { readBlob } from "./blob/read.ts";
import type { Engine } from "./engines/engine.ts";
import { v8 } from "./engines/v8.ts";
import { readBoard } from "./firmware/boards.ts";
import { startEmulator } from "./firmware/link/emulator.ts";
import { openSerial } from "./firmware/link/port.ts";
import { buildImage } from "./firmware/make/build.ts";
import { type Runtime, runtimeNamed } from "./firmware/make/runtimes.ts";
import { moduleFeatures } from "./run/backend.ts";
import { type DeviceLoadOptions, loadDevice } from "./run/device.ts";
import type { Session } from "./run/session.ts";
import { chooseVariant, VARIANTS, type Variant } from "./run/variant.ts";

/** The fastest variant that an engine computes right. */
export async function bestModule(engine: Engine): Promise<{ variant: Variant; module: Uint8Array }> {
  checkEngine(engine);
  const modules = await Promise.all(VARIANTS.map(async (variant) => [variant, await readModule(variant)]));
  return chooseVariant(engine, Object.fromEntries(modules));
}

export { type BuildOptions, buildModule } from "./build.ts";
export { createWasmtime, type WasmtimeCompiler, type WasmtimeEngine } from "./engines/wasmtime.ts";

/** The module without vectors that was built for a blob's packings, if one was: it tells how much memory they need. */
export async function plainModule(blob: Uint8Array): Promise<Uint8Array> {
  checkBytes("blob", blob);
  const needed =
    blob.length < HEADER_BYTES ? 0 : new DataView(blob.buffer, blob.byteOffset).getUint32(HEADER.packings, true);
  return readModule(hasPacking(needed, "trit4") ? "core" : "scalar");
}

/** A module for devices: its name in build/, and its bytes. */
export interface DeviceModule {
  name: string;
  module: Uint8Array;
}

/**
 * The smallest module that a runtime runs a blob with, or the one of a name; without a blob, or where none has all that it needs, the one of all
 * ops, which says so. Throws EngineError for a name of none, kind "missing", or of one that lacks what the blob needs, kind "packing"; BlobError,
 * as readBlob, for a blob whose ops decide and cannot be read.
 */
export async function deviceModule(runtime: Runtime, blob?: Uint8Array, name?: string): Promise<DeviceModule> {
  checkRuntime(runtime);
  if (blob !== undefined) checkBytes("blob", blob);
  checkOptional("name", name, "string");
  const { modules } = runtime;
  if (name !== undefined && !modules.includes(name))
    throw new EngineError("missing", `no module "${name}" for ${runtime.name}, expected one of ${modules.join(", ")}`);
  const others: string[] = [];
  for await (const found of blob ? modulesFor(runtime, blob) : []) {
    if (name === undefined || name === found.name) return found;
    others.push(found.name);
  }
  if (blob && name !== undefined) {
    const found = others.join(", ") || "none";
    const why = `${name} lacks what the blob needs; of ${runtime.name}'s modules it runs in: ${found}`;
    throw new EngineError("packing", why);
  }
  const last = name ?? modules.at(-1)!;
  return { name: last, module: await readModule(last) };
}

function checkRuntime(runtime: Runtime): void {
  checkObject("runtime", runtime);
  checkText("runtime.name", runtime.name);
  checkList("runtime.modules", runtime.modules, checkText);
  checkList("runtime.bitsAlone", runtime.bitsAlone, checkText);
}

/** The modules of a runtime that have the ops and packings of a blob, and room for their code, the smallest first. */
async function* modulesFor({ modules, bitsAlone }: Runtime, blob: Uint8Array): AsyncGenerator<DeviceModule> {
  if (blob.length < HEADER_BYTES) return;
  for (const name of modules) {
    const module = await readModule(name);
    if (needsMore(blob, (await moduleFeatures(module, v8)).features)) continue;
    if (!(bitsAlone.includes(name) && hasBinaryOfCodes(readBlob(blob)))) yield { name, module };
  }
}

/** A module of build/, the variant `scalar` if not said, out of this package. Throws EngineError where it was not built. */
export async function readModule(variant: Variant | (string & {}) = "scalar"): Promise<Uint8Array> {
  checkText("variant", variant);
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
 * A model on a device. `target` is a board in its emulator, with the blob in its flash: "microbit", "microbit:wasm2c",
 * "microbit:wasm2c:core" with that module, "my_board.json"; or a serial port with a board that has the blob in its flash:
 * "/dev/ttyACM0". Throws EngineError, of kind "missing" where a cross compiler, an emulator or the device is not there.
 */
export async function openOnDevice(target: string, options: DeviceLoadOptions): Promise<Session> {
  checkText("target", target);
  checkObject("options", options);
  checkBytes("blob", options.blob);
  if (target.startsWith("/dev/")) return loadDevice(openSerial(target, BAUD), options);
  const [name = "", runtime = "wasm2c", moduleName, ...rest] = target.split(":");
  if (rest.length > 0) throw new EngineError("missing", `no device "${target}", expected BOARD:RUNTIME:MODULE at most`);
  const board = readBoard(name);
  const runs = runtimeNamed(runtime);
  const { module } = await deviceModule(runs, options.blob, moduleName);
  const image = await buildImage(board, runs, module);
  return loadDevice(await startEmulator(board, image.elf, options.blob), options);
}
