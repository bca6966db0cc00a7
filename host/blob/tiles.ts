import { isWeighted, type Op, type Program } from "../program.ts";
import { align16 } from "./layout.ts";
import { opFormat } from "./ops/index.ts";
import { packingOf } from "./pack/pack.ts";
import { postFormat } from "./posts/index.ts";

/** Where the weights and parameter records of an op lie inside its tiles (FORMAT.md, "Tiles"). */
export interface Tiling {
  /** Channels of the op that have weights or parameters, weights of one of them, and channels of a tile. */
  channels: number;
  columns: number;
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
  const channels = opFormat(op.kind).channels(op, tensors);
  const columns = isWeighted(op) ? tensors[op.inputs[0]!]!.channels : 0;
  const packing = isWeighted(op) ? packingOf(op) : undefined;
  const groupChannels = packing?.groupChannels ?? 1;
  const groupBytes = packing?.groupBytes(columns) ?? 0;
  const post = op.post && postFormat(op.post.kind);
  const recordBytes = post?.recordBytes(op.post!) ?? 0;
  const recordStep = post && post.records(op.post!) > 1 ? recordBytes : 0;
  const bare = !post && !packing;
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
  return {
    channels,
    columns,
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

/** As many channels as fill a tile, in multiples of `step`, spread evenly over the tiles; all of them where they need no bytes. */
function chooseTileChannels(channels: number, channelBytes: number, step: number): number {
  if (channelBytes === 0) return Math.min(channels, 0xffff);
  const most = Math.max(step, Math.floor(TILE_BYTES / channelBytes / step) * step);
  const tiles = Math.ceil(channels / most);
  return Math.min(channels, Math.ceil(channels / tiles / step) * step);
}
