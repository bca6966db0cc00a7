/** What needs Node: the compiled module as a file, wasmtime, and devices. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { checkBytes, checkEngine, checkList, checkObject, checkOptional, checkText } from "./base/arguments.ts";
import { crc32 } from "./base/crc32.ts";
import { EngineError } from "./base/errors.ts";
import { packageRoot } from "./base/package_root.ts";
import { hasBinaryOfCodes, hasPacking, lacksOps, needsMore } from "./blob/features.ts";
import { HEADER, HEADER_BYTES } from "./blob/layout.ts";
import { readBlob } from "./blob/read.ts";
import type { Engine } from "./engines/engine.ts";
import { v8 } from "./engines/v8.ts";
import { readBoard } from "./firmware/boards.ts";
import { type AsyncDevice, openAsyncDevice } from "./firmware/link/client.ts";
import { keepFlash, startEmulator } from "./firmware/link/emulator.ts";
import { type Line, openSerial } from "./firmware/link/port.ts";
import type { DeviceInfo } from "./firmware/link/protocol.ts";
import { buildImage } from "./firmware/make/build.ts";
import { RUNTIMES, type Runtime, runtimeNamed } from "./firmware/make/runtimes.ts";
import { checkOps, moduleFeatures } from "./run/backend.ts";
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
 * ops, which says so. Throws EngineError for a name of none, kind "missing", or of one that lacks what the blob needs, and for ops that no module has, kind
 * "packing"; BlobError, as readBlob, for a blob whose ops decide and cannot be read.
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
  const module = await readModule(last);
  if (blob && blob.length >= HEADER_BYTES) {
    const { features } = await moduleFeatures(module, v8);
    if (lacksOps(blob, features)) checkOps(readBlob(blob), features);
  }
  return { name: last, module };
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

/** A device, as a command line names it. */
export interface DeviceTarget {
  /** A serial port; else a board in its emulator. */
  serial?: string;
  board: string;
  runtime: string;
  module?: string;
  /** File with the flash of its slots: a firmware with slots runs, and its models stay. */
  flash?: string;
}

/**
 * "/dev/ttyACM0"; "microbit", "microbit:wasm2c", "microbit:wasm2c:core" with that module, "my_board.json"; and any of these boards with
 * a file for the flash of its slots: "virt@board.flash". Throws EngineError, kind "missing".
 */
export function parseTarget(target: string): DeviceTarget {
  checkText("target", target);
  if (target.startsWith("/dev/")) return { serial: target, board: "", runtime: "" };
  const at = target.indexOf("@");
  const [board = "", runtime = "wasm2c", module, ...rest] = (at < 0 ? target : target.slice(0, at)).split(":");
  if (rest.length > 0) throw new EngineError("missing", `no device "${target}", expected BOARD:RUNTIME:MODULE at most`);
  if (at === target.length - 1) throw new EngineError("missing", `no device "${target}", expected a file behind the @`);
  const parts = { board, runtime, ...(module !== undefined && { module }) };
  return at < 0 ? parts : { ...parts, flash: target.slice(at + 1) };
}

/** A port to a device with slots. Throws EngineError, also for a board in its emulator without a file for its flash; InputError where that file cannot be made. */
export async function openSlots(target: string): Promise<AsyncDevice> {
  const { serial, flash, ...of } = parseTarget(target);
  if (serial !== undefined) return openAsyncDevice(openSerial(serial, BAUD).async);
  if (flash !== undefined) return openAsyncDevice((await startWithSlots(of, flash)).async);
  const expected = `expected ${target}@FILE, with the file that keeps its flash`;
  throw new EngineError("missing", `device ${target}: an emulated board forgets its flash, ${expected}`);
}

async function startWithSlots({ board: name, runtime, module }: DeviceTarget, flash: string): Promise<Line> {
  const board = readBoard(name);
  const runs = runtimeNamed(runtime);
  const found = await deviceModule(runs, undefined, module);
  const kept = keepFlash(board, flash);
  const { elf } = await buildImage(board, runs, found.module, { update: await readModule("update") });
  return startEmulator(board, elf, new Uint8Array(0), kept);
}

/** The module of a device by what it says of itself, if it is one of ours. */
export async function moduleOf(info: DeviceInfo): Promise<Uint8Array | undefined> {
  checkObject("info", info);
  const { runtime, module } = info;
  checkText("info.runtime", runtime);
  checkObject("info.module", module);
  const names = Object.hasOwn(RUNTIMES, runtime) ? RUNTIMES[runtime]!.modules : [];
  for (const name of names) {
    const bytes = await readModule(name);
    if (bytes.length === module.bytes && crc32(bytes) === module.crc) return bytes;
  }
  return undefined;
}

/**
 * A model on a device. `target` is a board in its emulator, with the blob in its flash: "microbit", "microbit:wasm2c",
 * "microbit:wasm2c:core" with that module, "my_board.json"; or one that has the blob in its flash: at a serial port, "/dev/ttyACM0", or in its
 * emulator with a file for its slots, "virt@board.flash". Throws EngineError, of kind "missing" where a cross compiler, an emulator or the device is
 * not there.
 */
export async function openOnDevice(target: string, options: DeviceLoadOptions): Promise<Session> {
  checkText("target", target);
  checkObject("options", options);
  checkBytes("blob", options.blob);
  const { serial, flash, ...of } = parseTarget(target);
  if (serial !== undefined) return loadDevice(openSerial(serial, BAUD), options);
  if (flash !== undefined) return loadDevice(await startWithSlots(of, flash), options);
  const board = readBoard(of.board);
  const runs = runtimeNamed(of.runtime);
  const { module } = await deviceModule(runs, options.blob, of.module);
  const image = await buildImage(board, runs, module);
  return loadDevice(await startEmulator(board, image.elf, options.blob), options);
}
