import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HOST_VARIANTS, VARIANTS } from "../../../host/base/builds.mjs";
import { packageRoot } from "../../../host/base/package_root.ts";
import { type Cpu, LIBRARY_VERSION, missingOnPi, nodeOnPi } from "./pi.ts";

// The arm64 machine code that V8 and wasmtime make of the kernels: which instructions they reach. Both compile on an emulated processor, whose
// features they look up; nothing is timed.

/** Instructions whose use decides how fast a kernel is, by name. */
export const COUNTED: Record<string, RegExp> = {
  sdot: /^[su]dot$/,
  tbl: /^tb[lx]$/,
  cnt: /^cnt$/,
  smull: /^[su]ml[as]?l2?$|^[su]mull2?$/, // bytes or halves to twice as many bits
  addlp: /^[su]ad[ad]lp$/, // neighbours added, to twice as many bits
  addp: /^addp$/,
};

/** Processors: a Raspberry Pi 4, without dot products, and a 5, with them. */
const MACHINES: Cpu[] = ["cortex-a72", "cortex-a76"];
/** Those with vectors. */
const VECTORS = HOST_VARIANTS.filter((variant) => VARIANTS[variant].enable.length > 0).toReversed();

const OBJDUMP = "aarch64-linux-gnu-objdump";

/** A function of a module as an engine compiled it. */
export interface Compiled {
  variant: string;
  engine: string;
  cpu: Cpu;
  /** "kernels/common/narrow/dots4". */
  name: string;
  /** Its instructions, in order: mnemonics. */
  mnemonics: string[];
  /** The same as text, for people. */
  lines: string[];
}

const V8_FLAGS = ["--no-liftoff", "--no-wasm-tier-up", "--no-wasm-lazy-compilation", "--print-wasm-code"];

/** What is missing to compile and to disassemble them. */
export function missingForMachineCode(): string | undefined {
  const noObjdump = spawnSync(OBJDUMP, ["--version"]).error && "needs Debian's package binutils-aarch64-linux-gnu";
  return missingOnPi() ?? noObjdump;
}

/** Of the engines. */
export function versionsOnPi(): Record<string, string> {
  return { V8: nodeOnPi(["-p", "process.versions.v8"]).trim(), wasmtime: LIBRARY_VERSION };
}

