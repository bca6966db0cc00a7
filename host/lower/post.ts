import { UnsupportedError } from "../base/errors.ts";
import { MAX_STEPS } from "../base/limits.ts";
import { applyNode } from "../graph/element.ts";
import { scalar } from "../graph/form.ts";
import { at } from "../numbers/quantizer.ts";
import { type Line, requantize, requantizeOf } from "../numbers/requantize.ts";
import type { ActivationDtype, Requantize, Thresholds } from "../program.ts";
import { type Budget, type Chain, chainRuns } from "./chain.ts";
import { type Corridor, corridorOf, fitLine, leftShift, rightShift } from "./line.ts";
import type { Run } from "./runs.ts";

/** Marks a step that no integer reaches. */
const UNUSED = 2 ** 31 - 1;
/** Up to here thresholds are as fast as a line, and take little more than its 8 or 12 bytes per channel. */
const CHEAP_STEPS = 3;
/** Bytes of a line with shifts of its own. */
const LINE_BYTES = 12;
/** The number of rising steps is stored in 16 bits. */
const MAX_CHANNEL_STEPS = 2 ** 16 - 1;
/** So are the bytes of a channel's record, four for each step and four more, where channels have records of their own. */
const MAX_RECORD_STEPS = Math.floor((2 ** 16 - 1 - 4) / 4);

const CONSTANT =
  "its codes are the same for every input, as a BipolarQuant's behind a Relu are, which is how Brevitas exports a QuantReLU of one bit";

/**
 * What makes the codes of a chain: thresholds where they are few, else a line if every channel has one that is proven equal,
 * else thresholds. Elements of f32 are not evenly spaced, so no line fits them. The note says what the choice costs, or
 * that nothing that comes before has an effect.
 */
export function makePost(
  chain: Chain,
  from: ActivationDtype,
  to: ActivationDtype,
  budget?: Budget,
): { post: Thresholds | Requantize; note?: string } {
  const found = chainRuns(chain, budget);
  const channels = to === "bit" ? signs(found) : found;
  const steps = mostSteps(channels);
  const most = Math.min(
    channels.length === 1 ? MAX_CHANNEL_STEPS : MAX_RECORD_STEPS,
    Math.max(CHEAP_STEPS, Math.floor(MAX_STEPS / channels.length)),
  );
  if (steps > most) {
    const { node } = chain.links.at(-1)!;
    const why = `its codes rise and fall ${steps} times in one of ${channels.length} channels`;
    const instead = `at most ${most} steps`;
    throw new UnsupportedError([{ node: node.name, op: node.op, shape: `[${node.channels}]`, why, instead }]);
  }
  if (steps === 0) return { post: thresholds(channels), note: CONSTANT };
  if (steps <= CHEAP_STEPS || from === "f32") return { post: thresholds(channels) };
  const exact = line(channels, "floor") ?? line(channels, "half-even") ?? ownLine(chain, channels);
  if (exact) return { post: exact };
  const post = thresholds(channels);
  const bytes = post.records * (4 + 4 * post.count - LINE_BYTES);
  return {
    post,
    note: `no multiplier gives its codes exactly; ${post.count} thresholds per channel take ${bytes} bytes more`,
  };
}

/** A bit keeps the sign of its code, so −1 and 0 make −1 and +1 with one step. */
function signs(channels: Run[][]): Run[][] {
  return channels.map((runs) => runs.map((run) => ({ ...run, code: Math.min(run.code, 0) })));
}

/** Units by which the codes of a channel rise or fall. */
function stepCount(runs: readonly Run[]): number {
  return runs.reduce((sum, run, i) => (i === 0 ? 0 : sum + Math.abs(run.code - runs[i - 1]!.code)), 0);
}

/** Of the channel that has the most. */
function mostSteps(channels: readonly Run[][]): number {
  return channels.reduce((most, runs) => Math.max(most, stepCount(runs)), 0);
}

/** The runs as thresholds: a step of the code by n is n equal steps. */
export function thresholds(channels: readonly Run[][]): Thresholds {
  const count = Math.max(1, mostSteps(channels));
  const records = share(
    channels.map((runs) => {
      const ups: number[] = [];
      const downs: number[] = [];
      runs.forEach((run, i) => {
        const rise = i === 0 ? 0 : run.code - runs[i - 1]!.code;
        for (let n = 0; n < Math.abs(rise); n++) (rise > 0 ? ups : downs).push(run.from);
      });
      const unused = new Array<number>(count - ups.length - downs.length).fill(UNUSED);
      return { base: runs[0]!.code, ups: ups.length, steps: [...ups, ...downs, ...unused] };
    }),
  );
  return {
    kind: "thresholds",
    records: records.length,
    count,
    base: Int16Array.from(records, ({ base }) => base),
    ups: Uint16Array.from(records, ({ ups }) => ups),
    steps: Int32Array.from(records.flatMap(({ steps }) => steps)),
  };
}

