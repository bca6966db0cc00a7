import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import wabt from "wabt";
import { EngineError } from "../../host/errors.ts";
import { inject, translate } from "../../host/firmware/wasm2c.ts";
import { describeUnless } from "../skip.ts";
import { MODULE } from "./boards.ts";
import { compileC, hasProgram } from "./host_c.ts";

const { parseWat } = await wabt();

/** A module with our exports, and what `invoke` does. */
function assemble(invoke: string): Uint8Array {
  const module = parseWat(
    "test.wat",
    `(module (import "board" "weights_read" (func (param i32 i32 i32) (result i32)))
      (memory (export "memory") 0)
      (func (export "abi_version") (result i32) (i32.const 7))
      (func (export "features") (param i32) (result i32) (local.get 0))
      (func (export "plan") (param i32 i32 i32) (result i32) (i32.const 0))
      (func (export "open") (param i32 i32 i32 i32 i32) (result i32) (i32.const 0))
      (func (export "invoke") (param i32 i32 i32) (result i32) ${invoke})
      (func (export "reset") (result i32) unreachable))`,
  );
  return module.toBinary({}).buffer;
}

const SMALL = assemble("(i32.load (local.get 0))");

describe("C made from WebAssembly", () => {
  it("is what we know, to the byte", async () => {
    const files = await translate(SMALL);
    expect(Object.keys(files)).toEqual(["module_wasm2c.c", "module_wasm2c.h", "wasm-rt.h"]);
    const c = files["module_wasm2c.c"]!;
    expect(c).toContain(`
// Little Tern: the bounds check is that of wasm-rt.h; with it, a load whose value is not used needs no keeping.
#undef MEMCHECK_DEFAULT32
#define MEMCHECK_DEFAULT32(mem, a, t) TERN_MEMCHECK(mem, a, t)
#undef FORCE_READ_INT
#define FORCE_READ_INT(var)

static inline void load_data(u8* dest, const u8* src, size_t n) {
`);
    expect(c).toContain("i32_load_default32(&instance->w2c_memory, (u64)(var_i0));");
    const hash = createHash("sha256").update(c).update(files["module_wasm2c.h"]!).digest("hex");
    expect(hash, "wasm2c's output for the same module has changed: read it before this is changed").toBe(GOLDEN);
  });

  it("refuses what is no module", async () => {
    const refused = expect(translate(Uint8Array.of(1, 2, 3))).rejects;
    await refused.toThrow(EngineError);
    await expect(translate(Uint8Array.of(1, 2, 3))).rejects.toThrow("wasm2c refuses the module: ");
  });

  it("refuses accesses that it does not check", async () => {
    const grows = assemble("(memory.grow (local.get 0))");
    await expect(translate(grows)).rejects.toThrow("found a call of wasm_rt_grow_memory(…), which we do not check");
    const fills = assemble("(memory.fill (i32.const 0) (i32.const 0) (i32.const 9)) (i32.const 0)");
    await expect(translate(fills)).rejects.toThrow("found a call of memory_fill(…), which we do not check");
  });

  it("fails where wasm2c's text is another one", async () => {
    const files = await translate(SMALL);
    const plain = files["module_wasm2c.c"]!.replace(/\/\/ Little Tern:[\s\S]*?\n\n/, "");
    expect(inject(plain)).toBe(files["module_wasm2c.c"]);
    const others: [string, RegExp | string, string, string][] = [
      ["no anchor", "static inline void load_data(", "static void load_data(", 'size_t n) {" 0 times, expected 1'],
      [
        "two anchors",
        /^/,
        "static inline void load_data(u8* dest, const u8* src, size_t n) {\n",
        "2 times, expected 1",
      ],
      [
        "another macro",
        "#define MEMCHECK_DEFAULT32(mem, a, t) ",
        "#define MEMCHECK_DEFAULT32(m, a, t) ",
        "1 times, expected 2",
      ],
      ["an unchecked form", "    MEMCHECK_DEFAULT32(mem, addr, mem_type); ", "    ", "2 times, expected 3"],
      ["another access", "i32_load_default32(&", "i32_load(&", "found a call of i32_load(…)"],
    ];
    for (const [what, from, to, message] of others) {
      expect(() => inject(plain.replace(from, to)), what).toThrow(message);
      expect(() => inject(plain.replace(from, to)), what).toThrow(EngineError);
    }
  });

  it("holds the module of devices", async () => {
    const files = await translate(MODULE);
    expect(files["module_wasm2c.c"]).toContain("w2c_tern_invoke");
  });
});

