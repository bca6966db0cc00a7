import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { HEADER } from "../../host/blob/layout.ts";
import { v8 } from "../../host/engines/v8.ts";
import { LIBRARY } from "../../host/firmware/project.ts";
import { translate } from "../../host/firmware/wasm2c.ts";
import { modelMemory } from "../../host/fit.ts";
import { loadReference } from "../../host/session.ts";
import { STATUS } from "../../host/status.ts";
import { readInput } from "../../tools/inputs/read.ts";
import { describeUnless } from "../skip.ts";
import { digitsBlob, scratch, TEN as TEN_FILE, tern } from "../tools/tern.ts";
import { moduleNamed } from "../variants.ts";
import { MODULE } from "./boards.ts";
import { compileC, hasProgram } from "./host_c.ts";

const { path, put, folder } = scratch();
const blob = await digitsBlob();
const model = put("digits.tern", blob);
const pictures = new Uint8Array(readInput(readFileSync(TEN_FILE), TEN_FILE).data);
const ten = put("ten", pictures);

/** A firmware of a user's own: argument 1 is the blob, 2 the pictures, 3 the bytes of memory, 4 the rows at a time. */
const MAIN = `
#include "tern.h"
#include "runtime.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static uint8_t blob[65536], pictures[2560];
static uint32_t blob_bytes;
int32_t board_weights_read(uint8_t *to, uint32_t offset, uint32_t bytes) {
  if (offset > blob_bytes || bytes > blob_bytes - offset) return 1;
  memcpy(to, blob + offset, bytes);
  return 0;
}
static uint32_t load(const char *path, uint8_t *to, size_t most) {
  FILE *file = fopen(path, "rb");
  const uint32_t bytes = (uint32_t)fread(to, 1, most, file);
  fclose(file);
  return bytes;
}
int main(int count, char **arguments) {
  (void)count;
  blob_bytes = load(arguments[1], blob, sizeof blob);
  load(arguments[2], pictures, sizeof pictures);
  const uint32_t bytes = (uint32_t)atoi(arguments[3]), rows = (uint32_t)atoi(arguments[4]);
  uint8_t *memory = malloc(bytes);
  printf("run before open: %s\\n", tern_status_text(tern_run(1)));
  printf("blob: %s\\n", tern_status_text(tern_check_blob(blob_bytes)));
  const int status = tern_open(memory, bytes, rows);
  printf("open: %s, %u bytes\\n", tern_status_text(status), tern_planned());
  if (status == TERN_OK) {
    for (uint32_t first = 0; first < 10; first += rows) {
      memcpy(tern_input(0, rows), pictures + 256 * first, 256 * rows);
      printf("run: %s\\n", tern_status_text(tern_run(rows)));
      for (uint32_t row = 0; row < rows; row++) {
        int32_t sums[10];
        memcpy(sums, tern_output(0, rows) + 48 * row, sizeof sums);
        for (int i = 0; i < 10; i++) printf("%d ", sums[i]);
        puts("");
      }
    }
    uint32_t pairs, wrong;
    printf("self-test: %s", tern_status_text(tern_self_test(&pairs, &wrong)));
    printf(", %u of %u wrong\\n", wrong, pairs);
    printf("reset: %s\\n", tern_status_text(tern_reset()));
    printf("no such input: %d\\n", tern_input(1, rows) == 0 && tern_input(0, rows + 1) == 0 && tern_output(1, rows) == 0);
    tern_close();
    printf("closed: %s\\n", tern_status_text(tern_reset()));
  }
  free(memory);
  return 0;
}
`;

const generated = await translate(MODULE);
const strips = await digitsBlob({ target: "cortex-m4" });
const mlp = moduleNamed("device_mlp");
const generatedMlp = await translate(mlp);
const SOURCES = [...LIBRARY, "runtimes/runtime.h", "runtimes/wasm2c/wasm2c.c"];

