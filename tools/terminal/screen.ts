/** The part of an output stream that tells how wide it is. */
export interface Columns {
  isTTY?: boolean;
  columns?: number;
}

/** Columns of a terminal. A file or a pipe has any number. */
export function screenColumns({ isTTY, columns }: Columns = process.stdout): number {
  return isTTY ? columns || 80 : Number.POSITIVE_INFINITY; // 0 where a terminal does not tell
}
