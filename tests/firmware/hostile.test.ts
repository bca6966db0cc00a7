import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { crc32 } from "../../host/base/crc32.ts";
import { align16, HEADER, HEADER_BYTES, PART, PART_BYTES, TENSOR, TENSOR_BYTES } from "../../host/blob/layout.ts";
import { writeBlob } from "../../host/blob/write.ts";
import { v8 } from "../../host/engines/v8.ts";
import type { Board } from "../../host/firmware/boards.ts";
import type { Device } from "../../host/firmware/link/client.ts";
import { DEVICE_STATUS } from "../../host/firmware/link/protocol.ts";
import { buildImage } from "../../host/firmware/make/build.ts";
import { runtimeNamed } from "../../host/firmware/make/runtimes.ts";
import type { Program } from "../../host/program.ts";
import { type ProgrammedBoard, startProgrammed } from "../../tools/rigs/programmed_board.ts";
import { type Machine, machine } from "../module/machine.ts";
import {
  anyWeights,
  describing,
  FOUND_ONCE,
  mutated,
  mutationsOf,
  singleMutations,
  someMutations,
  targetOf,
} from "../module/mutations.ts";
import { SMALL, TERNARY, TRIT4, withGoldenPairs } from "../module/programs.ts";
import { ALL, describeBoards, isNarrow, moduleFor } from "./boards.ts";

// Every kind of damage that tests/blob and tests/module do to blobs, in the flash of real firmware. The judge is the same module in V8, on the same
// blob: those tests hold it to the reference.

/** What comes of a blob: the status that `open` or `invoke` ends with; if that is 0, the bytes of every tensor. */
interface Outcome {
  status: number;
  tensors: Buffer[];
}

/** Places of a head's tensors, as the module has proven them. */
function tensorsOf(view: DataView) {
  const parts = view.getUint16(HEADER.partCount, true);
  return Array.from({ length: view.getUint16(HEADER.tensorCount, true) }, (_, i) => {
    const at = HEADER_BYTES + PART_BYTES * parts + TENSOR_BYTES * i;
    const [channels, bits] = [view.getUint32(at + TENSOR.channels, true), view.getUint8(at + TENSOR.dtype) >> 1];
    const place = view.getUint32(at + TENSOR.fixed, true) + view.getUint32(at + TENSOR.perRow, true);
    return { bytes: Math.ceil((channels * 2 ** bits) / 8), place };
  });
}

/** What every tensor holds before the first op. */
function pattern(bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => i * 167 + 13);
}

function onDevice(device: Device, blob: Uint8Array): Outcome {
  const view = new DataView(blob.buffer);
  try {
    device.open(1);
    for (const [i, { bytes }] of tensorsOf(view).entries()) device.write(i, 1, 0, pattern(bytes));
    device.invoke(0, view.getUint16(HEADER.opCount, true), 1);
    return { status: 0, tensors: tensorsOf(view).map(({ bytes }, i) => Buffer.from(device.read(i, 1, 0, bytes))) };
  } catch (error) {
    const [, status] = (error as Error).message.match(/ returned status (\d+), /) ?? [];
    if (status === undefined) throw error; // silence is no answer
    return { status: Number(status), tensors: [] };
  }
}

/** What tern.h says of a blob in `flash`, and ABI.md of its head. `memoryBytes` is the RAM for a model, `extraBytes` what the runtime wants of it. */
function inV8(at: Machine, flash: Uint8Array, memoryBytes: number, extraBytes: number): Outcome {
  const ended = (status: number): Outcome => ({ status, tensors: [] });
  const view = new DataView(flash.buffer);
  const u32 = (offset: number) => view.getUint32(offset, true);
  const header = flash.subarray(0, HEADER_BYTES);
  if (header.every((byte) => byte === 0) || header.every((byte) => byte === 255)) return ended(DEVICE_STATUS.noBlob);
  const [total, headBytes] = [u32(HEADER.totalBytes), u32(HEADER.headBytes)];
  const fits = total <= flash.length && headBytes <= total && headBytes >= HEADER_BYTES && headBytes % 16 === 0;
  const isWhole = fits && u32(0) === 0x4e524554 && crc32(flash.subarray(8, total)) === u32(HEADER.crc);
  if (!isWhole) return ended(DEVICE_STATUS.badBlob);
  const least = align16(at.features(4)) + headBytes + extraBytes;
  if (least > memoryBytes) return ended(DEVICE_STATUS.outOfMemory);

  const memory = at.memory().fill(0);
  memory.set(flash.subarray(0, headBytes));
  at.flash = flash;
  const scratch = at.plan(0, headBytes, 1);
  if (scratch < 0) return ended(-scratch);
  const workBytes = u32(HEADER.arenaFixed) + u32(HEADER.arenaPerRow) + scratch;
  if (least + workBytes > memoryBytes) return ended(DEVICE_STATUS.outOfMemory);
  const opened = at.open(0, headBytes, headBytes, workBytes, 1);
  if (opened) return ended(opened);
  const rows = tensorsOf(view).map(({ bytes, place }) => memory.subarray(headBytes + place, headBytes + place + bytes));
  for (const row of rows) row.set(pattern(row.length));
  const status = at.invoke(0, view.getUint16(HEADER.opCount, true), 1);
  return status ? ended(status) : { status, tensors: rows.map((row) => Buffer.from(row)) };
}

describeBoards("hostile blobs", (board, runtime) => {
  const ternary = runtime === "wasm2c" ? TRIT4 : TERNARY; // interpreters do not run trit4
  const programs = isNarrow(board, runtime) ? ternary : { ...SMALL, ...ternary };
  for (const [name, program] of Object.entries(programs)) {
    describe(name, { timeout: 600_000 }, () => suite(board, runtime, program));
  }
});

