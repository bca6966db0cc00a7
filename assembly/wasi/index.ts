import { Header } from "../blob";
import { arenaBytes } from "../check";
import { CRC_START } from "../crc32";
import { crc32ByTable, crcTable } from "../crc32_table";
import { invoke, open, plan } from "../model";
import { opAt, setRows } from "../regions";
import { Status } from "../status";
import { read, STDIN, STDOUT, write } from "./descriptors";
import { Failure, fail, setModel } from "./failure";
import { fileBytes, readFile } from "./model_file";
import { readOutputs, sampleBytes, writeInputs } from "./ports";
import { take } from "./region";
import { args_get, args_sizes_get } from "./wasi_snapshot_preview1";

/** Samples are read in pieces of so many bytes, or one by one where they are larger. */
const PIECE_BYTES: u32 = 1 << 16;

/** Bytes of the table that checksums go by. */
const CRC_TABLE_BYTES: u32 = 1024;

const OUT = memory.data(8, 4);

const MINUS = 0x2d;

/** `tern-cli.wasm model.tern < input > output`: README.md. */
export function _start(): void {
  const path = modelPath();
  setModel(path);
  const blob = readFile(path);
  const scratch = plan(blob, fileBytes, 1);
  if (scratch != -Status.BadMagic && scratch != -Status.BadSize && !isWhole(blob)) refuse(Status.BadChecksum);
  if (scratch < 0) refuse(-scratch);
  const work = take(arenaBytes + scratch);
  const status = open(blob, fileBytes, work, <u32>arenaBytes + scratch, 0, 1);
  if (status) refuse(status);

  const inputs = opAt(load<u16>(blob, Header.opCount));
  const outputs = inputs + (load<u8>(blob, Header.inputCount) << 1);
  const end = outputs + (load<u8>(blob, Header.outputCount) << 1);
  const inputBytes = sampleBytes(inputs, outputs);
  const outputBytes = sampleBytes(outputs, end);

  setRows(1);
  const samples = max<u32>(PIECE_BYTES / max(inputBytes, outputBytes), 1);
  const pieceBytes = samples * inputBytes;
  const piece = take(pieceBytes);
  const results = take(<u64>samples * outputBytes);
  let filled: u32 = 0; // bytes of the piece that have been read,
  let done: u32 = 0; // and those of samples that have been run
  for (let sample: u64 = 0; ; ) {
    if (done == pieceBytes) filled = done = 0;
    const bytes = read(STDIN, piece + filled, pieceBytes - filled);
    if (bytes < 0) fail(Failure.Input, -bytes);
    if (!bytes) {
      if (filled != done) fail(Failure.ShortInput, sample);
      return;
    }
    filled += bytes;
    let to = results;
    let sound: bool = true;
    for (; filled - done >= inputBytes; done += inputBytes, to += outputBytes, sample++) {
      sound = writeInputs(inputs, outputs, piece + done);
      if (!sound) break;
      invoke(0, load<u16>(blob, Header.opCount), 1); // nothing that it refuses is left
      readOutputs(outputs, end, to);
    }
    const error = write(STDOUT, results, <u32>(to - results));
    if (error) fail(Failure.Output, error);
    if (!sound) fail(Failure.NoNumber, sample);
  }
}

/** The only argument, a path, which ends with a zero byte. */
function modelPath(): usize {
  args_sizes_get(OUT, OUT + 4);
  const count = load<u32>(OUT);
  const pointers = take((<u64>count) << 2);
  args_get(pointers, take(load<u32>(OUT, 4)));
  if (count == 2 && load<u8>(load<u32>(pointers, 4)) != MINUS) return load<u32>(pointers, 4);
  fail(Failure.Usage);
  return 0;
}

/** Whether the checksum of the whole blob is right. */
function isWhole(blob: usize): bool {
  const table = take(CRC_TABLE_BYTES);
  crcTable(table);
  return (
    ~crc32ByTable(table, CRC_START, blob + Header.formatVersion, fileBytes - Header.formatVersion) ==
    load<u32>(blob, Header.crc)
  );
}

function refuse(status: i32): void {
  if (status == Status.BadMagic) fail(Failure.NoBlob);
  if (status == Status.BadSize) fail(Failure.Cut);
  if (status == Status.BadChecksum) fail(Failure.Damaged);
  if (status == Status.Unsupported || status == Status.BadVersion) fail(Failure.Unsupported);
  fail(Failure.Malformed, status);
}
