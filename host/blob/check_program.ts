import {
  checkBytes,
  checkList,
  checkObject,
  checkOneOf,
  checkOptional,
  checkWhole,
  isTyped,
  refuse,
} from "../base/arguments.ts";
import { InputError } from "../base/errors.ts";
import { hasOwnShifts } from "../numbers/requantize.ts";
import { isWeighted, type Op, type OpKind, type Post, type Program } from "../program.ts";
import { ACTIVATION, FUNCTION, OP_KIND, ROUNDING } from "./layout.ts";
import { inputCount, opFormat } from "./ops/index.ts";
import { WINDOW_FIELDS } from "./ops/window.ts";
import { WEIGHTS } from "./pack/pack.ts";

const U32 = 2 ** 32 - 1;

/** Ops that have a post in any case. */
const NEED_POST: ReadonlySet<OpKind> = new Set(["quantize", "dequantize", "linear", "float_linear"]);

const whole = (name: string, value: unknown) => checkWhole(name, value, 0, U32);

/** Fields that ops of a kind have besides, and what checks each. */
const FIELDS: { [Kind in OpKind]?: Record<string, (name: string, value: unknown) => void> } = {
  quantize_rows: { levels: whole, epsilon: checkFloat },
  layer_norm: { epsilon: checkFloat },
  rms_norm: { epsilon: checkFloat },
  activation: { function: (name, value) => checkOneOf(name, value, Object.keys(FUNCTION)) },
  attention: { heads: whole, keyHeads: whole, scale: checkFloat },
  patches: { height: whole, width: whole },
  pick: { position: whole },
};

/** Refuses what f32 does not hold as it is. */
function checkFloat(name: string, value: unknown): void {
  if (typeof value !== "number" || !Number.isFinite(value) || Math.fround(value) !== value)
    refuse(name, value, "a finite f32");
}

/** The shape of a program (program.ts): that its fields are there, of their types, and its indices are those of tensors. */
export function checkProgram(value: unknown): void {
  checkObject("program", value);
  if (typeof value.modelId !== "bigint") refuse("program.modelId", value.modelId, "a bigint");
  checkWhole("program.modelVersion", value.modelVersion, 0, U32);
  checkWhole("program.maxRows", value.maxRows, 1, U32);
  checkObject("program.arena", value.arena);
  checkWhole("program.arena.fixed", value.arena.fixed, 0, U32);
  checkWhole("program.arena.perRow", value.arena.perRow, 0, U32);
  checkList("program.tensors", value.tensors, (name, tensor) => {
    checkObject(name, tensor);
    checkOneOf(`${name}.dtype`, tensor.dtype, Object.keys(ACTIVATION));
    for (const field of ["height", "width", "channels", "fixed", "perRow"]) {
      checkWhole(`${name}.${field}`, tensor[field], 0, U32);
    }
  });
  const last = (value.tensors as unknown[]).length - 1;
  const index = (name: string, tensor: unknown) => checkWhole(name, tensor, 0, last);
  checkList("program.inputs", value.inputs, index);
  checkList("program.outputs", value.outputs, index);
  const { tensors } = value as unknown as Program;
  checkList("program.ops", value.ops, (name, op) => {
    checkObject(name, op);
    checkOneOf(`${name}.kind`, op.kind, Object.keys(OP_KIND));
    checkList(`${name}.inputs`, op.inputs, index);
    const post = (op as { post?: Partial<Post> }).post?.kind;
    const inputs = inputCount(op.kind as OpKind, post);
    if ((op.inputs as unknown[]).length !== inputs) refuse(`${name}.inputs`, op.inputs, `${inputs} of them`);
    index(`${name}.output`, op.output);
    const checked = op as unknown as Op;
    const format = opFormat(checked.kind);
    for (const [field, check] of Object.entries(FIELDS[checked.kind] ?? {})) check(`${name}.${field}`, op[field]);
    if (op.kind === "float_linear" || op.kind === "positions") {
      if (!isTyped(op.floats, "Float32Array")) refuse(`${name}.floats`, op.floats, "a Float32Array");
    } else if (format.columns || isWeighted(checked)) {
      checkOneOf(`${name}.dtype`, op.dtype, Object.keys(WEIGHTS));
      if (!isTyped(op.weights, "Int8Array")) refuse(`${name}.weights`, op.weights, "an Int8Array");
    }
    if (format.hasWindow) {
      checkObject(`${name}.window`, op.window);
      for (const field of WINDOW_FIELDS) checkWhole(`${name}.window.${field}`, op.window[field], 0, U32);
    }
    if (op.kind === "upsample") {
      for (const field of ["factorY", "factorX"]) checkWhole(`${name}.${field}`, op[field], 1, U32);
    }
    if (op.kind === "conv2d") {
      checkWhole(`${name}.groups`, op.groups, 1, U32);
      checkWhole(`${name}.pad`, op.pad, -U32, U32);
    }
    if (op.kind === "add")
      checkList(`${name}.factors`, op.factors, (factor, value) => checkWhole(factor, value, -U32, U32));
    checkOptional(`${name}.packing`, op.packing, "string");
    if (op.tileChannels !== undefined) checkWhole(`${name}.tileChannels`, op.tileChannels, 1, U32);
    if (NEED_POST.has(checked.kind) || op.post !== undefined) {
      checkPost(`${name}.post`, op.post, format.channels(checked, tensors));
    }
  });
  if (value.description !== undefined) checkObject("program.description", value.description);
  if (value.selfTest !== undefined) {
    checkObject("program.selfTest", value.selfTest);
    for (const field of ["inputs", "outputs"])
      checkList(`program.selfTest.${field}`, value.selfTest[field], checkBytes);
  }
}

