/** Little Tern as a library. Runs in Node and in browsers; `littletern/node` adds what needs files and native code. */

export {
  BlobError,
  CheckpointError,
  EngineError,
  type EngineFailure,
  GraphError,
  InputError,
  TernError,
  type Unsupported,
  UnsupportedError,
} from "./base/errors.ts";
export { VERSION } from "./base/version.ts";
export { readBlob } from "./blob/read.ts";
export { repack } from "./blob/repack.ts";
export { TARGETS, type Target } from "./blob/targets.ts";
export { writeBlob } from "./blob/write.ts";
export { type Conversion, type ConvertOptions, convert } from "./convert.ts";
export { type Inspection, inspect, type Layer, type Memory } from "./cost/inspect.ts";
export type { RamBudget } from "./cost/ram.ts";
export type { Engine, Imports, Instance, InstantiateOptions } from "./engines/engine.ts";
export { v8 } from "./engines/v8.ts";
export type { InputDtype, InputOptions } from "./lower/input.ts";
export type { Scale, Unit, UnitOptions } from "./numbers/unit.ts";
export type * from "./program.ts";
export type { WeightsReport } from "./report.ts";
export { sampleInputs } from "./run/sample.ts";
export { type SelfTestResult, selfTest } from "./run/self_test.ts";
export {
  type InputRows,
  type LoadOptions,
  load,
  loadReference,
  type Output,
  type Repacked,
  type RunOptions,
  type Session,
} from "./run/session.ts";
export { chooseVariant, VARIANTS, type Variant, variantProblem } from "./run/variant.ts";
export { type Difference, type Verification, type VerifyOptions, verify } from "./verify.ts";
