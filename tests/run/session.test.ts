import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { InputError } from "../../host/base/errors.ts";
import { HEADER } from "../../host/blob/layout.ts";
import { readBlob } from "../../host/blob/read.ts";
import { writeBlob } from "../../host/blob/write.ts";
import { type Conversion, convert } from "../../host/convert.ts";
import type { Engine, Instance } from "../../host/engines/engine.ts";
import { evaluate } from "../../host/graph/evaluate.ts";
import { mulberry32 } from "../../host/numbers/random.ts";
import type { Op } from "../../host/program.ts";
import { BLOB_AT } from "../../host/run/backend.ts";
import { type InputRows, load, loadReference, type Session } from "../../host/run/session.ts";
import { DIGITS, IMAGES } from "../digits.ts";
import { describeEngines } from "../engines.ts";
import { programOf } from "../module/programs.ts";
import { randomOnnx } from "../random_graph.ts";
import { disposeAll, MODULE, openSessions } from "../sessions.ts";

const PIXELS = 256;
let digits: Conversion;
let sessions: Record<string, Session>;

beforeAll(async () => {
  digits = await convert(DIGITS, { maxRows: 8 });
  sessions = await openSessions(digits.blob);
});
afterAll(() => disposeAll(sessions));

const elementsOf = (session: Session, inputs: InputRows) => session.run(inputs)[0]!.elements;

describe("every session", () => {
  it("takes real numbers, and makes of them the codes that the checkpoint does", () => {
    const next = mulberry32(1);
    const rows = 20;
    const x = Float32Array.from({ length: rows * PIXELS }, (_, i) => {
      if (i < PIXELS) return i / 255;
      return i < 2 * PIXELS ? (i - PIXELS + 0.5) / 255 : 4 * next() - 2; // ties of the quantizer, then any
    });
    const traced = new Map<string, Float64Array>();
    const [expected] = evaluate(digits.checkpoint.graph, [x], rows, (value, codes) => traced.set(value, codes));
    for (const [name, session] of Object.entries(sessions)) {
      const seen: number[] = [];
      const see = (tensor: number, elements: Int32Array) => {
        if (tensor === 2) seen.push(...elements);
      };
      const { scores } = session.run(x, { see })[0]!;
      expect(seen, name).toEqual(Array.from(traced.get("dense2.activation")!));
      expect(scores, name).toEqual(expected);
    }
  });

  it("gives for real numbers k / 255 what it gives for pixels k", () => {
    for (const session of Object.values(sessions)) {
      const real = Float32Array.from(IMAGES, (pixel) => pixel / 255);
      expect(session.run(real)).toEqual(session.run(IMAGES));
    }
  });

  it("splits batches that are larger than its memory", () => {
    for (const session of Object.values(sessions)) {
      const rows = Array.from({ length: 10 }, (_, row) => IMAGES.subarray(row * PIXELS, (row + 1) * PIXELS));
      const alone = rows.flatMap((row) => Array.from(elementsOf(session, row)));
      expect(Array.from(elementsOf(session, IMAGES))).toEqual(alone);
    }
  });

  it("gives the same bits 1000 times, with other runs between", () => {
    const next = mulberry32(2);
    for (const [name, session] of Object.entries(sessions)) {
      const row = IMAGES.subarray(0, PIXELS);
      const first = elementsOf(session, row);
      for (let run = 0; run < 1000; run++) {
        const rows = Math.floor(3 * next());
        if (rows > 0) session.run(Uint8Array.from({ length: rows * PIXELS }, () => 256 * next()));
        if (`${elementsOf(session, row)}` !== `${first}`) expect.fail(`${name}, run ${run}`);
      }
    }
  });

  it.each<[string, InputRows | InputRows[], RegExp]>([
    ["i8 elements", new Int8Array(PIXELS), /input "pixels": found Int8Array, expected u8 or f32/],
    ["i16 elements", new Int16Array(PIXELS), /found Int16Array, expected u8 or f32/],
    ["an element too many", new Uint8Array(PIXELS + 1), /found 257 elements, expected a multiple of 256/],
    ["half a picture", new Float32Array(PIXELS / 2), /found 128 elements/],
    ["nothing", new Uint8Array(0), /found 0 elements/],
    ["no input", [], /found 0 inputs, expected 1/],
    ["two inputs", [IMAGES, IMAGES], /found 2 inputs, expected 1/],
    ["NaN", new Float32Array(2 * PIXELS).fill(Number.NaN, 300, 301), /found NaN in row 1, element 44/],
    ["infinity", new Float32Array(PIXELS).fill(Number.POSITIVE_INFINITY, 7), /found Infinity in row 0, element 7/],
    ["−infinity", new Float32Array(PIXELS).fill(-1 / 0, 255), /found -Infinity in row 0, element 255/],
  ])("refuses %s, and runs after that", (_, inputs, message) => {
    for (const session of Object.values(sessions)) {
      const before = elementsOf(session, IMAGES);
      expect(() => session.run(inputs)).toThrow(InputError);
      expect(() => session.run(inputs)).toThrow(message);
      expect(elementsOf(session, IMAGES)).toEqual(before);
    }
  });

  it("refuses what an input of bits cannot be given as", () => {
    const dense: Op = { kind: "dense", inputs: [0], output: 1, dtype: "binary", weights: Int8Array.of(1, -1, 1) };
    const bits = programOf(
      [
        ["bit", 3],
        ["i32", 1],
      ],
      [dense],
    );
    const session = loadReference(writeBlob(bits));
    expect(() => session.run(new Uint8Array(3))).toThrow(new InputError('input "0": found Uint8Array, expected bit'));
  });

  it("adds up the time of every op", () => {
    for (const session of Object.values(sessions)) {
      const profile = new Float64Array(3);
      const output = session.run(IMAGES, { profile });
      expect(profile.every((milliseconds) => milliseconds > 0)).toBe(true);
      expect(output).toEqual(session.run(IMAGES));
    }
  });
});

