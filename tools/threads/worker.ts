// A worker thread: opens a task, then works off the batches that it is sent. Everything it says is a `Reply`.
import { parentPort, workerData } from "node:worker_threads";
import type { InputRows } from "../../host/index.ts";
import { TASKS } from "./tasks.ts";
import type { Reply, ThreadData } from "./thread.ts";

const { name, options, stopping } = workerData as ThreadData;
const open = TASKS[name] as (
  given: typeof options,
) => Promise<{ about: object; run(inputs: InputRows[]): unknown; close(): void }>;

await reply(async () => {
  const task = await open(options);
  parentPort!.on("message", (batch: InputRows[]) => {
    if (Atomics.load(stopping, 0) === 0) return reply(() => task.run(batch));
    parentPort!.close();
    task.close();
  });
  return task.about;
});

async function reply(work: () => unknown): Promise<void> {
  try {
    send({ value: await work() });
  } catch (error) {
    send({ error: error as Error, fields: { ...(error as Error) } });
  }
}

function send(reply: Reply): void {
  parentPort!.postMessage(reply);
}
