import { it } from "vitest";
import { DUTIES, makerOf } from "./duties.ts";

it.each(Object.entries(DUTIES))("%s", (_, fulfil) => fulfil(makerOf()));
