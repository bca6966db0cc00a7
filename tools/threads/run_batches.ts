import { availableParallelism } from "node:os";
import { setImmediate } from "node:timers/promises";
import type { InputRows } from "../../host/index.ts";
import type { Task, TaskName, TaskOptions, TaskResult } from "../tasks.ts";
import { inOrder, type Lane } from "./in_order.ts";
import { startThread, type Thread } from "./thread.ts";

export interface BatchesOptions<Name extends TaskName> {
  name: Name;
  options: TaskOptions<Name>;
  /** The task, open in this thread, which does its share. */
  task: Task<Name>;
  /** Inputs of the model, a few rows at a time, and how many such batches there are. */
  batches: Iterable<InputRows[]>;
  count: number;
  /** Threads to work in, this one included. If not given, as many as there are cores, but only where they save time. */
  workers?: number | undefined;
}

/** Other threads are started after so much time, by when the rest can be estimated: one for every WORTH_MS of it. */
const TRIAL_MS = 200;
/** A thread takes 0.2 s to start. */
const WORTH_MS = 400;

/** What a task makes of each batch, in order, and the same in any number of threads. Throws as `inOrder` does. */
export async function* runBatches<Name extends TaskName>(
  given: BatchesOptions<Name>,
): AsyncGenerator<TaskResult<Name>> {
  const { name, options, task, batches, count, workers } = given;
  const most = Math.min(workers ?? availableParallelism(), count);
  const threads: Thread<TaskResult<Name>>[] = [];
  const lanes: Lane<InputRows[], TaskResult<Name>>[] = [laneOf(task)];
  const grow = (to: number) => {
    const more = Array.from({ length: Math.min(to, most) - 1 - threads.length }, () => startThread(name, options));
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
