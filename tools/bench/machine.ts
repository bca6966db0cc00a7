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
    OS: `${type()} ${release()}, ${process.arch}`,
    Node: process.versions.node,
    V8: process.versions.v8,
    ...versions,
    date: new Date().toISOString().slice(0, "2026-11-22".length),
  };
}

function describeCpu(): string {
  const all = cpus();
  const info = existsSync("/proc/cpuinfo") ? readFileSync("/proc/cpuinfo", "utf8") : "";
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
