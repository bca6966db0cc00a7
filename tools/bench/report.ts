import { limitOf128Bits } from "./clock.ts";
import type { Machine } from "./machine.ts";
import { type NetworkResult, ratioToTwin, samplesPerSecond, TWIN } from "./networks.ts";
import { gmacs, type PeerResult, type ProductResult, type Result, ratioTo, weightGigabytes } from "./products.ts";
import type { Timing } from "./timing.ts";

/** All that a run found out. */
export interface Report {
  command: string;
  machine: Machine;
  products: ProductResult[];
  peers: PeerResult[];
  networks: NetworkResult[];
  /** GHz, as measured. */
  clock: number;
  /** Why something was not measured. */
  missing: string[];
}

/** The report as Markdown. */
export function formatReport(report: Report): string[] {
  const { command, machine, products, peers, networks, clock, missing } = report;
  return [
    "## Measurements",
    "",
    `Measured by \`${command}\`, on one thread.`,
    "",
    ...Object.entries(machine).map(([name, value]) => `- ${name}: ${value}`),
    ...missing.map((reason) => `- Not measured: ${reason}`),
    ...(products.length > 0 ? ["", ...formatProducts(products, peers)] : []),
    ...(peers.length > 0 ? ["", ...formatPeers(peers, clock)] : []),
    ...(networks.length > 0 ? ["", ...formatNetworks(networks)] : []),
  ];
}

/** The report with what follows from it: rates and ratios. */
export function jsonReport({ products, peers, networks, ...rest }: Report) {
  const derived = (result: Result) => ({
    gmacs: gmacs(result),
    weightGigabytes: weightGigabytes(result),
    bytesPerWeight: bytesPerWeight(result),
  });
  const ratios = (result: Result) => {
    const names = distinct(peers.map(({ peer }) => peer));
    return Object.fromEntries(names.map((name) => [name, ratioTo(name, result, peers)]));
  };
  return {
    ...rest,
    products: products.map((result) => ({ ...result, ...derived(result), ratios: ratios(result) })),
    peers: peers.map((result) => ({ ...result, ...derived(result) })),
    networks: networks.map((result) => ({ ...result, samplesPerSecond: samplesPerSecond(result) })),
  };
}

function formatProducts(products: ProductResult[], peers: PeerResult[]): string[] {
  const peerNames = distinct(peers.map(({ peer }) => peer));
  const tasks = distinct(products.map(({ weights, activation }) => `${weights} × ${activation}`));
  const header = ["K = M", "rows", "engine", "variant", ...RATES, ...peerNames.map((name) => `/ ${name}`)];
  return [
    "## Matrix products",
    "",
    "y = W · x with given weights, floats in and floats out: quantizing x and scaling y are timed too. Before it was timed, every",
    "accumulator was found equal to the plain sum of products of codes; the relative error is what quantizing x costs y, for x uniform in",
    "[−1, 1]. The rate is the median of several batches of calls, p25–p75 the rates of the middle half of them; GB/s counts the packed",
    "weights once for all rows.",
    ...(peerNames.length > 0 ? ["", ...ABOUT_RATIOS] : []),
    ...tasks.flatMap((task) => {
      const own = products.filter(({ weights, activation }) => `${weights} × ${activation}` === task);
      const rows = own.map((result) => [
        ...[String(result.K), String(result.rows), result.engine, result.variant, ...rates(result)],
        ...peerNames.map((name) => formatRatio(ratioTo(name, result, peers))),
      ]);
      const about = `${formatNumber(bytesPerWeight(own[0]!))} bytes per weight, relative error ${formatError(own[0]!)}.`;
      return [
        "",
        `### ${task}`,
        "",
        about,
        "",
        ...formatMarkdown(`rrll${"r".repeat(header.length - 4)}`, [header, ...rows]),
      ];
    }),
  ];
}

