import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { checkBytes, checkObject, checkOneOf } from "./base/arguments.ts";
import { OPTIONS, packingsOf, settingsOf, VARIANTS, type VariantName } from "./base/builds.mjs";
import { EngineError } from "./base/errors.ts";
import { packageRoot } from "./base/package_root.ts";
import { featuresOf } from "./blob/features.ts";
import { packingOf } from "./blob/pack/pack.ts";
import { readBlob } from "./blob/read.ts";
import { isWeighted, type Program } from "./program.ts";

export interface BuildOptions {
  /** `scalar` if not given: every engine runs it. */
  variant?: VariantName;
  /** Whether the module uses weights where they lie in its memory, if not given, and imports nothing; or also reads them piece by piece through its import. */
  weights?: "resident" | "streaming";
}

/**
 * A module for one model: it has the ops, packings, posts and dtypes that the blob needs and no others, and refuses blobs that need more (status
 * Unsupported). Blobs of other weights run in it where they need no more. Compiles `assembly/` with AssemblyScript, in about two seconds. Throws EngineError:
 * of kind "missing" where there is no AssemblyScript, "packing" for a packing that the variant has no kernels for; BlobError, as readBlob.
 */
export async function buildModule(blob: Uint8Array, options: BuildOptions = {}): Promise<Uint8Array> {
  checkBytes("blob", blob);
  checkObject("options", options);
  const { variant = "scalar", weights = "resident" } = options as BuildOptions;
  checkOneOf("variant", variant, Object.keys(VARIANTS));
  checkOneOf("weights", weights, ["resident", "streaming"]);
  const program = readBlob(blob);
  checkPackings(program, variant);
  const { use, enable } = settingsOf({ variant });
  const words = Object.entries(featuresOf(program)).map(([name, word]) => `TERN_${name.toUpperCase()}=${word}`);
  const resident = weights === "resident" ? ["TERN_RESIDENT=1"] : [];
  return compile({ ...OPTIONS, use: [...use, ...words, ...resident], enable });
}

/** Throws EngineError for weights whose packing a variant has no kernels for. */
function checkPackings({ ops }: Program, variant: VariantName): void {
  for (const op of ops) {
    if (!isWeighted(op)) continue;
    const { name } = packingOf(op);
    const has = (variant: VariantName) => (packingsOf(variant) as string[]).includes(name);
    if (has(variant)) continue;
    const others = (Object.keys(VARIANTS) as VariantName[]).filter(has);
    const which = others.length > 0 ? `, only ${others.join(" and ")}` : ", nor has any other variant";
    const why = `${variant} has no kernels for weights packed as ${name}${which}; \`npx littletern repack\` packs them anew`;
    throw new EngineError("packing", why);
  }
}

/** The module that asc makes of assembly/ with these options. */
async function compile(options: Record<string, string | number | boolean | string[]>): Promise<Uint8Array> {
  const asc = await findCompiler();
  const entry = join("assembly", "index.ts");
  if (!existsSync(join(packageRoot(), entry))) {
    throw new EngineError("missing", `${join(packageRoot(), entry)} is missing, expected the sources of the module`);
  }
  const flags = Object.entries(options).flatMap(([name, value]) => {
    if (typeof value === "boolean") return value ? [`--${name}`] : [];
    return Array.isArray(value) ? value.flatMap((each) => [`--${name}`, each]) : [`--${name}`, String(value)];
  });
  const output: Record<string, Uint8Array> = {};
  const { error, stderr } = await asc.main([entry, ...flags, "--baseDir", packageRoot(), "--outFile", "module.wasm"], {
    readFile: (name, folder) => {
      const path = join(folder, name);
      return existsSync(path) ? readFileSync(path, "utf8") : null;
    },
    writeFile: (name, contents) => {
      output[name] = contents as Uint8Array;
    },
  });
  const module = output["module.wasm"];
  if (error || !module) throw new EngineError("compile", `asc: ${error?.message ?? "no module"}`, String(stderr));
  return module;
}

/** AssemblyScript, as far as it is used here. */
interface Compiler {
  version: string;
  main(
    args: string[],
    files: {
      readFile(name: string, folder: string): string | null;
      writeFile(name: string, contents: Uint8Array | string): void;
    },
  ): Promise<{ error: Error | null; stderr: { toString(): string } }>;
}

async function findCompiler(): Promise<Compiler> {
  try {
    return (await import("assemblyscript/asc")).default as unknown as Compiler;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new EngineError("missing", `no AssemblyScript, which compiles modules: \`${installCompiler()}\` gets it`);
  }
}

/** The version of AssemblyScript that is here; null where there is none. */
export async function compilerVersion(): Promise<string | null> {
  return findCompiler().then(
    ({ version }) => version,
    () => null,
  );
}

/** The command that installs AssemblyScript, in the version that modules are tested with. */
export function installCompiler(): string {
  const { devDependencies } = JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8"));
  return `npm install assemblyscript@${devDependencies.assemblyscript}`;
}
