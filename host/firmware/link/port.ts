import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
import { setImmediate, setTimeout } from "node:timers/promises";
import { EngineError } from "../../base/errors.ts";
import type { AsyncPort, Port } from "./client.ts";

/** A port that can be waited for either way. */
export interface Line extends Port {
  async: AsyncPort;
}

/** A pipe or a terminal to read from, and one to write to; they may be the same. Neither ever blocks. */
export function openPort(from: string, to: string): Line {
  const output = openSync(to, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY); // fails without a reader
  const input = openSync(from, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  const buffer = new Uint8Array(4096);
  let isOpen = true;
  const gone = (error?: unknown) => new EngineError("missing", `the device has gone${error ? `: ${error}` : ""}`);

  /** Bytes that it takes at once; 0 when it is full. */
  function give(bytes: Uint8Array): number {
    try {
      return writeSync(output, bytes);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw gone(error);
      return 0;
    }
  }

  /** What has come in; undefined when nothing has. */
  function take(): Uint8Array | undefined {
    let count: number;
    try {
      count = readSync(input, buffer);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw gone(error);
      return undefined;
    }
    if (count === 0) throw gone(); // nobody has the other end open
    return buffer.slice(0, count);
  }

  /** Yields the milliseconds to sleep before it goes on. */
  function* write(bytes: Uint8Array): Generator<number, void> {
    for (let sent = 0, idle = 0; sent < bytes.length; ) {
      const count = give(bytes.subarray(sent));
      sent += count;
      idle = count > 0 ? 0 : idle + 1;
      if (idle > FULL_MS) throw new EngineError("missing", `the device takes no bytes for ${FULL_MS} ms`);
      if (idle > 0) yield 1;
    }
  }

  function* read(ms: number): Generator<number, Uint8Array> {
    const end = performance.now() + ms;
    for (let pause = 0.02; ; pause = Math.min(1, 1.5 * pause)) {
      const came = take();
      if (came) return came;
      if (performance.now() >= end) return new Uint8Array(0);
      yield pause;
    }
  }

  function close(): void {
    if (!isOpen) return;
    isOpen = false;
    closeSync(input);
    closeSync(output);
  }

  return {
    write: (bytes) => asleep(write(bytes)),
    read: (ms) => asleep(read(ms)),
    close,
    async: { write: (bytes) => awaiting(write(bytes)), read: (ms) => awaiting(read(ms)), close },
  };
}

function asleep<T>(work: Generator<number, T>): T {
  let step = work.next();
  for (; !step.done; step = work.next()) sleep(step.value);
  return step.value;
}

/** A timer waits a millisecond at least; for less, whatever else there is to do runs. */
async function awaiting<T>(work: Generator<number, T>): Promise<T> {
  let step = work.next();
  for (; !step.done; step = work.next()) await (step.value < 1 ? setImmediate() : setTimeout(step.value));
  return step.value;
}

/** A serial port, as `stty` sets it: raw, 8 bits, no parity. */
export function openSerial(path: string, baud: number): Line {
  const file = process.platform === "linux" ? "-F" : "-f";
  try {
    execFileSync("stty", [file, path, String(baud), "raw", "-echo", "cs8", "-parenb", "-cstopb", "clocal"], {
      stdio: "pipe",
    });
    return openPort(path, path);
  } catch (error) {
    const { stderr, message } = error as { stderr?: Buffer; message: string };
    const said = stderr?.toString().trim().replace(`stty: ${path}: `, "");
    throw new EngineError("missing", `${path}: ${said || message}`);
  }
}

/** A device that is busy takes nothing for so long at most. */
const FULL_MS = 60_000;

const CELL = new Int32Array(new SharedArrayBuffer(4));

/** Sleeps, without letting anything else run; returns the milliseconds. */
export function sleep(ms: number): number {
  Atomics.wait(CELL, 0, 0, ms);
  return ms;
}
