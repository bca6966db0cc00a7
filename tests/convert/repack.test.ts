import { beforeAll, describe, expect, it } from "vitest";
import { InputError } from "../../host/base/errors.ts";
import { packingOf } from "../../host/blob/pack/pack.ts";
import { repack } from "../../host/blob/repack.ts";
import { FASTEST, TARGETS, type Target } from "../../host/blob/targets.ts";
import { writeBlob } from "../../host/blob/write.ts";
import { type Conversion, convert } from "../../host/convert.ts";
import type { PackingName, Program } from "../../host/program.ts";
import { moduleFeatures } from "../../host/run/backend.ts";
import { selfTest } from "../../host/run/self_test.ts";
import { load } from "../../host/run/session.ts";
import type { Variant } from "../../host/run/variant.ts";
import { DIGITS, IMAGES } from "../digits.ts";
import { describeEngines } from "../engines.ts";
import { Random } from "../graph/random.ts";
import { elements, programOf, thresholds, weights } from "../module/programs.ts";
import { randomOnnx } from "../random_graph.ts";
import { seedCount } from "../seeds.ts";
import { disposeAll, openSessions } from "../sessions.ts";
import { accepts, moduleNamed, packingsOf, VARIANTS } from "../variants.ts";

const NAMES = Object.keys(TARGETS) as Target[];
const packings = ({ ops }: Program) => ops.flatMap((op) => (op.kind === "dense" ? [packingOf(op).name] : []));

const FILES = [DIGITS, ...Array.from({ length: seedCount(30) }, (_, seed) => randomOnnx(seed))];
const forAny = await Promise.all(FILES.map(async (file) => (await convert(file)).blob));

describe.each(NAMES)("a blob for %s", (target) => {
  it("is that of any, repacked", async () => {
    for (const [i, file] of FILES.entries()) {
      const { blob, weights, program } = await convert(file, { target });
      expect(Buffer.compare(blob, repack(forAny[i]!, target))).toBe(0);
      expect(Buffer.compare(repack(blob, "any"), forAny[i]!)).toBe(0);
      expect(weights.map(({ packing }) => packing)).toEqual(packings(program));
    }
  });

  it("computes the same in every session", async () => {
    const random = new Random(1);
    for (const program of [(await convert(DIGITS)).program, ...broad()]) {
      const sessions = await openSessions(repack(writeBlob(program), target));
      const { channels } = program.tensors[program.inputs[0]!]!;
      const inputs = Uint8Array.from(elements("u8", 3 * channels, random));
      const expected = sessions.reference!.run(inputs);
      for (const [name, session] of Object.entries(sessions)) {
        expect(session.run(inputs), name).toEqual(expected);
        expect(selfTest(session).wrong, name).toEqual([]);
      }
      disposeAll(sessions);
    }
  });
});

it("convert refuses a target that does not exist", async () => {
  await expect(convert(DIGITS, { target: "mars" as Target })).rejects.toThrow(InputError);
});

/** Layers wide enough for pairs: u8 pixels → ternary → 4-bit codes → ternary → 4-bit codes → int3. */
function broad(): Program[] {
  const random = new Random(7);
  const [K, M] = [37, 160];
  const post = thresholds({ base: 0, up: Array.from({ length: 15 }, (_, i) => 40 * i - 300) });
  return [
    programOf(
      [
        ["u8", K],
        ["u8", M],
        ["u8", M],
        ["i32", 5],
      ],
      [
        { kind: "dense", inputs: [0], output: 1, dtype: "ternary", weights: weights("ternary", K * M, random), post },
        { kind: "dense", inputs: [1], output: 2, dtype: "ternary", weights: weights("ternary", M * M, random), post },
        { kind: "dense", inputs: [2], output: 3, dtype: "int3", weights: weights("int3", 5 * M, random) },
      ],
    ),
  ];
}

describeEngines("a session", (engine) => {
  const variants = Object.entries(VARIANTS).filter(([, module]) => accepts(engine, module));
  let digits: Conversion;
  const program = broad()[0]!;
  const blob = writeBlob(program);
  beforeAll(async () => {
    digits = await convert(DIGITS);
  });

  it.each(variants)(
    "of %s runs the packings that it runs fastest, and says what it repacked",
    async (variant, module) => {
      const { wide } = await moduleFeatures(module, engine);
      const fastest: Record<keyof typeof FASTEST, PackingName[]> = {
        scalar: ["field2", "field2", "field3"],
        simd: ["pair4", "pair4", "field4"],
        relaxed: wide ? ["field2x16", "field2x16", "field4"] : ["field2x16", "pair4", "field4"],
        core: ["trit4", "trit4", "field4"],
      };
      const session = await load({ module, variant: variant as Variant, blob, engine, maxRows: 1 });
      const to = fastest[variant as keyof typeof FASTEST];
      expect(packings(session.program)).toEqual(to);
      const from = packings(program);
      expect(session.repacked).toEqual(
        to.flatMap((packing, op) => (packing === from[op] ? [] : [{ op, from: from[op], to: packing }])),
      );
      expect(session.repackMs > 0).toBe(session.repacked.length > 0);
      const { modelId, modelVersion } = session.program;
      expect({ modelId, modelVersion }).toEqual({ modelId: program.modelId, modelVersion: program.modelVersion });
      session.dispose();
    },
  );

  it.each(variants)(
    "of %s leaves a blob of any as it is where it is not told the variant, or streams",
    async (variant, module) => {
      for (const options of [{}, { weights: "streaming" as const, variant: variant as Variant }]) {
        const session = await load({ module, blob, engine, ...options });
        expect(session.repacked).toEqual([]);
        expect(session.repackMs).toBe(0);
        expect(packings(session.program)).toEqual(packings(program));
        session.dispose();
      }
    },
  );

  it.each(variants)(
    "of %s runs every packing with resident weights; streamed, those that it was built for",
    async (_, module) => {
      for (const target of NAMES) {
        const packed = repack(digits.blob, target);
        const session = await load({ module, blob: packed, engine });
        expect(packingsOf(module)).toEqual(expect.arrayContaining(packings(session.program)));
        expect(session.run(IMAGES)[0]!.elements).toHaveLength(100);
        session.dispose();
      }
      await expect(load({ module, blob: repack(blob, "storage"), engine, weights: "streaming" })).rejects.toThrow(
        expect.objectContaining({
          name: "EngineError",
          kind: "packing",
          message: expect.stringContaining("packing trit5;"),
        }),
      );
    },
  );

  it("keeps description and self-test", async () => {
    const session = await load({
      module: VARIANTS.simd!,
      variant: "simd",
      blob: repack(digits.blob, "storage"),
      engine,
    });
    expect(session.program.description).toEqual(digits.program.description);
    expect(session.program.selfTest).toEqual(digits.program.selfTest);
    session.dispose();
  });

  it("of a module with one packing says which one it lacks", async () => {
    const refused = load({ module: moduleNamed("scalar_ternary_resident"), blob, engine });
    await expect(refused).rejects.toThrow("the module was not built for packing field3");
  });
});

it("every variant has its choices", () => {
  expect(Object.keys(FASTEST)).toEqual(Object.keys(VARIANTS));
});
