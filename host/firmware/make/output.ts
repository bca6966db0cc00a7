import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { EngineError } from "../../base/errors.ts";
import { inTemporaryFolder } from "../../base/leftovers.ts";
import { VERSION } from "../../base/version.ts";
import type { Board } from "../boards.ts";
import { CORES } from "../cores.ts";
import { type Chunk, flatImage, intelHex } from "../hex.ts";
import { buildImage, compileSteps, LINK, run, SECTIONS, type Step } from "./build.ts";
import { boardProject, libraryProject, type Project } from "./project.ts";
import type { Runtime } from "./runtimes.ts";
import type { Source } from "./source.ts";

/** Files for a folder: C, and what was made of it. */
export interface Made {
  /** Contents by name, in the order in which make would build them. Text or bytes. */
  files: Record<string, string | Uint8Array>;
  /** Names of those that are by the way: objects, from which make goes on. */
  byTheWay: string[];
  /** Bytes of code in flash; undefined where nothing was compiled. */
  codeBytes?: number;
  /** Why there is no image, or no ELF file. */
  missing?: string;
}

const MODEL = "model.tern";
/** The blob, as the linker takes it. */
const BLOB_SOURCE = `/* The model, in its own part of flash: another one rebuilds no code. */\n.section .blob, "a"\n.incbin "${MODEL}"\n`;

/** What a firmware has beside its module: a model in its flash; or update.wasm, and slots that models come to. */
export type Content = { blob: Uint8Array; update?: undefined } | { update: Uint8Array; blob?: undefined };

/**
 * A C project for a board with a model in its flash, or with slots, and, where the cross compiler is there, its ELF, BIN and HEX. BIN and HEX need no
 * compiler where the code has been built before: they are that code and the blob.
 */
export async function makeFirmware(
  board: Board,
  runtime: Runtime,
  module: Uint8Array,
  { blob, update }: Content,
): Promise<Made> {
  if (blob && blob.length > board.blob.bytes) {
    throw new EngineError(
      "memory",
      `the blob has ${blob.length} bytes, ${board.name} has room for ${board.blob.bytes}`,
    );
  }
  const project = await boardProject(board, runtime, module, update);
  const { flags, tools, packages } = CORES[board.core];
  const steps = compileSteps(project, [...flags, ...SECTIONS]);
  const blobObjects = blob ? ["blob.o"] : [];
  const link = [
    ...flags,
    ...LINK,
    ...steps.map(({ object }) => object),
    ...blobObjects,
    ...project.link,
    "-o",
    "firmware.elf",
  ];
  const makefile = makefileOf(`${tools}gcc`, `${tools}objcopy`, flags, steps, link, blobObjects);
  const files: Record<string, string | Uint8Array> = {
    ...project.files,
    ...(blob && { "blob.S": BLOB_SOURCE, [MODEL]: blob }),
    Makefile: makefile,
  };
  const made: Made = { files, byTheWay: [] };
  try {
    const { code, objects } = await buildImage(board, runtime, module, update ? { update } : {});
    const linked = await inTemporaryFolder(tmpdir(), async (folder) => {
      if (blob) {
        await writeFile(join(folder, MODEL), blob);
        await writeFile(join(folder, "blob.S"), BLOB_SOURCE);
      }
      await writeFile(join(folder, "link.ld"), project.files["link.ld"]!);
      for (const [name, path] of Object.entries(objects)) {
        await mkdir(dirname(join(folder, name)), { recursive: true });
        await copyFile(path, join(folder, name));
      }
      if (blob) await run(`${tools}gcc`, [...flags, "-c", "blob.S", "-o", "blob.o"], folder, packages);
      await run(`${tools}gcc`, link, folder, packages);
      const names = [...Object.keys(objects), ...blobObjects, "firmware.elf"];
      const contents = await Promise.all(names.map((name) => readFile(join(folder, name))));
      return names.map((name, i) => [name, new Uint8Array(contents[i]!)] as const);
    }).catch((error) => onlyMissing(error, made));
    const chunks: Chunk[] = [
      { address: board.flash.address, bytes: code },
      ...(blob ? [{ address: board.blob.address, bytes: blob }] : []),
    ];
    Object.assign(files, Object.fromEntries(linked ?? []));
    files["firmware.hex"] = intelHex(chunks);
    files["firmware.bin"] = flatImage(chunks);
    return linked ? { ...made, byTheWay: [...Object.keys(objects), ...blobObjects], codeBytes: code.length } : made;
  } catch (error) {
    onlyMissing(error, made);
    return made;
  }
}

/** Notes that a tool is missing, without which there is less to give; throws what else went wrong. */
function onlyMissing(error: unknown, made: Made): undefined {
  if (!(error instanceof EngineError && error.kind === "missing")) throw error;
  made.missing = error.message;
}