/** The kernels of the vector variants, as both engines compile them for each processor.  */
export function compileKernels(variants: readonly string[] = VECTORS, cpus: readonly Cpu[] = MACHINES): Compiled[] {
  const folder = mkdtempSync(join(tmpdir(), "tern-machine-code-"));
  try {
    return variants.flatMap((variant) => {
      const wasm = join(packageRoot(), "build", `${variant}.wasm`);
      const names = namesOf(variant, folder);
      return cpus.flatMap((cpu) =>
        [
          ...inV8(wasm, folder, cpu).map((each) => ({ ...each, engine: "V8" })),
          ...inWasmtime(wasm, folder, cpu).map((each) => ({ ...each, engine: "wasmtime" })),
        ].flatMap(({ index, ...rest }) => {
          const name = names.get(index);
          return name?.startsWith("kernels/") ? [{ ...rest, name, variant, cpu }] : [];
        }),
      );
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface Listing {
  index: number;
  mnemonics: string[];
  lines: string[];
}

/** V8 prints "index: 7", then a line per instruction: address, offset, word, text. */
function inV8(wasm: string, folder: string, cpu: Cpu): Listing[] {
  const script = join(folder, "compile.mjs");
  writeFileSync(
    script,
    'import { readFileSync } from "node:fs"; new WebAssembly.Module(readFileSync(process.argv[2]));\n',
  );
  const text = nodeOnPi([...V8_FLAGS, script, wasm], { cpu });
  return text.split("--- WebAssembly code ---").flatMap((part) => {
    const index = part.match(/^index: (\d+)$/m)?.[1];
    const lines = [...part.matchAll(/^0x[0-9a-f]+ +[0-9a-f]+ +[0-9a-f]{8} +(.+)$/gm)].map(([, line]) => line!);
    return index === undefined || !part.includes("kind: wasm function") ? [] : [listing(Number(index), lines)];
  });
}

/** objdump prints "<wasm[0]::function[7]>:", then a line per instruction: address, word, text. */
function inWasmtime(wasm: string, folder: string, cpu: Cpu): Listing[] {
  const image = join(folder, "image.elf");
  nodeOnPi([join(packageRoot(), "dist", "tools", "rigs", "pi", "compile.js"), wasm, image], { cpu });
  const text = execFileSync(OBJDUMP, ["--disassemble", image], { encoding: "utf8", maxBuffer: 1 << 28 });
  return text.split(/^[0-9a-f]+ </m).flatMap((part) => {
    const index = part.match(/^wasm\[0\]::function\[(\d+)\][^\n]*>:$/m)?.[1];
    const lines = [...part.matchAll(/^ *[0-9a-f]+:\t[0-9a-f]{8} \t(.+)$/gm)].map(([, line]) => line!);
    return index === undefined ? [] : [listing(Number(index), lines)];
  });
}

function listing(index: number, lines: string[]): Listing {
  return { index, lines, mnemonics: lines.map((line) => line.match(/^[a-z0-9]+/)?.[0] ?? "") };
}

/** Names of a variant's functions, by index: of a build with names, whose code must be the same. */
function namesOf(variant: string, folder: string): Map<number, string> {
  const named = join(folder, `${variant}.wasm`);
  const asc = join(packageRoot(), "node_modules", "assemblyscript", "bin", "asc.js");
  const options = ["--config", "asconfig.json", "--target", variant, "--debug", "--outFile", named];
  execFileSync(process.execPath, [asc, ...options], { cwd: packageRoot(), stdio: "pipe" });
  const [theirs, ours] = [named, join(packageRoot(), "build", `${variant}.wasm`)].map(sectionsOf);
  if (!theirs!.get(CODE)!.equals(ours!.get(CODE)!))
    throw new Error(`build/${variant}.wasm is not what its sources make`);

  const names = new Map<number, string>();
  const section = new Reader(theirs!.get(NAMES)!);
  section.bytes(section.number()); // "name"
  while (!section.isDone) {
    const [id, part] = [section.number(), new Reader(section.bytes(section.number()))];
    if (id !== FUNCTIONS) continue;
    for (let count = part.number(); count > 0; count--) {
      names.set(
        part.number(),
        part
          .bytes(part.number())
          .toString()
          .replace(/^assembly\//, ""),
      );
    }
  }
  return names;
}

const CODE = 10; // ids of sections
const NAMES = 0;
const FUNCTIONS = 1; // of the parts of the names

/** Sections of a module by id. */
function sectionsOf(path: string): Map<number, Buffer> {
  const module = new Reader(readFileSync(path).subarray(8));
  const sections = new Map<number, Buffer>();
  while (!module.isDone) sections.set(module.number(), module.bytes(module.number()));
  return sections;
}

/** Reads WebAssembly's binary format: numbers as LEB128. */
class Reader {
  readonly #data: Buffer;
  #at = 0;

  constructor(data: Buffer) {
    this.#data = data;
  }

  get isDone(): boolean {
    return this.#at >= this.#data.length;
  }

  number(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#data[this.#at++]!;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  }

  bytes(count: number): Buffer {
    this.#at += count;
    return this.#data.subarray(this.#at - count, this.#at);
  }
}

/** The code of some functions, for people. */
export function formatCode(all: Compiled[]): string[] {
  return all.flatMap((each) => [`${labelOf(each)}: ${summaryOf(each)}`, ...each.lines.map((line) => `  ${line}`), ""]);
}

/** What --filter looks at. */
export function labelOf({ name, variant, engine, cpu }: Compiled): string {
  return `${name} ${variant} ${engine} ${cpu}`;
}

/** What engines make of a kernel's function, by "V8 cortex-a72": how often an instruction stands there, and how many there are in all. */
export interface KernelRow {
  kernel: string;
  variant: string;
  /** Without the places where it is inlined. */
  code: Record<string, Record<string, number>>;
}

/** A row per kernel that has such an instruction in any engine. */
export function kernelRows(all: readonly Compiled[]): KernelRow[] {
  const kernels = [...new Set(all.map(({ variant, name }) => `${variant} ${name}`))].sort();
  return kernels.flatMap((kernel) => {
    const of = all.filter(({ variant, name }) => kernel === `${variant} ${name}`);
    if (!of.some((each) => countsOf(each).length > 0)) return [];
    const code = of.map((each) => [
      `${each.engine} ${each.cpu}`,
      { ...Object.fromEntries(countsOf(each)), all: each.mnemonics.length },
    ]);
    return [{ kernel: of[0]!.name.replace("kernels/", ""), variant: of[0]!.variant, code: Object.fromEntries(code) }];
  });
}

/** "24 smull, 12 addp, of 147". */
function summaryOf(each: Compiled): string {
  return [...countsOf(each).map(([name, count]) => `${count} ${name}`), `of ${each.mnemonics.length}`].join(", ");
}

function countsOf({ mnemonics }: Compiled): [name: string, count: number][] {
  return Object.entries(COUNTED)
    .map(([name, pattern]) => [name, mnemonics.filter((mnemonic) => pattern.test(mnemonic)).length] as [string, number])
    .filter(([, count]) => count > 0);
}