function formatPeers(peers: PeerResult[], clock: number): string[] {
  const header = ["peer", "weights", "K = M", "rows", ...RATES, "bytes per weight", "relative error"];
  const rows = peers.map((result) => [
    ...[result.peer, result.weights, String(result.K), String(result.rows), ...rates(result)],
    ...[formatNumber(bytesPerWeight(result)), formatError(result)],
  ]);
  return [
    "## Peers",
    "",
    `The limit of 128-bit multiplication, which is all that WebAssembly has, is **${formatNumber(limitOf128Bits(clock))} GMAC/s** on this CPU: two instructions`,
    `of 16 multiply-accumulates in a cycle, at ${formatNumber(clock)} GHz. The clock is measured: of a chain of additions, each of which waits for the one`,
    "before, one is done in a cycle. Binary products, which count bits, and products looked up in tables are not bound by it, nor is native",
    "code, which has vectors of 256 and 512 bits.",
    "",
    "ORT is onnxruntime-node. ORT-web and LiteRT.js run in the V8 that runs us, LiteRT in Python, where it is timed.",
    "",
    ...formatMarkdown("llrrrrrrr", [header, ...rows]),
  ];
}

function formatNetworks(networks: NetworkResult[]): string[] {
  const libraries = distinct(networks.filter(({ variant }) => variant === TWIN).map(({ engine }) => engine));
  const header = [
    "network",
    "rows",
    "engine",
    "variant",
    "samples/s",
    "p25–p75",
    ...libraries.map((name) => `/ ${name}`),
  ];
  const rows = networks.map((result) => [
    ...[result.network, String(result.rows), result.engine, result.variant],
    ...withSpread(samplesPerSecond(result), result.timing),
    ...libraries.map((name) => formatRatio(ratioToTwin(name, result, networks))),
  ]);
  return [
    "## Whole networks",
    "",
    "Pixels in, scores out, through `Session.run`. Outputs were equal to the reference's before they were timed. 784-256-256-10 is ternary,",
    "with 4-bit codes between layers and random weights.",
    ...(libraries.length > 0 ? ["", ...ABOUT_TWINS] : []),
    "",
    ...formatMarkdown(`lrllrr${"r".repeat(libraries.length)}`, [header, ...rows]),
  ];
}

const ABOUT_TWINS = [
  "fp32 is the same network without its quantizers, in one thread of that library: f32 weights, batch norms folded into them, ReLU or",
  "clipping in place of the quantizers between layers, pixels given as floats.",
];

const ABOUT_RATIOS = [
  "A column `/ peer` is the rate divided by that peer's, for a product of the same size in the same run. The peers quantize x to 8 bits",
  "(F32 and fp32: not at all); beside narrower activations they are a yardstick, not the same task.",
];

const RATES = ["GMAC/s", "p25–p75", "GB/s"];

function rates(result: Result): string[] {
  return [...withSpread(gmacs(result), result.timing), formatNumber(weightGigabytes(result))];
}

/** A rate, and the rates between which a half of the batches lie. */
function withSpread(rate: number, { median, p25, p75 }: Timing): string[] {
  return [formatNumber(rate), `${formatNumber((rate * median) / p75)}–${formatNumber((rate * median) / p25)}`];
}

function bytesPerWeight({ weightBytes, M, K }: Result): number {
  return weightBytes / (M * K);
}

/** Three significant digits, none behind the point from 100 on. */
export function formatNumber(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(3);
}

function formatRatio(ratio: number | undefined): string {
  return ratio === undefined ? "" : ratio.toFixed(2);
}

function formatError({ relativeError }: Result): string {
  return relativeError.toExponential(1);
}

function distinct(names: string[]): string[] {
  return [...new Set(names)];
}

/** A Markdown table, its columns aligned in the source as well. `align` has one letter per column: l (left) or r (right). */
export function formatMarkdown(align: string, rows: readonly (readonly string[])[]): string[] {
  const widths = Array.from(align, (_, column) => Math.max(2, ...rows.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) => `| ${row.join(" | ")} |`;
  const [header, ...body] = rows.map((row) =>
    line(row.map((cell, c) => (align[c] === "r" ? cell.padStart(widths[c]!) : cell.padEnd(widths[c]!)))),
  );
  const rule = line(widths.map((width, c) => (align[c] === "r" ? `${"-".repeat(width - 1)}:` : "-".repeat(width))));
  return [header!, rule, ...body];
}
