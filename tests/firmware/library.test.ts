import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { STATUS } from "../../host/base/status.ts";
import { HEADER } from "../../host/blob/layout.ts";
import { modelMemory } from "../../host/cost/fit.ts";
import { v8 } from "../../host/engines/v8.ts";
import { type Board, readBoard } from "../../host/firmware/boards.ts";
import { CORES } from "../../host/firmware/cores.ts";
import { LIBRARY } from "../../host/firmware/make/project.ts";
import { translate } from "../../host/firmware/make/wasm2c.ts";
import { loadReference } from "../../host/run/session.ts";
import { readInput } from "../../tools/inputs/read.ts";
import { describeUnless } from "../skip.ts";
import { digitsBlob, scratch, TEN as TEN_FILE, tern } from "../tools/tern.ts";
import { moduleNamed } from "../variants.ts";
import { ALL, MODULE, missingFor } from "./boards.ts";
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
    if (tern_input_bytes(0) != 256 || tern_output_bytes(0) != 40) return 1;
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
    printf("no such input: %d\\n", tern_input(1, rows) == 0 && tern_input_bytes(1) == 0 && tern_output_bytes(1) == 0 && tern_input(0, rows + 1) == 0 && tern_output(1, rows) == 0);
    tern_close();
    if (tern_input(0, 1) || tern_input_bytes(0) || tern_output_bytes(0) || tern_row_bytes(0)) return 2;
    printf("closed: %s\\n", tern_status_text(tern_reset()));
  }
  free(memory);
  return 0;
}
`;

const generated = await translate(MODULE);
const trit4 = await digitsBlob({ target: "cortex-m4" });
const mlp = moduleNamed("core_ternary");
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
        [trit4, MODULE, main, 1],
        [trit4, mlp, mainMlp, 1],
        [trit4, mlp, mainMlp, 5],
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
      const { bytes: enough } = await modelMemory(blob, MODULE, v8);
      for (const [bytes, said, opened] of [
        [new Uint8Array(4096), "no blob in flash", "no blob in flash"],
        [damaged, "damaged blob in flash", "bad checksum"],
        [other, "damaged blob in flash", "other version"],
        [blob.slice(0, 5000), "damaged blob in flash", "read failed"],
      ] as const) {
        const lines = main([put("other", bytes), ten, String(enough), "1"]);
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

  describeUnless(hasProgram("gcc") ? undefined : "needs gcc", "with the README's lines", () => {
    it("compiles", () => {
      const readme = readFileSync(join(import.meta.dirname, "../../README.md"), "utf8");
      const [, lines] = readme.match(/^```c\n([\s\S]*?)^```$/m)!;
      put(
        "lines.c",
        `#include "tern.h"\n#include "tern_model.h"\n#include <string.h>\nvoid answer(void) {\n${lines}}\n`,
      );
      const flags = ["-std=gnu99", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", `-I${join(out, "src")}`, "lines.c"];
      expect(() => execFileSync("gcc", flags, { cwd: folder, stdio: "pipe" })).not.toThrow();
    });
  });

  it("is what ESP-IDF, Zephyr and Arduino look for", () => {
    const read = (name: string) => readFileSync(join(out, name), "utf8");
    const cmake = read("CMakeLists.txt");
    expect(cmake).toMatch(/if\(ESP_PLATFORM\)\n {2}idf_component_register\(SRCS \$\{TERN_SOURCES\} INCLUDE_DIRS src\)/);
    expect(cmake).toMatch(/elseif\(DEFINED ZEPHYR_BASE\)\n.*\n.*\n {2}zephyr_library_sources\(\$\{TERN_SOURCES\}\)/);
    for (const [, source] of cmake.match(/set\(TERN_SOURCES ([^)]+)\)/)![1]!.matchAll(/(\S+)/g)) {
      expect(existsSync(join(out, source!)), source).toBe(true);
    }
    expect(read("zephyr/module.yml")).toBe("name: tern\nbuild:\n  cmake: .\n"); // a path from the module's root
    const properties = Object.fromEntries(
      read("library.properties")
        .trim()
        .split("\n")
        .map((line) => line.split(/=(.*)/)),
    );
    const required = [
      "name",
      "version",
      "author",
      "maintainer",
      "sentence",
      "paragraph",
      "category",
      "url",
      "architectures",
    ];
    expect(Object.keys(properties)).toEqual([...required, "includes"]);
    expect(existsSync(join(out, "src", properties.includes!))).toBe(true);
  });

  describeUnless(hasProgram("cmake") ? undefined : "needs cmake", "with CMake", () => {
    const cmake = (...args: string[]) => execFileSync("cmake", args, { cwd: folder, encoding: "utf8", stdio: "pipe" });

    it("is a target to link", () => {
      put("main.c", MAIN);
      put(
        "CMakeLists.txt",
        "cmake_minimum_required(VERSION 3.16)\nproject(user C)\nadd_subdirectory(library)\n" +
          "add_executable(user main.c)\ntarget_link_libraries(user tern m)\n",
      );
      cmake("-S", ".", "-B", "made", "-DCMAKE_C_FLAGS=-Wall -Wextra -Werror");
      cmake("--build", "made");
      const lines = execFileSync(join(folder, "made", "user"), [model, ten, "8192", "1"], { encoding: "utf8" });
      expect(lines).toContain("self-test: ok, 0 of 2 wrong");
    });

    const machine = readBoard("netduinoplus2");
    for (const runtime of ALL ? ["wasm3", "wamr"] : ["wasm3"]) {
      describeUnless(missingFor(machine, runtime), `with ${runtime}, on a Cortex-M4`, () => {
        it("computes what the reference computes", { timeout: 120_000 }, async () => {
          const { code, stderr } = tern(
            "firmware",
            model,
            "--library",
            "--runtime",
            runtime,
            "-o",
            path(`user-${runtime}/tern`),
          );
          expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
          const project = path(`user-${runtime}`);
          writeFileSync(join(project, "main.c"), DEVICE_MAIN);
          writeFileSync(
            join(project, "files.S"),
            `.section .rodata\n.global blob, ten\nblob: .incbin "${model}"\n.balign 4\nten: .incbin "${ten}"\n`,
          );
          writeFileSync(join(project, "CMakeLists.txt"), deviceProject(machine));
          cmake("-S", project, "-B", join(project, "made"), "-DCMAKE_BUILD_TYPE=Release");
          cmake("--build", join(project, "made"));
          const quiet = ["-display", "none", "-serial", "none", "-monitor", "none"];
          const console = ["-chardev", "stdio,id=c0", "-semihosting-config", "enable=on,target=native,chardev=c0"];
          const elf = join(project, "made", "user.elf");
          const lines = execFileSync("qemu-system-arm", ["-M", machine.name, "-kernel", elf, ...quiet, ...console], {
            encoding: "utf8",
            input: "",
            timeout: 60_000,
          }).split("\n");
          const { elements } = loadReference(blob).run(pictures)[0]!;
          const rows = Array.from({ length: 10 }, (_, row) =>
            Buffer.from(elements.slice(10 * row, 10 * row + 10).buffer),
          );
          expect(lines.slice(0, 11)).toEqual([...rows.map((row) => row.toString("hex")), "wrong 0"]);
        });
      });
    }
  });

  const arm = CORES["cortex-m0"];
  describeUnless(hasProgram(`${arm.tools}g++`) ? undefined : `needs ${arm.tools}g++`, "as Arduino builds it", () => {
    it("links with a sketch: all of src, one include path, no flags of ours", () => {
      put("sketch.ino.cpp", SKETCH);
      const flags = [...arm.flags, "-Os", "-w", "-ffunction-sections", "-fdata-sections", `-I${join(out, "src")}`];
      const run = (program: string, ...args: string[]) => execFileSync(`${arm.tools}${program}`, args, { cwd: folder });
      const files = readdirSync(join(out, "src")).filter((name) => name.endsWith(".c"));
      for (const name of files) run("gcc", ...flags, "-std=gnu11", "-c", join(out, "src", name), "-o", `${name}.o`);
      run("g++", ...flags, "-std=gnu++11", "-fno-exceptions", "-c", "sketch.ino.cpp", "-o", "sketch.o");
      const objects = files.map((name) => `${name}.o`);
      run(
        "gcc",
        ...arm.flags,
        "--specs=nosys.specs",
        "-Wl,--gc-sections",
        "-Wl,--no-warnings",
        "sketch.o",
        ...objects,
        "-o",
        "sketch.elf",
      );
      expect(run("nm", "sketch.elf").toString()).toMatch(/ T tern_run$/m);
    });
  });
});