/** The library for a firmware that exists already, with what build systems need to take it. */
export async function makeLibrary(runtime: Runtime, module: Uint8Array, header?: string): Promise<Made> {
  const project = await libraryProject(runtime, module);
  const all = { ...project.files, ...(header !== undefined && { "tern_model.h": header }) };
  const sources = Object.fromEntries(Object.entries(all).map(([name, text]) => [`src/${name}`, text]));
  const files = {
    ...sources,
    "CMakeLists.txt": cmakeOf(project),
    "zephyr/module.yml": "name: tern\nbuild:\n  cmake: .\n",
    ...(!runtime.interpreter && { "library.properties": ARDUINO }), // which has no place for an interpreter's macros
  };
  return { files, byTheWay: [] };
}

function makefileOf(
  gcc: string,
  objcopy: string,
  flags: string[],
  steps: Step[],
  link: string[],
  blobObjects: string[],
): string {
  const objects = [...steps.map(({ object }) => object), ...blobObjects];
  const hasBlob = blobObjects.length > 0;
  const rules = steps.map(({ file, object, args }) => {
    return `${object}: ${file} $(HEADERS)\n\t${gcc} ${args.map(quoted).join(" ")}\n`;
  });
  const about = hasBlob
    ? `Another model: replace ${MODEL}, then make; no code is compiled again.`
    : "Models come to its slots: `npx littletern flash`.";
  const blob = hasBlob ? `blob.o: blob.S ${MODEL}\n\t${gcc} ${flags.join(" ")} -c blob.S -o blob.o\n\n` : "";
  return `# Builds firmware.elf, firmware.bin and firmware.hex. ${about}
HEADERS = $(wildcard *.h)

all: firmware.bin firmware.hex

firmware.bin: firmware.hex
\t${objcopy} -I ihex -O binary --gap-fill 255 firmware.hex firmware.bin

firmware.hex: firmware.elf
\t${objcopy} -O ihex firmware.elf firmware.hex

firmware.elf: ${objects.join(" ")} link.ld
\t${gcc} ${link.join(" ")}

${blob}${rules.join("\n")}
clean:
\trm -f ${objects.join(" ")} firmware.*

.PHONY: all clean
`;
}

/** A word of a command, as make's shell reads it: a macro may have quotes. */
function quoted(word: string): string {
  return /["*$ ]/.test(word) ? `'${word}'` : word;
}

/** Flags of our own sources, which any compiler's own may replace; warnings of an interpreter are not a user's. */
const REPLACED = ["-Wall", "-Wextra", "-Werror"];

/** One file for CMake alone, ESP-IDF and Zephyr. Flags are those of the module's C and of an interpreter. */
function cmakeOf({ sources, keptFiles }: Project): string {
  const paths = sources.map(({ file }) => `src/${file}`).join(" ");
  const isFlagged = ({ file, flags }: Source) =>
    file.endsWith(".c") && (flags.includes("-w") || keptFiles.includes(file));
  const properties = sources.filter(isFlagged).map(({ file, flags }) => {
    const options = flags.filter((flag) => !REPLACED.includes(flag)).map((flag, i, all) => cmakeFlag(flag, all[i - 1]));
    return `set_source_files_properties(src/${file} PROPERTIES COMPILE_OPTIONS "${options.join(";")}")`;
  });
  const languages = sources.some(({ file }) => /\.[sS]$/.test(file)) ? "C ASM" : "C";
  return `# Plain CMake: add_subdirectory(tern), then link tern. ESP-IDF: this folder is a component. Zephyr: name it in ZEPHYR_EXTRA_MODULES.
cmake_minimum_required(VERSION 3.16)
set(TERN_SOURCES ${paths})
if(ESP_PLATFORM)
  idf_component_register(SRCS \${TERN_SOURCES} INCLUDE_DIRS src)
elseif(DEFINED ZEPHYR_BASE)
  zephyr_include_directories(src)
  zephyr_library_named(tern)
  zephyr_library_sources(\${TERN_SOURCES})
else()
  project(tern ${languages})
  add_library(tern STATIC \${TERN_SOURCES})
  target_include_directories(tern PUBLIC src)
endif()
${properties.join("\n")}
`;
}

/** A flag in a quoted list of CMake; folders are those of the library. */
function cmakeFlag(flag: string, before: string | undefined): string {
  const folder = `\${CMAKE_CURRENT_SOURCE_DIR}/src`;
  if (flag === "-I.") return `-I${folder}`;
  return before === "-isystem" ? `${folder}/${flag}` : flag.replace(/"/g, '\\"');
}

const ARDUINO = `name=tern
version=${VERSION}
author=Little Tern
maintainer=Little Tern
sentence=Runs ternary and binary neural networks.
paragraph=The model's weights stay in flash; tern.h says how it is called.
category=Data Processing
url=https://www.npmjs.com/package/littletern
architectures=*
includes=tern.h
`;
