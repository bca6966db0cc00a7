// A worker thread: opens a task, then works off the batches that it is sent. Everything it says is a `Reply`.
import { parentPort, workerData } from "node:worker_threads";
import type { InputRows } from "../../host/index.ts";
import { TASKS } from "../tasks.ts";
import type { Reply, ThreadData } from "./thread.ts";

const { name, options } = workerData as ThreadData;
const open = TASKS[name] as (given: typeof options) => Promise<{ run(inputs: InputRows[]): unknown }>;

await reply(async () => {
  const task = await open(options);
  parentPort!.on("message", (batch: InputRows[]) => reply(() => task.run(batch)));
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
