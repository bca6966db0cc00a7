import { availableParallelism } from "node:os";
import { setImmediate } from "node:timers/promises";
import type { InputRows } from "../../host/index.ts";
import { inOrder, type Lane } from "./in_order.ts";
import { TASKS, type Task, type TaskAbout, type TaskName, type TaskOptions, type TaskResult } from "./tasks.ts";
import { startThread, type Thread } from "./thread.ts";

export interface BatchesOptions<Name extends TaskName> {
  /** The task, open, and what opens it in other threads. */
  task: OpenTask<Name>;
  /** Inputs of the model, a few rows at a time, and how many such batches there are. */
  batches: Iterable<InputRows[]>;
  count: number;
  /** Threads to work in. If not given, as many as there are cores, but only where they save time. */
  workers?: number | undefined;
}

/** A task that is open in one place. */
export interface OpenTask<Name extends TaskName> {
  name: Name;
  options: TaskOptions<Name>;
  about: TaskAbout<Name>;
  lane: Lane<InputRows[], TaskResult<Name>>;
  close(): Promise<void> | void;
}

/**
 * Opens a task in a thread of its own: so this one hears of signals and draws progress while the other is busy, and can end it. Or here,
 * where it must not be opened a second time.
 */
export async function openTask<Name extends TaskName>(
  name: Name,
  options: TaskOptions<Name>,
  here: boolean,
): Promise<OpenTask<Name>> {
  if (here) {
    const task = (await (TASKS[name] as (given: typeof options) => unknown)(options)) as Task<Name>;
    return { name, options, about: task.about, lane: laneOf(task), close: () => task.close() };
  }
  const thread = startThread(name, options);
  try {
    return { name, options, about: await thread.about, lane: thread, close: () => thread.stop() };
  } catch (error) {
    await thread.stop();
    throw error;
  }
}

/** Other threads are started after so much time, by when the rest can be estimated: one for every WORTH_MS of it. */
const TRIAL_MS = 200;
/** A thread takes 0.2 s to start. */
const WORTH_MS = 400;

/** What a task makes of each batch, in order, and the same in any number of threads. Throws as `inOrder` does. */
export async function* runBatches<Name extends TaskName>(
  given: BatchesOptions<Name>,
): AsyncGenerator<TaskResult<Name>> {
  const { task, batches, count, workers } = given;
  const most = Math.min(workers ?? availableParallelism(), count);
  const threads: Thread<TaskResult<Name>, TaskAbout<Name>>[] = [];
  const lanes: Lane<InputRows[], TaskResult<Name>>[] = [task.lane];
  const grow = (to: number) => {
    const more = Array.from({ length: Math.min(to, most) - 1 - threads.length }, () =>
      startThread(task.name, task.options),
    );
    threads.push(...more);
    return Promise.all(more.map((thread) => thread.started.then(() => lanes.push(thread))));
  };
  try {
    if (workers !== undefined) await grow(workers);
    const start = performance.now();
    let done = 0;
    for await (const result of inOrder(batches, lanes)) {
      yield result;
      done++;
      const passedMs = performance.now() - start;
      const leftMs = (passedMs / done) * (count - done);
      if (passedMs > TRIAL_MS) grow(1 + Math.floor(leftMs / WORTH_MS));
    }
  } finally {
    await Promise.all(threads.map((thread) => thread.stop()));
  }
}

/** This thread. Between two batches it hears what the others say. */
function laneOf<Name extends TaskName>({ run }: Task<Name>): Lane<InputRows[], TaskResult<Name>> {
  return {
    depth: 1,
    async run(batch) {
      await setImmediate();
      return run(batch) as TaskResult<Name>;
    },
  };
}
