import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { HEADER_BYTES } from "../../host/blob/layout.ts";
import { wamr } from "../../host/firmware/make/interpreters.ts";
import { LIBRARY } from "../../tools/scripts/install_wasmtime.mjs";
import { projectText } from "../blob/spec.ts";
import { PROJECT } from "../house/project_files.ts";
import { describeUnless } from "../skip.ts";
import { digitsBlob, scratch, smallBlob, TEN } from "../tools/tern.ts";

/**
 * The programs of docs/embedding.md, as they stand there. What they are built with comes from package registries, by checksum, to
 * .cache/embedding: `npm run test:embedding` fetches and builds it, in minutes; from then on `npm test` runs the programs, too.
 */
const CACHE = join(PROJECT, ".cache", "embedding");
const FETCHES = process.env.TERN_EMBEDDING === "1";

const PAGE = projectText("docs/embedding.md");

/** Code of a block that is named behind its language: "```go main.go". */
function programNamed(name: string): string {
  const [, code] = PAGE.match(new RegExp(`^\`\`\`\\w+ ${name.replace(".", "\\.")}\\n([^]*?)^\`\`\`$`, "m"))!;
  return code!;
}

interface Language {
  name: string;
  /** The program's file, and what it is called on the page. */
  program: string;
  /** A command that tells whether the compiler is there. */
  tool: [string, ...string[]];
  /** Builds the program in its folder, and returns the command that runs it. */
  build(folder: string): string[];
}

const WAMR = join(PROJECT, ".cache", "runtimes", wamr.crate, "wasm-micro-runtime", "core");

const LANGUAGES: Language[] = [
  {
    name: "python",
    program: "digit.py",
    tool: ["python3", "-m", "venv", "--help"],
    build(folder) {
      const python = join(folder, "venv", "bin", "python");
      if (spawnSync(python, ["-c", "import wasmtime"]).status !== 0) {
        run(folder, "python3", "-m", "venv", "venv");
        const hashes = Object.values<{ sha256: string }>(LIBRARY.wheels).map(({ sha256 }) => `--hash=sha256:${sha256}`);
        writeFileSync(join(folder, "requirements.txt"), `wasmtime==${LIBRARY.version} ${hashes.join(" ")}\n`);
        const options = ["--quiet", "--no-deps", "--require-hashes"];
        run(folder, python, "-m", "pip", "install", ...options, "-r", "requirements.txt");
      }
      return [python, "digit.py"];
    },
  },
  {
    name: "rust",
    program: "src/main.rs",
    tool: ["cargo", "--version"],
    build(folder) {
      run(folder, "cargo", "build", "--release", "--locked", "--quiet");
      return [join(folder, "target", "release", "digit")];
    },
  },
  {
    name: "go",
    program: "main.go",
    tool: ["go", "version"],
    build(folder) {
      run(folder, "go", "vet", ".");
      run(folder, "go", "build", "-o", "digit", ".");
      return [join(folder, "digit")];
    },
  },
  {
    name: "c",
    program: "digit.c",
    tool: ["gcc", "--version"],
    build(folder) {
      const library = join(folder, "libiwasm.so");
      if (!existsSync(library))
        run(folder, "gcc", "-shared", "-fPIC", "-O1", "-w", ...wamrSources(), "-o", library, "-lm");
      const flags = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", `-I${WAMR}/iwasm/include`];
      run(folder, "gcc", ...flags, "digit.c", library, `-Wl,-rpath,${folder}`, "-o", "digit");
      return [join(folder, "digit")];
    },
  },
];

