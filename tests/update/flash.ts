import { Random } from "../graph/random.ts";

/** A region of flash in sectors of one size. */
export interface Region {
  address: number;
  sectorBytes: number;
  bytes: number;
}

/**
 * How power goes during an operation, and what that leaves. *before*: nothing was begun. *early*: a unit reads as it was; of a sector, whose bits many parts
 * program before they erase any, some are programmed. *half*: every other bit of a unit is programmed; a sector is erased
 * from one end to some place, in its first 1,024 bytes.
 * *random*: bits of both are changed here and there.
 */
export const CUTS = ["before", "early", "half", "random"] as const;
export type Cut = (typeof CUTS)[number];

/** What power that goes throws through the module that runs: one object, since a stack trace takes longer than many runs. */
export const POWER_CUT = new Error("power was cut");

/** A rule of flash that was broken by what runs on it. */
export class Misuse extends Error {}

/** What a unit is, beside its bytes. */
const [CLEAN, PROGRAMMED, TORN] = [0, 1, 2];

/**
 * NOR flash. Programming changes bits from the erased value to the other, by whole units, each once after an erase of its sector; erasing gives all bits of
 * a sector the erased value. An operation is a unit programmed or a sector erased, and power can be cut in each. A unit whose program was cut, or whose
 * sector's erase was, is not to be trusted, though it reads as erased: a program there goes wrong, and the part may say so or not.
 */
export class NorFlash {
  readonly bytes: Uint8Array;
  readonly #origin: number;
  readonly #unitBits: number;
  readonly #states: Uint8Array;
  /** The first unit of the sector that a unit is in, −1 where no flash is; and the bytes of a sector, by its first unit. */
  readonly #firsts: Int32Array;
  readonly #sectorBytes = new Map<number, number>();
  /** Operations that have begun since power came, and the one that it is cut in. */
  operations = 0;
  /** Which of them were erases. */
  readonly erases = new Set<number>();
  cutAt = Number.POSITIVE_INFINITY;
  cut: Cut = "before";
  /** What may not be written to now: regions by their addresses and ends. */
  kept: readonly (readonly [number, number])[] = [];
  /** What an operation makes of a byte at an address, in a part that has faults. */
  fault: ((address: number, was: number, becomes: number) => number) | undefined;
  /** Sectors, by address, in which nothing can be erased or programmed, which the part says. */
  broken: ReadonlySet<number> = new Set();
  /** Whether a unit that is not to be trusted cannot be read either, as where flash has error correction. */
  tornIsUnreadable = false;
  /** What its cuts leave to chance. */
  random = new Random(1);

  readonly unitBytes: number;
  readonly erased: number;

