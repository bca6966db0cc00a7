import { readFileSync } from "node:fs";
import { readInput } from "../tools/inputs/read.ts";

const examples = new URL("../examples/digits/", import.meta.url);

/** The checkpoint of examples/digits: 256-64-64-10, ternary, 2-bit activations. */
export const DIGITS = new Uint8Array(readFileSync(new URL("digits.onnx", examples)));

/** Drawings of 0 … 9, (10, 16, 16). */
export const IMAGES = readInput(readFileSync(new URL("inputs/zero-to-nine.npy", examples)), "zero-to-nine.npy")
  .data as Uint8Array;