describeEngines("a session", (engine, { countsFuel }) => {
  const WAYS = ["resident", "streaming"] as const;
  const open = (options: Partial<Parameters<typeof load>[0]> = {}) =>
    load({ module: MODULE, blob: digits.blob, engine, ...options });

  it.each(WAYS)("does not depend on what memory held before, weights %s", async (weights) => {
    const files = [DIGITS, ...Array.from({ length: 30 }, (_, seed) => randomOnnx(seed))];
    for (const file of files) {
      const { blob, program } = await convert(file, { input: { dtype: "u8" } });
      const headBytes = new DataView(blob.buffer, blob.byteOffset).getUint32(HEADER.headBytes, true);
      const { poisoned, poison } = poisonedEngine(engine, BLOB_AT + (weights === "resident" ? blob.length : headBytes));
      const session = await load({ module: MODULE, blob, engine: poisoned, weights });
      const { channels } = program.tensors[program.inputs[0]!]!;
      const next = mulberry32(3);
      const inputs = Uint8Array.from({ length: 3 * channels }, () => 256 * next());
      const outputs = [0x00, 0xaa, 0xff].map((byte) => {
        poison(byte);
        return session.run(inputs).map(({ elements }) => elements);
      });
      expect(outputs[1]).toEqual(outputs[0]);
      expect(outputs[2]).toEqual(outputs[0]);
      session.dispose();
    }
  });

  it("reports flash that cannot be read, and runs when it can", async () => {
    const { blob } = digits;
    let readable = Number.POSITIVE_INFINITY;
    const flash = (offset: number, bytes: number) =>
      readable-- > 0 ? blob.subarray(offset, offset + bytes) : undefined;
    const session = await open({ weights: "streaming", flash });
    const expected = elementsOf(session, IMAGES);
    for (const reads of [0, 1, 2]) {
      readable = reads;
      const failed = {
        name: "EngineError",
        kind: "status",
        message: expect.stringMatching(/^invoke returned status 14, ReadFailed: the import .* returned an error$/),
      };
      expect(() => session.run(IMAGES)).toThrow(expect.objectContaining(failed));
      readable = Number.POSITIVE_INFINITY;
      expect(elementsOf(session, IMAGES)).toEqual(expected);
    }
    readable = 0;
    await expect(open({ weights: "streaming", flash })).rejects.toThrow("ReadFailed");
    session.dispose();
  });

  it.each(WAYS)("refuses weights that were damaged, %s", async (weights) => {
    const blob = digits.blob.slice();
    blob[blob.length - 1]! ^= 1;
    await expect(open({ blob, weights })).rejects.toThrow(/checksum|CRC/i);
  });

  it.each([0, -1, 9, 1.5, Number.NaN])("refuses memory for %d rows", async (maxRows) => {
    await expect(open({ maxRows })).rejects.toThrow(InputError);
  });

  if (!countsFuel) return;
  it.each(WAYS)("ends when its fuel does, weights %s; a fresh one runs", async (weights) => {
    // Opening the blob uses about a million, a batch of 1,024 pictures more than ten (measured).
    const fuel = 3_000_000;
    const blob = writeBlob({ ...readBlob(digits.blob), maxRows: 1024 });
    const session = await open({ blob, weights, fuel });
    const batch = new Uint8Array(1024 * 256);
    expect(() => session.run(batch)).toThrow(expect.objectContaining({ name: "EngineError", kind: "fuel" }));
    session.dispose();
    const fresh = await open({ weights, fuel: 10 * fuel });
    expect(elementsOf(fresh, IMAGES)).toEqual(elementsOf(sessions.reference!, IMAGES));
    fresh.dispose();
  });
});

/** An engine whose last instance's memory can be overwritten, from `first` on. */
function poisonedEngine(engine: Engine, first: number): { poisoned: Engine; poison: (byte: number) => void } {
  let last: Instance | undefined;
  const poisoned: Engine = {
    ...engine,
    async instantiate(wasm, options) {
      last = await engine.instantiate(wasm, options);
      return last;
    },
  };
  return { poisoned, poison: (byte) => last!.memory().fill(byte, first) };
}
