import { mulberry32 } from "../../../host/numbers/random.ts";
import { f32, writeSafetensors } from "../safetensors_file.ts";
import type { Given } from "./definition.ts";

/** Random numbers of some 24 bits around 0, as f32 holds them. */
export function numbers(seed: number, count: number): number[] {
  const next = mulberry32(seed);
  return Array.from({ length: count }, () => Math.fround(next() * 2 - 1));
}

/** One of the 81 bytes of four codes 0, 1 or 2. */
function ternaryByte(n: number): number {
  return [1, 3, 9, 27].reduce((byte, place, i) => byte + (Math.floor(n / place) % 3) * 4 ** i, 0);
}

/** Tensors of these shapes: variances and scales above 0, codes whole. */
export function tensorsOf(shapes: Record<string, number[]>): Record<string, Given> {
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape], i) => {
      const data = numbers(
        i + 1,
        shape.reduce((a, b) => a * b, 1),
      );
      const isAbove = /var|inv|scale/.test(name);
      const made = name.includes("packed")
        ? data.map((e) => ternaryByte(Math.floor(40.5 * (e + 1))))
        : name.includes("codes")
          ? data.map((e) => Math.round(e * 7))
          : isAbove
            ? data.map((e) => Math.fround(Math.abs(e) + 0.25))
            : data;
      return [name, { shape, data: made }];
    }),
  );
}

export const fileOf = (tensors: Record<string, Given>) =>
  writeSafetensors(
    Object.fromEntries(Object.entries(tensors).map(([name, { shape, data }]) => [name, f32(shape, data)])),
  );
