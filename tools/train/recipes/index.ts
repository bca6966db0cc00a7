import { bnn, bnnShift, bnnStochastic } from "./bnn.ts";
import type { RecipeName } from "./names.ts";
import type { Recipe } from "./recipe.ts";
import { ternary } from "./ternary.ts";

export const RECIPES: Record<RecipeName, Recipe> = {
  ternary,
  bnn,
  "bnn-shift": bnnShift,
  "bnn-stochastic": bnnStochastic,
};