/** A user's firmware on an emulated board: prints the sums of ten pictures. */
const DEVICE_MAIN = `
#include "print.h"
#include "runtime.h"
#include "tern.h"
#include "tern_model.h"
#include <string.h>
extern const uint8_t blob[], ten[];
int32_t board_weights_read(uint8_t *to, uint32_t offset, uint32_t bytes) {
  if (offset > TERN_MODEL_BLOB_BYTES || bytes > TERN_MODEL_BLOB_BYTES - offset) return 1;
  memcpy(to, blob + offset, bytes);
  return 0;
}
static uint8_t memory[TERN_MODEL_MEMORY_BYTES] __attribute__((aligned(16)));
int main(void) {
  const int status = tern_open(memory, sizeof memory, 1);
  if (status != TERN_OK) print(tern_status_text(status));
  if (tern_input_bytes(0) != TERN_MODEL_INPUT_0_BYTES || tern_output_bytes(0) != TERN_MODEL_OUTPUT_0_BYTES) return 1;
  for (int row = 0; row < 10 && status == TERN_OK; row++) {
    memcpy(tern_input(0, 1), ten + 256 * row, TERN_MODEL_INPUT_0_BYTES);
    if (tern_run(1) == TERN_OK) print_hex(tern_output(0, 1), TERN_MODEL_OUTPUT_0_BYTES);
  }
  uint32_t pairs, wrong = 99;
  tern_self_test(&pairs, &wrong);
  print_number("wrong", wrong);
  return status;
}
`;