/**
 * The runs as one line per channel; undefined unless every channel has one. All lines have the same shifts, and 8 bytes, where that is proven
 * equal; else shifts of their own.
 */
export function line(channels: readonly Run[][], rounding: Requantize["rounding"]): Requantize | undefined {
  const { lo, hi } = range(channels);
  const corridors = allOf(channels, (runs) => corridorOf(runs, lo, hi, rounding));
  if (!corridors) return undefined;

  const least = (of: (corridor: Corridor) => number) => corridors.map(of).reduce((a, b) => Math.min(a, b));
  const left = least(leftShift);
  const shared = { left, right: least((corridor) => rightShift(corridor, left)) };
  const alike = allOf(corridors, (corridor) => fitLine(corridor, shared, false));
  const lines =
    alike ??
    allOf(corridors, (corridor) => {
      const left = leftShift(corridor);
      return fitLine(corridor, { left, right: rightShift(corridor, left) }, true);
    });
  if (!lines) return undefined;
  const post = requantizeOf({ lo, hi, rounding }, share(lines), alike !== undefined);
  return gives(post, channels) ? post : undefined;
}

/** The proof: a rounded line is monotone, so a run is right when both its ends are. */
function gives(post: Requantize, channels: readonly Run[][]): boolean {
  return channels.every((runs, c) =>
    runs.every(({ from, to, code }) => requantize(post, c, from) === code && requantize(post, c, to) === code),
  );
}

/**
 * The line that a checkpoint has itself, of which the product is rounded before the quotient (`rescale`): x · 2 · multiplier / 2^32, halves rounded up, is its
 * rounded product, and what is added to x before goes into the offset. Undefined where that is not what the chain computes.
 */
function ownLine(chain: Chain, channels: readonly Run[][]): Requantize | undefined {
  const index = chain.links.findIndex(({ node }) => node.op === "step" && node.step.kind === "rescale");
  const node = chain.links[index]?.node;
  if (node?.op !== "step" || node.step.kind !== "rescale" || node.step.rounding !== "double") return undefined;
  const { multiplier, shift } = node.step;
  const zero = scalar(Float64Array.from(chain.offset));
  const lines = allOf(channels, (_, c): Line | undefined => {
    const before = chain.links.slice(0, index).reduce(
      (x, link) => {
        return applyNode(link.node, link.from, link.to, x, c);
      },
      chain.source.start(0, c),
    );
    const [m, right] = [at(multiplier, c), -at(shift, c)];
    if (right < 1 || !Number.isSafeInteger(before)) return undefined;
    const offset = 2n * BigInt(before) * BigInt(m) + 2n ** 31n;
    const high = offset >> 32n;
    if (high !== BigInt.asIntN(32, high)) return undefined;
    return { multiplier: m, offset: Number(high), low: Number((offset >> 16n) & 0xffffn), left: 1, right };
  });
  if (!lines || zero === undefined) return undefined;
  const post = requantizeOf({ ...range(channels), rounding: "half-away", zero: -zero + 0 }, share(lines), false);
  return gives(post, channels) ? post : undefined;
}

/** Least and greatest code of all channels. */
function range(channels: readonly Run[][]): { lo: number; hi: number } {
  const codes = channels.flatMap((runs) => runs.map(({ code }) => code));
  return { lo: codes.reduce((a, b) => Math.min(a, b)), hi: codes.reduce((a, b) => Math.max(a, b)) };
}

/** What `make` makes of every item, or undefined at the first of which it makes nothing. */
function allOf<Item, Made>(
  items: readonly Item[],
  make: (item: Item, index: number) => Made | undefined,
): Made[] | undefined {
  const all: Made[] = [];
  for (const [index, item] of items.entries()) {
    const made = make(item, index);
    if (made === undefined) return undefined;
    all.push(made);
  }
  return all;
}

/** One record for all channels if all are equal. */
function share<Record extends object>(records: Record[]): Record[] {
  const first = JSON.stringify(records[0]);
  return records.every((record) => JSON.stringify(record) === first) ? [records[0]!] : records;
}