  constructor(unitBytes: number, erased: number, regions: readonly Region[]) {
    this.unitBytes = unitBytes;
    this.erased = erased;
    this.#unitBits = Math.log2(unitBytes);
    this.#origin = Math.min(...regions.map(({ address }) => address));
    const end = Math.max(...regions.map(({ address, bytes }) => address + bytes));
    this.bytes = new Uint8Array(end - this.#origin).fill(erased);
    this.#states = new Uint8Array(this.bytes.length / unitBytes);
    this.#firsts = new Int32Array(this.#states.length).fill(-1);
    for (const { address, sectorBytes, bytes } of regions) {
      for (let at = address; at < address + bytes; at += sectorBytes) {
        const first = this.#unitAt(at);
        this.#firsts.fill(first, first, first + sectorBytes / unitBytes);
        this.#sectorBytes.set(first, sectorBytes);
      }
    }
  }

  /** Copies bytes of flash to a place in memory. Returns whether they can be read. */
  read(memory: Uint8Array, to: number, address: number, bytes: number): boolean {
    const at = address - this.#origin;
    const [first, last] = [this.#unitAt(address), this.#unitAt(address + Math.max(bytes, 1) - 1)];
    if (at < 0 || !(this.#firsts[first]! >= 0) || !(this.#firsts[last]! >= 0)) {
      throw new Misuse(`reads ${bytes} bytes at ${address}, where no flash is`);
    }
    if (this.tornIsUnreadable) {
      for (let unit = first; unit <= last; unit++) if (this.#states[unit] === TORN) return false;
    }
    for (let i = 0; i < bytes; i++) memory[to + i] = this.bytes[at + i]!;
    return true;
  }

  /** Bytes as they are, for who judges what runs on this flash. */
  look(address: number, bytes: number): Uint8Array {
    return this.bytes.subarray(address - this.#origin, address - this.#origin + bytes);
  }

  /** Programs whole units, one by one. Returns whether the part says that it did. */
  program(address: number, data: Uint8Array): boolean {
    if (address % this.unitBytes || data.length % this.unitBytes) {
      throw new Misuse(`programs ${data.length} bytes at ${address}: no whole units of ${this.unitBytes}`);
    }
    let isRight = true;
    for (let at = 0; at < data.length; at += this.unitBytes) {
      isRight = this.#programUnit(address + at, data, at) && isRight;
    }
    return isRight;
  }

  #programUnit(address: number, data: Uint8Array, from: number): boolean {
    const unit = this.#unitAt(address);
    if (!(this.#firsts[unit]! >= 0)) throw new Misuse(`programs at ${address}, where no flash is`);
    this.#protect(address, this.unitBytes);
    const at = address - this.#origin;
    const isTorn = this.#states[unit] === TORN;
    if (this.#states[unit] === PROGRAMMED || (isTorn && !this.#isErased(at))) {
      throw new Misuse(`programs the unit at ${address} twice`);
    }
    if (this.broken.has(this.#origin + this.#firsts[unit]! * this.unitBytes)) return false;
    const isCut = this.#begin(false);
    this.#states[unit] = isCut || isTorn ? TORN : PROGRAMMED;
    for (let i = 0; i < this.unitBytes; i++) {
      let mask = 0xff;
      if (isCut && this.cut === "early") mask = 0;
      else if (isCut && this.cut === "half") mask = 0x55;
      else if (isCut || isTorn) mask = this.random.int(0, 255);
      const target = this.erased ? this.bytes[at + i]! & data[from + i]! : this.bytes[at + i]! | data[from + i]!;
      this.#change(at + i, target, mask);
    }
    if (isCut) throw POWER_CUT;
    return !isTorn || this.random.chance(0.5);
  }

  /** Erases the sector that begins at an address. */
  erase(address: number): boolean {
    const unit = this.#unitAt(address);
    const bytes = this.#sectorBytes.get(unit);
    if (bytes === undefined || address % this.unitBytes)
      throw new Misuse(`erases at ${address}: no sector begins there`);
    this.#protect(address, bytes);
    if (this.broken.has(address)) return false;
    const isCut = this.#begin(true);
    this.#states.fill(isCut ? TORN : CLEAN, unit, unit + bytes / this.unitBytes);
    const at = address - this.#origin;
    const target = isCut && this.cut === "early" ? ~this.erased & 0xff : this.erased;
    const [place, isFirst] = isCut
      ? [32 * this.random.int(0, Math.min(bytes, 1024) / 32 - 1), this.random.chance(0.5)]
      : [];
    for (let i = 0; i < bytes; i++) {
      let mask = 0xff;
      if (isCut && this.cut === "half") mask = i < place! === isFirst ? 0xff : 0;
      else if (isCut) mask = this.random.int(0, 255);
      this.#change(at + i, target, mask);
    }
    if (isCut) throw POWER_CUT;
    return true;
  }

  /** Counts an operation. Returns whether power is cut in its midst. */
  #begin(isErase: boolean): boolean {
    if (isErase) this.erases.add(this.operations);
    const isCut = this.operations++ === this.cutAt;
    if (isCut && this.cut === "before") throw POWER_CUT;
    return isCut;
  }

  /** Gives the bits of a mask their new value. */
  #change(at: number, target: number, mask: number): void {
    const was = this.bytes[at]!;
    const becomes = was ^ ((was ^ target) & mask);
    this.bytes[at] = this.fault ? this.fault(at + this.#origin, was, becomes) : becomes;
  }

  #isErased(at: number): boolean {
    return this.bytes.subarray(at, at + this.unitBytes).every((byte) => byte === this.erased);
  }

  #protect(address: number, bytes: number): void {
    for (const [begin, end] of this.kept) {
      if (address < end && address + bytes > begin) throw new Misuse(`writes at ${address}, what is to be kept`);
    }
  }

  #unitAt(address: number): number {
    return (address - this.#origin) >> this.#unitBits;
  }

  /** Changes bits of a byte behind the back of all, as age, heat and reads of its neighbours do. */
  disturb(address: number, bits: number): void {
    this.bytes[address - this.#origin]! ^= bits;
  }

  /** Gives every byte a value, as in a part that was used for something else. */
  fill(next: () => number): void {
    this.bytes.forEach((_, i) => {
      this.bytes[i] = next();
    });
    this.#states.fill(PROGRAMMED);
  }

  /** All that stays when power goes. */
  save(): Saved {
    return { bytes: this.bytes.slice(), states: this.#states.slice() };
  }

  restore({ bytes, states }: Saved): void {
    this.bytes.set(bytes);
    this.#states.set(states);
    this.powerUp();
  }

  /** Power is there from now on; or until it is cut in the n-th operation. */
  powerUp(cutAt = Number.POSITIVE_INFINITY, cut: Cut = "before"): void {
    this.operations = 0;
    this.erases.clear();
    this.cutAt = cutAt;
    this.cut = cut;
  }
}

export interface Saved {
  bytes: Uint8Array;
  states: Uint8Array;
}
