import { existsSync, readFileSync } from "node:fs";
import { cpus, release, type } from "node:os";

/** What the numbers depend on, by name. */
export type Machine = Record<string, string>;

/** Vector extensions that decide how fast kernels are, as /proc/cpuinfo calls them on x86 and ARM. */
const EXTENSIONS = [
  ...["avx2", "fma", "avx_vnni", "avx512bw", "avx512_vnni", "avx512_bitalg", "avx512_vpopcntdq"],
  ...["asimd", "asimddp", "i8mm", "sve", "sve2"],
];

/** This machine; `versions` are added, "name": "version". */
export function describeMachine(versions: Record<string, string>): Machine {
  return {
    CPU: describeCpu(),
    OS: `${describeOs()}, ${process.arch}`,
    ...versions,
    date: new Date().toISOString().slice(0, "2026-11-22".length),
  };
}

/** The distribution's own name for itself, where it has one. */
function describeOs(): string {
  return textOf("/etc/os-release").match(/^PRETTY_NAME="(.*)"$/m)?.[1] ?? `${type()} ${release()}`;
}

function describeCpu(): string {
  const all = cpus();
  const info = textOf("/proc/cpuinfo");
  const field = (name: RegExp) => info.match(name)?.[1] ?? "";
  const [family, model] = [field(/^cpu family\s*: (.*)$/m), field(/^model\s*: (.*)$/m)];
  const flags = field(/^(?:flags|Features)\s*: (.*)$/m).split(" ");
  const found = EXTENSIONS.filter((extension) => flags.includes(extension));
  return [
    all[0]?.model.trim() ?? "unknown",
    ...(family ? [`family ${family} model ${model}`] : []),
    `${all.length} logical cores`,
    ...(found.length > 0 ? [found.join(" ")] : []),
  ].join(", ");
}

/** Of a file; "" where there is none. */
function textOf(path: string): string {
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}
