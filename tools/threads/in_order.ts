/** Something that works off batches in the background. */
export interface Lane<Batch, Result> {
  /** Batches that it takes before the first of them is done. */
  depth: number;
  run(batch: Batch): Promise<Result>;
}

/** Batches, per lane, that are under way or wait for an earlier one: a bound on memory, wide enough for a lane that is slower. */
const AHEAD = 4;

type Slot<Result> = { outcome?: { value: Result } | { error: unknown } };

/**
 * The results of all batches in the order of the batches, whichever lane is the fastest; `lanes` may get longer meanwhile.
 * Throws the error that comes first in that order, be it of a lane or of `batches` itself. No batch is begun after an error.
 */
export async function* inOrder<Batch, Result>(
  batches: Iterable<Batch>,
  lanes: readonly Lane<Batch, Result>[],
): AsyncGenerator<Result> {
  const source = batches[Symbol.iterator]();
  const slots: Slot<Result>[] = []; // of batches that have begun and whose result has not been given on, in order
  const loads = new Map<Lane<Batch, Result>, number>();
  const load = (lane: Lane<Batch, Result>) => loads.get(lane) ?? 0;
  let ended = false;
  let wake = () => {};

  const settle = (slot: Slot<Result>, outcome: NonNullable<Slot<Result>["outcome"]>) => {
    slot.outcome = outcome;
    if ("error" in outcome) ended = true;
    wake();
  };
  const begin = (lane: Lane<Batch, Result>) => {
    const slot: Slot<Result> = {};
    try {
      const next = source.next();
      if (next.done) {
        ended = true;
        return;
      }
      slots.push(slot);
      loads.set(lane, load(lane) + 1);
      lane
        .run(next.value)
        .finally(() => loads.set(lane, load(lane) - 1))
        .then(
          (value) => settle(slot, { value }),
          (error) => settle(slot, { error }),
        );
    } catch (error) {
      slots.push(slot);
      settle(slot, { error });
    }
  };

  try {
    for (;;) {
      while (!ended && slots.length < AHEAD * lanes.length) {
        const free = lanes.find((lane) => load(lane) < lane.depth);
        if (!free) break;
        begin(free);
      }
      const [first] = slots;
      if (!first) return;
      if (!first.outcome) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      slots.shift();
      if ("error" in first.outcome) throw first.outcome.error;
      yield first.outcome.value;
    }
  } finally {
    source.return?.();
  }
}
