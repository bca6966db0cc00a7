/** What WebAssembly memory grows by. */
export const PAGE_BYTES = 65536;

/** Pages that hold `bytes` bytes. */
export function pagesFor(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES);
}
