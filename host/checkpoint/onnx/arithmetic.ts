import { CheckpointError } from "../../base/errors.ts";
import type { Node } from "../../graph/graph.ts";
import type { Step } from "../../numbers/step.ts";
import { Refusal } from "../refusal.ts";
import { type Call, type Constant, channelsOf, type Data, operand, shapeText, type Value } from "./call.ts";
import { apply, enlarge, spread, vector } from "./emit.ts";

// Arithmetic of two or more operands, element by element.

type Arithmetic = "add" | "sub" | "rsub" | "mul" | "div" | "rdiv" | "pow";

/** `right`: the step where the constant is the right operand; `left`: where it is the left one. */
export function arithmetic(call: Call, right: Arithmetic, left: Arithmetic | undefined): Value {
  const [a, b] = [operand(call, 0), operand(call, 1)];
  refuseIntegers(a, b);
  if (a.kind === "constant" && b.kind === "constant") {
    const swap = right === "mul" && (b.grid !== undefined || b.data.length > a.data.length); // s · W as W · s keeps the grid
    const [x, y] = swap ? [b, a] : [a, b];
    const whole = enlarge(call, x, y.dims);
    const result = apply(call, whole, [{ kind: right, by: spread(call, y, whole) }]);
    if (right === "div" && a.integer && b.integer) return { ...result, data: result.data.map(Math.trunc) };
    return { ...result, integer: a.integer && b.integer };
  }
  if (b.kind === "constant") return apply(call, a, [{ kind: right, by: spread(call, b, a) }]);
  if (a.kind === "constant") {
    if (!left) throw new Refusal("its exponent is data", "a constant exponent");
    return apply(call, b, [{ kind: left, by: spread(call, a, b) }]);
  }
  if (right === "add") return joined(call, "add", a, b, call.output);
  throw new Refusal("both operands are data", "one data operand and a constant, or Add");
}

/** Data of an integer type: what wraps around or truncates there is another function than that of real numbers. */
function refuseIntegers(...operands: (Data | Constant)[]): void {
  if (!operands.some((each) => each.kind === "data" && each.integer)) return;
  throw new Refusal("it computes in an integer type, which wraps around and truncates", "a Cast to FLOAT before it");
}

export function negate(call: Call): Value {
  const x = operand(call, 0);
  refuseIntegers(x);
  return apply(call, x, [{ kind: "mul", by: vector(-1) }]);
}

/** Of data and constants; several data operands only have a maximum. */
export function extremum(call: Call, kind: "min" | "max"): Value {
  const operands = call.inputs.map((_, i) => operand(call, i));
  if (operands.length === 0) throw new CheckpointError(`${call.opType} "${call.name}": no inputs`);
  const [first, ...others] = operands.filter((x) => x.kind === "data");
  const constants = operands.filter((x) => x.kind === "constant");
  if (first === undefined) {
    const whole = constants.reduce((x, other) => enlarge(call, x, other.dims));
    return apply(call, whole, stepsOf(constants.slice(1), whole));
  }
  if (others.length > 0 && kind === "min") {
    throw new Refusal("several operands are data", "one data operand and constants, or Max instead of Min");
  }
  const greatest = others.reduce((a, b, i) => {
    const isLast = i === others.length - 1 && constants.length === 0;
    return joined(call, "maximum", a, b, isLast ? call.output : call.sink.fresh(`${call.output}_${i}`));
  }, first);
  return apply(call, greatest, stepsOf(constants, greatest));

  function stepsOf(bounds: readonly Constant[], x: Data | Constant): Step[] {
    return bounds.map((bound): Step => ({ kind, by: spread(call, bound, x) }));
  }
}

/** Adds the sum or the maximum of two data operands, as the value `output`. */
function joined(
  { name, opType, sink }: Call,
  op: "add" | "maximum",
  { stored: _, ...a }: Data,
  b: Data,
  output: string,
): Data {
  if (shapeText(a.dims) !== shapeText(b.dims) || `${a.picture?.axes}` !== `${b.picture?.axes}`) {
    throw new Refusal(`its operands have shapes ${shapeText(a.dims)} and ${shapeText(b.dims)}`, "equal shapes");
  }
  if (a.integer !== b.integer) throw new CheckpointError(`${opType} "${name}": operands of different types`);
  const channels = channelsOf(a);
  sink.spend(channels);
  const node: Node = { op, name, inputs: [a.value, b.value], output, channels };
  sink.nodes.push(node);
  sink.makers.set(output, node);
  return { ...a, value: output, single: op === "maximum" && a.single === true && b.single === true };
}