/** WAMR as its own build for Linux has it: the fast interpreter, without what a digit does not need. */
function wamrSources(): string[] {
  const ofFirmware = wamr.sources.map((path) => path.slice(path.indexOf("core/") + "core/".length));
  const sources = [
    ...ofFirmware.filter((path) => !path.endsWith(".s")),
    ...["arch/invokeNative_general.c", "wasm_c_api.c"].map((file) => `iwasm/common/${file}`),
    "shared/platform/linux/platform_init.c",
    "shared/platform/common/memory/mremap.c",
    ...["malloc", "memmap", "thread", "time", "blocking_op"].map(
      (part) => `shared/platform/common/posix/posix_${part}.c`,
    ),
  ];
  const includes = [
    ...["", "/iwasm/include", "/iwasm/common", "/iwasm/interpreter", "/shared/utils", "/shared/mem-alloc"],
    ...["/shared/platform/linux", "/shared/platform/include", "/shared/platform/common/libc-util"],
  ];
  const target = process.arch === "arm64" ? "AARCH64" : "X86_64";
  const defines = [
    ...wamr.defines.filter((define) => !define.includes("THUMB")),
    ...[`BUILD_TARGET_${target}=1`, "BH_PLATFORM_LINUX=1"],
  ];
  return [
    "-std=gnu11",
    ...defines.map((define) => `-D${define}`),
    ...includes.map((path) => `-I${WAMR}${path}`),
    ...sources.map((path) => `${WAMR}/${path}`),
  ];
}

/** Why a program cannot be built here. */
function missing({ name, tool: [command, ...args] }: Language): string | undefined {
  if (spawnSync(command, args).status !== 0) return `no ${[command, ...args].join(" ")}`;
  if (name === "c" && !existsSync(WAMR)) return "no sources of WAMR (npm run runtimes:install)";
  if (!FETCHES && !existsSync(join(CACHE, name, "built"))) return "not fetched (npm run test:embedding)";
  return undefined;
}

function run(folder: string, command: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: folder, encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${error?.message ?? stderr}`);
  return stdout;
}

it("docs/embedding.md has the size of the header, and so have its programs", () => {
  const sizes = PAGE.matchAll(/at least (\d+) bytes, the header|len\(blob\) < (\d+)|blob\.len\(\) >= (\d+)/g);
  expect(Array.from(sizes, (found) => Number(found.slice(1).join("")))).toEqual(Array(4).fill(HEADER_BYTES));
});

for (const language of LANGUAGES) {
  const folder = join(CACHE, language.name);
  describeUnless(missing(language), `docs/embedding.md, ${language.name}`, () => {
    const { put, path } = scratch();
    let program: string[];
    beforeAll(async () => {
      mkdirSync(join(folder, "src"), { recursive: true });
      const files = join(import.meta.dirname, language.name);
      if (existsSync(files)) cpSync(files, folder, { recursive: true });
      writeFileSync(join(folder, language.program), programNamed(language.program));
      program = language.build(folder);
      writeFileSync(join(folder, "built"), "");
      const blob = await digitsBlob({ argmax: true });
      put("digits.tern", blob);
      put("damaged.tern", blob.with(500, blob[500]! ^ 1));
      put("other.tern", await smallBlob("scores"));
      put("tern.wasm", readFileSync(join(PROJECT, "build", "scalar.wasm")));
    }, 1_200_000);

    const digitOf = (blob: string) => {
      const [command, ...args] = program;
      const files = ["tern.wasm", blob, "picture.raw"].map(path);
      return spawnSync(command!, [...args, ...files], { cwd: folder, encoding: "utf8" });
    };

    it("reads each of ten drawn digits", () => {
      const pictures = readFileSync(TEN).subarray(-2560);
      for (let digit = 0; digit < 10; digit++) {
        put("picture.raw", pictures.subarray(256 * digit, 256 * digit + 256));
        const { stdout, stderr } = digitOf("digits.tern");
        expect([stdout, stderr]).toEqual([`${digit}\n`, ""]);
      }
    });

    it("says that a damaged blob is refused", () => {
      const { status, stdout, stderr } = digitOf("damaged.tern");
      expect([status, stdout]).toEqual([1, ""]);
      expect(stderr).toMatch(/open: (status 4, see npx littletern explain|the blob is refused)/);
    });

    it("says that another model is not for digits", () => {
      const { status, stdout, stderr } = digitOf("other.tern");
      expect([status, stdout]).toEqual([1, ""]);
      expect(stderr).toContain("expected a model from 256 pixels to a digit");
    });
  });
}