/** Its project, with the start-up code and the linker script of the tests beside this one. */
function deviceProject({ core, flash, ram }: Board): string {
  const here = join(import.meta.dirname, "runtimes");
  const { tools, flags } = CORES[core];
  const regions = { FLASH: flash.address, FLASH_BYTES: flash.bytes, RAM: ram.address, RAM_BYTES: ram.bytes };
  const symbols = Object.entries(regions).map(([name, value]) => `-Wl,--defsym=${name}=${value}`);
  return `cmake_minimum_required(VERSION 3.16)
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_C_COMPILER ${tools}gcc)
set(CMAKE_ASM_COMPILER ${tools}gcc)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
add_compile_options(${flags.join(" ")} -ffunction-sections -fdata-sections)
project(user C ASM)
add_subdirectory(tern)
add_executable(user.elf main.c files.S ${here}/start.c)
target_include_directories(user.elf PRIVATE ${here})
target_link_options(user.elf PRIVATE ${flags.join(" ")} -nostartfiles --specs=nano.specs --specs=nosys.specs -Wl,--gc-sections
  -Wl,--no-warnings -T ${here}/board.ld ${symbols.join(" ")})
target_link_libraries(user.elf tern m)
`;
}

const SKETCH = `
#include <tern.h>
#include <runtime.h>
#include <tern_model.h>
static uint8_t memory[TERN_MODEL_MEMORY_BYTES] __attribute__((aligned(16)));
int32_t board_weights_read(uint8_t *, uint32_t, uint32_t) { return 1; }
void setup() { tern_open(memory, sizeof memory, 1); }
void loop() { tern_run(1); }
int main() { setup(); for (;;) loop(); }
`;

describe("status texts", () => {
  it("are there for every status of the module", () => {
    const source = readFileSync(join(import.meta.dirname, "../../host/firmware/library/tern.c"), "utf8");
    const [module] = source.split("*const module[] = {")[1]!.split("}");
    expect(module!.match(/"[^"]+"/g)).toHaveLength(STATUS.length);
  });
});
