import {
  ABI_VERSION,
  FORMAT_VERSION,
  HEADER_BYTES,
  Header,
  MAGIC,
  MAX_CHANNELS,
  MAX_ELEMENTS,
  MAX_ROWS,
  OP_BYTES,
  PART_BYTES,
  Part,
  REQUIRED,
  TENSOR_BYTES,
  Tensor,
  WEIGHTS_PART,
} from "./blob";
import { CRC_START, crc32 } from "./crc32";
import { PICTURES, WINDOWS } from "./features";
import { checkOp, clearNeeds, largestTile } from "./ops";
import { DTYPES, OPS, PACKINGS, POSTS, STREAMS } from "./profiles";
import { setTables } from "./regions";
import { Status } from "./status";
import { positions, rowStride } from "./tensors";
import { clearWeights, setWeights, weightsBytes, weightsOffset } from "./weights";

/** Height and width of a vector, which windows read also in builds for vectors alone. */
const ONE_POSITION: u32 = 0x10001;

/** Rows that are to be run, and the size of the arena then. */
let rows: u64 = 0;
export let arenaBytes: u64 = 0;

/**
 * Proves everything about the head that memory safety needs, for up to `maxRows` rows (FORMAT.md, "Limits").
 * Sums and products are 64-bit and cannot overflow: channels and rows are at most 2^20, all other factors below 2^32.
 */
export function checkHead(head: usize, blobBytes: u32, maxRows: u32): Status {
  if (blobBytes < HEADER_BYTES) return Status.BadSize;
  if (load<u32>(head, Header.magic) != MAGIC) return Status.BadMagic;
  if (load<u32>(head, Header.formatVersion) != ((<u32>ABI_VERSION) << 16) + FORMAT_VERSION) return Status.BadVersion;
  const headBytes = load<u32>(head, Header.headBytes);
  const totalBytes = load<u32>(head, Header.totalBytes);
  const isWhole = blobBytes == totalBytes || (STREAMS && blobBytes == headBytes);
  if (!isWhole || headBytes > totalBytes) return Status.BadSize;

  const tensorCount: u32 = load<u16>(head, Header.tensorCount);
  let at = head + HEADER_BYTES;
  const tensors = at + load<u16>(head, Header.partCount) * PART_BYTES;
  const ops = tensors + tensorCount * TENSOR_BYTES;
  const ports = ops + load<u16>(head, Header.opCount) * OP_BYTES;
  const inputs: u32 = load<u8>(head, Header.inputCount);
  const outputs: u32 = load<u8>(head, Header.outputCount);
  const end = ports + ((inputs + outputs) << 1);
  const headEnd = head + headBytes;
  if (headEnd != ((end + 19) & ~15) || !(inputs * outputs)) return Status.BadHead;
  if (~crc32(CRC_START, head + 8, headBytes - 12) != load<u32>(headEnd - 4)) return Status.BadChecksum;

  const missing =
    (load<u64>(head, Header.ops) & ~(OPS | ((<u64>PACKINGS) << 32))) |
    (load<u64>(head, Header.posts) & ~(POSTS | ((<u64>DTYPES) << 32)));
  if (missing) return Status.Unsupported;
  if (maxRows - 1 >= load<u32>(head, Header.maxRows) || maxRows > MAX_ROWS) return Status.BadRows; // also 0 rows
  rows = maxRows;
  arenaBytes = load<u32>(head, Header.arenaFixed) + load<u32>(head, Header.arenaPerRow) * rows;

  clearWeights();
  for (; at < tensors; at += PART_BYTES) {
    const kind = load<u32>(at, Part.kind); // and flags
    if (kind == WEIGHTS_PART) {
      setWeights(at);
      if (<u64>weightsOffset + weightsBytes > totalBytes) return Status.BadPart;
    } else if (kind & REQUIRED) return Status.Unsupported;
  }
  if (!weightsOffset) return Status.BadPart;
  setTables(tensors, ops);
  for (; at < ops; at += TENSOR_BYTES) {
    const dtype: u32 = load<u8>(at, Tensor.dtype);
    if (dtype >= 32 || !((DTYPES >> dtype) & 1)) return Status.Unsupported;
    if (!fits(at)) return Status.BadTensor;
  }
  clearNeeds();
  for (; at < ports; at += OP_BYTES) {
    const status = checkOp(at, tensorCount, maxRows);
    if (status) return status;
  }
  for (; at < end; at += 2) {
    if (load<u16>(at) >= tensorCount) return Status.BadHead; // an input or output that does not exist
  }
  return STREAMS && weightsBytes && !largestTile ? Status.BadPart : Status.Ok; // unread weights: no buffer to check them in
}

/** Whether a tensor lies inside the arena; at fewer rows it ends earlier. */
function fits(tensor: usize): bool {
  const perRow: u64 = load<u32>(tensor, Tensor.perRow);
  const end = load<u32>(tensor, Tensor.fixed) + (perRow + rowStride(tensor)) * rows;
  const channels = load<u32>(tensor, Tensor.channels);
  if (!(DTYPES & PICTURES) && OPS & WINDOWS && load<u32>(tensor, Tensor.height) != ONE_POSITION) return false;
  if (DTYPES & PICTURES && <u64>positions(tensor) * channels - 1 >= MAX_ELEMENTS) return false; // also 0 positions
  return channels - 1 < MAX_CHANNELS && end <= arenaBytes;
}
