/** Grey of a colour in u8 samples by Rec. 601, rounded. The grey of a grey is itself. */
export function luma(red: number, green: number, blue: number): number {
  return Math.floor((299 * red + 587 * green + 114 * blue + 500) / 1000);
}
