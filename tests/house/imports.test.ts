import { builtinModules } from "node:module";
import { posix } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { REGION_OPS } from "../../host/reference/region_ops.ts";
import { projectFiles, read } from "./project_files.ts";

/** The floors of host/: a file imports its own folder and floors below its own, never another folder of the same floor. */
const FLOORS: RegExp[] = [
  /^host\/base\//,
  /^host\/numbers\//,
  /^host\/(program|shape|window|lifetimes)\.ts$/,
  new RegExp(`^host/reference/(floats|region_ops|${Object.keys(REGION_OPS).join("|")})\\.ts$`), // the meaning of float regions, for the evaluator and the reference
  /^host\/graph\/(ops\/\w+|graph|node|form|forms|element|check|supported|origin|carry|commute|names|live|shapes|insert)\.ts$/, // the language of importer, evaluator and lowering
  /^host\/quantize\/(int8|ranges)\.ts$/, // what a checkpoint becomes; what finds the ranges evaluates it
  /^host\/engines\/engine\.ts$/,
  /^host\/(checkpoint|graph|lower|blob|reference|engines|firmware)\//,
  /^host\/(flash|quantize)\//,
  /^host\/run\//,
  /^host\/cost\//,
  /^host\/(report|convert|verify|build)\.ts$/,
  /^host\/(index|node)\.ts$/,
];

/** The files of host/ that need Node; all others run in a browser as well. */
const NODE_ONLY = [
  ...[
    /^host\/(node|build)\.ts$/,
    /^host\/engines\/\w*wasmtime\w*\.ts$/,
    /^host\/base\/(package_root|leftovers|file_errors)\.ts$/,
  ],
  ...[
    /^host\/firmware\/(make\/)?\w+\.ts$/,
    /^host\/firmware\/link\/(port|emulator)\.ts$/,
    /^host\/cost\/measured\.ts$/,
    /^host\/flash\/signature\.ts$/,
    /^host\/flash\/esp\/(loader|partitions|usb)\.ts$/, // MD5, which Web Crypto lacks; a browser has ESP Web Tools
  ],
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
  const [mine, theirs] = [floorOf(from), floorOf(to)];
  if (theirs < mine || folderOf(from) === folderOf(to)) return undefined;
  return theirs === mine ? "the folders of a floor do not import each other" : "host imports what stands below";
}

function floorOf(path: string): number {
  return FLOORS.findIndex((floor) => floor.test(path));
}

/** The folder of host/ in which a file stands; of the files in host/ itself, those of a floor stand together. */
function folderOf(path: string): string {
  const parts = path.split("/");
  return parts.length > 2 ? parts[1]! : String(floorOf(path));
}

function matches(patterns: RegExp[], path: string): boolean {
  return patterns.some((pattern) => pattern.test(path));
}

/** A circle of imports, if there is one: files of which each imports the next, from the first to the first again. */
function circle(imports: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const from = (path: string, trail: readonly string[]): string[] | undefined => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return undefined;
    for (const next of imports.get(path) ?? []) {
      const found = from(next, [...trail, path]);
      if (found) return found;
    }
    done.add(path);
    return undefined;
  };
  for (const path of imports.keys()) {
    const found = from(path, []);
    if (found) return found;
  }
  return undefined;
}

/** What a source imports, as types and when it runs too: project files by their path, the rest by name. */
function importsOf(path: string): string[] {
  const { importedFiles } = ts.preProcessFile(read(path), true, true);
  return importedFiles.map(({ fileName }) =>
    fileName.startsWith(".") ? withEnding(posix.join(posix.dirname(path), fileName)) : fileName,
  );
}

/** The package that an import names; undefined for a file of the project or a module of Node. */
function packageOf(name: string): string | undefined {
  if (/[.]m?[jt]s$|^node:/.test(name)) return undefined;
  return name.split("/", name.startsWith("@") ? 2 : 1).join("/");
}

/** AssemblyScript leaves out ".ts". */
function withEnding(path: string): string {
  return posix.extname(path) === "" ? `${path}.ts` : path;
}

describe("import directions", () => {
  it.each([
    ["host/blob/read.ts", "host/base/cursor.ts"],
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
    ["host/blob/read.ts", "host/run/session.ts"],
    ["host/base/cursor.ts", "host/blob/read.ts"],
    ["host/run/session.ts", "tools/files/files.ts"],
    ["host/run/session.ts", "node:fs"],
    ["host/run/session.ts", "fs"],
    ["host/engines/v8.ts", "koffi"],
    ["host/blob/read.ts", "tests/variants.ts"],
    ["tools/cli.ts", "tests/variants.ts"],
    ["assembly/model.ts", "host/blob/layout.ts"],
    ["assembly/model.ts", "fflate"],
  ])("%s may not import %s", (from, to) => {
    expect(forbidden(from, to)).toBeDefined();
  });

  const sources = projectFiles().filter((path) => /^(assembly|host|tools|examples|tests)\/.*\.(ts|mjs)$/.test(path));

  it("every file of host stands on a floor", () => {
    expect(projectFiles().filter((path) => /^host\/.*\.ts$/.test(path) && floorOf(path) < 0)).toEqual([]);
  });

  it("every package that is imported is installed by a manifest of the project", () => {
    const manifests = projectFiles().filter((path) => posix.basename(path) === "package.json");
    const installed = manifests.flatMap((path) => {
      const { dependencies, optionalDependencies, devDependencies } = JSON.parse(read(path));
      return Object.keys({ ...dependencies, ...optionalDependencies, ...devDependencies });
    });
    const packages = sources.flatMap((path) => importsOf(path).map((name) => ({ path, name: packageOf(name) })));
    expect(packages.filter(({ name }) => name !== undefined && !installed.includes(name))).toEqual([]);
  });

  it("no files import each other, whatever the way round", () => {
    expect(
      circle(
        new Map([
          ["a", ["b"]],
          ["b", ["c", "d"]],
          ["c", ["d"]],
          ["d", []],
        ]),
      ),
    ).toBeUndefined();
    expect(
      circle(
        new Map([
          ["a", ["b"]],
          ["b", ["c"]],
          ["c", ["d", "b"]],
          ["d", []],
        ]),
      ),
    ).toEqual(["b", "c", "b"]);
    expect(circle(new Map([["a", ["a"]]]))).toEqual(["a", "a"]);
    const product = sources.filter((path) => /^(assembly|host|tools)\//.test(path));
    expect(circle(new Map(product.map((path) => [path, importsOf(path)])))).toBeUndefined();
  });

  it.each(sources)("%s keeps to them", (path) => {
    const broken = importsOf(path).flatMap((to) => (forbidden(path, to) ? `${to}: ${forbidden(path, to)}` : []));
    expect(broken).toEqual([]);
  });
});
