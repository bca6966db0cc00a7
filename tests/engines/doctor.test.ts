import { afterEach, expect, it, vi } from "vitest";
import { doctor, formatReport } from "../../tools/commands/doctor.ts";

afterEach(() => vi.unstubAllEnvs());

it("says what is missing, what it is good for and how to get it", async () => {
  vi.stubEnv("TERN_WASMTIME", "nowhere");
  vi.stubEnv("TERN_DATA", "nowhere");
  const report = await doctor();
  expect(report.engines[0]).toMatchObject({ name: "v8", found: process.versions.v8 });
  expect(report.engines[1]).toMatchObject({ name: "wasmtime", found: null });
  expect(report.data.map((part) => part.found)).toEqual([null, null]);

  const text = formatReport(report);
  expect(text).toMatch(/^host\n {2}ok {7}node {6}\d+\.\d+/);
  expect(text).toMatch(/missing {2}wasmtime {2}good for: .*\n +get it: no libwasmtime at nowhere: expected/);
  expect(text).toMatch(/missing {2}mnist .*\n.*nowhere.*TERN_DATA/);
});