/** sha256 of the C and its header, for SMALL. */
const GOLDEN = "3dd68813539a5c9eac2310cc221c6c956cbe41bb470b9a343a5020e61df10c2a";

/** Accesses, and how many bytes they take. */
const ACCESSES: [string, number][] = [
  ["i32.load8_u", 1],
  ["i32.load16_s", 2],
  ["i32.load", 4],
  ["i64.load32_u", 4],
  ["i64.load", 8],
  ["i32.store8", 1],
  ["i32.store16", 2],
  ["i32.store", 4],
  ["i64.store32", 4],
  ["i64.store", 8],
];
const OFFSETS = [0, 1, 12, 0x7fffffff, 0xffffffff];
const MEMORY = 40; // no multiple of 64 KB; a canary lies behind it

/** Every access with every offset, and the addresses at which it is tried. */
const CASES = ACCESSES.flatMap(([access, width]) =>
  OFFSETS.map((offset) => ({
    code: accessCode(access, offset),
    end: offset + width,
    addresses: [0, MEMORY - width, MEMORY - width + 1, MEMORY, 0x7fffffff, 0x80000000, 0xffffffff]
      .flatMap((address) => [address, address - offset])
      .map((address) => address >>> 0),
  })),
);

function accessCode(access: string, offset: number): string {
  const type = access.slice(0, 3);
  const address = `offset=${offset} (local.get 1)`;
  return access.includes("load") ? `(drop (${access} ${address}))` : `(${access} ${address} (${type}.const -1))`;
}

/** For every "case,address": what it ends with, in a fresh instance. */
const TRIES = `
#include "runtime.h"
#include <stdio.h>
#include <stdlib.h>
int32_t board_weights_read(uint8_t *to, uint32_t offset, uint32_t bytes) { return to == 0 || offset != bytes; }
static struct { uint8_t memory[${MEMORY}], canary[64]; } ram;
int main(int count, char **tries) {
  int32_t result;
  for (int i = 1; i < count; i++) {
    char *comma;
    const uint32_t number = (uint32_t)strtoul(tries[i], &comma, 10);
    const uint32_t arguments[3] = {number, (uint32_t)strtoul(comma + 1, 0, 10), 0};
    runtime_start(ram.memory, sizeof ram.memory);
    printf("%s: %d\\n", tries[i], runtime_call(RUNTIME_INVOKE, arguments, &result));
  }
  for (unsigned i = 0; i < sizeof ram.canary; i++) if (ram.canary[i]) puts("canary hit");
  puts("canary whole");
  runtime_start(ram.memory, sizeof ram.memory);
  printf("reset: %d\\n", runtime_call(RUNTIME_RESET, 0, &result));
  return 0;
}
`;

const EVERY = await translate(
  assemble(
    `${CASES.map(({ code }, i) => `(if (i32.eq (local.get 0) (i32.const ${i})) (then ${code}))`).join("\n")} (i32.const 0)`,
  ),
);

for (const compiler of ["gcc", "clang"]) {
  const missing = hasProgram(compiler) ? undefined : `needs ${compiler}`;
  describeUnless(missing, `the bounds check, by ${compiler}`, () => {
    const run = compileC(compiler, EVERY, TRIES);
    it("stops every access that ends behind memory, and no other", () => {
      const tries = CASES.flatMap(({ addresses, end }, i) => addresses.map((address) => ({ i, address, end })));
      const expected = tries.map(({ i, address, end }) => `${i},${address}: ${address + end <= MEMORY ? 0 : 1}`);
      const lines = run(tries.map(({ i, address }) => `${i},${address}`));
      expect(lines).toEqual([...expected, "canary whole", "reset: 2"]);
    });
  });
}
