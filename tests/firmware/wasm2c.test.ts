import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import wabt from "wabt";
import { EngineError } from "../../host/base/errors.ts";
import { inject, translate } from "../../host/firmware/make/wasm2c.ts";
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
      (func (export "open") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 0))
      (func (export "invoke") (param i32 i32 i32) (result i32) ${invoke})
      (func (export "reset") (param i32) (result i32) unreachable))`,
  );
  return module.toBinary({}).buffer;
}

const SMALL = assemble("(i32.load offset=4 (local.get 0))");

describe("C made from WebAssembly", () => {
  it("is what we know, to the byte", async () => {
    const files = await translate(SMALL);
    expect(Object.keys(files)).toEqual(["module_wasm2c.c", "module_wasm2c.h", "wasm-rt.h"]);
    const c = files["module_wasm2c.c"]!;
    expect(c).toContain("  FUNC_PROLOGUE;\n  TERN_MEMORY(instance)\n  u32 var_i0;\n");
    expect(c).toContain(" = i32_load_at(memory, var_i0, 4u);");
    expect(files["module_wasm2c.h"]).toContain("\n#define TERN_OWN_BYTES 4u\n"); // features(4)
    const hash = createHash("sha256").update(c).update(files["module_wasm2c.h"]!).digest("hex");
    expect(hash, "wasm2c's output for the same module has changed: read it before this is changed").toBe(GOLDEN);
  });

  it("refuses what is no module", async () => {
    const refused = expect(translate(Uint8Array.of(1, 2, 3))).rejects;
    await refused.toThrow(EngineError);
    await expect(translate(Uint8Array.of(1, 2, 3))).rejects.toThrow("wasm2c refuses the module: ");
  });

  it.each([
    ["grows its memory", "(memory.grow (local.get 0))", "w2c_memory"],
    ["asks for its size", "(memory.size)", "w2c_memory"],
    ["fills it", "(memory.fill (i32.const 0) (i32.const 0) (i32.const 9)) (i32.const 0)", "memory_fill("],
    ["copies in it", "(memory.copy (i32.const 0) (i32.const 0) (i32.const 9)) (i32.const 0)", "memory_copy("],
    ["loads a float", "(i32.trunc_f32_s (f32.load (local.get 0)))", "f32_load_default32("],
    ["stores a float", "(f64.store (local.get 0) (f64.const 1)) (i32.const 0)", "f64_store_default32("],
  ])("refuses a module that %s", async (_, invoke, found) => {
    await expect(translate(assemble(invoke))).rejects.toThrow(`wasm2c's output: found ${found} in "`);
    await expect(translate(assemble(invoke))).rejects.toThrow(EngineError);
  });

  it("fails where wasm2c's text is another one", async () => {
    const plain = (await translate(SMALL))
      ["module_wasm2c.c"]!.replaceAll("\n  TERN_MEMORY(instance)", "")
      .replace("i32_load_at(memory, var_i0, 4u)", "i32_load_default32(&instance->w2c_memory, (u64)(var_i0) + 4u)");
    expect(inject(plain)).toBe((await translate(SMALL))["module_wasm2c.c"]);
    const others: [string, string, string, string][] = [
      ["another access", "i32_load_default32(&", "i32_load(&", "i32_load("],
      ["another memory", "&instance->w2c_memory, (u64)", "&instance->w2c_more, (u64)", "i32_load_default32("],
      ["an address of 64 bits", "(u64)(var_i0) + 4u", "var_j0 + 4u", "i32_load_default32("],
      ["an address that is no variable", "(u64)(var_i0)", "(u64)(var_i0 + var_i1)", "i32_load_default32("],
      ["an offset that is no constant", "+ 4u)", "+ var_i1)", "i32_load_default32("],
      [
        "memory on another path",
        "  FUNC_PROLOGUE;\n",
        "  FUNC_PROLOGUE;\n  u8* at = instance->w2c_memory.data;\n",
        "w2c_memory",
      ],
    ];
    expect(() => inject(plain.replaceAll("w2c_tern_", "w2c_module_"))).toThrow("found no function, expected w2c_tern_");
    for (const [what, from, to, found] of others) {
      expect(plain, what).toContain(from);
      expect(() => inject(plain.replace(from, to)), what).toThrow(`wasm2c's output: found ${found} in "`);
    }
  });

  it("holds the module of devices", async () => {
    const files = await translate(MODULE);
    expect(files["module_wasm2c.c"]).toContain("w2c_tern_invoke");
  });
});

/** sha256 of the C and its header, for SMALL. */
const GOLDEN = "76d622dd6f6d444f9a0d49bc007f28e1b1121f2ad39376bdf7928315ac3d992a";

