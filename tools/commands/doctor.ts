import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { defineCommand } from "citty";
import { HOST_VARIANTS, VARIANTS } from "../../host/base/builds.mjs";
import { isInstalled, npmRun, packageRoot } from "../../host/base/package_root.ts";
import { compilerVersion, installCompiler } from "../../host/build.ts";
import { v8 } from "../../host/engines/v8.ts";
import { createWasmtime } from "../../host/engines/wasmtime.ts";
import { CORES, type Core } from "../../host/firmware/cores.ts";
import { QEMU_PACKAGES } from "../../host/firmware/link/emulator.ts";
import { CRATES } from "../../host/firmware/make/interpreter.ts";
import { INTERPRETERS } from "../../host/firmware/make/interpreters.ts";
import { WABT, wabtVersion } from "../../host/firmware/make/wasm2c.ts";
import { JSON_ARG } from "../options/json.ts";
import { openRunners } from "../runners.ts";
import { measureSpeed, SIZE } from "../speed.ts";
import { joinTexts, padText, paint, type Text } from "../terminal/paint.ts";
import { printResult } from "../terminal/print.ts";
import { showWork } from "../terminal/progress.ts";
import { formatTable } from "../terminal/table.ts";

/** Something that Little Tern uses where it is. */
export interface Part {
  name: string;
  /** Version, path: what identifies it. Null where it is missing. */
  found: string | null;
  /** What it is good for. */
  use: string;
  /** How to get it. */
  get: string;
}

/** Cross compilers, each once. */
const COMPILERS: Record<string, Core> = Object.fromEntries(Object.values(CORES).map((core) => [core.tools, core]));

export interface DoctorReport {
  host: Part[];
  engines: Part[];
  variants: Part[];
  /** Every variant in every engine: how fast, or why not. */
  speed: Part[];
  devices: Part[];
  /** What tests and training read; none where npm has installed the package. */
  data: Part[];
}

/** What is here of all that Little Tern can use, and how to get the rest. */
export async function doctor(): Promise<DoctorReport> {
  return {
    host: [node(), pip(), terminal()],
    engines: [
      { name: "v8", found: v8.version, use: "runs models, here and in browsers", get: "comes with Node" },
      await wasmtime(),
    ],
    variants: HOST_VARIANTS.map((name) => variant(name, VARIANTS[name].about)),
    speed: await speed(),
    devices: [
      await compiler(),
      wabt(),
      ...Object.entries(INTERPRETERS).map(([name, { crate }]) => ({
        name,
        found: pathIfThere(join(CRATES, crate)),
        use: `firmware with ${name} instead of C made of the module`,
        get: `${npmRun("runtimes:install")}, which needs cargo`,
      })),
      ...Object.values(COMPILERS).map(({ tools, packages }) => {
        return debian(`${tools}gcc`, "compiling firmware", packages.join(" "));
      }),
      ...Object.entries(QEMU_PACKAGES).map(([system, name]) => {
        return debian(`qemu-system-${system}`, "running firmware without a board", name);
      }),
    ],
    data: isInstalled()
      ? []
      : [
          data("mnist", "t10k-images-idx3-ubyte.gz", "training and tests on the official digits"),
          data("qonnx", "TFC_1W1A.onnx", "a checkpoint that others trained, for tests"),
        ],
  };
}

/** What a section is called, where its name does not say enough. */
const TITLES: Record<string, string> = {
  speed: `speed, measured roughly: a row of ${SIZE} u8 codes × ${SIZE} ternary channels; whatever else runs here slows it`,
};

/** The report as lines for people. */
export function formatReport(report: DoctorReport): Text[] {
  const filled = Object.entries(report).filter(([, parts]: [string, Part[]]) => parts.length > 0);
  return filled.flatMap(([title, parts]: [string, Part[]], i) => {
    const rows = parts.flatMap(rowsOf);
    return [...(i > 0 ? [""] : []), TITLES[title] ?? title, ...formatTable("lll", rows)];
  });
}

function rowsOf({ name, found, use, get }: Part): Text[][] {
  const mark = (word: Text) => padText(joinTexts(["  ", word]), "  missing".length);
  if (found !== null) return [[mark(paint("green", "ok")), name, found]];
  return [
    [mark(paint("yellow", "missing")), name, `good for: ${use}`],
    ["", "", `get it: ${get}`],
  ];
}

