import { describe, it } from "vitest";

/** A suite that needs `missing`: skipped aloud, the reason in its title, or failed where TERN_REQUIRE_ALL=1. Undefined: it runs. */
export function describeUnless(missing: string | undefined, title: string, suite: () => void): void {
  describe(title, () => {
    if (missing === undefined) return suite();
    if (process.env.TERN_REQUIRE_ALL === "1") {
      it("has what it needs", () => {
        throw new Error(missing);
      });
    } else {
      console.warn(`SKIPPED ${title}: ${missing}`);
      it.skip(`all of it (${missing})`, () => {});
    }
  });
}
