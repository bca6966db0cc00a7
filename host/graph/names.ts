import type { Graph } from "./graph.ts";

/** Gives a value name, made from `wish`, that nothing else has. */
export type FreshName = (wish: string) => string;

/** Names besides `taken`, which grows with every one. */
export function freshNames(taken: Set<string>): FreshName {
  return (wish) => {
    while (taken.has(wish)) wish += "_";
    taken.add(wish);
    return wish;
  };
}

/** Names of all values of a graph. */
export function valueNames({ inputs, nodes }: Graph): Set<string> {
  return new Set([...inputs.map(({ name }) => name), ...nodes.map(({ output }) => output)]);
}
