import { EngineError, type EngineFailure } from "../../base/errors.ts";
import { hex } from "../../base/printable.ts";
import { encodeStatement, type SlotHeader } from "../slots/header.ts";
import {
  COMMAND,
  type Command,
  DEVICE_STATUS,
  type DeviceInfo,
  decodeActive,
  decodeInfo,
  decodeSlots,
  encodeFrame,
  type Frame,
  FrameReader,
  MAX_FRAME,
  MAX_PAYLOAD,
  PROTOCOL_VERSION,
  payloadOf,
  REPLY,
  type SlotsInfo,
  statusText,
} from "./protocol.ts";

/** What a request wants of the line: to send bytes, or to be given what comes in within some milliseconds, which may be nothing. */
export type Step = { write: Uint8Array } | { readMs: number };

/** A request under way, on whatever line: it is run step by step, and given what was read. */
export type Exchange<T> = Generator<Step, T, Uint8Array>;

export interface DeviceOptions {
  /** Milliseconds to wait for an answer before the request is sent again. */
  timeoutMs?: number;
}

/** A whole network on a slow chip takes seconds. */
const TIMEOUT_MS = 5000;
/** Hashing megabytes of flash on a slow chip, or erasing it, takes so many times as long. */
const SLOW = 12;
/** Times that a request is sent. */
const TRIES = 4;
/** Requests of a device count from there: frames of an earlier host are not taken for answers. */
const SEQUENCES = 2 ** 16;

/** What a transfer begins with. */
export type Statement = Omit<SlotHeader, "sequence">;

/** A device refused a request, by its status. */
export class StatusError extends EngineError {
  readonly status: number;

  constructor(kind: EngineFailure, status: number, message: string) {
    super(kind, message);
    this.status = status;
  }
}

/**
 * The commands of the protocol (PROTOCOL.md), each a request and its answer. They throw StatusError for an error frame, and EngineError for a device
 * that does not answer, kind "missing", or answers something else, kind "version".
 */
export class Commands {
  readonly #reader = new FrameReader();
  /** Frames that have come in. */
  readonly #waiting: Frame[] = [];
  #sequence = Math.floor(Math.random() * SEQUENCES);
  readonly #timeoutMs: number;

  constructor({ timeoutMs = TIMEOUT_MS }: DeviceOptions = {}) {
    this.#timeoutMs = timeoutMs;
  }

  /** The answer to the request under way; when it is to be sent again, "silence" after the time, "bad" at once. */
  *#receive(timeoutMs: number): Exchange<Frame | "silence" | "bad"> {
    const end = performance.now() + timeoutMs;
    for (;;) {
      for (let frame = this.#waiting.shift(); frame; frame = this.#waiting.shift()) {
        if (!(frame.type & REPLY) || frame.sequence !== this.#sequence) continue; // it answers what was sent before, or noise
        return frame.status === DEVICE_STATUS.badFrame ? "bad" : frame;
      }
      const left = end - performance.now();
      if (left <= 0) return "silence";
      this.#waiting.push(...this.#reader.add(yield { readMs: left }));
    }
  }

