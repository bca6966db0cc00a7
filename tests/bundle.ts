import { build } from "rolldown";

/** Bundles a program for Node into one file. Its packages are bundled too, or left where the file's folder finds them. */
export async function bundleForNode(
  program: string,
  file: string,
  packages: "inside" | "outside" = "inside",
): Promise<void> {
  const isPackage = (name: string) => packages === "outside" && /^[^./]/.test(name) && name !== program;
  await build({
    input: program,
    platform: "node",
    external: isPackage,
    output: { file, format: "esm" },
    logLevel: "silent",
  });
}
