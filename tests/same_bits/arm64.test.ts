import { expect, it } from "vitest";
import { describeUnless } from "../skip.ts";
import { piFound } from "./hosts.ts";
import { ALL, cases, describePlacesOn, hosts, recordedFuel } from "./suite.ts";

describePlacesOn("arm64");

if (ALL) {
  describeUnless(hosts["wasmtime on arm64"]!.missing, "the same fuel: wasmtime on arm64", () => {
    it("is used", { timeout: 3_600_000 }, async () =>
      expect((await piFound(cases)).fuel).toMatchObject(recordedFuel()),
    );
  });
}
