import { posix } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { VARIANTS as TABLE } from "../../host/base/builds.mjs";
import { projectFiles, read } from "./project_files.ts";

// assembly/kernels/README.md, "Variants": the same files with the same exports, and one file that chooses.

const KERNELS = "assembly/kernels";
const VARIANTS = Object.keys(TABLE).sort();
const SOURCES = projectFiles().filter((path) => /^assembly\/.*\.ts$/.test(path));

const PARSED = new Map(SOURCES.map((path) => [path, ts.createSourceFile(path, read(path), ts.ScriptTarget.Latest)]));

function parse(path: string): ts.SourceFile {
  return PARSED.get(path)!;
}

/** Names that a file exports. */
function exportsOf(path: string): string[] {
  const names = parse(path).statements.flatMap((statement) => {
    if (ts.isExportDeclaration(statement) && statement.exportClause && ts.isNamedExports(statement.exportClause)) {
      return statement.exportClause.elements.map(({ name }) => name.text);
    }
    const isExported = ts.canHaveModifiers(statement) && ts.getModifiers(statement)?.some(isExport);
    if (!isExported) return [];
    if (ts.isVariableStatement(statement)) {
      return statement.declarationList.declarations.map(({ name }) => (name as ts.Identifier).text);
    }
    return [(statement as ts.FunctionDeclaration | ts.EnumDeclaration).name!.text];
  });
  return names.sort();
}

function isExport({ kind }: ts.Modifier): boolean {
  return kind === ts.SyntaxKind.ExportKeyword;
}

/** Words of a file's code, without its comments. */
function wordsOf(path: string): Set<string> {
  const words = new Set<string>();
  const visit = (node: ts.Node) => {
    if (ts.isIdentifier(node)) words.add(node.text);
    ts.forEachChild(node, visit);
  };
  visit(parse(path));
  return words;
}

/** What a source imports from another file, by that file's path without its ending. */
function importsOf(path: string): [from: string, names: string[]][] {
  return parse(path).statements.flatMap((statement): [string, string[]][] => {
    if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) return [];
    if (!statement.moduleSpecifier) return [];
    const from = posix.join(posix.dirname(path), (statement.moduleSpecifier as ts.StringLiteral).text);
    const bindings = ts.isImportDeclaration(statement) ? statement.importClause?.namedBindings : undefined;
    const named = bindings && ts.isNamedImports(bindings) ? bindings.elements.map(({ name }) => name.text) : ["*"];
    return [[from, named]];
  });
}

describe("variants of kernels", () => {
  const filesOf = (folder: string) =>
    SOURCES.flatMap((path) => (posix.dirname(path) === `${KERNELS}/${folder}` ? [posix.basename(path)] : []));

  it("are folders beside common/", () => {
    const folders = SOURCES.flatMap((path) => path.match(/^assembly\/kernels\/([^/]+)\//)?.[1] ?? []);
    expect([...new Set(folders)].sort()).toEqual(["common", ...VARIANTS]);
  });

  it.each(VARIANTS)("%s has the files of scalar, with the same exports", (variant) => {
    const table = (folder: string) => filesOf(folder).map((name) => [name, exportsOf(`${KERNELS}/${folder}/${name}`)]);
    expect(table(variant)).toEqual(table("scalar"));
    expect(table(variant).length).toBeGreaterThan(1);
  });

  it.each(VARIANTS)("%s/index.ts exports all that its files do", (variant) => {
    const names = filesOf(variant).filter((name) => name !== "index.ts");
    const all = names.flatMap((name) => exportsOf(`${KERNELS}/${variant}/${name}`));
    expect(exportsOf(`${KERNELS}/${variant}/index.ts`)).toEqual(all.sort());
    expect(read(`${KERNELS}/${variant}/index.ts`)).toBe(read(`${KERNELS}/scalar/index.ts`));
  });

  it("are told apart in kernels/variant.ts alone", () => {
    const constants = ["ASC_FEATURE_SIMD", "ASC_FEATURE_RELAXED_SIMD", "TERN_CORE"];
    const naming = SOURCES.filter((path) => constants.some((constant) => wordsOf(path).has(constant)));
    expect(naming).toEqual([`${KERNELS}/variant.ts`]);
  });

  it("are chosen in kernels/index.ts; the rest of the module asks there", () => {
    const asking = SOURCES.flatMap((path) =>
      importsOf(path).flatMap(([from, names]) => (from === `${KERNELS}/variant` ? [[path, ...names]] : [])),
    );
    expect(asking).toEqual([
      [`${KERNELS}/common/lookup.ts`, "RELAXED"], // one instruction of a kernel that two variants share
      [`${KERNELS}/index.ts`, "CORE", "RELAXED", "SIMD"],
      ["assembly/profiles.ts", "CORE", "EVERYWHERE", "FASTEST", "SIMD"], // what a build has, and what its profile leaves out
    ]);
    const inside = SOURCES.filter((path) => !path.startsWith(KERNELS)).flatMap((path) =>
      importsOf(path).flatMap(([from]) => (from.startsWith(`${KERNELS}/`) ? [`${path}: ${from}`] : [])),
    );
    expect(inside).toEqual([`assembly/profiles.ts: ${KERNELS}/variant`]);
  });

  it("import nothing of the module but what its builds are and how blobs are laid out", () => {
    const outside = SOURCES.filter((path) => path.startsWith(`${KERNELS}/`)).flatMap((path) =>
      importsOf(path).map(([from]) => from),
    );
    const allowed = ["assembly/blob", "assembly/features", "assembly/profiles"];
    expect(outside.filter((from) => !from.startsWith(KERNELS) && !allowed.includes(from))).toEqual([]);
  });

  it("never import each other in a circle", () => {
    const next = new Map(SOURCES.map((path) => [path, importsOf(path).map(([from]) => fileOf(from))]));
    const done = new Set<string>();
    const visit = (path: string, above: string[]) => {
      if (above.includes(path)) throw new Error([...above.slice(above.indexOf(path)), path].join(" → "));
      if (done.has(path)) return;
      for (const to of next.get(path) ?? []) visit(to, [...above, path]);
      done.add(path);
    };
    for (const path of SOURCES) visit(path, []);
  });
});

function fileOf(path: string): string {
  return SOURCES.includes(`${path}.ts`) ? `${path}.ts` : `${path}/index.ts`;
}
