import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { CORES } from "../../host/firmware/cores.ts";
import { SECTIONS } from "../../host/firmware/make/build.ts";
import { inject } from "../../host/firmware/make/wasm2c.ts";
import { hasProgram } from "../firmware/host_c.ts";
import { describeUnless } from "../skip.ts";

const PROJECT = join(import.meta.dirname, "..", "..");

/** Bytes of code, SHA-256 among it, that every access of memory is checked in. */
const CEILING = 5 * 1024;

const missing = hasProgram("arm-none-eabi-gcc") ? undefined : "no arm-none-eabi-gcc";

describeUnless(missing, "update.wasm as C", () => {
  const folder = mkdtempSync(join(tmpdir(), "tern-update-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const [c, h, rt] = ["module.c", "module.h", "wasm-rt.h"].map((name) => join(folder, name));
  const wasm2c = join(dirname(createRequire(import.meta.url).resolve("wabt/package.json")), "bin", "wasm2c");
  execFileSync(process.execPath, [wasm2c, join(PROJECT, "build", "update.wasm"), "-n", "tern", "-o", c!]);
  writeFileSync(c!, inject(readFileSync(c!, "utf8")));
  writeFileSync(h!, `#define TERN_OWN_BYTES 512u\n${readFileSync(h!, "utf8")}`);
  copyFileSync(join(PROJECT, "host", "firmware", "runtimes", "wasm2c", "wasm_rt.h"), rt!);

  it.each(["cortex-m0", "cortex-m3", "cortex-m4", "cortex-m7"] as const)("keeps its ceiling on a %s", (core) => {
    const { tools, flags, generated } = CORES[core];
    const object = join(folder, `${core}.o`);
    execFileSync(`${tools}gcc`, [...flags, ...SECTIONS, ...generated, "-Os", "-w", "-c", c!, "-o", object]);
    const [, sizes] = execFileSync(`${tools}size`, [object], { encoding: "utf8" }).split("\n");
    const [text, data, bss] = sizes!.trim().split(/\s+/).map(Number);
    console.log(`update.wasm on ${core}: ${text} bytes of code`);
    expect(text).toBeGreaterThan(2000);
    expect(text).toBeLessThanOrEqual(CEILING);
    expect([data, bss]).toEqual([0, 0]);
  });
});
