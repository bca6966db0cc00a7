import { printErrors } from "../terminal/print.ts";

/** Ctrl-C ends the work at its next stop; a second one ends the program. */
export async function stoppable<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const onInterrupt = () => {
    printErrors(["tern: stopping behind the request that is under way"]);
    stop.abort();
  };
  process.once("SIGINT", onInterrupt);
  try {
    return await work(stop.signal);
  } finally {
    process.off("SIGINT", onInterrupt);
  }
}