function node(): Part {
  const { node } = process.versions;
  const [major, minor] = node.split(".").map(Number) as [number, number];
  const suffices = major > 20 || (major === 20 && minor >= 19);
  const found = suffices ? node : null;
  return { name: "node", found, use: "everything", get: `20.19 or newer, instead of ${node}` };
}

function pip(): Part {
  const part: Part = { name: "pip", found: null, use: "fetching libwasmtime", get: "install Python 3 with pip" };
  for (const python of ["python3", "python"]) {
    try {
      const text = execFileSync(python, ["-m", "pip", "--version"], {
        encoding: "utf8",
        stdio: "pipe",
        timeout: 20_000,
      });
      return { ...part, found: text.split(" ")[1] ?? "" }; // "pip 23.2.1 from …"
    } catch {
      // Not by this name.
    }
  }
  return part;
}

function terminal(): Part {
  const { stdout } = process;
  const found = stdout.isTTY
    ? `${stdout.columns} columns, ${2 ** stdout.getColorDepth()} colours`
    : "none: plain output";
  return { name: "terminal", found, use: "pictures and progress", get: "do not redirect the output" };
}

async function wasmtime(): Promise<Part> {
  const use = "proof that a second engine gives the same bits; servers";
  try {
    const { version, library } = await createWasmtime();
    return { name: "wasmtime", found: `${version} (${library.path}, by ${library.by})`, use, get: "" };
  } catch (error) {
    return { name: "wasmtime", found: null, use, get: (error as Error).message };
  }
}

async function speed(): Promise<Part[]> {
  const part = { use: "running models", get: "" };
  const { runners, refused } = await openRunners();
  const parts: Part[] = [];
  for (const runner of runners) {
    const microseconds = await measureSpeed(runner);
    const found = `${(SIZE ** 2 / microseconds / 1000).toFixed(2).padStart(6)} GMAC/s, ${microseconds.toFixed(0)} µs`;
    parts.push({ ...part, name: `${runner.engine.name} ${runner.variant}`, found });
  }
  const absent = refused.map(({ engine, variant, problem }) => ({
    name: `${engine.name} ${variant}`,
    found: null,
    use: "more speed",
    get: `a newer ${engine.name}; in this one it ${problem}`,
  }));
  return [...parts, ...absent];
}

function variant(name: string, use: string): Part {
  const found = pathIfThere(join(packageRoot(), "build", `${name}.wasm`));
  return { name, found, use, get: "npm run build:wasm, in a version that has it" };
}

async function compiler(): Promise<Part> {
  const found = await compilerVersion();
  return { name: "assemblyscript", found, use: "modules for one model: build", get: installCompiler() };
}

function wabt(): Part {
  const part = { name: "wabt", use: "making C of the module", get: `npm install wabt@${WABT}` };
  try {
    return { ...part, found: wabtVersion() };
  } catch {
    return { ...part, found: null };
  }
}

/** A program out of Debian's packages. */
function debian(name: string, use: string, packages: string): Part {
  const get = `apt-get install --no-install-recommends ${packages}, on Debian`;
  try {
    const text = execFileSync(name, ["--version"], { encoding: "utf8", stdio: "pipe", timeout: 20_000 });
    return { name, found: text.match(/\d+\.\d+\.\d+/)?.[0] ?? text.split("\n")[0]!, use, get };
  } catch {
    return { name, found: null, use, get };
  }
}

function data(name: string, file: string, use: string): Part {
  const folder = resolve(process.env.TERN_DATA ?? join(packageRoot(), "../shared/data"), name);
  return { name, found: pathIfThere(join(folder, file)), use, get: `put ${file} into ${folder}, or set TERN_DATA` };
}

function pathIfThere(path: string): string | null {
  return existsSync(path) ? path : null;
}

export const EXAMPLE = "doctor";

export default defineCommand({
  meta: { name: "doctor", description: "Say what is here, and how to get what is missing" },
  args: JSON_ARG,
  async run({ args }) {
    const report = await showWork("Looking for engines, compilers and emulators", doctor);
    printResult(
      args.json,
      () => report,
      () => formatReport(report),
    );
  },
});
