import type { Post } from "../../program.ts";
import { float } from "./float.ts";
import type { PostFormat } from "./format.ts";
import { lookup } from "./lookup.ts";
import { plane } from "./plane.ts";
import { requantize } from "./requantize.ts";
import { scores } from "./scores.ts";
import { thresholds } from "./thresholds.ts";

type PostKind = Post["kind"];

const POSTS: { [Kind in PostKind]: PostFormat<Extract<Post, { kind: Kind }>> } = {
  thresholds,
  requantize,
  lookup,
  scores,
  plane,
  float,
};

/** How posts of a kind are stored. */
export function postFormat(kind: PostKind): PostFormat<Post> {
  return POSTS[kind];
}
