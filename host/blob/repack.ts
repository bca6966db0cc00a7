import { checkOneOf } from "../base/arguments.ts";
import { type Conv2dForm, isWeighted, type Op, type PackingName, type Program, type WeightedOp } from "../program.ts";
import { positionCount } from "../shape.ts";
import { codeRanges } from "./code_range.ts";
import { hasPacking } from "./features.ts";
import { formOf, gathered, isDepthwise } from "./ops/conv2d.ts";
import { opFormat } from "./ops/index.ts";
import { packingOf, TAP8, WEIGHTS } from "./pack/pack.ts";
import { readWhole } from "./read.ts";
import { type Choice, type CodeClass, NARROW, TARGETS, type Target, type TargetChoices } from "./targets.ts";
import { writeBlob } from "./write.ts";

/**
 * The same model packed for a target. Nothing is lost: repacked for the target of the original, it is the original, byte for byte, if the
 * writer chose its tiles. Throws BlobError for a blob that breaks FORMAT.md, InputError for a target that does not exist.
 */
export function repack(blob: Uint8Array, target: Target): Uint8Array {
  const { program, unknown } = readWhole(blob);
  return writeBlob(repackFor(program, target), unknown);
}

/** A program with the packings and tiles of a target. */
export function repackFor(program: Program, target: Target): Program {
  checkOneOf("target", target, Object.keys(TARGETS));
  const { choices, tileChannels, forms = [] }: TargetChoices = TARGETS[target];
  const classes = codeClasses(program);
  const packed = withPackings(
    program,
    (op) => chosen(choices, program, op, classes) ?? WEIGHTS[op.dtype].packings[0].name,
  );
  const ops = packed.ops.map((op) => tiledFor(packed, op, tileChannels));
  return { ...packed, ops: ops.map((op) => formed(packed, op, forms)) };
}

/** An op in the tiles of a target: of so many channels, or as the writer chooses. */
function tiledFor(program: Program, op: Op, channels: number | undefined): Op {
  if (!isWeighted(op)) return op;
  const { tileChannels: _, ...rest } = op;
  if (channels === undefined) return rest;
  const { groupChannels } = packingOf(op);
  const whole = Math.ceil(channels / groupChannels) * groupChannels;
  return { ...rest, tileChannels: Math.min(whole, spanOf(program, op)) };
}

/** Output channels of a tile of weights that stay in memory: nearly as many as a tile can have, so that a kernel is called once. */
const RESIDENT_CHANNELS = 0xfff0;

/** What is known of how a program will run. */
export interface Known {
  /** Of the codes of its inputs; if not given, what their dtype tells. */
  inputs?: CodeClass;
  /** Rows at a time; 1 if not given. */
  rows?: number;
  /** Whether a relaxed dot product of bytes is one machine instruction; yes if not given. */
  wide?: boolean;
}

/**
 * A program with the packings that a module runs fastest: those of `fastest` that its word `packings` has, else those that the
 * program has, else the first of the dtype. Packings stay where the module has none of them. Where there is anything to choose, tiles are
 * large.
 */
export function repackForModule(
  program: Program,
  fastest: readonly Choice[],
  packings: number,
  known: Known = {},
): Program {
  const runs = (packing: PackingName) => hasPacking(packings, packing);
  const choices = fastest.filter(({ packing }) => runs(packing));
  const classes = codeClasses(program, known.inputs);
  const packed = withPackings(program, (op) => {
    const now = packingOf(op).name;
    const names = [chosen(choices, program, op, classes, known) ?? now, now, WEIGHTS[op.dtype].packings[0].name];
    return names.find(runs) ?? now;
  });
  if (choices.length === 0) return packed;
  const ops = packed.ops.map((op) => {
    if (!isWeighted(op)) return op;
    return { ...op, tileChannels: Math.min(spanOf(packed, op), RESIDENT_CHANNELS) };
  });
  return { ...packed, ops };
}

/** Output channels that share the inputs of a position. */
function spanOf({ tensors }: Program, op: WeightedOp): number {
  const format = opFormat(op.kind);
  return format.channels(op, tensors) / (format.groups?.(op) ?? 1);
}

/** The packing of the first choice that fits an op; tap8 for a depthwise convolution of several channels. */
function chosen(
  choices: readonly Choice[],
  program: Program,
  op: WeightedOp,
  classOf: (tensor: number) => CodeClass,
  { rows = 1, wide = true }: Known = {},
): PackingName | undefined {
  const from = program.tensors[op.inputs[0]!]!;
  if (op.kind === "conv2d" && op.groups > 1 && isDepthwise(op, from)) return TAP8.name;
  const outputs = spanOf(program, op);
  const positions = rows * positionCount(program.tensors[op.output]!);
  const codeClass = classOf(op.inputs[0]!);
  return choices.find(
    ({ weights, codes = codeClass, channels = 0, rows: most = positions, wide: needsWide = false }) =>
      weights === op.dtype && codes === codeClass && channels <= outputs && positions <= most && (wide || !needsWide),
  )?.packing;
}

/** The class of the codes of a tensor; that of inputs is `ofInputs`, if given. */
function codeClasses(program: Program, ofInputs?: CodeClass): (tensor: number) => CodeClass {
  const ranges = codeRanges(program);
  const inputs = new Set(program.inputs);
  return (tensor) => {
    if (ofInputs && inputs.has(tensor)) return ofInputs;
    const [min, max] = ranges(tensor);
    if (max - min < NARROW) return "narrow";
    return max > 127 ? "unsigned" : "signed";
  };
}

/** An op in another packing, in the tiles that the writer chooses, and in no form that only some packings have. */
function repacked(op: WeightedOp, packing: PackingName): WeightedOp {
  const { tileChannels: _, ...rest } = op;
  return { ...(rest.kind === "conv2d" ? gathered(rest) : rest), packing };
}

/** A convolution in the one of some forms that it can have; gathered, if there is none. */
function formed({ tensors }: Program, op: Op, forms: readonly Conv2dForm[]): Op {
  if (op.kind !== "conv2d") return op;
  const form = formOf(op, tensors[op.inputs[0]!]!);
  return form && forms.includes(form) ? { ...op, form } : gathered(op);
}

/** A program with other packings. An op whose packing changes gets the tiles that the writer chooses. */
function withPackings(program: Program, choose: (op: WeightedOp) => PackingName): Program {
  if (program.ops.every((op) => !isWeighted(op) || choose(op) === packingOf(op).name)) return program;
  const ops = program.ops.map((op) => {
    if (!isWeighted(op)) return op;
    const packing = choose(op);
    if (packing === packingOf(op).name) return op;
    return repacked(op, packing);
  });
  return { ...program, ops };
}
