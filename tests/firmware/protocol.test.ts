import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readBlob } from "../../host/blob/read.ts";
import { writeBlob } from "../../host/blob/write.ts";
import { type Device, openDevice } from "../../host/firmware/link/client.ts";
import { startEmulator } from "../../host/firmware/link/emulator.ts";
import {
  COMMAND,
  encodeFrame,
  type Frame,
  FrameReader,
  MAX_PAYLOAD,
  payloadOf,
  statusText,
} from "../../host/firmware/link/protocol.ts";
import { buildImage } from "../../host/firmware/make/build.ts";
import { runtimeNamed } from "../../host/firmware/make/runtimes.ts";
import { deviceModule } from "../../host/node.ts";
import { loadReference } from "../../host/run/session.ts";
import { read } from "../house/project_files.ts";
import { TERNARY, withGoldenPairs } from "../module/programs.ts";
import { ALL, describeBoards, failureOf } from "./boards.ts";
import { FAULTS, faultyPort, type Place } from "./faulty_port.ts";
import { simulatedDevice } from "./simulated.ts";

const PAGE = read("host/firmware/link/PROTOCOL.md");

/** Rows of a table of the page, by the title of its first column. */
function table(title: string): string[][] {
  const lines = PAGE.split(`\n| ${title} |`)[1]!.split("\n").slice(2);
  const end = lines.findIndex((line) => !line.startsWith("|"));
  return lines.slice(0, end).map((line) =>
    line
      .slice(2, -2)
      .split(" | ")
      .map((cell) => cell.trim()),
  );
}

describe("PROTOCOL.md", () => {
  const c = (path: string) => read(`host/firmware/${path}`);
  /** The numbers of a C enum. */
  const enumOf = (text: string, prefix: string) =>
    Object.fromEntries(
      Array.from(text.matchAll(new RegExp(`\\b${prefix}(\\w+) = (\\d+)`, "g")), ([, n, v]) => [n, +v!]),
    );

  it("has the commands of both sides", () => {
    const page = Object.fromEntries(table("Command").map(([name, type]) => [name, Number(type)]));
    const { break: _, ...commands } = COMMAND;
    expect(page).toEqual(commands);
    const device = enumOf(c("device/device.h"), "DEVICE_");
    for (const [name, type] of Object.entries(COMMAND)) {
      expect(device[name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()], name).toBe(type);
    }
  });

  it("has the status codes of both sides", () => {
    const codes = table("code").map(([code]) => code!);
    expect(codes.slice(0, 2)).toEqual(["0", "1 … 14"]);
    const library = enumOf(c("library/tern.h"), "TERN_");
    const device = enumOf(c("device/device.h"), "DEVICE_");
    const traps = [1, 2, 3, 4, 5].map((trap) => library.TRAP! + trap);
    const own = [library.NO_BLOB, library.BAD_BLOB, library.OUT_OF_MEMORY, library.BAD_TENSOR, ...traps];
    const theirs = [device.BAD_FRAME, device.BAD_REQUEST, device.FAULT];
    expect(codes.at(-1)).toBe("80 … 92");
    const listed = codes.slice(2, -1).map(Number);
    expect(listed).toEqual([...own, ...theirs]);
    for (const code of [...listed, 80, 92]) expect(statusText(code), String(code)).not.toBe("unknown");
    for (const code of [67, 79, 93]) expect(statusText(code)).toBe("unknown");
  });

  it("has the frame that it shows", () => {
    const shown = PAGE.match(/A frame of `info`, sequence 1: `([0-9a-f ]+)`/)![1]!.split(" ");
    const frame = encodeFrame({ type: COMMAND.info, status: 0, sequence: 1, payload: new Uint8Array(0) });
    expect(Array.from(frame, (byte) => byte.toString(16).padStart(2, "0"))).toEqual(shown);
  });

  it("has the fields of info where the reader takes them", () => {
    const offsets = table("Info").map(([, offset]) => Number(offset));
    expect(offsets).toEqual([0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 60]);
  });

  it("has the fields of slots where the reader takes them", () => {
    expect(table("Slots").map(([, offset]) => Number(offset))).toEqual([0, 4, 8, 12, 16, 20, 36]);
    expect(table("Slot").map(([, offset]) => Number(offset))).toEqual([0, 4, 8, 12]);
  });

  it("has the sizes of the firmware", () => {
    const sizes = enumOf(c("device/frame.h"), "FRAME_");
    expect(sizes).toMatchObject({ HEADER_BYTES: 8, CRC_BYTES: 4, PAYLOAD_BYTES: MAX_PAYLOAD, MAGIC_0: 0, MAGIC_1: 0 });
    expect(c("device/frame.h")).toContain("FRAME_MAGIC_0 = 0xd7, FRAME_MAGIC_1 = 0x54");
  });
});

