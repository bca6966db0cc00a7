import { SLOT_STATES, type SlotState } from "../../host/firmware/link/protocol.ts";
import { type Layout, layoutWords } from "../../host/firmware/slots/layout.ts";
import { UPDATE_STATUS } from "../../host/firmware/slots/status.ts";
import { moduleNamed } from "../variants.ts";
import type { NorFlash, Region } from "./flash.ts";

/** build/update.wasm */
export const MODULE = new WebAssembly.Module(moduleNamed("update") as Uint8Array<ArrayBuffer>);

export const STATUS = { Ok: 0, ...UPDATE_STATUS };

export const STATES = SLOT_STATES;

/** What a transfer begins with. */
export interface Statement {
  counter: number;
  bytes: number;
  trailerBytes: number;
  sha256: Uint8Array;
}

/** A slot as the device tells it; an empty one has no more than its state. */
export interface SlotInfo extends Partial<Statement> {
  state: SlotState;
  sequence?: number;
}

const [LAYOUT_AT, STATEMENT_AT, ANSWER_AT, DATA_AT] = [512, 576, 640, 1024];

type Exports = Record<string, (...args: number[]) => number> & { memory: WebAssembly.Memory };

/** The module on a flash: one instance through all its resets, with other garbage in its memory after each. */
export class Device {
  readonly #exports: Exports;
  readonly #memory: Uint8Array;
  readonly #view: DataView;
  readonly #words: number[];
  #resets = 0;
  readonly flash: NorFlash;
  readonly layout: Layout;
  readonly module: WebAssembly.Module;

  constructor(flash: NorFlash, layout: Layout, module = MODULE) {
    this.flash = flash;
    this.layout = layout;
    this.module = module;
    const board = {
      flash_read: (to: number, address: number, bytes: number) =>
        flash.read(this.#memory, to, address >>> 0, bytes) ? 0 : 1,
      flash_program: (address: number, from: number, bytes: number) =>
        flash.program(address >>> 0, this.#memory.subarray(from, from + bytes)) ? 0 : 1,
      flash_erase: (address: number) => (flash.erase(address >>> 0) ? 0 : 1),
    };
    this.#exports = new WebAssembly.Instance(module, { board }).exports as Exports;
    this.#exports.memory.grow(1);
    this.#memory = new Uint8Array(this.#exports.memory.buffer);
    this.#view = new DataView(this.#exports.memory.buffer);
    this.#words = layoutWords(layout);
  }

  /** Power comes, or a model is to be tried. */
  start(): number {
    this.#memory.fill(this.#resets++ * 0x35, 0, DATA_AT);
    return this.startWith(this.#words);
  }

  startWith(layout: readonly number[], at = LAYOUT_AT): number {
    this.#put(at, layout);
    return this.#exports.start!(at);
  }

  get active(): number {
    return this.#exports.active!();
  }

  get counter(): number {
    return this.#exports.counter!() >>> 0;
  }

  check(slot: number): number {
    return this.#exports.check!(slot);
  }

  begin(slot: number, { counter, bytes, trailerBytes, sha256 }: Statement): number {
    this.#put(STATEMENT_AT, [counter, bytes, trailerBytes]);
    this.#memory.set(sha256, STATEMENT_AT + 12);
    return this.#exports.begin!(slot, STATEMENT_AT);
  }

  block(offset: number, data: Uint8Array): number {
    this.#memory.set(data, DATA_AT);
    return this.#exports.block!(offset, DATA_AT, data.length);
  }

  /** CRC-32 of bytes of the receiving slot; undefined where they cannot be read. Throws for other failures. */
  checksum(offset: number, bytes: number): number | undefined {
    const status = this.#exports.checksum!(offset, bytes, ANSWER_AT);
    if (status === STATUS.Unreadable) return undefined;
    if (status !== 0) throw new Error(`checksum: status ${status}`);
    return this.#view.getUint32(ANSWER_AT, true);
  }

  finish(): number {
    return this.#exports.finish!();
  }

  confirm(): number {
    return this.#exports.confirm!();
  }

  revert(): number {
    return this.#exports.revert!();
  }

  slot(number: number): SlotInfo {
    const state = STATES[this.#exports.slot!(number, ANSWER_AT)]!;
    if (state === "empty") return { state };
    const word = (at: number) => this.#view.getUint32(ANSWER_AT + at, true);
    const sha256 = this.#memory.slice(ANSWER_AT + 24, ANSWER_AT + 56);
    return { state, sequence: word(8), counter: word(12), bytes: word(16), trailerBytes: word(20), sha256 };
  }

  #put(at: number, words: readonly number[]): void {
    for (const [i, word] of words.entries()) this.#view.setUint32(at + 4 * i, word, true);
  }
}

/** A flash: sectors of one size for records, and of one for models. */
export interface Geometry {
  unitBytes: number;
  erased: number;
  recordSectorBytes: number;
  sectorBytes: number;
  /** Sectors of a model. */
  sectors: number;
  slots?: 1 | 2;
  /** As NorFlash has it. */
  tornIsUnreadable?: boolean;
}

/** A layout of a geometry, and the regions of flash that it takes: the counter, then log and model of each slot. */
export function layoutOf({ unitBytes, erased, recordSectorBytes, sectorBytes, sectors, slots = 2 }: Geometry): {
  layout: Layout;
  regions: Region[];
} {
  const regions: Region[] = [];
  let end = sectorBytes; // the first sector is not ours
  const take = (bytes: number, count: number) => {
    const address = Math.ceil(end / bytes) * bytes;
    regions.push({ address, sectorBytes: bytes, bytes: bytes * count });
    end = address + bytes * count;
    return address;
  };
  const counter = [take(recordSectorBytes, 1), take(recordSectorBytes, 1)] as const;
  const slot = () => {
    const log = take(recordSectorBytes, 1);
    return { log, body: take(sectorBytes, sectors), sectorBytes, bodyBytes: sectorBytes * sectors };
  };
  const logBytes = Math.min(recordSectorBytes, 1024);
  return { layout: { unitBytes, erased, logBytes, counter, slots: Array.from({ length: slots }, slot) }, regions };
}
