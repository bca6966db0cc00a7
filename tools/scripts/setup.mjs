// What `npm start` and `npm test` do first, on a fresh clone with Node alone: dependencies, build, libwasmtime.
// Does only what is missing or out of date, and prints one line for each thing that it does.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const PROJECT = fileURLToPath(new URL("../..", import.meta.url));

/** The first Node that every dependency runs on; "engines" in package.json says the same. */
const NODE = [20, 19];

/** What the build reads: a change in any of these rebuilds. */
const SOURCES = [
  "assembly",
  "host",
  "tools",
  "examples",
  "package.json",
  "asconfig.json",
  "tsconfig.json",
  "tsconfig.build.json",
];

/** Written after a build: hash of the sources that it was made from. */
const BUILT = join(PROJECT, "build", ".sources");

/** Written after a try to fetch libwasmtime, with the hash of the script that did: without a network one waits only once. */
const TRIED = join(PROJECT, ".cache", "wasmtime", "tried");

export async function setup() {
  checkNode();
  if (!isInstalled()) {
    step("Installing dependencies (npm ci) ...");
    npm("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error");
  }
  const sources = hashSources();
  if (!existsSync(BUILT) || !existsSync(join(PROJECT, "dist")) || readFileSync(BUILT, "utf8") !== sources) {
    step("Building the module and the tools ...");
    rmSync(join(PROJECT, "dist"), { recursive: true, force: true }); // else the output of a deleted source would stay
    npm("run", "build");
    mkdirSync(join(PROJECT, "build"), { recursive: true });
    writeFileSync(BUILT, sources);
  }
  await fetchWasmtime();
}

function checkNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > NODE[0] || (major === NODE[0] && minor >= NODE[1])) return;
  stop(`Node ${process.versions.node} is too old: Little Tern needs ${NODE.join(".")} or newer (nodejs.org).`);
}

/** Whether node_modules holds what package-lock.json asks for, by npm's own record of what it installed. */
function isInstalled() {
  const record = join(PROJECT, "node_modules", ".package-lock.json");
  if (!existsSync(record)) return false;
  const wanted = JSON.parse(readFileSync(join(PROJECT, "package-lock.json"), "utf8")).packages;
  const found = JSON.parse(readFileSync(record, "utf8")).packages;
  return Object.entries(wanted).every(
    // optional packages are those of other platforms, too; the first entry is the project itself
    ([path, { version, optional }]) => path === "" || (found[path] ? found[path].version === version : optional),
  );
}

function hashSources() {
  const hash = createHash("sha256");
  const add = (path) => {
    if (statSync(join(PROJECT, path), { throwIfNoEntry: false })?.isDirectory()) {
      const names = readdirSync(join(PROJECT, path)).filter((name) => name !== "node_modules");
      for (const name of names.sort()) add(`${path}/${name}`);
    } else if (/\.(ts|mjs|json)$/.test(path) && existsSync(join(PROJECT, path))) {
      hash.update(`${path} ${hashFile(path)}\n`);
    }
  };
  SOURCES.forEach(add);
  return hash.digest("hex");
}

async function fetchWasmtime() {
  const script = hashFile("tools/scripts/install_wasmtime.mjs") + hashFile("host/engines/libwasmtime.json"); // which names the version
  if (existsSync(TRIED) && readFileSync(TRIED, "utf8") === script) return;
  const offline = process.env.TERN_OFFLINE === "1";
  if (!offline) step("Fetching libwasmtime, the second engine ...");
  const { installWasmtime } = await import("./install_wasmtime.mjs");
  const result = await installWasmtime({ quiet: true });
  if ("reason" in result) step(`Going on without libwasmtime: ${result.reason}`);
  if (offline) return;
  mkdirSync(dirname(TRIED), { recursive: true });
  writeFileSync(TRIED, script);
}

function hashFile(path) {
  return createHash("sha256")
    .update(readFileSync(join(PROJECT, path)))
    .digest("hex");
}

/** Runs npm, silently unless it fails. */
export function npm(...args) {
  const cli = process.env.npm_execpath; // set where npm runs us; Windows cannot start npm.cmd without a shell
  const [command, first] = cli?.endsWith("npm-cli.js") ? [process.execPath, [cli]] : ["npm", []];
  const { status, stdout, stderr, error } = spawnSync(command, [...first, ...args], { cwd: PROJECT, encoding: "utf8" });
  if (status === 0) return;
  stop(`${stdout ?? ""}${stderr ?? ""}npm ${args.join(" ")} failed${error ? `: ${error.message}` : ""}.`);
}

export function step(line) {
  console.log(line);
}

function stop(message) {
  console.error(message);
  process.exit(1);
}
