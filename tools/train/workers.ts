import { type Blob, resolveObjectURL } from "node:buffer";
import { Worker } from "node:worker_threads";

/** What a thread has of a browser's worker. */
const PRELUDE = `
const { parentPort } = require("node:worker_threads");
globalThis.self = globalThis;
globalThis.postMessage = (message) => parentPort.postMessage(message);
parentPort.on("message", (data) => self.onmessage({ data }));
`;

const threads: Promise<Worker>[] = [];

/** A browser's Worker on a thread of Node's, as far as jax-js uses it: it spreads each kernel over its workers, with the same bits. */
class WebWorker {
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onerror: ((event: { message: string }) => void) | null = null;
  readonly #thread: Promise<Worker>;

  constructor(url: string) {
    const source = resolveObjectURL(url) as Blob; // now: the URL is revoked once the workers answer
    this.#thread = source.text().then((text) => {
      const thread = new Worker(PRELUDE + text, { eval: true });
      thread.on("message", (data) => this.onmessage?.({ data }));
      thread.on("error", ({ message }) => this.onerror?.({ message }));
      return thread;
    });
    threads.push(this.#thread);
  }

  postMessage(message: unknown): void {
    this.#thread.then((thread) => thread.postMessage(message));
  }
}

/** Lets jax-js compute in so many threads, called before it is imported; 1 leaves it as it is, in this one. They keep the program running until `endWorkers`. */
export function useWorkers(count: number): void {
  if (count === 1) return;
  Object.assign(globalThis, { Worker: WebWorker });
  Object.defineProperty(globalThis, "navigator", { value: { hardwareConcurrency: count }, configurable: true });
}

export async function endWorkers(): Promise<void> {
  for (const thread of threads.splice(0)) await (await thread).terminate();
}
