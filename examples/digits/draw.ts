/** Side of a picture, in pixels. */
export const SIDE = 16;

type Point = [x: number, y: number];
type Stroke = Point[];

/**
 * How people write each digit: styles, each a list of strokes, each a line through points. x runs right, y runs down; a
 * digit fills about 0.2 … 0.8 by 0.1 … 0.9.
 */
const STYLES: Record<number, Stroke[][]> = {
  0: [[arc(0.5, 0.5, 0.24, 0.4, 0, 1)]],
  1: [
    [line([0.5, 0.1], [0.5, 0.9])],
    [line([0.34, 0.28], [0.54, 0.1], [0.54, 0.9])],
    [line([0.32, 0.28], [0.5, 0.1], [0.5, 0.9]), line([0.3, 0.9], [0.7, 0.9])],
  ],
  2: [
    [[...arc(0.5, 0.34, 0.25, 0.24, -0.5, 0.12), ...line([0.25, 0.9], [0.77, 0.9])]],
    [
      [
        ...arc(0.48, 0.32, 0.24, 0.22, -0.45, 0.16),
        ...arc(0.33, 0.8, 0.1, 0.09, 0.4, 1.1),
        ...line([0.6, 0.9], [0.78, 0.84]),
      ],
    ],
  ],
  3: [
    [[...arc(0.46, 0.3, 0.25, 0.2, -0.42, 0.25), ...arc(0.46, 0.7, 0.28, 0.2, -0.25, 0.42)]],
    [[...line([0.25, 0.1], [0.74, 0.1], [0.46, 0.44]), ...arc(0.46, 0.68, 0.28, 0.23, -0.22, 0.42)]],
  ],
  4: [
    [line([0.58, 0.1], [0.2, 0.62], [0.82, 0.62]), line([0.62, 0.4], [0.62, 0.9])],
    [line([0.3, 0.1], [0.24, 0.52], [0.76, 0.52]), line([0.7, 0.12], [0.68, 0.9])],
    [line([0.66, 0.9], [0.66, 0.1], [0.2, 0.64], [0.82, 0.64])],
  ],
  5: [
    [[...line([0.74, 0.1], [0.32, 0.1], [0.29, 0.46]), ...arc(0.47, 0.65, 0.27, 0.24, -0.33, 0.4)]],
    [
      [...line([0.32, 0.12], [0.3, 0.45]), ...arc(0.46, 0.66, 0.27, 0.23, -0.33, 0.42)],
      line([0.32, 0.12], [0.76, 0.1]),
    ],
  ],
  6: [
    [[...arc(0.76, 0.6, 0.5, 0.5, -0.26, -0.5), ...arc(0.5, 0.68, 0.25, 0.22, -0.5, 0.5)]],
    [[...line([0.62, 0.1], [0.32, 0.52]), ...arc(0.5, 0.68, 0.24, 0.22, -0.5, 0.5)]],
  ],
  7: [
    [line([0.22, 0.1], [0.78, 0.1], [0.42, 0.9])],
    [line([0.22, 0.1], [0.78, 0.1], [0.44, 0.9]), line([0.36, 0.5], [0.72, 0.5])],
    [line([0.24, 0.24], [0.25, 0.1], [0.78, 0.1], [0.52, 0.5], [0.46, 0.9])],
  ],
  8: [
    [arc(0.5, 0.29, 0.21, 0.19, 0, 1), arc(0.5, 0.69, 0.26, 0.21, 0, 1)],
    [[...arc(0.5, 0.29, 0.22, 0.2, 0.1, -0.75), ...arc(0.5, 0.7, 0.25, 0.2, -0.25, 0.75)]],
  ],
  9: [
    [arc(0.48, 0.33, 0.25, 0.23, 0, 1), line([0.73, 0.33], [0.7, 0.9])],
    [arc(0.5, 0.32, 0.24, 0.22, 0, 1), arc(0.3, 0.42, 0.44, 0.48, -0.03, 0.24)],
  ],
};

