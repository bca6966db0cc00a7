import { isWeighted, type Op, type Program } from "../program.ts";
import { align16 } from "./layout.ts";
import type { Columns } from "./ops/format.ts";
import { opFormat } from "./ops/index.ts";
import { packingOf } from "./pack/pack.ts";
import { postFormat } from "./posts/index.ts";

/** Where the weights and parameter records of an op lie inside its tiles (FORMAT.md, "Tiles"). */
export interface Tiling {
  /** Channels of the op that have weights or parameters, and those that a tile may span: of a convolution, those of a group. */
  channels: number;
  spanChannels: number;
  /** Weights of a channel; 0 taps for ops without. */
  columns: Columns;
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

const NO_COLUMNS: Columns = { taps: 0, inputs: 0, packedInputs: 0 };

/** The tiling of an op; chooses `tileChannels` if the op leaves that open. */
export function tilingOf({ tensors }: Pick<Program, "tensors">, op: Op): Tiling {
  const format = opFormat(op.kind);
  const channels = format.channels(op, tensors);
  const spanChannels = channels / (format.groups?.(op) ?? 1);
  const columns = format.columns?.(
    op,
    op.inputs.map((input) => tensors[input]!),
  );
  const packing = isWeighted(op) ? packingOf(op) : undefined;
  const groupChannels = packing?.groupChannels ?? 1;
  const packedInputs = columns ? columns.taps * columns.packedInputs : 0;
  const groupBytes = packing?.groupBytes(packedInputs) ?? 4 * packedInputs; // of f32, where there is no packing
  const post = op.post && postFormat(op.post.kind);
  const recordBytes = post?.recordBytes(op.post!) ?? 0;
  const recordStep = post && post.records(op.post!) > 1 ? recordBytes : 0;
  const bare = !post && groupBytes === 0;
  const channelBytes = packing?.blockBytes
    ? packing.blockBytes / groupChannels
    : groupBytes / groupChannels + recordStep;
  const tileChannels = bare
    ? 1
    : (op.tileChannels ?? chooseTileChannels(spanChannels, channelBytes, Math.max(8, groupChannels)));
  const recordsAt = align16(Math.ceil(tileChannels / groupChannels) * groupBytes);
  const tileBytes = align16(recordsAt + recordStep * (tileChannels - 1) + recordBytes);
  const tiles = bare ? 0 : (channels / spanChannels) * Math.ceil(spanChannels / tileChannels);
  // No object is spread here: of 65,535 ops, a reader would need three times as long.
  return {
    channels,
    spanChannels,
    columns: columns ?? NO_COLUMNS,
    tileChannels,
    tiles,
    tileBytes,
    groupChannels,
    groupBytes,
    recordsAt,
    recordStep,
    recordBytes,
  };
}

/** The channels of a tile: from the first up to, but not including, the second. */
export function channelsOfTile({ spanChannels, tileChannels }: Tiling, tile: number): [first: number, end: number] {
  const perSpan = Math.ceil(spanChannels / tileChannels);
  const span = Math.floor(tile / perSpan) * spanChannels;
  const first = span + (tile % perSpan) * tileChannels;
  return [first, Math.min(first + tileChannels, span + spanChannels)];
}

/** Weights of a channel. */
export function weightCount({ columns: { taps, inputs } }: Pick<Tiling, "columns">): number {
  return taps * inputs;
}

/** As many channels as fill a tile, in multiples of `step`, spread evenly over the tiles; all of them where they need no bytes. */
function chooseTileChannels(channels: number, channelBytes: number, step: number): number {
  if (channelBytes === 0) return Math.min(channels, 0xffff);
  const most = Math.max(step, Math.floor(TILE_BYTES / channelBytes / step) * step);
  const tiles = Math.ceil(channels / most);
  return Math.min(channels, Math.ceil(channels / tiles / step) * step);
}
