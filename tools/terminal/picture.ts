import { luma } from "../inputs/luma.ts";
import type { ColourBits } from "./colours.ts";
import { Painted, type Text } from "./paint.ts";
import { screenColumns } from "./screen.ts";

/** u8 samples: (height, width) if grey, (height, width, 3) if in colour. */
export interface Picture {
  width: number;
  height: number;
  channels: 1 | 3;
  data: Uint8Array;
}

type Rgb = [red: number, green: number, blue: number];

const MAX_COLUMNS = 80;
const SHADES = " .:-=+*#%@"; // from black to white, as on a dark screen
const RESET = "\x1b[0m";

/**
 * Draws a picture as lines of text. A character shows two pixels, one above the other, and so keeps the aspect: with
 * colours as half blocks, without as one shade for both. A picture wider than the screen, or than 80 columns, is shrunk by a whole number.
 */
export function drawPicture(
  picture: Picture,
  colours: ColourBits,
  most: number = Math.min(MAX_COLUMNS, screenColumns()),
): { lines: Text[]; columns: number } {
  const shrink = Math.ceil(picture.width / most);
  const columns = Math.ceil(picture.width / shrink);
  const height = Math.ceil(picture.height / shrink / 2);
  const lines = Array.from({ length: height }, (_, line) => {
    const cells = Array.from({ length: columns }, (_, column): [Rgb, Rgb] => [
      mean(picture, column, 2 * line, shrink),
      mean(picture, column, 2 * line + 1, shrink),
    ]);
    return colours === 0 ? cells.map(shade).join("").trimEnd() : halfBlocks(cells, colours);
  });
  return { lines, columns };
}

/** Mean colour of a square of `size` pixels, black where it is wholly outside. */
function mean({ width, height, channels, data }: Picture, column: number, row: number, size: number): Rgb {
  const sum: Rgb = [0, 0, 0];
  let pixels = 0;
  for (let y = row * size; y < Math.min(height, (row + 1) * size); y++) {
    for (let x = column * size; x < Math.min(width, (column + 1) * size); x++) {
      const at = (y * width + x) * channels;
      for (let c = 0; c < 3; c++) sum[c]! += data[channels === 1 ? at : at + c]!;
      pixels++;
    }
  }
  return sum.map((total) => Math.round(total / Math.max(pixels, 1))) as Rgb;
}

function shade([upper, lower]: [Rgb, Rgb]): string {
  const light = (luma(...upper) + luma(...lower)) / 2;
  return SHADES[Math.round((light / 255) * (SHADES.length - 1))]!;
}

/** Upper half in the foreground colour, lower half in the background colour; a colour is named where it changes. */
function halfBlocks(cells: [Rgb, Rgb][], colours: 8 | 24): Painted {
  let line = "";
  let before: string | undefined;
  for (const [upper, lower] of cells) {
    const code = `\x1b[38;${colourCode(upper, colours)};48;${colourCode(lower, colours)}m`;
    line += code === before ? "▀" : `${code}▀`;
    before = code;
  }
  return new Painted(line + RESET, cells.length);
}

/** Parameters of "select graphic rendition": any colour, or the nearest of xterm's 24 greys and 6 × 6 × 6 colours. */
function colourCode([red, green, blue]: Rgb, colours: 8 | 24): string {
  if (colours === 24) return `2;${red};${green};${blue}`;
  const step = (sample: number, steps: number) => Math.round((sample / 255) * steps);
  if (red !== green || green !== blue) return `5;${16 + 36 * step(red, 5) + 6 * step(green, 5) + step(blue, 5)}`;
  const grey = step(red, 25); // black and white are corners of the colour cube; the greys lie between
  return `5;${grey === 0 ? 16 : grey === 25 ? 231 : 231 + grey}`;
}
