import { builtinModules } from "node:module";
import { posix } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { projectFiles, read } from "./project_files.ts";

/** Files that join the stages of the pipeline. Nothing else in host/ imports them. */
const JOINTS = [
  ...[
    "convert.ts",
    "report.ts",
    "sample.ts",
    "session.ts",
    "device.ts",
    "cost.ts",
    "fit.ts",
    "backend.ts",
    "self_test.ts",
    "verify.ts",
    "inspect.ts",
    "variant.ts",
  ],
  ...["index.ts", "node.ts"],
].map((name) => `host/${name}`);

/** What any folder of host/ may import: types and numbers that the stages hand to each other. */
const SHARED = [
  ...[/^host\/[^/]+\.ts$/, /^host\/numbers\//, /^host\/engines\/engine\.ts$/],
  /^host\/graph\/(graph|form|check|supported|carry|names|live)\.ts$/, // the language of importer, evaluator and lowering
  ...[/^host\/firmware\/protocol\.ts$/, /^host\/engines\/(device|package_root)\.ts$/], // the language of device and host
];

/** The files of host/ that need Node; all others run in a browser as well. */
const NODE_ONLY = [
  ...[/^host\/node\.ts$/, /^host\/engines\/\w*wasmtime\w*\.ts$/, /^host\/engines\/package_root\.ts$/],
  /^host\/leftovers\.ts$/,
  /^host\/firmware\/(?!protocol)\w+\.ts$/,
];

/** Packages that only run in Node. */
const NODE_PACKAGES = ["koffi"];

/** Why a file may not import another file, a package or a module of Node; undefined where it may. */
function forbidden(from: string, to: string): string | undefined {
  const [top, target] = [from.split("/")[0]!, to.split("/")[0]!];
  const isFile = to.endsWith(".ts") || to.endsWith(".mjs");
  if (top === "assembly" && (!isFile || target !== "assembly")) return "assembly imports only assembly";
  if (top !== "tests" && target === "tests" && isFile) return "nothing imports tests";
  if (top !== "host") return undefined;
  if (!isFile) {
    const needsNode = to.startsWith("node:") || builtinModules.includes(to) || NODE_PACKAGES.includes(to);
    return needsNode && !matches(NODE_ONLY, from) ? "host runs without Node" : undefined;
  }
  if (target !== "host") return "host imports only host";
  if (JOINTS.includes(from)) return undefined;
  if (JOINTS.includes(to)) return "the stages do not know what joins them";
  const sameStage = from.split("/").length > 2 && from.split("/")[1] === to.split("/")[1];
  return sameStage || matches(SHARED, to) ? undefined : "the stages of host do not import each other";
}

function matches(patterns: RegExp[], path: string): boolean {
  return patterns.some((pattern) => pattern.test(path));
}

/** What a source imports: project files by their path, the rest by name. */
function importsOf(path: string): string[] {
  const { importedFiles } = ts.preProcessFile(read(path), true, true);
  return importedFiles.map(({ fileName }) =>
    fileName.startsWith(".") ? withEnding(posix.join(posix.dirname(path), fileName)) : fileName,
  );
}

/** AssemblyScript leaves out ".ts". */
function withEnding(path: string): string {
  return posix.extname(path) === "" ? `${path}.ts` : path;
}

describe("import directions", () => {
  it.each([
    ["host/blob/read.ts", "host/cursor.ts"],
    ["host/blob/read.ts", "host/blob/pack/trit5.ts"],
    ["host/blob/read.ts", "fflate"],
    ["host/lower/lower.ts", "host/numbers/step.ts"],
    ["host/lower/lower.ts", "host/graph/graph.ts"],
    ["host/convert.ts", "host/lower/lower.ts"],
    ["host/engines/wasmtime.ts", "koffi"],
    ["host/node.ts", "node:fs"],
    ["tools/cli.ts", "node:fs"],
    ["tests/blob/read.test.ts", "tests/variants.ts"],
    ["assembly/model.ts", "assembly/kernels/index.ts"],
  ])("%s may import %s", (from, to) => {
    expect(forbidden(from, to)).toBeUndefined();
  });

  it.each([
    ["host/blob/read.ts", "host/lower/lower.ts"],
    ["host/blob/read.ts", "host/graph/evaluate.ts"],
    ["host/blob/read.ts", "host/session.ts"],
    ["host/cursor.ts", "host/blob/read.ts"],
    ["host/session.ts", "tools/files.ts"],
    ["host/session.ts", "node:fs"],
    ["host/session.ts", "fs"],
    ["host/engines/v8.ts", "koffi"],
    ["host/blob/read.ts", "tests/variants.ts"],
    ["tools/cli.ts", "tests/variants.ts"],
    ["assembly/model.ts", "host/blob/layout.ts"],
    ["assembly/model.ts", "fflate"],
  ])("%s may not import %s", (from, to) => {
    expect(forbidden(from, to)).toBeDefined();
  });

  const sources = projectFiles().filter((path) => /^(assembly|host|tools|examples|tests)\/.*\.(ts|mjs)$/.test(path));
  it.each(sources)("%s keeps to them", (path) => {
    const broken = importsOf(path).flatMap((to) => (forbidden(path, to) ? `${to}: ${forbidden(path, to)}` : []));
    expect(broken).toEqual([]);
  });
});
