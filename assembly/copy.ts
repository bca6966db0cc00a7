/** Copies bytes, in words where both addresses and their number are multiples of 4. */
export function copy(to: usize, from: usize, bytes: u32): void {
  const end = to + bytes;
  if (!((to | from | bytes) & 3)) for (; to < end; to += 4, from += 4) store<u32>(to, load<u32>(from));
  for (; to < end; to++, from++) store<u8>(to, load<u8>(from));
}
