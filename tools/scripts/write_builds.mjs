// `npm run builds`: writes what follows from the table of builds (host/base/builds.mjs) into the JSON files that other tools read. tests/house/builds.test.ts holds them to it.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BUILD_NAMES, COMMANDS, OPTIONS, partsOf, settingsOf, UPDATE } from "../../host/base/builds.mjs";
import { PROJECT } from "./setup.mjs";

/** The files, by path; each by a function from what it holds to what it is to hold. */
export const FILES = {
  "asconfig.json": () => {
    const targets = BUILD_NAMES.map((name) => [name, targetOf(`build/${name}.wasm`, partsOf(name))]);
    return { entries: ["assembly/index.ts"], options: OPTIONS, targets: Object.fromEntries(targets) };
  },
  "assembly/wasi/asconfig.json": () => {
    const targets = Object.entries(COMMANDS).map(([name, { variant }]) => {
      return [name, targetOf(`../../build/${name}.wasm`, { variant, profile: "command" })];
    });
    return { entries: ["./index.ts"], options: OPTIONS, targets: Object.fromEntries(targets) };
  },
  "assembly/update/asconfig.json": () => {
    const targets = Object.keys(UPDATE).map((name) => [name, { outFile: `../../build/${name}.wasm`, use: ["abort="] }]);
    return { entries: ["./index.ts"], options: OPTIONS, targets: Object.fromEntries(targets) };
  },
  "package.json": (found) => {
    const modules = [...BUILD_NAMES, ...Object.keys(COMMANDS), ...Object.keys(UPDATE)].map((name) => `${name}.wasm`);
    const others = Object.entries(found.exports).filter(([name]) => !name.endsWith(".wasm"));
    const isModule = (file) => file.startsWith("build/");
    const first = found.files.findIndex(isModule);
    const files = found.files.filter((file) => !isModule(file));
    return {
      ...found,
      exports: Object.fromEntries([...others, ...modules.map((name) => [`./${name}`, `./build/${name}`])]),
      files: [...files.slice(0, first), ...modules.map((name) => `build/${name}`), ...files.slice(first)],
    };
  },
};

function targetOf(outFile, parts) {
  const { use, enable } = settingsOf(parts);
  return { outFile, use, ...(enable.length > 0 && { enable }) };
}

/** The text that a file is to hold. */
export function textOf(path) {
  return `${JSON.stringify(FILES[path](JSON.parse(readFileSync(join(PROJECT, path), "utf8"))), null, 2)}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const path of Object.keys(FILES)) writeFileSync(join(PROJECT, path), textOf(path));
}
