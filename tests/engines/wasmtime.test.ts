import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import { createWasmtime, type WasmtimeEngine } from "../../host/engines/wasmtime.ts";
import type { EngineFailure } from "../../host/errors.ts";
import { describeEngines } from "../engines.ts";

const folder = mkdtempSync(join(tmpdir(), "tern-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

const text = join(folder, "libwasmtime.so");
writeFileSync(text, "not a library\n");
/** A library of Node's own that is not wasmtime. */
const other = process.report.getReport() as { sharedObjects?: string[] };
const libc = other.sharedObjects?.find((path) => /libc\.so|libSystem|kernel32/i.test(path));

describe("createWasmtime", () => {
  it.each<[string, string | undefined, EngineFailure, RegExp]>([
    ["a path with nothing", join(folder, "nothing"), "missing", /no libwasmtime at .*nothing/],
    ["an empty path", "", "missing", /no libwasmtime at/],
    ["a folder without it", tmpdir(), "missing", /no libwasmtime at/],
    ["a text file", text, "missing", /cannot be loaded/],
    ["a library that is another", libc, "version", /not the libwasmtime that we know: .*wasm_config_new/],
  ])("refuses %s", async (_, library, kind, message) => {
    await expect(createWasmtime({ library })).rejects.toMatchObject({ kind, message: expect.stringMatching(message) });
  });

  it("takes what TERN_WASMTIME names, and no other", async () => {
    vi.stubEnv("TERN_WASMTIME", join(folder, "nothing"));
    await expect(createWasmtime()).rejects.toMatchObject({ kind: "missing" });
    vi.unstubAllEnvs();
  });
});

describeEngines("library of", (engine, { hasLibrary }) => {});
