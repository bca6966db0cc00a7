import { expect, it } from "vitest";
import { curveCsv, curveSvg } from "../../tools/train/curve.ts";

const CURVE = [
  { loss: 2, accuracy: 0.5, heldOut: 0.4, rate: 0.01 },
  { loss: 1, accuracy: 0.75, heldOut: 0.7, rate: 0.005 },
  { loss: 0.5, accuracy: 1, heldOut: 0.8, rate: 0.001 },
];

it("is a table with a line for each epoch", () => {
  expect(curveCsv(CURVE)).toBe(
    "epoch,loss,accuracy,held_out_accuracy,rate\n1,2,0.5,0.4,0.01\n2,1,0.75,0.7,0.005\n3,0.5,1,0.8,0.001\n",
  );
  expect(curveCsv([{ ...CURVE[0]!, heldOut: null }])).toContain("\n1,2,0.5,,0.01\n");
});

/** Points of the lines of a picture, as shares of its plot: x from the left, y from the bottom. */
function lines(svg: string): [number, number][][] {
  const [, left, top, bottom, right] = svg.match(/<path d="M(\d+) (\d+)V(\d+)H(\d+)V\2"/)!.map(Number) as number[];
  return Array.from(svg.matchAll(/points="([^"]*)"/g), ([, points]) =>
    points!.split(" ").map((point): [number, number] => {
      const [x, y] = point.split(",").map(Number) as [number, number];
      return [(x - left!) / (right! - left!), (bottom! - y) / (bottom! - top!)];
    }),
  );
}

it("draws loss, error in training and error of what is held out, each from 0 to the most", () => {
  const found = lines(curveSvg(CURVE, "net.onnx"));
  const expected = [
    [1, 0.5, 0.25], // of a loss of 2
    [50 / 60, 25 / 60, 0], // of an error of 60 %
    [1, 0.5, 20 / 60],
  ];
  expect(found).toHaveLength(3);
  for (const [i, line] of found.entries()) {
    for (const [j, [x, y]] of line.entries()) {
      expect(x).toBeCloseTo(j / 2, 2);
      expect(y).toBeCloseTo(expected[i]![j]!, 2);
    }
  }
  expect(
    lines(
      curveSvg(
        CURVE.map((epoch) => ({ ...epoch, heldOut: null })),
        "net.onnx",
      ),
    ),
  ).toHaveLength(2);
});

it("draws one epoch, and one without errors", () => {
  for (const curve of [CURVE.slice(0, 1), [{ loss: 0, accuracy: 1, heldOut: null, rate: 1 }]]) {
    expect(curveSvg(curve, "net.onnx")).not.toMatch(/NaN|Infinity/);
  }
});

it("escapes its title", () => {
  expect(curveSvg(CURVE, '<a href="&">')).toContain(">&#60;a href=&#34;&#38;&#34;&#62;<");
});
