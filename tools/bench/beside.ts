import { distinct, formatMarkdown, formatNumber } from "./markdown.ts";
import { TWIN } from "./networks.ts";
import type { Recorded } from "./records.ts";
import type { CostRow, NetworkRow, PeerRow, ProductRow } from "./rows.ts";

// Rates of ours as multiples of somebody else's for the same task, in the same run.

/** ggml's format of as many bits per weight, or the next wider one. */
const GGML: Record<ProductRow["weights"], string> = {
  ...{ binary: "ggml TQ2_0", ternary: "ggml TQ2_0", int2: "ggml TQ2_0" },
  ...{ int3: "ggml Q4_0", int4: "ggml Q4_0", int8: "ggml Q8_0" },
};

/** Of a line, the values for so many rows, as the page says: "51.8 / 33.8". */
const BETWEEN = " / ";

/** A line for each kind of product, of the largest shape, for the least and the most rows. */
export function formatProducts(
  products: readonly Recorded<ProductRow>[],
  costs: readonly CostRow[],
  peers: readonly Recorded<PeerRow>[],
): string[] {
  const size = Math.max(...products.map(({ K }) => K));
  const counts = products.map(({ rows }) => rows);
  const shown = [Math.min(...counts), Math.max(...counts)];
  const own = products.filter(({ K, M, rows }) => K === size && M === size && shown.includes(rows));
  const compared = own.map((row): Compared => {
    const peer = GGML[row.weights];
    const same = (other: Recorded<PeerRow>) =>
      other.peer === peer &&
      other.run === row.run &&
      (["K", "M", "rows"] as const).every((key) => other[key] === row[key]);
    return {
      ...{ task: `${row.weights} × ${row.activation}`, rows: row.rows, place: `${row.engine} ${row.variant}` },
      ...{ rate: row.gmacs.median, peer, theirs: peers.find(same)?.gmacs.median },
    };
  });
  return formatBeside(compared, ["bytes", "error"], (task) => {
    const cost = costs.find(({ weights, activation }) => `${weights} × ${activation}` === task);
    return cost ? [formatNumber(cost.bytesPerWeight), cost.relativeError.toExponential(1)] : ["", ""];
  });
}

/** A line for each network. */
export function formatNetworks(networks: readonly Recorded<NetworkRow>[]): string[] {
  const twins = networks.filter(({ variant }) => variant === TWIN);
  const own = networks.filter(({ variant }) => variant !== TWIN);
  const compared = own.map((row): Compared => {
    const same = ({ network, rows, run }: Recorded<NetworkRow>) =>
      network === row.network && rows === row.rows && run === row.run;
    const twin = twins.find(same);
    return {
      ...{ task: row.network, rows: row.rows, place: `${row.engine} ${row.variant}` },
      ...{ rate: row.samplesPerSecond.median, peer: twin ? `${twin.engine} ${TWIN}` : "" },
      theirs: twin?.samplesPerSecond.median,
    };
  });
  return formatBeside(compared);
}

interface Compared {
  task: string;
  rows: number;
  /** Engine and variant. */
  place: string;
  rate: number;
  peer: string;
  /** Rate of the peer; none: not measured in the same run. */
  theirs: number | undefined;
}

/** A line for each task: the peer's rates, and ours in each place as multiples of them. */
function formatBeside(
  all: readonly Compared[],
  more: readonly string[] = [],
  moreOf: (task: string) => string[] = () => [],
): string[] {
  const counts = distinct(all.map(({ rows }) => rows)).sort((a, b) => a - b);
  const places = distinct(all.map(({ place }) => place));
  const lines = distinct(all.map(({ task }) => task)).map((task) => {
    const own = all.filter((row) => row.task === task);
    const peer = counts.map((count) => own.find(({ rows, theirs }) => rows === count && theirs !== undefined));
    const rates = peer.map((row) => (row ? formatNumber(row.theirs!) : "–"));
    const ours = places.map((place) =>
      counts.map((count) => formatMultiple(own.find((row) => row.rows === count && row.place === place))),
    );
    const cells = [rates, ...ours].map((each) => each.join(BETWEEN));
    return [task, ...moreOf(task), peer.find((row) => row)?.peer ?? "", ...cells];
  });
  const header = ["", ...more, "beside", "its rate", ...places];
  return formatMarkdown(`l${"r".repeat(more.length)}l${"r".repeat(places.length + 1)}`, [header, ...lines]);
}

/** Two digits. */
function formatMultiple(row: Compared | undefined): string {
  if (row?.theirs === undefined) return "–";
  const multiple = row.rate / row.theirs;
  return multiple >= 10 ? multiple.toFixed(0) : multiple.toPrecision(2);
}
