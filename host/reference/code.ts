import { requantize } from "../numbers/requantize.ts";
import type { Lookup, Requantize, Thresholds } from "../program.ts";
import { lookup } from "./lookup.ts";
import { thresholds } from "./thresholds.ts";

/** The code that a post makes of an integer of a channel. */
export function code(post: Thresholds | Requantize | Lookup, channel: number, x: number): number {
  switch (post.kind) {
    case "thresholds":
      return thresholds(post, channel, x);
    case "requantize":
      return requantize(post, channel, x);
    case "lookup":
      return lookup(post, x);
  }
}
