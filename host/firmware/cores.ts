/** A processor core: how C is compiled for it. */
export interface Core {
  /** arch/<arch>.c */
  arch: "arm" | "riscv";
  /** Prefix of the compiler's programs. */
  tools: string;
  /** Debian packages with them. */
  packages: string[];
  flags: string[];
  /** Flags for C made from a module alone. */
  generated: string[];
}

const ARM = {
  arch: "arm" as const,
  tools: "arm-none-eabi-",
  packages: ["gcc-arm-none-eabi", "libnewlib-arm-none-eabi"],
};
/** Kernels stay functions of their own: inlined into `layer` they have too few registers. 4 % of a network's instructions. */
const APART = ["-fno-inline-functions-called-once"];
const THUMB = ["-mthumb", "-mfloat-abi=soft"]; // no float anywhere: a core's FPU stays off

/** Cores that are known, by the name that boards give. */
export const CORES = {
  "cortex-m0": { ...ARM, flags: ["-mcpu=cortex-m0", ...THUMB], generated: APART },
  "cortex-m3": { ...ARM, flags: ["-mcpu=cortex-m3", ...THUMB], generated: APART },
  "cortex-m4": { ...ARM, flags: ["-mcpu=cortex-m4", ...THUMB], generated: APART },
  "cortex-m7": { ...ARM, flags: ["-mcpu=cortex-m7", ...THUMB], generated: APART },
  rv32imac: {
    arch: "riscv",
    tools: "riscv64-unknown-elf-",
    packages: ["gcc-riscv64-unknown-elf", "picolibc-riscv64-unknown-elf"],
    flags: ["-march=rv32imac", "-mabi=ilp32", "-msmall-data-limit=0", "--specs=picolibc.specs"], // rv32imac_zicsr would find the library of rv64
    generated: [],
  },
} satisfies Record<string, Core>;

export type CoreName = keyof typeof CORES;
