import { ABI_VERSION, Header } from "./blob";
import { arenaBytes, checkHead } from "./check";
import { CRC_START, crc32 } from "./crc32";
import { crc32ByTable, crcTable } from "./crc32_table";
import { DOT_PRODUCTS_VARY, dotProducts, OWN_BYTES } from "./kernels";
import { largestTile, preparedRows, run } from "./ops";
import { DTYPES, OPS, PACKINGS, POSTS, SMALL, STREAMS } from "./profiles";
import { opAt, SUMS_BYTES, setRegions, setRows, sums } from "./regions";
import { Status } from "./status";
import { resident, streamed, tile, weightsBytes, weightsCrc, weightsOffset } from "./weights";

/** Rows that the open model may run; 0: none is open. */
let openRows: u32 = 0;
let opCount: u32 = 0;

export function abi_version(): i32 {
  return ABI_VERSION;
}

/**
 * What this build can do: FORMAT.md's words of ops (0), packings (1), posts (2) and dtypes (3); bytes at the start of memory that the host leaves
 * to it (4); in builds with relaxed SIMD, what a dot product is (5: kernels/common/wide.ts).
 */
export function features(word: u32): i32 {
  if (DOT_PRODUCTS_VARY && word > 4) return dotProducts();
  return word > 3 ? OWN_BYTES : word > 2 ? DTYPES : word > 1 ? POSTS : word ? PACKINGS : OPS;
}

/** Bytes of scratch memory that `open` will need, or −status. `blobBytes` tells resident from streamed, as in `open`. */
export function plan(blob: usize, blobBytes: u32, rows: u32): i32 {
  openRows = 0;
  const status = checkHead(blob, blobBytes, rows);
  if (status) return -status;
  const bytes = preparedRows + SUMS_BYTES + tileBuffer(blob, blobBytes);
  return bytes > 0x7fffffff ? -Status.BadMemory : <i32>bytes;
}

/**
 * Proves the blob at `blob` and takes `workBytes` bytes at `work`, behind the blob, for arena and scratch, in this order.
 * `blobBytes` is the size of the blob (resident weights), or of its head alone (streamed weights). No blob of this version has state.
 */
export function open(blob: usize, blobBytes: u32, work: usize, workBytes: u32, _state: usize, rows: u32): Status {
  openRows = 0;
  const status = checkHead(blob, blobBytes, rows);
  if (status) return status;

  const buffer = tileBuffer(blob, blobBytes);
  const overlaps =
    i32(blob < OWN_BYTES) | i32(work < blob) | i32(work - blob < blobBytes) | i32(work + workBytes < work);
  if (overlaps | i32(arenaBytes + buffer + SUMS_BYTES + preparedRows > workBytes)) return Status.BadMemory;
  const scratch = work + <usize>arenaBytes;
  setRegions(work, scratch + buffer);
  if (STREAMS && blobBytes == load<u32>(blob, Header.headBytes)) streamed(scratch);
  else resident(blob);
  const read = checkWeights();
  if (read) return read;
  opCount = load<u16>(blob, Header.opCount);
  openRows = rows;
  return Status.Ok;
}

/** Runs ops firstOp … endOp − 1 on `rows` rows. */
export function invoke(firstOp: u32, endOp: u32, rows: u32): Status {
  if (!openRows) return Status.NotOpen;
  if (rows - 1 >= openRows) return Status.BadRows; // also 0 rows
  if (endOp > opCount) return Status.BadRange;
  setRows(rows);
  for (; firstOp < endOp; firstOp++) {
    const status = run(opAt(firstOp));
    if (status) return status;
  }
  return Status.Ok;
}

/** Rewinds the state to a position. No op of this version has state, so there is nothing to do. */
export function reset(_position: u32): Status {
  return openRows ? Status.Ok : Status.NotOpen;
}

/** Room for the largest tile if weights are streamed; sums and prepared rows stand behind it. */
function tileBuffer(blob: usize, blobBytes: u32): u32 {
  return STREAMS && blobBytes == load<u32>(blob, Header.headBytes) ? largestTile : 0;
}

/** Compares the checksum of the weights, read tile by tile. Its table stands where sums will: they have room for it. */
function checkWeights(): Status {
  if (!SMALL) crcTable(sums);
  let crc = CRC_START;
  let at: u32 = 0;
  do {
    const bytes = STREAMS ? min(weightsBytes - at, largestTile) : weightsBytes;
    const data = tile(weightsOffset + at, bytes);
    if (STREAMS && !data) return Status.ReadFailed;
    crc = SMALL ? crc32(crc, data, bytes) : crc32ByTable(sums, crc, data, bytes);
    at += bytes;
  } while (STREAMS && at < weightsBytes);
  return ~crc == weightsCrc ? Status.Ok : Status.BadChecksum;
}
