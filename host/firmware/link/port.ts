import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
import { EngineError } from "../../base/errors.ts";
import type { Port } from "./client.ts";

/** A pipe or a terminal to read from, and one to write to; they may be the same. Neither ever blocks. */
export function openPort(from: string, to: string): Port {
  const output = openSync(to, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY); // fails without a reader
  const input = openSync(from, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  const buffer = new Uint8Array(4096);
  let isOpen = true;
  const gone = (error?: unknown) => new EngineError("missing", `the device has gone${error ? `: ${error}` : ""}`);

  return {
    write(bytes) {
      for (let sent = 0, idle = 0; sent < bytes.length; ) {
        try {
          sent += writeSync(output, bytes, sent);
          idle = 0;
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw gone(error);
          if (idle > FULL_MS) throw new EngineError("missing", `the device takes no bytes for ${FULL_MS} ms`);
          idle += sleep(1);
        }
      }
    },
    read(ms) {
      const end = performance.now() + ms;
      for (let pause = 0.02; ; pause = Math.min(1, 1.5 * pause)) {
        try {
          const count = readSync(input, buffer);
          if (count === 0) throw gone(); // nobody has the other end open
          return buffer.slice(0, count);
        } catch (error) {
          if (error instanceof EngineError) throw error;
          if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw gone(error);
        }
        if (performance.now() >= end) return new Uint8Array(0);
        sleep(pause);
      }
    },
    close() {
      if (!isOpen) return;
      isOpen = false;
      closeSync(input);
      closeSync(output);
    },
  };
}

/** A serial port, as `stty` sets it: raw, 8 bits, no parity. */
export function openSerial(path: string, baud: number): Port {
  const file = process.platform === "linux" ? "-F" : "-f";
  try {
    execFileSync("stty", [file, path, String(baud), "raw", "-echo", "cs8", "-parenb", "-cstopb", "clocal"], {
      stdio: "pipe",
    });
    return openPort(path, path);
  } catch (error) {
    const { stderr, message } = error as { stderr?: Buffer; message: string };
    throw new EngineError("missing", `${path}: ${stderr?.toString().trim() || message}`);
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
