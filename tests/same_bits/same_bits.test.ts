import { join } from "node:path";
import { expect, it } from "vitest";
import { readBlob } from "../../host/blob/read.ts";
import type { WasmtimeEngine } from "../../host/engines/wasmtime.ts";
import { VARIANTS, type Variant } from "../../host/run/variant.ts";
import { elementCount } from "../../host/shape.ts";
import { describeWith, MNIST_IMAGES, TFC } from "../data.ts";
import { COMPILERS, ENGINES, PLACES } from "../engines.ts";
import { PROJECT, read } from "../house/project_files.ts";
import { describeUnless } from "../skip.ts";
import { moduleNamed } from "../variants.ts";
import type { Case } from "./cases.ts";
import { fuelOf } from "./digest.ts";
import { reference } from "./hosts.ts";
import { cases, DIGESTS, describePlacesOn, FUEL, type Fuel, fittingOf, groups, hosts, recordedFuel } from "./suite.ts";

// `npx vitest run tests/same_bits -u` writes digests, fuel, and the table of the places in docs/same_bits.md, anew.

describeWith([TFC, MNIST_IMAGES], "golden digests", () => {
  it("are what the reference answers", async () => {
    const digests = (await reference.run(cases)).reference;
    await expect(`${JSON.stringify(digests, null, 2)}\n`).toMatchFileSnapshot(DIGESTS);
  });

  it("are listed in docs/same_bits.md, with the places that give them", async () => {
    const places = read("docs/same_bits.md");
    const [start, end] = ["<!-- same bits: tests/same_bits -->\n", "<!-- end -->"];
    const [from, to] = [places.indexOf(start) + start.length, places.indexOf(end)];
    const page = `${places.slice(0, from)}\n${(await table()).join("\n")}\n\n${places.slice(to)}`;
    await expect(page).toMatchFileSnapshot(join(PROJECT, "docs/same_bits.md"));
  });
});

describePlacesOn("x86-64");

/**
 * wasmtime with each of its compilers, and the modules whose fuel is that of Pulley, which records it. The relaxed one asks what the machine's dot
 * product of bytes is (assembly/kernels/common/wide.ts) and goes another way on x86 than in Pulley and on arm64.
 */
const COUNTING = [
  { name: "wasmtime:pulley", variants: VARIANTS },
  { name: "wasmtime", variants: ["simd", "scalar"] as const },
  { name: "wasmtime:winch", variants: ["simd", "scalar"] as const },
];

// wasmtime's fuel for the first row of each case: a property of model and module, so it is the same with every compiler, on every machine and in
// every run. Recorded as the digests are.
describeWith([TFC, MNIST_IMAGES], "the same fuel", () => {
  const models = [...groups.TFC_1W1A, ...groups.digits].filter(({ few }) => few);
  for (const { name, variants } of COUNTING) {
    const { engine } = { ...ENGINES, ...COMPILERS }[name]!;
    describeUnless(typeof engine === "string" ? engine : undefined, name, () => {
      it.each([1, 2])("is used, run %i", async () => {
        const used: Fuel = {};
        for (const model of models) used[model.name] = await fuelIn(engine as WasmtimeEngine, variants, model);
        if (name === "wasmtime:pulley") await expect(`${JSON.stringify(used, null, 2)}\n`).toMatchFileSnapshot(FUEL);
        else expect(recordedFuel()).toMatchObject(used);
      });
    });
  }
});

async function fuelIn(engine: WasmtimeEngine, variants: readonly Variant[], { blob, inputs }: Case) {
  const { tensors, inputs: indices } = readBlob(blob);
  const first = inputs.map((elements, i) => elements.subarray(0, elementCount(tensors[indices[i]!]!)));
  const fuel: Record<string, number> = {};
  for (const variant of variants)
    fuel[variant] = await fuelOf(engine, { variant, module: moduleNamed(variant), blob }, first);
  return fuel;
}

async function table(): Promise<string[]> {
  const rows = Object.entries(PLACES).map(async ([name, { title, runs }]) => {
    const counts = Object.values(groups).map(async (group) => (await fittingOf(group, hosts[name]!.takes)).length);
    const [tfc, digits, graphs, convolutional] = await Promise.all(counts);
    const pictures = tfc && digits ? "1,000 each" : "no room";
    return `| ${title} | ${runs} | ${pictures} | ${graphs} | ${convolutional} |`;
  });
  return [
    "| | modules | TFC_1W1A and digits, pictures | random dense graphs | random convolutional graphs |",
    "|---|---|---|---|---|",
    ...(await Promise.all(rows)),
  ];
}
