import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Proof } from "../../tools/commands/verify.ts";
import { CPUS, missingOnPi, NODES, nodeOnPi } from "../../tools/rigs/pi/pi.ts";
import { describeWith, MNIST_IMAGES, TFC } from "../data.ts";
import { PROJECT } from "../house/project_files.ts";
import { describeUnless } from "../skip.ts";
import { DIGITS, IMAGES, scratch, tern } from "../tools/tern.ts";

// `npm run test:pi`: every processor and Node, and both models.
const PICTURES = 64;
const MACHINES = CPUS.flatMap((cpu) => NODES.map((node) => ({ cpu, node })));

const CLI = join(PROJECT, "dist", "tools", "cli.js");
const { path } = scratch();

/** `tern verify` there. */
function verifyOnPi(checkpoint: string, pictures: string, machine: (typeof MACHINES)[number]): Proof {
  const blob = path("model.tern");
  expect(tern("convert", checkpoint, "-o", blob)).toMatchObject({ code: 0 });
  const args = [
    CLI,
    "verify",
    blob,
    checkpoint,
    "--inputs",
    pictures,
    "--limit",
    `${PICTURES}`,
    "--workers",
    "1",
    "--json",
  ];
  return JSON.parse(nodeOnPi(args, machine));
}

/** All that can be had: Node 20 has no relaxed SIMD. */
const SESSIONS = ["v8 scalar", "v8 simd", "v8 relaxed", "wasmtime scalar", "wasmtime simd", "wasmtime relaxed"];
function sessionsOf(node: string): string[] {
  const names = SESSIONS.filter((name) => node !== "node20" || name !== "v8 relaxed");
  return ["reference", ...names.flatMap((name) => [`${name} resident`, `${name} streaming`])];
}

function provesOnAll(checkpoint: string, pictures: string): void {
  it.each(MACHINES)("is proven on $cpu in $node", { timeout: 120_000 }, (machine) => {
    const proof = verifyOnPi(checkpoint, pictures, machine);
    expect(proof).toMatchObject({ proven: true, samples: PICTURES, differences: [], missing: [] });
    expect(proof.sessions).toEqual(sessionsOf(machine.node));
  });
}

describeUnless(missingOnPi(), "tern verify on a Raspberry Pi", () => {
  describe("the digits", () => provesOnAll(DIGITS, IMAGES));
  describeWith([TFC, MNIST_IMAGES], "TFC_1W1A", () => provesOnAll(TFC, MNIST_IMAGES));
});
