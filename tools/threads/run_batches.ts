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

/** A thread takes about 0.2 s to start. Others start once so much time has passed, and if so much more is left to be shared. */
const TRIAL_MS = 200;
const WORTH_MS = 400;

/** What a task makes of each batch, in order, and the same in any number of threads. Throws as `inOrder` does. */
export async function* runBatches<Name extends TaskName>(
  given: BatchesOptions<Name>,
): AsyncGenerator<TaskResult<Name>> {
  const { name, options, task, batches, count, workers } = given;
  const most = Math.min(workers ?? availableParallelism(), count);
  const threads: Thread<TaskResult<Name>>[] = [];
  const lanes: Lane<InputRows[], TaskResult<Name>>[] = [laneOf(task)];
  const startThreads = () => {
    while (threads.length < most - 1) threads.push(startThread(name, options));
    return Promise.all(threads.map((thread) => thread.started.then(() => lanes.push(thread))));
  };
  try {
    if (workers !== undefined) await startThreads();
    const start = performance.now();
    let done = 0;
    for await (const result of inOrder(batches, lanes)) {
      yield result;
      done++;
      const passedMs = performance.now() - start;
      const leftMs = (passedMs / done) * (count - done);
      if (threads.length === 0 && passedMs > TRIAL_MS && leftMs > WORTH_MS) startThreads();
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
