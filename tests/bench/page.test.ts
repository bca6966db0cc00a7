import { expect, it } from "vitest";
import { withPart } from "../../tools/bench/page.ts";
import { read } from "../house/project_files.ts";

it("a part is written, and the other says how it comes about", () => {
  expect(withPart("anything", "measurements", ["## Measurements", "", "1"])).toMatchInlineSnapshot(`
    "# Benchmarks

    Machines differ: only ratios within one run mean something elsewhere.

    <!-- goals: written by \`npm run bench -- --goals\`, not by hand -->

    Not measured yet: \`npm run bench -- --goals\` writes this part.

    <!-- end of goals -->

    <!-- device goals: written by \`npm run bench -- --device --goals\`, not by hand -->

    Not measured yet: \`npm run bench -- --device --goals\` writes this part.

    <!-- end of device goals -->

    <!-- device: written by \`npm run bench -- --device\`, not by hand -->

    Not measured yet: \`npm run bench -- --device\` writes this part.

    <!-- end of device -->

    <!-- machine code: written by \`npm run bench -- --machine-code\`, not by hand -->

    Not measured yet: \`npm run bench -- --machine-code\` writes this part.

    <!-- end of machine code -->

    <!-- measurements: written by \`npm run bench -- --peers\`, not by hand -->

    ## Measurements

    1

    <!-- end of measurements -->
    "
  `);
});

it("a command changes its own part alone", () => {
  const first = withPart("", "measurements", ["old", "", "rows"]);
  const both = withPart(first, "goals", ["goals"]);
  expect(withPart(both, "measurements", ["new"])).toBe(
    withPart(withPart("", "goals", ["goals"]), "measurements", ["new"]),
  );
  expect(withPart(both, "goals", ["goals"])).toBe(both);
  expect(both).toContain("\n\nold\n\nrows\n\n");
});

it("BENCHMARKS.md has the parts that it keeps", () => {
  const page = read("BENCHMARKS.md");
  const goals = page.match(/<!-- goals: .*?-->\n\n(.*)\n\n<!-- end of goals -->/s)?.[1];
  expect(withPart(page, "goals", goals!.split("\n"))).toBe(page);
});
