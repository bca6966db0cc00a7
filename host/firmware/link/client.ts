import { EngineError, type EngineFailure } from "../../base/errors.ts";
import {
  COMMAND,
  type Command,
  DEVICE_STATUS,
  type DeviceInfo,
  decodeInfo,
  encodeFrame,
  type Frame,
  FrameReader,
  MAX_FRAME,
  MAX_PAYLOAD,
  PROTOCOL_VERSION,
  payloadOf,
  REPLY,
  statusText,
} from "./protocol.ts";

/** A stream of bytes to and from a device. */
export interface Port {
  /** Sends all of it. */
  write(bytes: Uint8Array): void;
  /** What has come in; waits for it up to `ms` milliseconds, and is empty if nothing comes. */
  read(ms: number): Uint8Array;
  close(): void;
}

/** A device that runs our firmware. Every call throws EngineError for an error frame, and for a device that does not answer. */
export interface Device {
  info(): DeviceInfo;
  /** Opens the blob in its flash for up to `rows` rows. Returns the bytes of memory that it takes. */
  open(rows: number): number;
  /** Bytes of a tensor from byte `at` of its first row on, in an invocation of `rows` rows. */
  write(tensor: number, rows: number, at: number, bytes: Uint8Array): void;
  read(tensor: number, rows: number, at: number, bytes: number): Uint8Array;
  invoke(firstOp: number, endOp: number, rows: number): void;
  /** Runs the golden pairs of the blob. */
  selfTest(): { pairs: number; wrong: number };
  /** One request, for tests. */
  request(command: Command, payload?: Uint8Array): Uint8Array;
  close(): void;
}

export interface DeviceOptions {
  /** Milliseconds to wait for an answer before the request is sent again. */
  timeoutMs?: number;
}

/** A whole network on a slow chip takes seconds. */
const TIMEOUT_MS = 5000;
/** Times that a request is sent. */
const TRIES = 4;
/** Requests of a device count from there: frames of an earlier host are not taken for answers. */
const SEQUENCES = 2 ** 16;

/** The client of the protocol (PROTOCOL.md), over a port. */
export function openDevice(port: Port, { timeoutMs = TIMEOUT_MS }: DeviceOptions = {}): Device {
  const reader = new FrameReader();
  const waiting: Frame[] = []; // frames that have come in
  let sequence = Math.floor(Math.random() * SEQUENCES);

  /** The answer to the request under way; undefined when it is to be sent again: "silence" after the time, "bad" at once. */
  function receive(): Frame | "silence" | "bad" {
    const end = performance.now() + timeoutMs;
    for (;;) {
      for (let frame = waiting.shift(); frame; frame = waiting.shift()) {
        if (!(frame.type & REPLY) || frame.sequence !== sequence) continue; // it answers what was sent before, or noise
        return frame.status === DEVICE_STATUS.badFrame ? "bad" : frame;
      }
      const left = end - performance.now();
      if (left <= 0) return "silence";
      waiting.push(...reader.add(port.read(left)));
    }
  }

  function request(command: Command, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
    sequence = (sequence + 1) % SEQUENCES;
    const frame = encodeFrame({ type: COMMAND[command], status: 0, sequence, payload });
    for (let tries = 0; tries < TRIES; tries++) {
      port.write(frame);
      const answer = receive();
      if (answer === "silence") {
        // Zeros end a frame that lost its length or its end, on either side.
        port.write(new Uint8Array(MAX_FRAME));
        waiting.push(...reader.add(new Uint8Array(MAX_FRAME)));
      }
      if (typeof answer === "string") continue;
      if (answer.type !== (COMMAND[command] | REPLY))
        throw new EngineError("version", `${command}: answered with ${answer.type}`);
      if (answer.status !== 0) throw failed(command, answer);
      return answer.payload;
    }
    throw new EngineError("missing", `${command}: the device does not answer, after ${TRIES} tries of ${timeoutMs} ms`);
  }

  function words(command: Command, count: number, payload?: Uint8Array): number[] {
    const found = request(command, payload);
    if (found.length < 4 * count)
      throw new EngineError("version", `${command}: ${found.length} bytes, expected ${4 * count}`);
    const view = new DataView(found.buffer, found.byteOffset);
    return Array.from({ length: count }, (_, i) => view.getUint32(4 * i, true));
  }

  return {
    info() {
      const info = decodeInfo(request("info"));
      if (info?.protocol === PROTOCOL_VERSION) return info;
      throw new EngineError("version", `the device speaks protocol ${info?.protocol}, expected ${PROTOCOL_VERSION}`);
    },
    open: (rows) => words("open", 1, payloadOf([rows]))[0]!,
    write(tensor, rows, at, bytes) {
      const step = MAX_PAYLOAD - 12;
      for (let done = 0; done < bytes.length; done += step) {
        request("write", payloadOf([tensor, rows, at + done], bytes.subarray(done, done + step)));
      }
    },
    read(tensor, rows, at, bytes) {
      const found = new Uint8Array(bytes);
      for (let done = 0; done < bytes; done += MAX_PAYLOAD) {
        const count = Math.min(bytes - done, MAX_PAYLOAD);
        const part = request("read", payloadOf([tensor, rows, at + done, count]));
        if (part.length !== count) throw new EngineError("version", `read: ${part.length} bytes, expected ${count}`);
        found.set(part, done);
      }
      return found;
    },
    invoke(firstOp, endOp, rows) {
      request("invoke", payloadOf([firstOp, endOp, rows]));
    },
    selfTest() {
      const [pairs, wrong] = words("selfTest", 2) as [number, number];
      return { pairs, wrong };
    },
    request,
    close: () => port.close(),
  };
}

function failed(command: Command, { status, payload }: Frame): EngineError {
  const word = (index: number) => new DataView(payload.buffer, payload.byteOffset).getUint32(4 * index, true);
  const hex = (value: number) => `0x${value.toString(16).padStart(8, "0")}`;
  const { outOfMemory, fault, trap, badFrame } = DEVICE_STATUS;
  const isTrap = status === fault || (status >= trap && status < badFrame);
  const kind: EngineFailure = status === outOfMemory ? "memory" : isTrap ? "trap" : "status";
  const more =
    status === outOfMemory && payload.length >= 8
      ? `: the model takes ${word(0)} bytes of RAM, the device has ${word(1)}`
      : status === fault && payload.length >= 8
        ? ` at ${hex(word(0))}, cause ${hex(word(1))}`
        : "";
  return new EngineError(kind, `${command} returned status ${status}, ${statusText(status)}${more}`);
}
