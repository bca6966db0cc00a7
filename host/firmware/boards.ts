import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { EngineError, FlashError } from "../base/errors.ts";
import { isObject } from "../base/json.ts";
import { CORES, type CoreName } from "./cores.ts";
import { FIRMWARE } from "./folder.ts";
import { checkLayout, type Layout } from "./slots/layout.ts";

/** A part of the address space. */
export interface Region {
  address: number;
  bytes: number;
}

/** A layout of slots, with the size of the sectors of logs and of the counter, and flashes/<flash>.c. */
export interface BoardSlots extends Layout {
  flash: string;
  recordSectorBytes: number;
}

/** A board: boards/<name>.json, or a file of a user's own. */
export interface Board {
  name: string;
  about: string;
  core: CoreName;
  /** Code from its beginning, the blob in its own part of it. */
  flash: Region;
  blob: Region;
  ram: Region;
  uart: {
    /** uarts/<kind>.c */
    kind: string;
    address: number;
    interrupt: number;
    /** Of the UART, in Hz. */
    clock: number;
    baud: number;
    /** Pins, where the UART chooses them. */
    tx?: number;
    rx?: number;
  };
  /** Registers that are written before the UART starts: address, value, why. */
  setup: [number, number, string][];
  /** Where a firmware with slots keeps its models: in flash that flashes/<flash>.c writes, and that can be read where it lies. */
  slots?: BoardSlots;
  /** QEMU that emulates it, if one does. `pflash`: banks of CFI flash, of which the first has code and blob; all others are erased, or a file.
   *  `ram`: the machine's own, which can be a file as well. */
  qemu?: { system: string; machine: string; pflash?: Region[]; ram?: Region };
}

/** Names of the boards that come with Little Tern. */
export function boardNames(): string[] {
  const files = readdirSync(join(FIRMWARE, "boards")).sort();
  return files.map((name) => name.replace(/\.json$/, ""));
}

/** A board by its name, or by the path of a JSON file. Throws EngineError for what is no board. */
export function readBoard(name: string): Board {
  const isFile = name.endsWith(".json");
  const path = isFile ? name : join(FIRMWARE, "boards", `${name}.json`);
  if (!isFile && !boardNames().includes(name)) {
    const known = boardNames().join(", ");
    throw new EngineError("missing", `no board "${name}", expected one of ${known}, or a .json file`);
  }
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new EngineError("missing", `${path}: cannot be read: ${(error as Error).message}`);
  }
  return parseBoard(text, path);
}

/** A board out of its file's text. `path` is for errors. */
export function parseBoard(text: string, path: string): Board {
  const fail = (where: string, found: unknown, expected: string): never => {
    throw new EngineError("missing", `${path}: ${where}: found ${JSON.stringify(found)}, expected ${expected}`);
  };
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return fail("the file", (error as Error).message, "JSON");
  }
  const object = (value: unknown, where: string): Record<string, unknown> =>
    isObject(value) ? value : fail(where, value, "an object");
  const word = (value: unknown, where: string): string =>
    typeof value === "string" && /^[\w-]{1,31}$/.test(value)
      ? value
      : fail(where, value, "a word of letters, digits, _ and -");
  const number = (value: unknown, where: string): number => {
    const found = typeof value === "string" && /^0x[0-9a-f]{1,8}$/i.test(value) ? Number(value) : value;
    const isNumber = typeof found === "number" && Number.isInteger(found) && found >= 0 && found < 2 ** 32;
    return isNumber ? found : fail(where, value, "a number below 2^32, or its hexadecimal digits as text");
  };
  const region = (value: unknown, where: string): Region => {
    const { address, bytes } = object(value, where);
    const found = { address: number(address, `${where}.address`), bytes: number(bytes, `${where}.bytes`) };
    if (found.address % 16 || found.bytes % 16) fail(where, value, "multiples of 16");
    return found;
  };
  const list = (value: unknown, where: string): unknown[] =>
    Array.isArray(value) ? value : fail(where, value, "a list");
  const slotsOf = (slots: Record<string, unknown>, code: Region): BoardSlots => {
    const [a, b, ...more] = list(slots.counter, "slots.counter").map((at, i) => number(at, `slots.counter ${i}`));
    if (a === undefined || b === undefined || more.length > 0) fail("slots.counter", slots.counter, "two addresses");
    const layout: Layout = {
      unitBytes: number(slots.unitBytes, "slots.unitBytes"),
      erased: number(slots.erased, "slots.erased"),
      logBytes: number(slots.logBytes, "slots.logBytes"),
      counter: [a!, b!],
      slots: list(slots.slots, "slots.slots").map((value, i) => {
        const slot = object(value, `slots.slots ${i}`);
        const field = (name: string) => number(slot[name], `slots.slots ${i}.${name}`);
        const [log, body] = [field("log"), field("body")];
        return { log, body, sectorBytes: field("sectorBytes"), bodyBytes: field("bodyBytes") };
      }),
    };
    const recordSectorBytes = number(slots.recordSectorBytes, "slots.recordSectorBytes");
    try {
      checkLayout(layout, recordSectorBytes, code);
    } catch (error) {
      if (!(error instanceof FlashError)) throw error;
      throw new EngineError("missing", `${path}: slots: ${error.message}`);
    }
    return { flash: word(slots.flash, "slots.flash"), recordSectorBytes, ...layout };
  };

  const board = object(json, "the board");
  const uart = object(board.uart, "uart");
  const optional = (key: "tx" | "rx") => (uart[key] === undefined ? {} : { [key]: number(uart[key], `uart.${key}`) });
  const core = word(board.core, "core");
  if (!Object.hasOwn(CORES, core)) fail("core", core, `one of ${Object.keys(CORES).join(", ")}`);
  const [flash, blob] = [region(board.flash, "flash"), region(board.blob, "blob")];
  const inside = blob.address > flash.address && blob.address + blob.bytes <= flash.address + flash.bytes;
  if (!inside) fail("blob", board.blob, "a part of flash, behind the code");
  const qemu = board.qemu === undefined ? undefined : object(board.qemu, "qemu");
  return {
    name: word(board.name, "name"),
    about: typeof board.about === "string" ? board.about : fail("about", board.about, "text"),
    core: core as CoreName,
    flash,
    blob,
    ram: region(board.ram, "ram"),
    uart: {
      kind: word(uart.kind, "uart.kind"),
      address: number(uart.address, "uart.address"),
      interrupt: number(uart.interrupt, "uart.interrupt"),
      clock: number(uart.clock, "uart.clock"),
      baud: number(uart.baud, "uart.baud"),
      ...optional("tx"),
      ...optional("rx"),
    },
    setup: list(board.setup, "setup").map((entry, i) => {
      const [address, value, why] = Array.isArray(entry) ? entry : fail(`setup ${i}`, entry, "[address, value, why]");
      return [number(address, `setup ${i}`), number(value, `setup ${i}`), String(why)];
    }),
    ...(board.slots !== undefined && {
      slots: slotsOf(object(board.slots, "slots"), { address: flash.address, bytes: blob.address - flash.address }),
    }),
    ...(qemu !== undefined && {
      qemu: {
        system: word(qemu.system, "qemu.system"),
        machine: word(qemu.machine, "qemu.machine"),
        ...(qemu.ram !== undefined && { ram: region(qemu.ram, "qemu.ram") }),
        ...(qemu.pflash !== undefined && {
          pflash: list(qemu.pflash, "qemu.pflash").map((bank, i) => region(bank, `qemu.pflash ${i}`)),
        }),
      },
    }),
  };
}