/** Any frame. */
const frames = fc.record({
  type: fc.nat(255),
  status: fc.nat(255),
  sequence: fc.nat(65535),
  payload: fc.uint8Array({ maxLength: MAX_PAYLOAD }),
});
/** Noise without a magic's first byte, and noise of nothing but beginnings of frames. */
const calm = fc.uint8Array({ maxLength: 40 }).map((bytes) => bytes.map((byte) => (byte === 0xd7 ? 0 : byte)));

describe("a reader of frames", () => {
  it("finds every frame, however the stream is cut and whatever is between", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(calm, frames), { maxLength: 5 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 50 })),
        (parts, cuts) => {
          const stream = parts.flatMap(([noise, frame]) => [...noise, ...encodeFrame(frame)]);
          const reader = new FrameReader();
          const found: Frame[] = [];
          for (let at = 0; at < stream.length; ) {
            const size = cuts.next().value as number;
            found.push(...reader.add(Uint8Array.from(stream.slice(at, at + size))));
            at += size;
          }
          expect(found).toEqual(parts.map(([, frame]) => frame));
        },
      ),
    );
  });

  it("finds a frame behind the beginning of another, once that has had its bytes", () => {
    const good: Frame = { type: 1, status: 0, sequence: 7, payload: Uint8Array.of(1, 2) };
    for (const length of [0, 1, 30, 256, 257, 0xffff]) {
      const bad: number[] = [];
      const reader = new FrameReader((sequence) => bad.push(sequence));
      const stub = [0xd7, 0x54, 1, 0, 9, 0, length & 255, length >> 8];
      const found = reader.add(Uint8Array.of(...stub, ...encodeFrame(good), ...new Uint8Array(268)));
      expect(found, `length ${length}`).toEqual([good]);
      expect(bad).toEqual([9]);
    }
  });
});

/** What a host does with a device, and what it must find. */
function scenario(device: Device): void {
  expect(device.info().protocol).toBe(1);
  expect(device.open(1)).toBe(600);
  const bytes = Uint8Array.from({ length: 300 }, (_, i) => (i % 7 === 0 ? 0xd7 : i % 7 === 1 ? 0x54 : i));
  device.write(0, 1, 5, bytes);
  device.invoke(0, 1, 1);
  device.invoke(0, 1, 1);
  expect(device.read(0, 1, 5, 300)).toEqual(bytes.map((byte) => byte + 2));
}

const EXECUTED = [1, 2, 3, 3, 4, 4, 5, 5];

/** A fault at every so many bytes, in a simulated device and in a real one; at all of them by `npm run test:devices`. */
const SIMULATED_STEP = ALL ? 1 : 5;

describe("a host and a device on a line that fails once", () => {
  const sound = faultyPort(simulatedDevice());
  scenario(openDevice(sound, { timeoutMs: 1 }));

  it.each(FAULTS)("get along: a byte %s", (fault) => {
    for (const toDevice of [true, false]) {
      const bytes = toDevice ? sound.passed.toDevice : sound.passed.fromDevice;
      for (let byte = 0; byte < bytes; byte += SIMULATED_STEP) {
        const simulated = simulatedDevice();
        try {
          scenario(openDevice(faultyPort(simulated, { fault, toDevice, byte }), { timeoutMs: 1 }));
        } catch (error) {
          throw new Error(`byte ${byte} ${toDevice ? "to" : "from"} the device: ${(error as Error).message}`);
        }
        expect(simulated.executed).toEqual(EXECUTED);
      }
    }
  });
});

