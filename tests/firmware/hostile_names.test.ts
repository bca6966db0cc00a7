import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readBlob } from "../../host/blob/read.ts";
import { writeBlob } from "../../host/blob/write.ts";
import { modelHeader } from "../../host/cost/fit.ts";
import { v8 } from "../../host/engines/v8.ts";
import { readBoard } from "../../host/firmware/boards.ts";
import { inComment } from "../../host/firmware/make/comment.ts";
import { boardProject } from "../../host/firmware/make/project.ts";
import { runtimeNamed } from "../../host/firmware/make/runtimes.ts";
import { describeUnless } from "../skip.ts";
import { digitsBlob, scratch, tern } from "../tools/tern.ts";
import { MODULE } from "./boards.ts";
import { hasProgram } from "./host_c.ts";

// Names of a model are whatever its maker likes. None of them becomes more than a comment of what `tern firmware` writes.

/** What ends a comment, a line, a text or a list, or begins something, in C, its preprocessor, CMake, make, a linker script, JSON or YAML. */
const PIECES = [
  ...["*/", "**//", "*", "/", "//", "/*", "\\", "\\\n", "\\\r\n", "??/", "??/\n", '"', "'", "`", "#", "%:", "<%"],
  ...["\n", "\r", "\v", "\f", "\0", "\t", "\u0085", "\u2028", "\u2029", "\u202e", "\ufeff", "\ud800", "\x1b[2J"],
  ...[
    "\u0024{CMAKE_SOURCE_DIR}",
    "$ENV{HOME}",
    "$<CONFIG>",
    "$(shell id)",
    "$$",
    "]]",
    ";",
    ")",
    "}",
    "{",
    ",",
    ":",
    "- ",
  ],
  ...[
    "#define INJECTED 1",
    "#include <stdio.h>",
    "int injected;",
    "message(FATAL_ERROR x)",
    "INCLUDE /etc/passwd",
    " ",
  ],
];
const names = fc.oneof(
  fc.array(fc.constantFrom(...PIECES), { maxLength: 12 }).map((pieces) => pieces.join("")),
  fc.string({ unit: "binary", maxLength: 200 }),
);
/** Each once made code, or would in some other way of escaping. */
const WORST = [
  "**//\n#define INJECTED 1\n/*",
  "*/\n#define INJECTED 1\n/*",
  "??/\n*/\n#define INJECTED 1\n/*",
  "\\\n*\\\n/\n#define INJECTED 1\n/*",
  "\r*/\r#define INJECTED 1\r/*",
  `${"x".repeat(79)}*/\n#define INJECTED 1\n/*`,
  "",
];
const COMMENT = "[A-Za-z0-9 .,:;()+=_-]{0,80}";

const plain = readBlob(await digitsBlob());

/** The digits with a name of its own, and of everything in it. (Hashes and names of choices are digits and letters, or the blob is refused.) */
function named(name: string): Uint8Array {
  const description = structuredClone(plain.description!);
  description.name = description.source.file = description.source.format = name;
  description.converter.choices = { name };
  for (const each of [...description.inputs, ...description.outputs]) each.name = name;
  for (const output of description.outputs) output.classes = new Array<string>(10).fill(name);
  for (const op of description.ops) op.node = name;
  return writeBlob({ ...plain, description });
}

const { extraBytes } = runtimeNamed("wasm2c");
const headerOf = (blob: Uint8Array) => modelHeader(blob, MODULE, v8, extraBytes);

describe("a model's name", () => {
  it("leaves only letters, digits and what means nothing", () => {
    fc.assert(
      fc.property(names, (name) => {
        expect(inComment(name)).toMatch(new RegExp(`^(?! )${COMMENT}(?<! )$`));
      }),
    );
    expect(inComment("digits-v2.onnx (8 bits)")).toBe("digits-v2.onnx (8 bits)");
  });

  it("is a comment of tern_model.h, whatever it is", async () => {
    const rest = async (name: string) => {
      const blob = named(name);
      const [first, ...lines] = (await headerOf(blob)).split("\n");
      expect(first).toMatch(new RegExp(`^/\\* Sizes of ${COMMENT}, for one row at a time\\. \\*/$`));
      const size = `#define TERN_MODEL_BLOB_BYTES ${blob.length} /* flash */`;
      expect(lines).toContain(size);
      return lines.filter((line) => line !== size);
    };
    const expected = await rest("digits");
    for (const name of WORST) expect(await rest(name), JSON.stringify(name)).toEqual(expected);
    await fc.assert(
      fc.asyncProperty(names, async (name) => {
        expect(await rest(name)).toEqual(expected);
      }),
      { numRuns: 100 },
    );
  });

  describeUnless(hasProgram("gcc") ? undefined : "needs gcc", "to a compiler", () => {
    const { put, folder } = scratch();
    it("is nothing, with trigraphs too", async () => {
      for (const name of WORST) {
        put("tern_model.h", await headerOf(named(name)));
        put(
          "main.c",
          '#include "tern_model.h"\n#ifdef INJECTED\n#error injected\n#endif\nint main(void) { return 0; }\n',
        );
        const flags = ["-std=c99", "-trigraphs", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "main.c"];
        const { status, stderr } = spawnSync("gcc", flags, { cwd: folder, encoding: "utf8" });
        expect({ name, status, stderr }).toEqual({ name, status: 0, stderr: "" });
      }
    });
  });

  it("is in no other file of a library", { timeout: 120_000 }, () => {
    const { put, path } = scratch();
    const filesOf = (name: string, folder: string) => {
      const { code, stderr } = tern("firmware", put("model.tern", named(name)), "--library", "-o", path(folder));
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      const all = readdirSync(path(folder), { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
      const paths = all
        .map((file) => join(file.parentPath, file.name))
        .filter((file) => !file.endsWith("tern_model.h"));
      return Object.fromEntries(paths.map((file) => [file.slice(path(folder).length), readFileSync(file, "utf8")]));
    };
    expect(filesOf(PIECES.join(""), "hostile")).toEqual(filesOf("digits", "plain"));
  });
});

it("texts of a board's file are comments of board.h, and in no other file", async () => {
  const board = readBoard("netduinoplus2");
  const filesOf = async (text: string) => {
    const setup = board.setup.map(([address, value]): (typeof board.setup)[0] => [address, value, text]);
    const { files } = await boardProject({ ...board, about: text, setup }, runtimeNamed("wasm2c"), MODULE);
    return { ...files, "board.h": files["board.h"]!.replace(new RegExp(`/\\* ${COMMENT}\\.? \\*/`, "g"), "/**/") };
  };
  const expected = await filesOf("clock");
  for (const text of WORST) expect(await filesOf(text), JSON.stringify(text)).toEqual(expected);
  await fc.assert(
    fc.asyncProperty(names, async (text) => {
      expect(await filesOf(text)).toEqual(expected);
    }),
    { numRuns: 50 },
  );
});
