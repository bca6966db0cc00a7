import { Failure, fail } from "./failure";

const PAGE_BITS: u32 = 16;
/** One less than there can be, so that every end is an address. */
const MAX_PAGES: u64 = 0xffff;

/** Where the memory that is taken ends, a multiple of 16. */
let end: usize = 0;

/** Takes `bytes` bytes of zeros, at a multiple of 16, behind all that was taken before; ends the command if memory is short. */
export function take(bytes: u64): usize {
  if (!end) end = (__heap_base + 15) & ~15;
  const at = end;
  const pages = (at + min<u64>(bytes, 1 << 32) + 15 + 0xffff) >> PAGE_BITS; // rounded up, behind an aligned end
  const more = <i64>pages - memory.size();
  if (more > 0 && (pages > MAX_PAGES || memory.grow(<i32>more) < 0)) fail(Failure.Memory);
  end = (at + <usize>bytes + 15) & ~15;
  return at;
}
