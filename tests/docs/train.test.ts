import { expect, it } from "vitest";
import { planNetwork } from "../../tools/train/network.ts";
import { RECIPE_NAMES } from "../../tools/train/recipes/names.ts";
import { projectText, tableRows } from "../blob/spec.ts";

const PAGE = projectText("docs/train.md");

it("docs/train.md lists the recipes", () => {
  const rows = tableRows(PAGE, "`--recipe`", "what it is", "loss", "optimizer, rate");
  expect(rows.map(([name]) => name!.replaceAll("`", ""))).toEqual([...RECIPE_NAMES]);
});

it("docs/train.md shows a network that can be trained", () => {
  const [, text] = PAGE.match(/```json\n([\s\S]*?)```/)!;
  const { classes, parameters, norms } = planNetwork(text!);
  expect({ classes, parameters: parameters.size, norms: norms.size }).toEqual({ classes: 10, parameters: 9, norms: 3 });
});
