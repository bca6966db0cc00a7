import { describe, expect, it } from "vitest";
import { openDevice } from "../../host/firmware/link/client.ts";
import { startEmulator } from "../../host/firmware/link/emulator.ts";
import { buildImage } from "../../host/firmware/make/build.ts";
import { runtimeNamed, withMemoryFor } from "../../host/firmware/make/runtimes.ts";
import { buildModule, deviceModule } from "../../host/node.ts";
import { loadDevice } from "../../host/run/device.ts";
import { sampleInputs } from "../../host/run/sample.ts";
import { loadReference } from "../../host/run/session.ts";
import { digitsBlob, smallBlob } from "../tools/tern.ts";
import { describeBoards, digits, failureOf, isNarrow } from "./boards.ts";

const packed = await digitsBlob({ target: "cortex-m4" });
const small = await smallBlob("index"); // 4-bit codes of f32, and an argmax

describeBoards("a firmware with a module for one model alone", (board, runtime) => {
  const blobs = { digits, ...(runtime === "wasm2c" && { packed }), ...(!isNarrow(board, runtime) && { small }) };

  it.each(Object.entries(blobs))(
    "computes %s as the reference, in less flash",
    { timeout: 120_000 },
    async (_, blob) => {
      const known = runtimeNamed(runtime);
      const { name, module: whole } = await deviceModule(known, blob);
      const module = await buildModule(blob, { variant: known.variant, weights: "streaming" });
      const image = await buildImage(board, withMemoryFor(known, name), module);
      const { code } = await buildImage(board, known, whole);
      if (blob === packed)
        expect(image.code.length).toBeLessThan(code.length + 16); // core_ternary has just one post more
      else expect(image.code.length).toBeLessThan(code.length);

      const session = loadDevice(await startEmulator(board, image.elf, blob), { blob });
      const inputs = sampleInputs(session.program, 4);
      expect(session.run(inputs)).toEqual(loadReference(blob).run(inputs));
      session.dispose();

      const device = openDevice(await startEmulator(board, image.elf, blob));
      try {
        device.open(1);
        expect(device.selfTest().wrong).toBe(0);
        const { stackUsed, stackBytes } = device.info();
        expect(stackUsed * 1.25).toBeLessThanOrEqual(stackBytes);
      } finally {
        device.close();
      }
    },
  );

  it("refuses a model that needs more", { timeout: 120_000 }, async () => {
    const known = runtimeNamed(runtime);
    const module = await buildModule(digits, { variant: known.variant, weights: "streaming" });
    const image = await buildImage(board, withMemoryFor(known, (await deviceModule(known, digits)).name), module);
    const device = openDevice(await startEmulator(board, image.elf, small));
    try {
      expect(failureOf(() => device.open(1))).toEqual({
        kind: "status",
        message: expect.stringMatching(/^open returned status 9, Unsupported/),
      });
    } finally {
      device.close();
    }
  });
});

describe("the memory of an interpreter", () => {
  it("for a module of one model is that of the build it is a part of, whatever its size", async () => {
    const module = await buildModule(digits, { weights: "streaming" });
    const runtime = runtimeNamed("wasm3");
    for (const [name, { nativeBytes }] of Object.entries(runtime.interpreter!.modules)) {
      expect(withMemoryFor(runtime, name).stackBytes(module)).toBe(nativeBytes);
    }
  });
});