describe("a host", () => {
  it("says that a device does not answer", () => {
    const dead = { write: () => {}, read: () => new Uint8Array(0), close: () => {} };
    expect(failureOf(() => openDevice(dead, { timeoutMs: 1 }).info())).toEqual({
      kind: "missing",
      message: "info: the device does not answer, after 4 tries of 1 ms",
    });
  });

  it("refuses another protocol, and answers that are too short", () => {
    const other = (payload: Uint8Array) => {
      let request: Frame;
      return {
        write: (bytes: Uint8Array) => {
          request = new FrameReader().add(bytes)[0]!;
        },
        read: () => encodeFrame({ ...request, type: request.type | 128, payload }),
        close: () => {},
      };
    };
    const info = payloadOf([2], new Uint8Array(72));
    expect(failureOf(() => openDevice(other(info)).info())).toEqual({
      kind: "version",
      message: "the device speaks protocol 2, expected 1",
    });
    expect(failureOf(() => openDevice(other(new Uint8Array(3))).info()).message).toContain("protocol undefined");
    expect(failureOf(() => openDevice(other(new Uint8Array(3))).open(1)).message).toBe("open: 3 bytes, expected 4");
    expect(failureOf(() => openDevice(other(new Uint8Array(3))).read(0, 1, 0, 4)).message).toBe(
      "read: 3 bytes, expected 4",
    );
  });
});

/** A blob that opens at once, and a row of its input, which looks like the beginning of a frame again and again. */
const small = writeBlob(withGoldenPairs(Object.values(TERNARY)[0]!));
const row = Uint8Array.from({ length: 17 }, (_, i) => (i % 3 === 0 ? 0xd7 : i % 3 === 1 ? 0x54 : i));
const sums = loadReference(small).run(row)[0]!.elements;

/** Every command, in few bytes: what a host asks of real firmware, and must find. */
function inference(device: Device): void {
  const { ops, inputs, outputs } = readBlob(small);
  expect(device.info().blob).toMatchObject({ status: 0, bytes: small.length });
  device.open(1);
  device.write(inputs[0]!, 1, 0, row);
  expect(device.read(inputs[0]!, 1, 0, row.length)).toEqual(row);
  device.invoke(0, ops.length, 1);
  expect(device.read(outputs[0]!, 1, 0, 12)).toEqual(new Uint8Array(sums.buffer));
  expect(device.selfTest()).toEqual({ pairs: 2, wrong: 0 });
}

const STEP = ALL ? 1 : 61;
/** More than a request takes here; and more than one takes on a machine with much else to do. */
const [TIMEOUT_MS, BUSY_TIMEOUT_MS] = [60, 1500];

describeBoards("a host and real firmware on a line that fails once", (board, runtime) => {
  const module = deviceModule(runtimeNamed(runtime), small);
  it.each(FAULTS)(
    "get along: a byte %s",
    async (fault) => {
      const { elf } = await buildImage(board, runtimeNamed(runtime), (await module).module);
      const port = await startEmulator(board, elf, small);
      try {
        const sound = faultyPort(port);
        inference(openDevice(sound));
        const { toDevice, fromDevice } = sound.passed;
        for (let at = 0; at < toDevice + fromDevice; at += STEP) {
          const byte = at < toDevice ? at : at - toDevice;
          const place: Place = { fault, toDevice: at < toDevice, byte };
          const run = (timeoutMs: number) => inference(openDevice(faultyPort(port, place), { timeoutMs }));
          try {
            try {
              run(TIMEOUT_MS);
            } catch (error) {
              if (!(error as Error).message.includes("does not answer")) throw error;
              run(BUSY_TIMEOUT_MS); // the same fault: what is broken stays silent again
            }
          } catch (error) {
            const where = `byte ${byte} ${place.toDevice ? "to" : "from"} the device`;
            throw new Error(`${where}: ${(error as Error).message}`);
          }
        }
      } finally {
        port.close();
      }
    },
    600_000,
  );
});
