import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { startThread as StartThread } from "../../tools/threads/thread.ts";
import { DIGITS, IMAGES } from "../digits.ts";
import { PROJECT } from "../house/project_files.ts";
import { digitsBlob, smallCheckpoint } from "../tools/tern.ts";

/** Of the compiled files: a worker is a file that Node runs. */
const { startThread } = (await import(join(PROJECT, "dist", "tools", "threads", "thread.js"))) as {
  startThread: typeof StartThread;
};

const blob = await digitsBlob();
const inV8 = { blob, engine: "v8", weights: "resident" } as const;

const threads: { stop(): Promise<unknown> }[] = [];
const start: typeof StartThread = (name, options) => {
  const thread = startThread(name, options);
  threads.push(thread);
  return thread;
};
afterEach(() => Promise.all(threads.splice(0).map((thread) => thread.stop())));

const failure = (promise: Promise<unknown>) => promise.catch((error) => ({ ...error, message: error.message }));

describe("a worker thread", () => {
  it("answers batches in order, and leaves the sender's arrays whole", async () => {
    const thread = start("answers", inV8);
    const image = (digit: number) => IMAGES.subarray(256 * digit, 256 * (digit + 1));
    const answers = [3, 1, 4].map((digit) => thread.run([image(digit)]));
    expect(await Promise.all(answers)).toEqual([[3], [1], [4]]);
    expect(await thread.run([IMAGES])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(IMAGES).toHaveLength(2560);
  });

  it("throws what its task throws, of the same class and with the same fields, and goes on", async () => {
    const thread = start("answers", inV8);
    const message = 'input "global_in": found 3 elements, expected a multiple of 256';
    const error = await thread.run([new Uint8Array(3)]).catch((error) => error);
    expect(error.constructor.name).toBe("InputError");
    expect(error.message.replace(/"\w+"/, '"global_in"')).toBe(message);
    expect(await thread.run([IMAGES.subarray(0, 256)])).toEqual([0]);
  });

  it("tells with the first batch why its task cannot be opened", async () => {
    const broken = start("answers", { ...inV8, blob: blob.with(300, blob[300]! ^ 1) });
    await broken.started;
    expect(await failure(broken.run([IMAGES]))).toMatchObject({ name: "BlobError", offset: expect.any(Number) });

    const other = start("checks", { blob, checkpoint: smallCheckpoint("scores") });
    await other.started;
    const { name } = (await failure(other.run([IMAGES]))) as Error;
    expect(name).toMatch(/^(Input|Checkpoint)Error$/);

    const before = process.env.TERN_WASMTIME;
    process.env.TERN_WASMTIME = "nowhere";
    const missing = start("answers", { ...inV8, engine: "wasmtime" });
    await missing.started;
    expect(await failure(missing.run([IMAGES]))).toMatchObject({ name: "EngineError", kind: "missing" });
    if (before === undefined) delete process.env.TERN_WASMTIME;
    else process.env.TERN_WASMTIME = before;
  });

  it("stops at any time: while it starts, in the midst of its work, twice", async () => {
    const starting = start("checks", { blob, checkpoint: DIGITS });
    const first = failure(starting.run([IMAGES]));
    await starting.stop();
    expect(await first).toMatchObject({ message: expect.stringContaining("worker thread ended") });
    for (let i = 0; i < 5; i++) {
      const working = start("checks", { blob, checkpoint: DIGITS });
      await working.started;
      const batches = Array.from({ length: 20 }, () => failure(working.run([IMAGES])));
      await batches[i];
      await working.stop();
      await working.stop();
      expect(await batches.at(-1)).toMatchObject({ message: expect.stringContaining("worker thread ended") });
      expect(await failure(working.run([IMAGES]))).toMatchObject({ message: expect.stringContaining("ended") });
    }
  });
});
