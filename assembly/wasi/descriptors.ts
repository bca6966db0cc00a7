import { fd_read, fd_write } from "./wasi_snapshot_preview1";

export const STDIN = 0;
export const STDOUT = 1;
export const STDERR = 2;

/** Ask again: the other end of a pipe has made it so that nobody waits. */
const EAGAIN = 6;

/** An address and a size; and behind them how many bytes were read or written. */
const BUFFER = memory.data(12, 4);

/** Reads up to `bytes` bytes, below 2^31, as soon as there are some. Returns their number, 0 at the end, or −errno. */
export function read(fd: i32, to: usize, bytes: u32): i32 {
  store<u32>(BUFFER, to);
  store<u32>(BUFFER, bytes, 4);
  let error: i32;
  do error = fd_read(fd, BUFFER, 1, BUFFER + 8);
  while (error == EAGAIN);
  return error ? -error : load<i32>(BUFFER, 8);
}

/** Writes all of `bytes` bytes. Returns an errno. */
export function write(fd: i32, from: usize, bytes: u32): i32 {
  while (bytes) {
    store<u32>(BUFFER, from);
    store<u32>(BUFFER, bytes, 4);
    const error = fd_write(fd, BUFFER, 1, BUFFER + 8);
    if (error == EAGAIN) continue;
    if (error) return error;
    from += load<u32>(BUFFER, 8);
    bytes -= load<u32>(BUFFER, 8);
  }
  return 0;
}
