import type { FloatPost, Post, Tensor } from "../../program.ts";
import { isSameShape, positionCount, shapeText } from "../../shape.ts";
import { type OpRecord, readPost } from "./format.ts";

// What the ops of float regions share.

/** The post of an op that makes f32. Refuses another one, and an output of another dtype. */
export function readFloatPost(record: OpRecord): FloatPost {
  if (record.to.dtype !== "f32") record.fail(`output of ${record.to.dtype}, expected f32`);
  return readPost(record, ["float"], record.to.channels);
}

/** The same, or none, with the channels of a tile, which only an op with records has. */
export function readOptionalPost(record: OpRecord): { post?: FloatPost; tileChannels?: number } {
  if (record.post !== "none") return { post: readFloatPost(record), tileChannels: record.tileChannels };
  return {};
}

/** Refuses an op whose tensors are not all f32, or have not as many positions and channels. */
export function checkAlikeFloats({ from, to, fail }: OpRecord): void {
  const tensors = [...from, to];
  if (tensors.every((tensor) => tensor.dtype === "f32" && isSameShape(tensor, to))) return;
  const found = tensors.map((tensor) => `${tensor.dtype} × ${shapeText(tensor)}`);
  fail(`${found.slice(0, -1).join(", ")} → ${found.at(-1)}, expected f32, as many of each`);
}

/** The input of an op that makes one position of many, in f32, of as many channels. Refuses other tensors. */
export function checkOnePosition({ from: [from], to, fail }: OpRecord): Tensor {
  const isFloat = from!.dtype === "f32" && to.dtype === "f32";
  if (!isFloat || from!.channels !== to.channels || positionCount(to) !== 1) {
    const found = [from!, to].map((tensor) => `${tensor.dtype} × ${shapeText(tensor)}`).join(" → ");
    fail(`${found}, expected f32 → one position of as many channels`);
  }
  return from!;
}

/** Refuses an op whose post is one. */
export function checkNoPost(post: Post["kind"] | "none", fail: OpRecord["fail"]): void {
  if (post !== "none") fail(`post ${post}, expected none`);
}

/** Refuses an op whose tensors have not as many positions. */
export function checkPositions(from: Tensor, to: Tensor, fail: OpRecord["fail"]): void {
  if (from.height === to.height && from.width === to.width) return;
  fail(`${positionCount(from)} positions → ${positionCount(to)}, expected as many, and as high and wide`);
}

/** An f32 of an op's own bytes that has to be finite and above 0, or at least 0. */
export function readPositive({ view, fail }: OpRecord, at: number, what: string, orZero = false): number {
  const found = view.getFloat32(at, true);
  if (Number.isFinite(found) && (found > 0 || (orZero && Object.is(found, 0)))) return found;
  return fail(`${what} ${found}, expected a finite number ${orZero ? "from 0 on" : "above 0"}`);
}
