import { plane } from "../numbers/plane.ts";
import { requantize } from "../numbers/requantize.ts";
import type { Lookup, SumsPost } from "../program.ts";
import { lookup } from "./lookup.ts";
import { thresholds } from "./thresholds.ts";

/** The code that a post makes of an integer of a channel; a plane, of that and a code at the same place. */
export function code(post: SumsPost | Lookup, channel: number, x: number, other?: number): number {
  switch (post.kind) {
    case "thresholds":
      return thresholds(post, channel, x);
    case "requantize":
      return requantize(post, channel, x);
    case "lookup":
      return lookup(post, x);
    case "plane":
      return plane(post, channel, x, other!);
  }
}