function suite(board: Board, runtime: string, program: Program): void {
  // Of so many mutants one is tried: a blob takes a millisecond, with interpreters, which translate the module when they open it, up to twenty.
  const isQuick = runtime === "wasm2c";
  const step = ALL ? (isQuick ? 1 : 5) : isQuick ? 151 : 701;
  const share = <T>(all: T[]): T[] => all.filter((_, i) => i % step === 0);
  const target = targetOf(withGoldenPairs(program));
  const { blob } = target;
  const flash = new Uint8Array(board.blob.bytes);
  let at: Machine;
  let on: ProgrammedBoard;
  let memoryBytes: number;
  beforeAll(async () => {
    const module = await moduleFor(runtime, blob);
    const { elf } = await buildImage(board, runtimeNamed(runtime), module);
    on = await startProgrammed(board, elf);
    ({ memoryBytes } = on.device.info());
    at = await machine(v8, module, memoryBytes);
  });
  afterAll(() => on?.close());

  /** Puts a blob into flash, and expects of the device what V8 makes of it. Returns the status. */
  async function expectSame(bytes: Uint8Array, what: () => string): Promise<number> {
    flash.fill(255);
    flash.set(bytes);
    await on.program(bytes);
    const [found, expected] = [
      onDevice(on.device, flash),
      inV8(at, flash, memoryBytes, runtimeNamed(runtime).extraBytes),
    ];
    const isSame =
      found.status === expected.status && found.tensors.every((row, i) => row.equals(expected.tensors[i]!));
    // Records at odd addresses, which no writer makes: a Cortex-M0 cannot read words there, and says so.
    const isOdd = board.core === "cortex-m0" && found.status === DEVICE_STATUS.fault && expected.status === 0;
    if (!isSame && !isOdd) expect({ blob: what(), ...found }).toEqual({ blob: what(), ...expected });
    return found.status;
  }

  it("is a blob to begin with, whatever lies behind it", async () => {
    expect(await expectSame(blob, () => "whole")).toBe(0);
    expect(await expectSame(Uint8Array.of(...blob, ...new Uint8Array(64)), () => "zeros behind")).toBe(0);
    expect(on.device.selfTest()).toEqual({ pairs: 2, wrong: 0 });
  });

  it("cut at any byte", async () => {
    for (const bytes of share(Array.from(blob, (_, i) => i))) {
      const isNothing = bytes === 0;
      const status = await expectSame(blob.slice(0, bytes), () => `${bytes} bytes`);
      expect(status, `${bytes} bytes`).toBe(isNothing ? DEVICE_STATUS.noBlob : DEVICE_STATUS.badBlob);
    }
  });

  it("with any bit flipped", async () => {
    for (const bit of share(Array.from({ length: 8 * blob.length }, (_, i) => i))) {
      const bytes = blob.with(bit >> 3, blob[bit >> 3]! ^ (1 << (bit & 7)));
      expect(await expectSame(bytes, () => `bit ${bit}`), `bit ${bit}`).toBe(DEVICE_STATUS.badBlob);
    }
  });

  it("with another value in one field of the head", async () => {
    for (const mutation of share(singleMutations(target))) {
      await expectSame(mutated(target, [mutation]), () => describing([mutation]));
    }
  });

  it("with other values in some fields", async () => {
    await fc.assert(
      fc.asyncProperty(someMutations(target), async (each) => {
        await expectSame(mutated(target, each), () => describing(each));
      }),
      { numRuns: Math.ceil(1000 / step) },
    );
  });

  it("with any bytes as weights, parameters and self-test", async () => {
    await fc.assert(
      fc.asyncProperty(anyWeights(target), async (bytes) => {
        await expectSame(bytes, () => "weights");
      }),
      { numRuns: Math.ceil(100 / step) },
    );
  });

  it("with parts that nobody knows", async () => {
    const part = (kind: number, flags = 0) => ({ kind, flags, bytes: Uint8Array.of(kind, 2, 3) });
    for (const parts of [[part(4)], [part(900)], [part(4, 1)], [part(4), part(4)], [part(5), part(4)], [part(1)]]) {
      await expectSame(writeBlob(program, parts), () => JSON.stringify(parts));
    }
  });

  it("with a self-test that says other sizes", async () => {
    const view = new DataView(blob.buffer);
    const selfTest = view.getUint32(HEADER_BYTES + PART_BYTES + PART.offset, true);
    const fields = Array.from({ length: 4 }, (_, i) => ({
      record: "SelfTest",
      name: `${i}`,
      at: selfTest + 4 * i,
      bytes: 4,
    }));
    const record = HEADER_BYTES + PART_BYTES;
    for (const [name, at] of [
      ["offset", record + PART.offset],
      ["bytes", record + PART.bytes],
    ] as const) {
      fields.push({ record: "Part 1", name, at, bytes: 4 });
    }
    for (const mutation of share(singleMutations({ ...target, fields }))) {
      await on.program(mutated(target, [mutation]));
      on.device.open(1);
      const isUnread = mutation.name === "3"; // the word that is 0
      const test = () => on.device.selfTest();
      if (isUnread) expect(test(), describing([mutation])).toEqual({ pairs: 2, wrong: 0 });
      else expect(test, describing([mutation])).toThrow(`selfTest returned status ${DEVICE_STATUS.badBlob}, `);
    }
  });

  const found = program === Object.values(SMALL)[0] ? FOUND_ONCE : [];
  for (const [what, changes] of found) {
    it(what, async () => {
      await expectSame(mutated(target, mutationsOf(target, changes)), () => what);
    });
  }
}
