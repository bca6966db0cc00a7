import { CheckpointError } from "../../base/errors.ts";
import { FOLDED, MAX_FOLDED } from "../../base/limits.ts";
import type { Sink } from "./call.ts";

/** Counts the elements that folding reads and makes, against a limit that grows with those that the file holds. */
export function budget(): Pick<Sink, "spend" | "found"> {
  let [spent, limit] = [0, FOLDED.any];
  return {
    spend(elements) {
      spent += elements;
      if (!(spent <= limit)) {
        throw new CheckpointError(
          `model: folding its constants takes more than ${limit} elements, too many for what it holds`,
        );
      }
    },
    found(elements) {
      limit = Math.min(limit + FOLDED.perElement * elements, MAX_FOLDED);
      this.spend(elements);
    },
  };
}
