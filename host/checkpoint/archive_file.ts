/** A file of an archive. */
export interface ArchiveFile {
  bytes: number;
  /** Its first bytes, or all where those are fewer. */
  start(count: number): Uint8Array;
  /** All of it, its length and, where the archive has one, its CRC proven. */
  read(): Uint8Array;
}