/** `channels` is how many have records of their own. */
function checkPost(name: string, post: unknown, channels: number): void {
  checkObject(name, post);
  checkOneOf(`${name}.kind`, post.kind, Object.keys(POST_ARRAYS));
  checkArrays(name, post, POST_ARRAYS[post.kind as keyof typeof POST_ARRAYS]);
  for (const [array, length] of lengthsOf(name, post as unknown as Post, channels)) {
    const found = (post[array] as unknown as Uint8Array).length;
    if (found !== length) throw new InputError(`${name}.${array}: found ${found} entries, expected ${length}`);
  }
}

/** How many entries arrays of a post have, once the numbers beside them are found to be numbers. */
function lengthsOf(name: string, post: Post, channels: number): [array: string, length: number][] {
  switch (post.kind) {
    case "thresholds":
      checkRecords(name, post.records, channels);
      checkWhole(`${name}.count`, post.count, 0, U32);
      return [
        ["base", post.records],
        ["ups", post.records],
        ["steps", post.records * post.count],
      ];
    case "requantize": {
      checkRecords(name, post.records, channels);
      checkOneOf(`${name}.rounding`, post.rounding, Object.keys(ROUNDING));
      for (const field of ["lo", "hi", "zero"] as const) checkWhole(`${name}.${field}`, post[field], -U32, U32);
      const own = hasOwnShifts(post) ? post.records : 1;
      return [
        ["multiplier", post.records],
        ["offset", post.records],
        ["low", hasOwnShifts(post) ? post.records : 0],
        ["left", own],
        ["right", own],
      ];
    }
    case "lookup":
      return [["table", 256]];
    case "float":
      checkRecords(name, post.records, channels);
      return [
        ["scale", post.records],
        ["bias", post.records],
      ];
    case "plane":
      checkRecords(name, post.records, channels);
      return Object.keys(POST_ARRAYS.plane).map((array) => [array, post.records]);
    case "scores":
      return [
        ["multiplier", channels],
        ["offset", channels],
      ];
  }
}

function checkRecords(name: string, records: unknown, channels: number): void {
  if (records !== 1 && records !== channels) refuse(`${name}.records`, records, `1 or ${channels}`);
}

/** The typed arrays of every post. */
const POST_ARRAYS: Record<Post["kind"], Record<string, string>> = {
  thresholds: { base: "Int16Array", ups: "Uint16Array", steps: "Int32Array" },
  requantize: {
    ...{ multiplier: "Int32Array", offset: "Int32Array", low: "Uint16Array" },
    ...{ left: "Uint8Array", right: "Uint8Array" },
  },
  lookup: { table: "Int16Array" },
  float: { scale: "Float32Array", bias: "Float32Array" },
  scores: { multiplier: "Int32Array", offset: "BigInt64Array" },
  plane: {
    ...{ multiplier: "BigInt64Array", second: "BigInt64Array", offset: "BigInt64Array" },
    ...{ lo: "Int16Array", hi: "Int16Array", shift: "Uint8Array" },
  },
};

function checkArrays(name: string, value: unknown, fields: Record<string, string>): void {
  checkObject(name, value);
  for (const [field, type] of Object.entries(fields)) {
    if (!isTyped(value[field], type)) refuse(`${name}.${field}`, value[field], `an ${type}`);
  }
}
