import { HAS_VECTORS, LONG_COPIES } from "./kernels";

/** Copies bytes: by vectors, where there are any; otherwise in words where both addresses and their number are multiples of 4. */
export function copy(to: usize, from: usize, bytes: u32): void {
  const end = to + bytes;
  if (HAS_VECTORS) {
    for (; to + 16 <= end; to += 16, from += 16) v128.store(to, v128.load(from));
  } else if (!((to | from | bytes) & 3)) {
    if (LONG_COPIES) {
      for (; to + 16 <= end; to += 16, from += 16) {
        const a = load<u32>(from);
        const b = load<u32>(from, 4);
        const c = load<u32>(from, 8);
        const d = load<u32>(from, 12);
        store<u32>(to, a);
        store<u32>(to, b, 4);
        store<u32>(to, c, 8);
        store<u32>(to, d, 12);
      }
    }
    for (; to < end; to += 4, from += 4) store<u32>(to, load<u32>(from));
  }
  for (; to < end; to++, from++) store<u8>(to, load<u8>(from));
}
