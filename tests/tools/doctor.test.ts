import { afterEach, expect, it, vi } from "vitest";
import { doctor, formatReport } from "../../tools/commands/doctor.ts";
import { printable } from "../../tools/terminal/paint.ts";
import { moduleNamed } from "../variants.ts";

afterEach(() => vi.unstubAllEnvs());

it("says what is missing, what it is good for and how to get it", async () => {
  vi.stubEnv("TERN_WASMTIME", "nowhere");
  vi.stubEnv("TERN_DATA", "nowhere");
  const report = await doctor();
  expect(report.engines[0]).toMatchObject({ name: "v8", found: process.versions.v8 });
  expect(report.engines[1]).toMatchObject({ name: "wasmtime", found: null });
  expect(report.data.map((part) => part.found)).toEqual([null, null]);

  const tried = report.speed.map(({ name, found }) => [name, found === null]);
  const hasRelaxed = WebAssembly.validate(moduleNamed("relaxed") as Uint8Array<ArrayBuffer>);
  expect(Object.fromEntries(tried)).toEqual({ "v8 scalar": false, "v8 simd": false, "v8 relaxed": !hasRelaxed });
  for (const { found } of report.speed) if (found) expect(found).toMatch(/^ *\d+\.\d\d GMAC\/s, \d+ µs$/);

  const text = formatReport(report).map(printable).join("\n");
  expect(text).toMatch(/^host\n {2}ok {7}node {6}\d+\.\d+/);
  expect(text).toMatch(/missing {2}wasmtime {2}good for: .*\n +get it: no libwasmtime at nowhere: expected/);
  expect(text).toMatch(/\nspeed, measured roughly: a row of 1024 u8 codes/);
  expect(text).toMatch(/missing {2}mnist .*\n.*nowhere.*TERN_DATA/);
});