/** Every access, and how many bytes it takes. */
const ACCESSES: [string, number][] = ["i32", "i64"].flatMap((type): [string, number][] => {
  const whole = type === "i32" ? 4 : 8;
  const widths = [1, 2, 4].filter((width) => width < whole);
  const parts = widths.flatMap((width): [string, number][] =>
    ["load*_u", "load*_s", "store*"].map((access) => [access.replace("*", String(8 * width)), width]),
  );
  const all: [string, number][] = [...parts, ["load", whole], ["store", whole]];
  return all.map(([access, width]) => [`${type}.${access}`, width]);
});
const SLACK = 64;
const OFFSETS = [0, 1, 12, SLACK - 8, SLACK - 4, SLACK - 2, SLACK - 1, SLACK, 100, 0x7fffffff, 0xfffffffc, 0xffffffff];
const MEMORY = 120; // no multiple of 64 KB

/** Every access with every offset, and the addresses at which it is tried: on either side of each end, and where 32 bits wrap. */
const CASES = ACCESSES.flatMap(([access, width]) =>
  OFFSETS.map((offset) => ({
    code: accessCode(access, offset),
    passes: (address: number) => (offset + width <= SLACK ? address < MEMORY : address + offset + width <= MEMORY), // wasm-rt.h
    addresses: [
      ...new Set(
        [0, MEMORY - width, MEMORY - width + 1, MEMORY - 1, MEMORY, MEMORY + SLACK - width, MEMORY + SLACK]
          .flatMap((address) => [address, address - offset])
          .concat(0x7fffffff, 0x80000000, 0xffffffff, 0xffffffff - width, 2 ** 32 - offset, MEMORY - offset - width + 1)
          .map((address) => address >>> 0),
      ),
    ],
  })),
);

/** A store writes ones; a load's value is added to all other results, so that none is left out. */
function accessCode(access: string, offset: number): string {
  const type = access.slice(0, 3);
  const address = `offset=${offset} (local.get 1)`;
  if (access.includes("store")) return `(${access} ${address} (${type}.const -1))`;
  const value = `(${access} ${address})`;
  return `(local.set 2 ${type === "i32" ? value : `(i32.wrap_i64 ${value})`})`;
}

/** For every "case,address": what it ends with, in a fresh instance. */
const TRIES = `
#include "runtime.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int32_t board_weights_read(uint8_t *to, uint32_t offset, uint32_t bytes) { return to == 0 || offset != bytes; }
/* The heap has exactly memory and slack, so that sanitizers see every byte beside it. */
int main(int count, char **tries) {
  int32_t result;
  const uint32_t zero[1] = {0};
  uint8_t *memory = malloc(${MEMORY + SLACK});
  for (int i = 1; i < count; i++) {
    char *comma;
    const uint32_t number = (uint32_t)strtoul(tries[i], &comma, 10);
    const uint32_t arguments[3] = {number, (uint32_t)strtoul(comma + 1, 0, 10), 0};
    runtime_start(memory, ${MEMORY});
    printf("%s: %d\\n", tries[i], runtime_call(RUNTIME_INVOKE, arguments, &result));
  }
  memset(memory, 255, ${MEMORY + SLACK});
  runtime_start(memory, ${MEMORY});
  for (int i = 0; i < ${MEMORY + SLACK}; i++) if (memory[i]) puts("not zeroed");
  printf("reset: %d\\n", runtime_call(RUNTIME_RESET, zero, &result));
  printf("own: %d\\n", (int)runtime_own_bytes());
  printf("less than that: %d", runtime_start(memory, runtime_own_bytes() - 1));
  printf(" %d\\n", runtime_call(RUNTIME_RESET, zero, &result));
  free(memory);
  return 0;
}
`;

const EVERY = await translate(
  assemble(
    `${CASES.map(({ code }, i) => `(if (i32.eq (local.get 0) (i32.const ${i})) (then ${code}))`).join("\n")} (local.get 2)`,
  ),
);

for (const compiler of ["gcc", "clang"]) {
  const missing = hasProgram(compiler) ? undefined : `needs ${compiler}`;
  describeUnless(missing, `the bounds check, by ${compiler}`, () => {
    const run = compileC(compiler, EVERY, TRIES);
    it("stops every access that begins behind memory or ends behind its slack, and keeps the others in it", () => {
      const tries = CASES.flatMap(({ addresses, passes }, i) => addresses.map((address) => ({ i, address, passes })));
      const expected = tries.map(({ i, address, passes }) => `${i},${address}: ${passes(address) ? 0 : 1}`);
      const lines = run(tries.map(({ i, address }) => `${i},${address}`));
      expect(lines).toEqual([...expected, "reset: 2", "own: 4", "less than that: 5 5"]);
    });
  });
}
