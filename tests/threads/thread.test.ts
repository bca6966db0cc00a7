import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { writeBlob } from "../../host/blob/write.ts";
import type { startThread as StartThread } from "../../tools/threads/thread.ts";
import { DIGITS, IMAGES } from "../digits.ts";
import { describeEngines } from "../engines.ts";
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

/** What a batch fails with that has been dropped. */
const ended = { message: expect.stringContaining("worker thread ended") };

describe("a worker thread", () => {
  it("that is busy for too long is ended in the middle of what it does", async () => {
    const channels = 2 ** 20;
    const post = {
      ...{
        kind: "thresholds" as const,
        records: 1,
        count: 60_000,
        base: Int16Array.of(0),
        ups: Uint16Array.of(60_000),
      },
      steps: new Int32Array(60_000).fill(2 ** 31 - 1),
    };
    const slow = writeBlob({
      ...{
        modelId: 1n,
        modelVersion: 1,
        maxRows: 1,
        arena: { fixed: 0, perRow: 2 * channels },
        inputs: [0],
        outputs: [1],
      },
      tensors: [0, channels].map((perRow) => ({ dtype: "u8", height: 1, width: 1, channels, fixed: 0, perRow })),
      ops: [{ kind: "quantize", inputs: [0], output: 1, post }],
    }); // some minutes of work
    const options = { blob: slow, engine: "v8", weights: "resident", maxOperations: 1e12 } as const;
    const thread = startThread("outputs", options, 4000);
    threads.push(thread);
    await thread.started;
    const start = performance.now();
    const [busy, next] = [thread.run([new Uint8Array(channels)]), thread.run([new Uint8Array(channels)])];
    const refusal = { name: "EngineError", kind: "fuel", message: "a batch was not done in 4 s, and was ended" };
    expect(await Promise.all([failure(busy), failure(next)])).toMatchObject([refusal, refusal]);
    await thread.stop();
    expect(performance.now() - start).toBeLessThan(15_000);
  });

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
    try {
      const missing = start("answers", { ...inV8, engine: "wasmtime" });
      await missing.started;
      expect(await failure(missing.run([IMAGES]))).toMatchObject({ name: "EngineError", kind: "missing" });
    } finally {
      if (before === undefined) delete process.env.TERN_WASMTIME;
      else process.env.TERN_WASMTIME = before;
    }
  });

  it("stops while it starts, which takes effect when its task is open", async () => {
    const thread = start("checks", { blob, checkpoint: DIGITS });
    const batch = failure(thread.run([IMAGES]));
    await thread.stop();
    expect(await batch).toMatchObject(ended);
    await thread.stop();
  });

  it("stops when it has nothing to do, and when its task could not be opened", async () => {
    const idle = start("answers", inV8);
    await idle.started;
    await idle.stop();
    expect(await failure(idle.run([IMAGES]))).toMatchObject(ended);
    const broken = start("answers", { ...inV8, blob: blob.subarray(0, 100) });
    await broken.started;
    await broken.stop();
  });
});

describeEngines("a worker thread that is stopped in the midst of its work", ({ name }) => {
  it.each(["resident", "streaming"] as const)("ends and drops what waits: weights %s", async (weights) => {
    const many = new Uint8Array(256 * 8000);
    for (const ms of [0, 3, 6]) {
      const thread = start("answers", { blob, engine: name as "v8" | "wasmtime", weights });
      await thread.started;
      const batches = [1, 2, 3].map(() => failure(thread.run([many])));
      await setTimeout(ms); // somewhere in the first or second batch
      await thread.stop();
      expect(await batches[2]).toMatchObject(ended);
    }
  });
});