  /** Any request. */
  *request(
    command: Command,
    payload: Uint8Array = new Uint8Array(0),
    timeoutMs = this.#timeoutMs,
  ): Exchange<Uint8Array> {
    this.#sequence = (this.#sequence + 1) % SEQUENCES;
    const frame = encodeFrame({ type: COMMAND[command], status: 0, sequence: this.#sequence, payload });
    for (let tries = 0; tries < TRIES; tries++) {
      yield { write: frame };
      const answer = yield* this.#receive(timeoutMs);
      if (answer === "silence") {
        // Zeros end a frame that lost its length or its end, on either side.
        yield { write: new Uint8Array(MAX_FRAME) };
        this.#waiting.push(...this.#reader.add(new Uint8Array(MAX_FRAME)));
      }
      if (typeof answer === "string") continue;
      if (answer.type !== (COMMAND[command] | REPLY))
        throw new EngineError("version", `${command}: answered with ${answer.type}`);
      if (answer.status !== 0) throw failed(command, answer);
      return answer.payload;
    }
    throw new EngineError("missing", `${command}: the device does not answer, after ${TRIES} tries of ${timeoutMs} ms`);
  }

  /** The same for what may take long. */
  #slowly(command: Command, payload?: Uint8Array): Exchange<Uint8Array> {
    return this.request(command, payload, SLOW * this.#timeoutMs);
  }

  *#words(command: Command, count: number, asked: Exchange<Uint8Array>): Exchange<number[]> {
    const found = yield* asked;
    if (found.length < 4 * count)
      throw new EngineError("version", `${command}: ${found.length} bytes, expected ${4 * count}`);
    const view = new DataView(found.buffer, found.byteOffset);
    return Array.from({ length: count }, (_, i) => view.getUint32(4 * i, true));
  }

  *info(): Exchange<DeviceInfo> {
    const info = decodeInfo(yield* this.request("info"));
    if (info?.protocol === PROTOCOL_VERSION) return info;
    throw new EngineError("version", `the device speaks protocol ${info?.protocol}, expected ${PROTOCOL_VERSION}`);
  }

  /** Opens the blob in its flash for up to `rows` rows. Returns the bytes of memory that it takes. */
  *open(rows: number): Exchange<number> {
    return (yield* this.#words("open", 1, this.request("open", payloadOf([rows]))))[0]!;
  }

  /** Bytes of a tensor from byte `at` of its first row on, in an invocation of `rows` rows. */
  *write(tensor: number, rows: number, at: number, bytes: Uint8Array): Exchange<void> {
    const step = MAX_PAYLOAD - 12;
    for (let done = 0; done < bytes.length; done += step) {
      yield* this.request("write", payloadOf([tensor, rows, at + done], bytes.subarray(done, done + step)));
    }
  }

  read(tensor: number, rows: number, at: number, bytes: number): Exchange<Uint8Array> {
    return this.#readBytes("read", [tensor, rows], at, bytes);
  }

  *#readBytes(command: Command, of: number[], at: number, bytes: number): Exchange<Uint8Array> {
    const found = new Uint8Array(bytes);
    for (let done = 0; done < bytes; done += MAX_PAYLOAD) {
      const count = Math.min(bytes - done, MAX_PAYLOAD);
      const part = yield* this.request(command, payloadOf([...of, at + done, count]));
      if (part.length !== count)
        throw new EngineError("version", `${command}: ${part.length} bytes, expected ${count}`);
      found.set(part, done);
    }
    return found;
  }

  *invoke(firstOp: number, endOp: number, rows: number): Exchange<void> {
    yield* this.request("invoke", payloadOf([firstOp, endOp, rows]));
  }

  /** Runs the golden pairs of the blob. */
  *selfTest(): Exchange<{ pairs: number; wrong: number }> {
    const [pairs, wrong] = (yield* this.#words("selfTest", 2, this.request("selfTest"))) as [number, number];
    return { pairs, wrong };
  }

  /** Undefined where the firmware has no slots. */
  *slots(): Exchange<SlotsInfo | undefined> {
    try {
      const slots = decodeSlots(yield* this.request("slots"));
      if (slots) return slots;
    } catch (error) {
      if (error instanceof StatusError && error.status === DEVICE_STATUS.badRequest) return undefined;
      throw error;
    }
    throw new EngineError("version", "slots: the answer has no fields of slots");
  }

  /** Prepares a slot for a model; a transfer of the same model goes on. */
  *begin(slot: number, statement: Statement): Exchange<void> {
    yield* this.#slowly("begin", payloadOf([slot], encodeStatement(statement)));
  }

  /** Stores bytes of the model that was begun, and of the trailer behind it: `MAX_BLOCK` at most. */
  *block(offset: number, bytes: Uint8Array): Exchange<void> {
    yield* this.request("block", payloadOf([offset], bytes));
  }

  /** CRC-32 of bytes of the slot that receives. */
  *checksum(offset: number, bytes: number): Exchange<number> {
    return (yield* this.#words("checksum", 1, this.request("checksum", payloadOf([offset, bytes]))))[0]!;
  }

  /** Has the device hash what it was sent. */
  *finish(): Exchange<void> {
    yield* this.#slowly("finish");
  }

  /** Starts the model that was stored. Returns the slot whose model runs now. */
  *try(): Exchange<number | undefined> {
    return activeOf(yield* this.#words("try", 1, this.#slowly("try")));
  }

  *confirm(): Exchange<void> {
    yield* this.request("confirm");
  }

  /** Gives up the model that runs. Returns the slot whose model runs now. */
  *revert(): Exchange<number | undefined> {
    return activeOf(yield* this.#words("revert", 1, this.#slowly("revert")));
  }

  /** Bytes of the model in a slot, and of what is behind it. */
  dump(slot: number, at: number, bytes: number): Exchange<Uint8Array> {
    return this.#readBytes("dump", [slot], at, bytes);
  }
}

function activeOf([slot]: number[]): number | undefined {
  return decodeActive(slot!);
}

function failed(command: Command, { status, payload }: Frame): StatusError {
  const word = (index: number) => new DataView(payload.buffer, payload.byteOffset).getUint32(4 * index, true);
  const { outOfMemory, fault, trap, badFrame } = DEVICE_STATUS;
  const isTrap = status === fault || (status >= trap && status < badFrame);
  const kind: EngineFailure = status === outOfMemory ? "memory" : isTrap ? "trap" : "status";
  const more =
    status === outOfMemory && payload.length >= 8
      ? `: the model takes ${word(0)} bytes of RAM, the device has ${word(1)}`
      : status === fault && payload.length >= 8
        ? ` at ${hex(word(0))}, cause ${hex(word(1))}`
        : "";
  return new StatusError(kind, status, `${command} returned status ${status}, ${statusText(status)}${more}`);
}
