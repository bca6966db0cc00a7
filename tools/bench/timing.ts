/** What is timed; a promise is waited for. */
export type Work = () => void | Promise<void>;

/** Milliseconds of one call, over several batches of calls: the median, and between which a half of them lie. */
export interface Timing {
  median: number;
  p25: number;
  p75: number;
  batches: number;
  callsPerBatch: number;
}

export interface Effort {
  /** Time that the work runs before it counts: caches fill, compilers optimize. */
  warmUpMs: number;
  /** Time that a batch is meant to take: far above what the clock can tell apart. */
  batchMs: number;
  batches: number;
  /** Slow work gets fewer batches than that, about as many as fit into this time, but MIN_BATCHES. */
  limitMs: number;
}

export const EFFORT: Effort = { warmUpMs: 40, batchMs: 5, batches: 15, limitMs: 1000 };
export const QUICK: Effort = { warmUpMs: 20, batchMs: 2, batches: 7, limitMs: 100 };

const MIN_BATCHES = 3;

/** Times `work`. `now` tells the time in milliseconds. */
export async function measure(work: Work, effort: Effort, now = () => performance.now()): Promise<Timing> {
  const { warmUpMs, batchMs, limitMs } = effort;
  const start = now();
  let warmUpCalls = 0;
  do {
    await repeat(work, 1);
    warmUpCalls++;
  } while (now() - start < warmUpMs);

  const callMs = (now() - start) / warmUpCalls;
  const callsPerBatch = Math.max(1, Math.ceil(batchMs / callMs));
  const fitting = Math.floor(limitMs / (callsPerBatch * callMs));
  const batches = Math.min(effort.batches, Math.max(MIN_BATCHES, fitting));
  const times = new Float64Array(batches);
  for (let batch = 0; batch < batches; batch++) {
    const before = now();
    await repeat(work, callsPerBatch);
    times[batch] = (now() - before) / callsPerBatch;
  }
  times.sort();
  return {
    median: quantile(times, 0.5),
    p25: quantile(times, 0.25),
    p75: quantile(times, 0.75),
    batches,
    callsPerBatch,
  };
}

async function repeat(work: Work, calls: number): Promise<void> {
  for (let call = 0; call < calls; call++) {
    const pending = work();
    if (pending) await pending; // not for what is done already: a wait costs a turn of the event loop
  }
}

/** Quantile of sorted numbers, linear between neighbours. */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  const at = q * (sorted.length - 1);
  const below = Math.floor(at);
  const above = Math.ceil(at);
  return sorted[below]! + (sorted[above]! - sorted[below]!) * (at - below);
}
