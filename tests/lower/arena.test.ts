import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lifetimes } from "../../host/lifetimes.ts";
import { planArena } from "../../host/lower/arena.ts";
import type { ActivationDtype, Op } from "../../host/program.ts";
import { rowStride, type Shape } from "../../host/shape.ts";

/** Ops matter to the plan only by what they read and write. */
const op = (input: number, output: number): Op => ({ kind: "argmax", inputs: [input], output });

/** A row of one position. */
const vector = (dtype: ActivationDtype, channels: number): Shape => ({ dtype, height: 1, width: 1, channels });

describe("rowStride", () => {
  it.each([
    ["bit", 1, 16],
    ["bit", 128, 16],
    ["bit", 129, 32],
    ["u8", 16, 16],
    ["i8", 17, 32],
    ["i16", 8, 16],
    ["i16", 9, 32],
    ["i32", 4, 16],
    ["f32", 5, 32],
  ] as const)("%s × %i: %i bytes", (dtype, channels, bytes) => {
    expect(rowStride(vector(dtype, channels))).toBe(bytes);
  });
});

describe("planArena", () => {
  it("uses the room of dead tensors again", () => {
    const tensors = [64, 32, 32, 16].map((channels) => vector("u8", channels));
    const plan = planArena(tensors, [op(0, 1), op(1, 2), op(2, 3)], [0], [3]);
    expect(plan.arena).toEqual({ fixed: 0, perRow: 96 });
    expect(plan.tensors.map(({ perRow }) => perRow)).toEqual([0, 64, 0, 32]);
  });

  it("takes the smallest gap that holds a tensor", () => {
    const tensors: Shape[] = [96, 64, 48, 32, 16].map((channels) => vector("i8", channels));
    const plan = planArena(tensors, [op(0, 1), op(1, 2), op(2, 4), op(2, 3)], [0], [4, 3]);
    expect(plan.arena.perRow).toBe(160);
  });

  it("never lets two live tensors overlap", () => {
    const dtype = fc.constantFrom("bit", "u8", "i8", "i32", "f32");
    const tensor = fc
      .tuple(dtype, fc.integer({ min: 1, max: 300 }))
      .map(([dtype, channels]) => vector(dtype, channels));
    const net = fc.array(fc.tuple(tensor, fc.nat()), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(fc.array(tensor, { minLength: 1, maxLength: 3 }), net, fc.nat(), (inputs, layers, other) => {
        const tensors: Shape[] = [...inputs, ...layers.map(([t]) => t)];
        const ops = layers.map(([, from], i) => op(from % (inputs.length + i), inputs.length + i));
        const outputs = [tensors.length - 1, other % tensors.length];
        const starts = inputs.map((_, i) => i);
        const plan = planArena(tensors, ops, starts, outputs);
        const lives = lifetimes(tensors.length, ops, starts, outputs);
        const place = (t: number) => ({
          start: plan.tensors[t]!.perRow,
          end: plan.tensors[t]!.perRow + rowStride(tensors[t]!),
        });
        for (let a = 0; a < tensors.length; a++) {
          expect(place(a).start % 16).toBe(0);
          expect(place(a).end).toBeLessThanOrEqual(plan.arena.perRow);
          for (let b = 0; b < a; b++) {
            const apart = place(a).end <= place(b).start || place(b).end <= place(a).start;
            const together = lives[a]!.first <= lives[b]!.last && lives[b]!.first <= lives[a]!.last;
            if (together && !apart) expect.fail(`tensors ${a} and ${b} overlap`);
          }
        }
      }),
    );
  });
});
