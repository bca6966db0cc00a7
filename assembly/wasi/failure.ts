import { STDERR, write } from "./descriptors";
import { proc_exit } from "./wasi_snapshot_preview1";

/** Exit codes. */
export enum Failure {
  Usage = 2,
  NoFile = 3,
  Unreadable = 4,
  NoBlob = 5,
  Cut = 6,
  Damaged = 7,
  Malformed = 8,
  Unsupported = 9,
  ShortInput = 10,
  NoNumber = 11,
  Input = 12,
  Output = 13,
  Memory = 14,
}

/** A line for each, in their order: "@" stands for the path of the model, "#" for a number. */
const LINES = `usage: tern-cli.wasm model.tern < input > output
@: no such file in what --dir gives
@: cannot be read, errno #
@: no blob
@: not as long as it says
@: damaged, its checksum is wrong
@: malformed, status #
@: needs what this build lacks; see tern repack --for any
input ends within sample #
input is NaN or infinite in sample #
input cannot be read, errno #
output cannot be written, errno #
not enough memory
`;

/** Path of the model, which ends with a zero byte; given by the runtime. */
let model: usize = 0;

export function setModel(path: usize): void {
  model = path;
}

/** Ends the command with a line on stderr. */
export function fail(code: Failure, number: u64 = 0): void {
  let at = changetype<usize>(LINES);
  for (let i = 0; i < LINES.length; i++) store<u8>(at + i, load<u16>(at + (i << 1))); // UTF-16 → ASCII, in place
  for (let line = code; line > Failure.Usage; at++) if (load<u8>(at) == 0x0a) line--;
  let from = at;
  for (; load<u8>(at) != 0x0a; at++) {
    const isPath = load<u8>(at) == 0x40;
    if (!isPath && load<u8>(at) != 0x23) continue;
    write(STDERR, from, <u32>(at - from));
    if (isPath) write(STDERR, model, lengthOf(model));
    else writeNumber(number);
    from = at + 1;
  }
  write(STDERR, from, <u32>(at + 1 - from));
  proc_exit(code);
  unreachable();
}

/** Bytes of a text before the zero byte at its end. */
export function lengthOf(text: usize): u32 {
  let end = text;
  while (load<u8>(end)) end++;
  return <u32>(end - text);
}

/** 2^64 has 20 decimal digits. */
const DIGITS = memory.data(20);

function writeNumber(x: u64): void {
  let at = DIGITS + 20;
  do {
    store<u8>(--at, <u8>(x % 10) + 0x30);
    x /= 10;
  } while (x);
  write(STDERR, at, <u32>(DIGITS + 20 - at));
}
