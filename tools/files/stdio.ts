import { readSync } from "node:fs";
import { InputError } from "../../host/base/errors.ts";
import { UsageError } from "../options/usage.ts";

/** What stands on the command line for standard input, where a file is read, and for standard output, where one is written. */
export const STDIO = "-";

/** What messages call a file. */
export function nameOf(path: string): string {
  return path === STDIO ? "standard input" : path;
}

/** The same of a file that is written. */
export function outName(path: string): string {
  return path === STDIO ? "standard output" : path;
}

let input: "free" | "read" = "free";
let output: "report" | "bytes" = "report";

/** Bytes of standard input, in chunks of at most `chunkBytes`. It can be read once. */
export function* readStdin(chunkBytes: number): Generator<Uint8Array> {
  if (input === "read") throw new UsageError(`"${STDIO}" stands for two files, and there is one standard input`);
  if (process.stdin.isTTY) throw new UsageError("standard input is a terminal, expected a file or a pipe");
  input = "read";
  for (;;) {
    const chunk = new Uint8Array(chunkBytes);
    const bytes = readSome(chunk);
    if (bytes === 0) return;
    yield chunk.subarray(0, bytes);
  }
}

/** How long to wait for a pipe that has nothing yet and does not block. */
const WAIT_MS = 5;

function readSome(chunk: Uint8Array): number {
  for (;;) {
    try {
      return readSync(0, chunk);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === "EOF") return 0; // Windows, where a pipe has ended
      if (code !== "EAGAIN") throw new InputError(`standard input: cannot be read: ${message}`);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAIT_MS);
    }
  }
}

/** Takes standard output for the bytes of a file, if `path` says so: a report then goes to standard error. Bytes are nothing for a terminal. */
export function takeStdout(path: string | undefined): void {
  if (path !== STDIO) return;
  if (process.stdout.isTTY)
    throw new UsageError("standard output is a terminal, expected a file or a pipe for binary data");
  output = "bytes";
}

/** Writes a file to standard output. */
export function writeStdout(bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

/** Where reports go: standard output, unless that takes the bytes of a file. */
export function reportStream(): NodeJS.WriteStream {
  return output === "bytes" ? process.stderr : process.stdout;
}
