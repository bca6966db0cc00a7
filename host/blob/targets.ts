import type { VariantName } from "../base/builds.mjs";
import type { Conv2dForm, PackingName, WeightDtype } from "../program.ts";

/** What a dense op's codes are known to be: `narrow` span at most NARROW values, `signed` fit an i8, `unsigned` may lie above 127. */
export type CodeClass = "narrow" | "signed" | "unsigned";

/** Pairs of so many values make do with one table of bytes (assembly/kernels/common/tables.ts); others take two, at half the speed. */
export const NARROW = 31;

/**
 * A packing for weights of a dtype: where the codes are of this class, there are so many output channels, no more rows run at a time, and a relaxed dot product
 * of bytes is one machine instruction, if it says so.
 */
export interface Choice {
  weights: WeightDtype;
  codes?: CodeClass;
  channels?: number;
  rows?: number;
  wide?: true;
  packing: PackingName;
}

/** More rows share unpacked weights (assembly/kernels/common/panel.ts), which two tables of pairs cannot keep up with. */
const FEW_ROWS = 3;

/** Fewer channels than a half of a group waste what its kernel gains. */
const FEW_CHANNELS = 8;

const VECTORS: Choice[] = [
  { weights: "binary", packing: "sign128" }, // 1.1 to 1.7 times sign32 with bits, equal with codes
  { weights: "int3", packing: "field4" }, // field3 has no vector kernel: a twentieth
];

/** For the module `scalar` in an interpreter: int3 in fields of 4 bits takes packed products instead of one by one. */
const INTERPRETED: Choice[] = [{ weights: "int3", packing: "field4" }];

/**
 * For 32-bit cores, by way of C made from the module `core`: a table for four weights of all channels (assembly/kernels/core/trit4_code.ts).
 */
const CORES: Choice[] = [{ weights: "ternary", packing: "trit4" }, ...INTERPRETED];

/**
 * What each variant runs fastest; the first choice that fits counts, and an op that none fits keeps its packing. Tables of pairs cost the
 * same for any number of channels, hence the least numbers of them: where pair4 passes field2 in V8 13.6 and in wasmtime 50 (512 inputs, one
 * row, x86-64).
 */
export const FASTEST = {
  scalar: [],
  simd: [
    ...VECTORS,
    { weights: "ternary", codes: "narrow", channels: 64, packing: "pair4" },
    { weights: "ternary", channels: 160, rows: FEW_ROWS, packing: "pair4" },
    { weights: "ternary", packing: "field2" },
  ],
  relaxed: [
    ...VECTORS,
    { weights: "ternary", channels: FEW_CHANNELS, wide: true, packing: "field2x16" },
    { weights: "int2", channels: FEW_CHANNELS, wide: true, packing: "field2x16" },
    { weights: "ternary", codes: "narrow", channels: 128, packing: "pair4" },
    { weights: "ternary", codes: "unsigned", channels: FEW_CHANNELS, rows: FEW_ROWS, packing: "field2x16" }, // dot products of bytes take codes less 128
    { weights: "ternary", packing: "field2" },
  ],
  core: CORES,
} satisfies Record<VariantName, Choice[]>;

/**
 * Scattered, convolutions take half the instructions, and RAM for the sums of some lines; in pairs two thirds, and RAM for two patches, where a product of 64 bits is no
 * call, as it is on Armv6-M.
 */
const FORMS: Conv2dForm[] = ["scatter", "pair"];

export interface TargetChoices {
  about: string;
  choices: Choice[];
  /** Output channels of a tile, as far as its packing allows; as many as fill 2 KB if not said. */
  tileChannels?: number;
  /** Forms that convolutions have where they can: they take fewer instructions, and more RAM. */
  forms?: readonly Conv2dForm[];
}

/** What a blob can be packed for. An op that no choice fits has the first packing of its weights, which every module of all ops runs. */
export const TARGETS = {
  any: { about: "every module, and the only one for streamed weights", choices: [] },
  storage: {
    about: "the fewest bytes; repacked when it is loaded",
    choices: [{ weights: "ternary", packing: "trit5" }],
  },
  // Where a browser or an engine has no relaxed SIMD, sessions repack.
  browser: { about: "browsers with relaxed SIMD", choices: FASTEST.relaxed },
  x86: { about: "V8 and wasmtime on x86-64", choices: FASTEST.relaxed },
  arm64: { about: "V8 and wasmtime on arm64", choices: FASTEST.relaxed },
  "cortex-m0": { about: "the module `core` in C on a Cortex-M0, M0+ or M1", choices: CORES, forms: ["scatter"] },
  "cortex-m3": { about: "the module `core` in C on a Cortex-M3", choices: CORES, forms: FORMS },
  "cortex-m4": { about: "the module `core` in C on a Cortex-M4 or M33", choices: CORES, forms: FORMS },
  "cortex-m7": { about: "the module `core` in C on a Cortex-M7", choices: CORES, forms: FORMS },
  // A core with 16 KB of RAM has none for the code of trit4; tiles of 320 instead of 2,048 bytes take 8 % more instructions (digits).
  "cortex-m0:wasm3": {
    about: "small modules in wasm3 on a Cortex-M0, M0+ or M1, in small tiles",
    choices: [],
    tileChannels: 4,
  },
  "cortex-m3:wasm3": { about: "the module `scalar` in wasm3 or WAMR on a Cortex-M3", choices: INTERPRETED },
  "cortex-m4:wasm3": { about: "the same on a Cortex-M4 or M33", choices: INTERPRETED },
  "cortex-m7:wasm3": { about: "the same on a Cortex-M7", choices: INTERPRETED },
  rv32: { about: "the module `core` in C on a 32-bit RISC-V core", choices: CORES, forms: FORMS },
  "rv32:wasm3": { about: "the same on a 32-bit RISC-V core", choices: INTERPRETED },
} satisfies Record<string, TargetChoices>;

export type Target = keyof typeof TARGETS;
