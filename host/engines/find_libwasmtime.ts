import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { EngineError } from "../base/errors.ts";
import { npmRun, packageRoot } from "../base/package_root.ts";

/** A file that should be libwasmtime. */
export interface Found {
  /** Absolute. */
  path: string;
  /** What led to it, for people. */
  by: string;
  /** Checksums of which it must have one, where we fetched it. */
  sha256?: string[];
}

/** Names of the library: in the Python package, in the C API release. */
const NAMES: Record<string, string[]> = {
  darwin: ["_libwasmtime.dylib", "libwasmtime.dylib"],
  win32: ["_wasmtime.dll", "wasmtime.dll"],
};
const LIBRARY_NAMES = NAMES[process.platform] ?? ["_libwasmtime.so", "libwasmtime.so"];

/** Where in a folder: in itself; "lib" of the C API release; "linux-x86_64", "win32-aarch64", … of the Python package. */
const MACHINE = process.arch === "arm64" ? "aarch64" : "x86_64";
const LIBRARY_FOLDERS = [".", "lib", `${process.platform}-${MACHINE}`];

const PYTHONS = process.platform === "win32" ? ["python", "py"] : ["python3", "python"];

/** Prints the folder of the Python package without running its code. */
const WHERE_IS_WASMTIME =
  "import importlib.util as u; s = u.find_spec('wasmtime'); print(s.submodule_search_locations[0] if s else '')";

/**
 * Libraries to try, in this order: the one named by TERN_WASMTIME, and then no other; the one in the Python package
 * `wasmtime`; the one that `npm run wasmtime:install` fetched, whose checksum libwasmtime.json has.
 */
export async function* findLibwasmtime(): AsyncGenerator<Found> {
  const named = process.env.TERN_WASMTIME;
  if (named) {
    yield { path: namedLibrary(named), by: "TERN_WASMTIME" };
    return;
  }
  const python = await pythonPackage();
  const inPython = python && libraryIn(python);
  if (inPython) yield { path: inPython, by: "the Python package wasmtime" };

  const { version, wheels } = JSON.parse(readFileSync(join(packageRoot(), "host/engines/libwasmtime.json"), "utf8"));
  const path = libraryIn(join(packageRoot(), ".cache", "wasmtime", version));
  const files = Object.values(wheels as Record<string, { fileSha256: string }>);
  if (path) yield { path, by: "npm run wasmtime:install", sha256: files.map(({ fileSha256 }) => fileSha256) };
}

/** Throws EngineError where a library that we fetched is not, byte by byte, what we fetched: half of it, or another file. (30 ms.) */
export async function checkLibrary({ path, sha256 }: Found): Promise<void> {
  if (!sha256) return; // a person's own
  const found = createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
  if (sha256.includes(found)) return;
  const advice = `\`${npmRun("wasmtime:install")}\` fetches it anew`;
  throw new EngineError(
    "version",
    `${path} is damaged: its sha256 is ${found}, which is no libwasmtime that we know; ${advice}`,
  );
}

/** The library at a path that a person gave: the file, or a folder with it. */
export function namedLibrary(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false })?.isFile() ? resolve(path) : libraryIn(path);
  if (found) return found;
  throw new EngineError(
    "missing",
    `no libwasmtime at ${path}: expected ${LIBRARY_NAMES.join(" or ")}, or a folder with it`,
  );
}

function libraryIn(folder: string): string | undefined {
  const paths = LIBRARY_FOLDERS.flatMap((inner) => LIBRARY_NAMES.map((name) => resolve(folder, inner, name)));
  return paths.find((path) => existsSync(path));
}

/** Folder of the Python package `wasmtime`; "" where there is no Python, or no such package. */
async function pythonPackage(): Promise<string> {
  for (const python of PYTHONS) {
    try {
      // Python imports from its working directory first: not the user's, whatever lies there.
      const options = { cwd: dirname(process.execPath), timeout: 3_000 };
      const { stdout } = await promisify(execFile)(python, ["-X", "utf8", "-c", WHERE_IS_WASMTIME], options);
      return stdout.trim();
    } catch {
      // No such command, or one that does not work: the next.
    }
  }
  return "";
}
