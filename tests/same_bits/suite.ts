import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Machine, PLACES } from "../engines.ts";
import { describeUnless } from "../skip.ts";
import { type Case, convolutionalCases, digitsCases, graphCases, tfcCases } from "./cases.ts";

/** All cases everywhere: `npm run test:engines`. */
export const ALL = process.env.TERN_ENGINES === "all";
/** Golden digests: the sha256 (digest.ts) of what the reference answers to each case. */
export const DIGESTS = join(import.meta.dirname, "digests.json");
/** wasmtime's fuel for the first row of some cases. */
export const FUEL = join(import.meta.dirname, "fuel.json");

/** Case → variant → fuel. */
export type Fuel = Record<string, Record<string, number>>;

export const groups = {
  TFC_1W1A: await tfcCases(),
  digits: await digitsCases(),
  graphs: await graphCases(),
  convolutional: await convolutionalCases(),
};
export const cases = Object.values(groups).flat();

/** Loaded once. */
export const hosts = Object.fromEntries(
  await Promise.all(Object.entries(PLACES).map(async ([name, { host }]) => [name, await host()] as const)),
);

/** That every place on a machine gives the golden digests in every session, for all cases that it has room for; a slow one, for few of them. */
export function describePlacesOn(machine: Machine): void {
  const slowCases = ALL ? cases : cases.filter(({ few }) => few);
  const places = Object.entries(PLACES).filter(([, place]) => place.machine === machine && (ALL || !place.isVerySlow));
  describe.each(places)("the same bits", (name, { title, isSlow }) => {
    const { missing, takes, run } = hosts[name]!;
    describeUnless(missing, title, () => {
      it("are answered in every session", { timeout: 3_600_000 }, async () => {
        const fitting = await fittingOf(isSlow ? slowCases : cases, takes);
        const golden: Record<string, string> = JSON.parse(readFileSync(DIGESTS, "utf8"));
        const expected = Object.fromEntries(fitting.map((each) => [each.name, golden[each.name]]));
        const digests = await run(fitting);
        expect(Object.keys(digests)).not.toEqual([]);
        for (const [session, found] of Object.entries(digests)) expect(found, session).toEqual(expected);
      });
    });
  });
}

/** The cases that a host has room for. */
export async function fittingOf(all: Case[], takes: ((model: Case) => Promise<boolean>) | undefined): Promise<Case[]> {
  if (!takes) return all;
  const fits = await Promise.all(all.map(takes));
  return all.filter((_, i) => fits[i]);
}

export function recordedFuel(): Fuel {
  return JSON.parse(readFileSync(FUEL, "utf8"));
}
