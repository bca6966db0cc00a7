import { formatNetworks, formatProducts } from "./beside.ts";
import { formatDeviceGoals, formatDevices, formatFirmware } from "./device/page.ts";
import { formatGoals } from "./goals/page.ts";
import { fileOf, PARTS, type PartName, type Parts } from "./parts.ts";
import type { BenchRun } from "./records.ts";

/** BENCHMARKS.md, of what benchmarks/ holds: the goals, and a line for each task. */
export function formatPage(parts: Parts): string {
  const { device_goals, devices, goals, measurements } = parts;
  return [
    "<!-- Written by `npm run bench` from benchmarks/*.json, not by hand. -->",
    "# Benchmarks",
    "",
    "What Little Tern costs on microcontrollers, and how fast it is on a desk, beside others. Every number stands as JSON in",
    "[`benchmarks/`](benchmarks), with what this page leaves out. A command of the bench writes its file there, and this page; with",
    "`--filter WORDS` it replaces the tasks that it measured, and with `--json` prints them.",
    "",
    "On devices, instructions and bytes are counted: they are the same on every machine. On a desk, machines differ: only ratios",
    "within one run mean something elsewhere.",
    ...section("Goals on devices", "device_goals", parts, [
      "Counted on emulated boards, from the call of `tern_invoke` to its reply, less what a call takes that runs no op: one row, weights",
      "streamed from flash, compiled by wasm2c with every access checked unless it is said (mlp: with the ops of a ternary MLP alone). Every",
      "count was found twice, and all outputs were equal to the reference's. What is not met is bold.",
      ...table(device_goals?.goals, formatDeviceGoals),
    ]),
    ...section("Devices", "devices", parts, [
      "Instructions of an inference, compiled by wasm2c, and interpreted on the Cortex-M4. MACs: multiply-accumulates; flash: of the blob; RAM: as",
      "`tern fit` plans it for one row, compiled. Left out are Cortex-M3 and M7, which execute nearly the same instructions as the M4, and the convolutions of the goals.",
      ...table(devices?.inferences, (rows) => formatDevices(rows, devices!.models)),
      "",
      "Firmware without a model, in bytes: its flash, its variables, the stack that it sets aside, and the most of it that was in use.",
      ...table(devices?.firmware, formatFirmware),
    ]),
    ...section("Goals", "goals", parts, [
      "Our rate as a multiple of the peer's on one thread: the median of five rounds, in each of which the peer is timed and ours right after",
      "it, in the same process; of K = M = 1024, 2048, 4096 the worst. Behind it stands what is wanted; bold is what is not met. Variant:",
      "relaxed, in Node 20 simd, G9 scalar. Peers of products quantize x to 8 bits, also beside our 4-bit and binary x: there they are a",
      "yardstick, not the same task.",
      ...table(goals?.goals, formatGoals),
    ]),
    ...section("Matrix products and networks", "measurements", parts, [
      "y = W · x, floats in and floats out, on one thread: the peer's rate in GMAC/s and ours as multiples of it, for 1 row and for 64, of the",
      "largest shape, K = M. Every accumulator was found equal to the plain sum of products first. Bytes: of a weight; error: what quantizing x",
      "costs y.",
      ...table(measurements?.products, (rows) => formatProducts(rows, measurements!.costs, measurements!.peers)),
      "",
      "Networks, pixels in and scores out: the same in samples/s. Outputs were equal to the reference's first. fp32 is the same network without",
      "its quantizers. 784-256-256-10 is ternary, with 4-bit codes between layers and random weights.",
      ...table(measurements?.networks, formatNetworks),
    ]),
    ...section("Machine code for arm64", "machine_code", parts, [
      "Which functions of kernels have dot products, table look-ups and counts of bits, as engines compile them on an emulated Raspberry Pi 4",
      "(cortex-a72, without dot products) and 5 (cortex-a76).",
    ]),
    "",
  ].join("\n");
}

/** A part of the page: where its numbers come from, then `lines`. */
function section(title: string, part: PartName, parts: Parts, lines: readonly string[]): string[] {
  const { command } = PARTS[part];
  const runs = parts[part]?.runs;
  const from = runs ? `[${part}.json](${fileOf(part)})` : "Not measured yet";
  return [
    "",
    `## ${title}`,
    "",
    ...lines,
    "",
    `${from}, by \`${command}\`. ${(runs ?? []).map(formatRun).join(" ")}`.trim(),
  ];
}

/** A desk by its CPU and the date, else all that the counts depend on; the file says the rest, and why something is missing. */
function formatRun({ machine, missing }: BenchRun): string {
  const names = Object.keys(machine).filter((name) => !("CPU" in machine) || name === "CPU" || name === "date");
  const facts = names.map((name) => `${name}: ${machine[name]}`);
  return `${[...facts, ...(missing.length > 0 ? ["not all was measured"] : [])].join("; ")}.`;
}

function table<Row>(rows: readonly Row[] | undefined, format: (rows: readonly Row[]) => string[]): string[] {
  return rows && rows.length > 0 ? ["", ...format(rows)] : [];
}
