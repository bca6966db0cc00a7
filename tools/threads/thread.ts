import { Worker } from "node:worker_threads";
import * as errors from "../../host/base/errors.ts";
import type { InputRows } from "../../host/index.ts";
import type { Lane } from "./in_order.ts";
import type { TaskAbout, TaskName, TaskOptions, TaskResult } from "./tasks.ts";

/** What a thread is started with. */
export interface ThreadData {
  name: TaskName;
  options: TaskOptions<TaskName>;
  /** One number in memory that both share: from 1 on, the thread ends instead of taking another batch. */
  stopping: Int32Array;
}

/** What a thread answers: once when its task is open, then to each batch, in order. An error keeps its own fields here. */
export type Reply = { value: unknown } | { error: Error; fields: object };

/** A worker thread with a task of its own open. */
export interface Thread<Result, About> extends Lane<InputRows[], Result> {
  /** Settles when the task is open, or cannot be opened. Never rejects: `run` does, with the reason. */
  started: Promise<void>;
  /** What is to be known of the open task. Rejects where it cannot be opened. */
  about: Promise<About>;
  /** Ends it after what it is at: its task being opened, or one batch. Batches that wait are dropped. */
  stop(): Promise<void>;
}

/** A batch is under way and the next one waits, so that the thread never does. */
const DEPTH = 2;

/**
 * A thread that says nothing for so long is ended, whatever it is busy with. Models that take too much work are refused before they run, so
 * this is for what no prediction sees; a batch of the largest that is allowed takes some minutes on a slow machine.
 */
const SILENT_MS = 600_000;

/** Starts a thread that opens a task. */
export function startThread<Name extends TaskName>(
  name: Name,
  options: TaskOptions<Name>,
  silentMs = SILENT_MS,
): Thread<TaskResult<Name>, TaskAbout<Name>> {
  const stopping = new Int32Array(new SharedArrayBuffer(4));
  const workerData: ThreadData = { name, options, stopping };
  const worker = new Worker(new URL("./worker.js", import.meta.url), { workerData });
  const waiting: { resolve(value: unknown): void; reject(error: Error): void }[] = []; // for replies, in order
  let isOpen = false;
  let failure: Error | undefined;
  let watch: NodeJS.Timeout | undefined;
  /** Starts the clock anew, if there is anything to wait for. */
  const wind = () => {
    clearTimeout(watch);
    if (waiting.length > 0) watch = setTimeout(expire, silentMs);
  };
  const expire = () => {
    fail(new errors.EngineError("fuel", `a batch was not done in ${silentMs / 1000} s, and was ended`));
    worker.terminate(); // wasm in V8 stops at once
  };
  const fail = (error: Error) => {
    clearTimeout(watch);
    failure ??= error;
    for (const { reject } of waiting.splice(0)) reject(failure);
  };
  worker.on("error", fail);
  worker.on("messageerror", fail);
  const ended = new Promise<void>((resolve) => {
    worker.on("exit", (code) => {
      fail(new Error(`a worker thread ended with code ${code}`));
      resolve();
    });
  });
  worker.on("message", (reply: Reply) => {
    const { resolve, reject } = waiting.shift()!;
    if ("error" in reply) {
      const error = revive(reply);
      if (!isOpen) failure ??= error; // at once: the thread ends now, which is no reason of its own
      reject(error);
    } else {
      resolve(reply.value);
    }
    isOpen = true;
    wind();
  });

  const reply = () =>
    new Promise<unknown>((resolve, reject) => {
      if (failure) reject(failure);
      else if (waiting.push({ resolve, reject }) === 1) wind();
    });
  const about = reply() as Promise<TaskAbout<Name>>;
  return {
    depth: DEPTH,
    about,
    started: about.then(() => {}, fail),
    run(batch) {
      const own = batch.map((elements) => elements.slice()); // of a view, all that it views would be sent
      worker.postMessage(
        own,
        own.map(({ buffer }) => buffer as ArrayBuffer),
      );
      return reply() as Promise<TaskResult<Name>>;
    },
    stop() {
      // Not `terminate`: when it comes while wasmtime calls back for weights, the process aborts.
      Atomics.store(stopping, 0, 1);
      worker.postMessage([]); // wakes it
      return ended;
    },
  };
}

/** An error as it was thrown in the thread: of its own class, if it is one of ours. */
function revive({ error, fields }: { error: Error; fields: { name?: string } }): Error {
  const type = (errors as Record<string, { prototype: object } | undefined>)[fields.name ?? ""];
  return type ? Object.assign(Object.setPrototypeOf(error, type.prototype), fields) : error;
}
