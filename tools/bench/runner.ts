import type { Engine } from "../../host/engines/engine.ts";
import type { Variant } from "../../host/variant.ts";

/** A module in an engine. */
export interface Runner {
  engine: Engine;
  variant: Variant;
  module: Uint8Array;
}
