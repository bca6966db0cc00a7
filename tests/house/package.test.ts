import { readdirSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { join } from "node:path";
import ts from "typescript";
import { expect, it } from "vitest";
import { VERSION } from "../../host/base/version.ts";
import { PROJECT, projectFiles, read } from "./project_files.ts";

const PACKAGE = JSON.parse(read("package.json"));
const LOCK = JSON.parse(read("package-lock.json")).packages[""];

/** Small, pure and kept up. One more needs a reason that is worth it to everybody who installs this. */
const DEPENDENCIES = ["@assemblyscript/loader", "@bufbuild/protobuf", "citty", "fflate"];
const OPTIONAL = ["koffi", "wabt"];
/** Not installed with this: `build`, `train` and `flash` say how to get them. */
const ON_DEMAND = ["assemblyscript", "@jax-js/jax", "esptool-js"];

it("depends on nothing else", () => {
  expect(Object.keys(PACKAGE.dependencies).sort()).toEqual(DEPENDENCIES);
  expect(Object.keys(PACKAGE.optionalDependencies)).toEqual(OPTIONAL);
});

it("pins exact versions, and package-lock.json has the same", () => {
  for (const group of ["dependencies", "optionalDependencies", "devDependencies"]) {
    for (const version of Object.values(PACKAGE[group])) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    expect(LOCK[group]).toEqual(PACKAGE[group]);
  }
});

it("imports in what it ships only what it depends on", () => {
  const shipped = projectFiles().filter((path) => /^(host|tools)\/(?!bench\/).*\.ts$/.test(path));
  const imported = shipped.flatMap((path) => ts.preProcessFile(read(path), true, true).importedFiles);
  const packages = imported
    .map(({ fileName }) => fileName)
    .filter((name) => !name.startsWith(".") && !name.startsWith("node:") && !builtinModules.includes(name))
    .map((name) => name.match(/^(@[^/]+\/)?[^/]+/)![0]);
  expect(packages.filter((name) => ![...DEPENDENCIES, ...OPTIONAL, ...ON_DEMAND].includes(name))).toEqual([]);
});

it("runs no script when installed", () => {
  for (const script of ["preinstall", "install", "postinstall", "prepare"])
    expect(PACKAGE.scripts).not.toHaveProperty(script);
});

it("needs no script of others that fetches something when installed", () => {
  const packages: Record<string, { hasInstallScript?: boolean }> = JSON.parse(read("package-lock.json")).packages;
  const scripted = Object.entries(packages).filter(([, { hasInstallScript }]) => hasInstallScript);
  // koffi's looks for the build that its package brings
  expect(scripted.map(([path]) => path)).toEqual(["node_modules/koffi"]);
});

it("has onnxruntime in one version, where it is compared and where it is timed", () => {
  const versionIn = (path: string) => {
    const { dependencies, optionalDependencies } = JSON.parse(read(path));
    return { ...dependencies, ...optionalDependencies }["onnxruntime-node"];
  };
  expect(versionIn("tests/oracle/package.json")).toMatch(/^\d+\.\d+\.\d+$/);
  expect(versionIn("tools/bench/peers/package.json")).toBe(versionIn("tests/oracle/package.json"));
});

it("is one program by two names, of which its own is never another package's", () => {
  expect(PACKAGE.bin[PACKAGE.name]).toBeDefined(); // `npx littletern` runs it, installed or not
  expect(new Set(Object.values(PACKAGE.bin)).size).toBe(1);
});

it("ships what its entries point to", () => {
  const entries: string[] = [
    PACKAGE.bin.littletern,
    ...Object.values<{ default: string } | string>(PACKAGE.exports),
  ].map((entry) => (typeof entry === "string" ? entry : entry.default));
  const files = projectFiles();
  for (const entry of entries) {
    const path = entry.replace(/^\.\//, "");
    const ships = PACKAGE.files.some((pattern: string) =>
      pattern.includes("*")
        ? path.startsWith(pattern.split("*")[0]!)
        : path.startsWith(`${pattern}/`) || path === pattern,
    );
    expect(ships, `"files" in package.json holds ${path}`).toBe(true);
    if (path.startsWith("dist/")) expect(files).toContain(path.replace(/^dist\/(.*)\.js$/, "$1.ts"));
  }
});

it("has an entry for its version in CHANGELOG.md", () => {
  expect(read("CHANGELOG.md")).toContain(`\n## ${PACKAGE.version}`);
});

it("tells its version as package.json does", () => {
  expect(VERSION).toBe(PACKAGE.version);
});

it("ships types that older TypeScript reads: typed arrays were not generic before 5.7", () => {
  const folder = join(PROJECT, "dist", "host"); // `npm test` builds it
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".d.ts"));
  expect(files).toContain("index.d.ts");
  const generic = files.filter((file) =>
    /\b(Big)?(Ui|I)nt\d+Array<|\bFloat\d+Array</.test(readFileSync(join(folder, file), "utf8")),
  );
  expect(generic).toEqual([]);
});