/** Points along a part of an ellipse. Turns: 0 is right, 0.25 down, 0.5 left, −0.25 up. */
function arc(x: number, y: number, radiusX: number, radiusY: number, from: number, to: number): Stroke {
  const pieces = Math.ceil(24 * Math.abs(to - from));
  return Array.from({ length: pieces + 1 }, (_, i) => {
    const angle = 2 * Math.PI * (from + ((to - from) * i) / pieces);
    return [x + radiusX * Math.cos(angle), y + radiusY * Math.sin(angle)];
  });
}

function line(...points: Point[]): Stroke {
  return points;
}

/**
 * Draws a digit as nobody wrote it before: one of its styles, bent, slanted, turned, stretched and moved, with a pen of
 * some thickness on slightly grainy paper. `random` gives uniform numbers in [0, 1); equal numbers draw equal pictures.
 * Returns SIDE × SIDE grey pixels, row by row, 0 for paper and 255 for full ink.
 */
export function drawDigit(digit: number, random: () => number): Uint8Array {
  const styles = STYLES[digit]!;
  const strokes = styles[Math.floor(random() * styles.length)]!;
  const place = distortion(random);
  const segments = strokes.flatMap((stroke) => segmentsOf(stroke.map(place)));

  const between = (low: number, high: number) => low + (high - low) * random();
  const penRadius = between(0.5, 1.2); // pixels
  const ink = between(180, 255);
  const grain = between(0, 24);

  return Uint8Array.from({ length: SIDE * SIDE }, (_, i) => {
    const [x, y] = [(i % SIDE) + 0.5, Math.floor(i / SIDE) + 0.5]; // centre of the pixel
    let distance = Infinity;
    for (const segment of segments) distance = Math.min(distance, distanceTo(segment, x, y));
    const coverage = clamp(penRadius + 0.5 - distance, 0, 1); // the edge is one pixel wide
    return clamp(Math.round(ink * coverage + between(-grain, grain)), 0, 255);
  });
}

/** `count` digits, 0 to 9 in turn, as one array (count, SIDE, SIDE) and their classes. */
export function drawDigits(count: number, random: () => number) {
  const pixels = new Uint8Array(count * SIDE * SIDE);
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 10);
  for (const [i, digit] of labels.entries()) pixels.set(drawDigit(digit, random), i * SIDE * SIDE);
  return { count, rows: SIDE, columns: SIDE, pixels, labels };
}

/** A random map from the unit box to pixels. */
function distortion(random: () => number): (point: Point) => Point {
  const around = (spread: number) => spread * (2 * random() - 1);
  const bend = around(0.07);
  const phase = random();
  const turn = around(0.3); // radians
  const slant = around(0.4);
  const [width, height] = [0.9 + around(0.2), 0.88 + around(0.14)];
  const [right, down] = [around(1.5), around(1.5)]; // pixels
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];

  return ([x, y]) => {
    const v = (y - 0.5) * height;
    const u = (x - 0.5 + bend * Math.sin(2 * Math.PI * (y + phase))) * width - slant * v;
    return [SIDE / 2 + right + SIDE * (cos * u - sin * v), SIDE / 2 + down + SIDE * (sin * u + cos * v)];
  };
}

/** A straight piece of a stroke: where it starts, and how far it goes. */
interface Segment {
  x: number;
  y: number;
  dx: number;
  dy: number;
}

function segmentsOf(stroke: Stroke): Segment[] {
  return stroke.slice(1).map(([toX, toY], i) => {
    const [x, y] = stroke[i]!;
    return { x, y, dx: toX - x, dy: toY - y };
  });
}

/** Distance of a point from the nearest point of a segment. */
function distanceTo({ x, y, dx, dy }: Segment, pointX: number, pointY: number): number {
  const along = clamp(((pointX - x) * dx + (pointY - y) * dy) / (dx * dx + dy * dy), 0, 1);
  const restX = pointX - x - along * dx;
  const restY = pointY - y - along * dy;
  return Math.sqrt(restX * restX + restY * restY);
}

function clamp(x: number, low: number, high: number): number {
  return Math.min(Math.max(x, low), high);
}
