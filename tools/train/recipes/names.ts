/** Names of the recipes on the command line. They stand apart from them, so that help needs no jax-js. */
export const RECIPE_NAMES = ["ternary", "bnn", "bnn-shift", "bnn-stochastic"] as const;

export type RecipeName = (typeof RECIPE_NAMES)[number];
