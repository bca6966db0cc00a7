import { hasOwnShifts } from "../numbers/requantize.ts";
import type { Op, Program } from "../program.ts";
import { align16, type POST } from "./layout.ts";
import { packingOf } from "./pack/pack.ts";

/** Where the weights and parameter records of an op lie inside its tiles (FORMAT.md, "Tiles"). */
export interface Tiling {
  /** Output channels of the op, and of a tile. */
  channels: number;
  tileChannels: number;
  tiles: number;
  tileBytes: number;
  /** Channels whose weights are packed together, and their bytes; 0 for ops without weights. */
  groupChannels: number;
  groupBytes: number;
  recordsAt: number;
  /** 0 where one record serves all channels. */
  recordStep: number;
  recordBytes: number;
}

/** Tiles are filled up to this many bytes, or their strips: a streaming device holds one of them in RAM. A single channel may need more. */
const TILE_BYTES = 2048;

/** The tiling of an op; chooses `tileChannels` if the op leaves that open. */
export function tilingOf({ tensors }: Pick<Program, "tensors">, op: Op): Tiling {
  const inputs = tensors[op.input]!.channels;
  const channels = op.kind === "argmax" ? inputs : tensors[op.output]!.channels;
  const packing = op.kind === "dense" ? packingOf(op) : undefined;
  const groupChannels = packing?.groupChannels ?? 1;
  const groupBytes = packing?.groupBytes(inputs) ?? 0;
  const { post, recordBytes, records } = recordsOf(op);
  const shared = records === 1;
  const recordStep = shared ? 0 : recordBytes;
  const bare = post === "none" && !packing;
  const channelBytes = packing?.blockBytes
    ? packing.blockBytes / groupChannels
    : groupBytes / groupChannels + recordStep;
  const tileChannels = bare
    ? 1
    : (op.tileChannels ?? chooseTileChannels(channels, channelBytes, Math.max(8, groupChannels)));
  const recordsAt = align16(Math.ceil(tileChannels / groupChannels) * groupBytes);
  const tileBytes = align16(recordsAt + recordStep * (tileChannels - 1) + recordBytes);
  const tiles = bare ? 0 : Math.ceil(channels / tileChannels);
  // No object is spread here: of 65,535 ops, a reader would need three times as long.
  return { channels, tileChannels, tiles, tileBytes, groupChannels, groupBytes, recordsAt, recordStep, recordBytes };
}

/** The post of an op, the size of its records and how many there are: 1 (shared) or one per channel. */
export function recordsOf(op: Op): { post: keyof typeof POST; recordBytes: number; records: number } {
  if (op.kind === "argmax") {
    return op.scores
      ? { post: "scores", recordBytes: 16, records: op.scores.multiplier.length }
      : { post: "none", recordBytes: 0, records: 1 };
  }
  switch (op.post?.kind) {
    case undefined:
      return { post: "none", recordBytes: 0, records: 1 };
    case "thresholds":
      return { post: "thresholds", recordBytes: 4 + 4 * op.post.count, records: op.post.records };
    case "requantize":
      return { post: "requantize", recordBytes: hasOwnShifts(op.post) ? 12 : 8, records: op.post.records };
    case "lookup":
      return { post: "lookup", recordBytes: 256, records: 1 };
  }
}

/** As many channels as fill a tile, in multiples of `step`, spread evenly over the tiles; all of them where they need no bytes. */
function chooseTileChannels(channels: number, channelBytes: number, step: number): number {
  if (channelBytes === 0) return Math.min(channels, 0xffff);
  const most = Math.max(step, Math.floor(TILE_BYTES / channelBytes / step) * step);
  const tiles = Math.ceil(channels / most);
  return Math.min(channels, Math.ceil(channels / tiles / step) * step);
}