for (const compiler of ["gcc", "clang"]) {
  describeUnless(hasProgram(compiler) ? undefined : `needs ${compiler}`, `the library, by ${compiler}`, () => {
    const main = compileC(compiler, generated, MAIN, SOURCES);
    const mainMlp = compileC(compiler, generatedMlp, MAIN, SOURCES);

    it("computes what the reference computes, in the memory that is planned, and refuses less", async () => {
      const reference = loadReference(blob);
      const { elements } = reference.run(pictures)[0]!;
      for (const [packed, module, run, rows] of [
        [blob, MODULE, main, 1],
        [blob, MODULE, main, 5],
        [strips, MODULE, main, 1],
        [strips, mlp, mainMlp, 1],
        [strips, mlp, mainMlp, 5],
      ] as const) {
        const file = put("packed.tern", packed);
        const { bytes } = await modelMemory(packed, module, v8, rows);
        const lines = run([file, ten, String(bytes), String(rows)]);
        const sums = Array.from({ length: 10 }, (_, row) => `${elements.subarray(10 * row, 10 * row + 10).join(" ")} `);
        const runs = Array.from({ length: 10 / rows }, (_, i) => ["run: ok", ...sums.slice(i * rows, (i + 1) * rows)]);
        expect(lines).toEqual([
          ...["run before open: not open", "blob: ok", `open: ok, ${bytes} bytes`, ...runs.flat()],
          ...["self-test: ok, 0 of 2 wrong", "reset: ok", "no such input: 1", "closed: not open"],
        ]);
        const little = run([file, ten, String(bytes - 1), String(rows)]);
        expect(little.at(-1)).toBe(`open: out of memory, ${bytes} bytes`);
      }
    });

    it("says what is wrong with a blob", async () => {
      const damaged = blob.slice();
      damaged[600]! ^= 1; // a weight
      const other = blob.slice();
      other[HEADER.formatVersion] = 9;
      for (const [bytes, said, opened] of [
        [new Uint8Array(4096), "no blob in flash", "no blob in flash"],
        [damaged, "damaged blob in flash", "bad checksum"],
        [other, "damaged blob in flash", "other version"],
        [blob.slice(0, 5000), "damaged blob in flash", "read failed"],
      ] as const) {
        const lines = main([put("other", bytes), ten, "4096", "1"]);
        expect(lines[1]).toBe(`blob: ${said}`);
        expect(lines[2]).toMatch(`open: ${opened},`);
      }
    });
  });
}

describe("tern firmware --library", () => {
  const out = join(folder, "library");

  it("writes the library, sizes of a model, and what build systems need", () => {
    const { code, stdout } = tern("firmware", model, "--library", "-o", out);
    expect({ code, stdout: stdout.replace(/\s+/g, " ") }).toEqual({
      code: 0,
      stdout: expect.stringContaining("src/tern.h, src/tern.c, src/blob.h, src/crc32.h"),
    });
    const header = readFileSync(join(out, "src", "tern_model.h"), "utf8");
    expect(header).toContain(`#define TERN_MODEL_BLOB_BYTES ${blob.length} `);
    expect(header).toContain("#define TERN_MODEL_INPUT_0_BYTES 256 /* of a row: 256 × u8 */");
    for (const name of ["CMakeLists.txt", "zephyr/module.yml", "library.properties", "src/wasm-rt.h"]) {
      expect(existsSync(join(out, name)), name).toBe(true);
    }
    expect(tern("firmware", "--library", "-o", path("bare")).code).toBe(0);
  });

  describeUnless(hasProgram("cmake") ? undefined : "needs cmake", "with CMake", () => {
    it("is a target to link", () => {
      put("CMakeLists.txt", "cmake_minimum_required(VERSION 3.16)\nproject(user C)\nadd_subdirectory(library)\n");
      const cmake = (...args: string[]) =>
        execFileSync("cmake", args, { cwd: folder, encoding: "utf8", stdio: "pipe" });
      cmake("-S", ".", "-B", "made", "-DCMAKE_C_FLAGS=-Wall -Wextra -Werror");
      cmake("--build", "made", "--target", "tern");
      expect(statSync(join(folder, "made", "library", "libtern.a")).size).toBeGreaterThan(5000);
    });
  });
});

describe("status texts", () => {
  it("are there for every status of the module", () => {
    const source = readFileSync(join(import.meta.dirname, "../../host/firmware/library/tern.c"), "utf8");
    const [module] = source.split("*const module[] = {")[1]!.split("}");
    expect(module!.match(/"[^"]+"/g)).toHaveLength(STATUS.length);
  });
});
