import type { Machine } from "./machine.ts";
import { type NetworkResult, samplesPerSecond } from "./networks.ts";
import { gmacs, type PeerResult, type ProductResult, type Result, ratioTo, weightGigabytes } from "./products.ts";
import type { Timing } from "./timing.ts";

/** All that a run found out. */
export interface Report {
  command: string;
  machine: Machine;
  products: ProductResult[];
  peers: PeerResult[];
  networks: NetworkResult[];
  /** Why something was not measured. */
  missing: string[];
}

/** The report as Markdown. */
export function formatReport(report: Report): string[] {
  const { command, machine, products, peers, networks, missing } = report;
  return [
    "## Measurements",
    "",
    `Measured by \`${command}\`, on one thread.`,
    "",
    ...Object.entries(machine).map(([name, value]) => `- ${name}: ${value}`),
    ...missing.map((reason) => `- Not measured: ${reason}`),
    ...(products.length > 0 ? ["", ...formatProducts(products, peers)] : []),
    ...(peers.length > 0 ? ["", ...formatPeers(peers)] : []),
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

function formatPeers(peers: PeerResult[]): string[] {
  const header = ["peer", "weights", "K = M", "rows", ...RATES, "bytes per weight", "relative error"];
  const rows = peers.map((result) => [
    ...[result.peer, result.weights, String(result.K), String(result.rows), ...rates(result)],
    ...[formatNumber(bytesPerWeight(result)), formatError(result)],
  ]);
  return ["## Peers", "", ...formatMarkdown("llrrrrrrr", [header, ...rows])];
}

function formatNetworks(networks: NetworkResult[]): string[] {
  const header = ["network", "rows", "engine", "variant", "samples/s", "p25–p75"];
  const rows = networks.map((result) => [
    ...[result.network, String(result.rows), result.engine, result.variant],
    ...withSpread(samplesPerSecond(result), result.timing),
  ]);
  return [
    "## Whole networks",
    "",
    "Pixels in, scores out, through `Session.run`. Outputs were equal to the reference's before they were timed.",
    "",
    ...formatMarkdown("lrllrr", [header, ...rows]),
  ];
}

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
