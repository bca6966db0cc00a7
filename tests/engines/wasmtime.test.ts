import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import type { EngineFailure } from "../../host/base/errors.ts";
import { createWasmtime, type WasmtimeEngine } from "../../host/engines/wasmtime.ts";
import { ENGINES } from "../engines.ts";
import { moduleNamed } from "../variants.ts";

const folder = mkdtempSync(join(tmpdir(), "tern-wasmtime-"));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

const textFile = join(folder, "libwasmtime.so");
writeFileSync(textFile, "not a library\n");
const { sharedObjects } = process.report.getReport() as { sharedObjects: string[] };
const libc = sharedObjects.find((path) => /libc\.so|libSystem|kernel32/i.test(path))!;

describe("createWasmtime", () => {
  it.each<[string, string, EngineFailure, RegExp]>([
    ["a path with nothing", join(folder, "nothing"), "missing", /no libwasmtime at .*nothing/],
    ["a folder without it", dirname(process.execPath), "missing", /no libwasmtime at/],
    ["a text file", textFile, "missing", /libwasmtime\.so cannot be loaded/],
    ["another library", libc, "version", /not the libwasmtime that we know: .*wasm_config_new/],
  ])("refuses %s", async (_, library, kind, message) => {
    await expect(createWasmtime({ library })).rejects.toMatchObject({ kind, message: expect.stringMatching(message) });
  });

  it("takes what TERN_WASMTIME names, and no other", async () => {
    vi.stubEnv("TERN_WASMTIME", join(folder, "nothing"));
    await expect(createWasmtime()).rejects.toMatchObject({ kind: "missing" });
  });
});

const { engine } = ENGINES.wasmtime!;
if (typeof engine === "string") console.warn(`SKIPPED finding libwasmtime: ${engine}`);
describe.skipIf(typeof engine === "string")("createWasmtime, with a library", () => {
  const { library } = engine as WasmtimeEngine;

  it("gives the same engine for the same library, by file and by folder; another one for another compiler", async () => {
    expect(await createWasmtime({ library: library.path })).toBe(engine);
    expect(await createWasmtime({ library: dirname(library.path) })).toBe(engine);
    const winch = await createWasmtime({ library: library.path, compiler: "winch" });
    expect([winch.name, winch.version]).toEqual(["wasmtime:winch", (engine as WasmtimeEngine).version]);
    // Winch has no relaxed SIMD, so it is Winch
    const options = { memoryBytes: 0, imports: { weights_read: () => 1 } };
    await expect(winch.instantiate(moduleNamed("relaxed"), options)).rejects.toMatchObject({ kind: "compile" });
  });

  it("finds it in the C API release, and by TERN_WASMTIME", async () => {
    mkdirSync(join(folder, "release", "lib"), { recursive: true });
    const path = join(folder, "release", "lib", basename(library.path));
    symlinkSync(library.path, path);
    vi.stubEnv("TERN_WASMTIME", join(folder, "release"));
    expect((await createWasmtime()).library).toEqual({ path, by: "TERN_WASMTIME" });
  });

  it("finds it in a Python package, without running that", async () => {
    const machine = `${process.platform}-${process.arch === "arm64" ? "aarch64" : "x86_64"}`;
    const inPackage = join(folder, "python", "wasmtime");
    mkdirSync(join(inPackage, machine), { recursive: true });
    writeFileSync(join(inPackage, "__init__.py"), "raise SystemExit('this ran')\n");
    const path = join(inPackage, machine, basename(library.path));
    symlinkSync(library.path, path);
    vi.stubEnv("TERN_WASMTIME", "");
    vi.stubEnv("PYTHONPATH", join(folder, "python"));
    expect((await createWasmtime()).library).toEqual({ path, by: "the Python package wasmtime" });
  });

  it("gives what it compiles as an ELF file", () => {
    const image = (engine as WasmtimeEngine).compile(moduleNamed("scalar"));
    expect(Buffer.from(image.subarray(0, 4)).toString("latin1")).toBe("\x7fELF");
    expect(() => (engine as WasmtimeEngine).compile(Uint8Array.of(1))).toThrow(
      expect.objectContaining({ kind: "compile" }),
    );
  });

  it("tells what fuel a call left, of an instance that has any", async () => {
    const options = { memoryBytes: 0, imports: { weights_read: () => 1 } };
    const { instantiate } = engine as WasmtimeEngine;
    const metered = await instantiate(moduleNamed("scalar"), { ...options, fuel: 1000 });
    metered.call("abi_version");
    expect(metered.fuelLeft()).toBeGreaterThan(990);
    expect(metered.fuelLeft()).toBeLessThan(1000);
    metered.dispose();
    expect(() => metered.fuelLeft()).toThrow(expect.objectContaining({ name: "EngineError" }));
    const plain = await instantiate(moduleNamed("scalar"), options);
    expect(() => plain.fuelLeft()).toThrow(expect.objectContaining({ kind: "fuel" }));
    plain.dispose();
  });
});
