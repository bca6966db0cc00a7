/**
 * The table of all builds of the module: asconfig.json, files and exports of package.json, ceilings, the lists of the host and those of tests follow from it. `npm run builds`
 * writes the JSON files. JavaScript, since scripts read it before anything is compiled.
 */

/** How asc compiles every build: D2 of plain numbers, no runtime, the instructions of WebAssembly's first version. */
export const OPTIONS = {
  runtime: "stub",
  noAssert: true,
  optimizeLevel: 3,
  shrinkLevel: 2,
  converge: true,
  uncheckedBehavior: "always",
  disable: ["bulk-memory", "sign-extension", "nontrapping-f2i", "mutable-globals", "reference-types", "multi-value"],
};

/** Packings that every variant runs. */
export const PACKINGS = /** @type {const} */ (["sign32", "field2", "field3", "field4", "field8", "tap8"]);

/** The variants (assembly/kernels/README.md): what they need of WebAssembly, the constant that names one beside that, and the packings that they run besides. */
export const VARIANTS = /** @type {const} */ ({
  scalar: { enable: [], use: [], packings: [], about: "runs in every engine and on every device" },
  simd: {
    enable: ["simd"],
    use: [],
    packings: ["pair4", "sign128"],
    about: "runs models faster, where there is SIMD128",
  },
  relaxed: {
    enable: ["simd", "relaxed-simd"],
    use: [],
    packings: ["pair4", "sign128", "field2x16"],
    about: "runs models fastest, where there is relaxed SIMD",
  },
  core: { enable: [], use: ["TERN_CORE=1"], packings: ["trit4"], about: "runs as C on 32-bit cores" },
});

/** @typedef {keyof typeof VARIANTS} VariantName */

/** Variants for the engines of a host, the fastest first. */
export const HOST_VARIANTS = /** @type {const} */ (["relaxed", "simd", "scalar"]);

/** The profiles of assembly/profiles.ts, which say there what they leave out, by the constant that names each. */
export const PROFILES = /** @type {const} */ ({
  ternary: { use: "TERN_TERNARY=1", streams: true },
  binary: { use: "TERN_BINARY=1", streams: true },
  ternary_resident: { use: "TERN_TERNARY_RESIDENT=1", streams: false },
  integers: { use: "TERN_INTEGERS=1", streams: true },
  command: { use: "TERN_COMMAND=1", streams: false },
});

/** @typedef {keyof typeof PROFILES} ProfileName */

/**
 * The modules that are made beforehand, by their names: `variant` or `variant_profile`. `bytes` is how many one may have, `holds` what is in it.
 */
export const BUILDS = /** @type {const} */ ({
  scalar: { bytes: 20 * 1024, holds: "all ops, scalar kernels" },
  simd: { bytes: 29 * 1024, holds: "all ops, SIMD128 kernels" },
  relaxed: { bytes: 31 * 1024, holds: "all ops, relaxed SIMD kernels" },
  core: { bytes: 18 * 1024, holds: "all ops of integers, scalar kernels, ternary weights in trit4" },
  core_ternary: { bytes: 3 * 1024, holds: "u8 lookup, ternary dense in trit4, thresholds" },
  scalar_integers: { bytes: 11.5 * 1024, holds: "all ops of integers, scalar kernels, for interpreters" },
  scalar_ternary_resident: { bytes: 2 * 1024, holds: "u8 lookup, ternary dense, thresholds; weights resident" },
  scalar_ternary: { bytes: 4 * 1024, holds: "the same, fast kernels; weights resident or streamed" },
  scalar_binary: {
    bytes: 5 * 1024,
    holds: "u8 lookup, binary dense, bits, thresholds; weights resident or streamed",
  },
});

/** @typedef {keyof typeof BUILDS} BuildName */

/** The module as a command of WASI (assembly/wasi/README.md). */
export const COMMANDS = /** @type {const} */ ({
  "tern-cli": {
    variant: "scalar",
    bytes: 14 * 1024,
    holds: "a command for WASI: all ops of integers, scalar kernels, weights packed for any",
  },
  "tern-cli-simd": { variant: "simd", bytes: 15 * 1024, holds: "the same, SIMD128 kernels" },
});

/** The module that keeps models in flash (assembly/update/README.md). */
export const UPDATE = /** @type {const} */ ({
  update: { bytes: 4 * 1024, holds: "slots for models in flash, and their hash" },
});

/** @typedef {{ variant: VariantName, profile?: ProfileName }} Parts */

/**
 * What the name of a build says.
 * @param {BuildName} name
 * @returns {Parts}
 */
export function partsOf(name) {
  const [variant, ...words] = name.split("_");
  return /** @type {Parts} */ ({ variant, ...(words.length > 0 && { profile: words.join("_") }) });
}

/**
 * What asc is told beside OPTIONS to make a variant with a profile.
 * @param {Parts} parts
 */
export function settingsOf({ variant, profile }) {
  const { enable, use } = VARIANTS[variant];
  return {
    use: ["abort=", ...use, ...(profile === undefined ? [] : [PROFILES[profile].use])],
    enable: [...enable],
  };
}

/** Names of all builds. */
export const BUILD_NAMES = /** @type {BuildName[]} */ (Object.keys(BUILDS));

/**
 * Whether a build can read its weights piece by piece through the import.
 * @param {BuildName} name
 */
export function streams(name) {
  const { profile } = partsOf(name);
  return profile === undefined || PROFILES[profile].streams;
}

/**
 * Whether a build has the ops of float regions. Devices do without: floats alone take 23 KB in wasm3.
 * @param {BuildName} name
 */
export function hasFloats(name) {
  const { variant, profile } = partsOf(name);
  return profile === undefined && variant !== "core";
}

/**
 * The builds of a variant that devices run, the smallest first.
 * @param {VariantName} variant
 */
export function deviceBuilds(variant) {
  const names = BUILD_NAMES.filter((name) => partsOf(name).variant === variant && streams(name) && !hasFloats(name));
  return names.sort((a, b) => BUILDS[a].bytes - BUILDS[b].bytes);
}

/**
 * Packings that a variant runs.
 * @param {VariantName} variant
 */
export function packingsOf(variant) {
  return [...PACKINGS, ...VARIANTS[variant].packings];
}
