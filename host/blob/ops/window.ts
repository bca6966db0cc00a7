import type { Window } from "../../program.ts";
import { putField } from "../fields.ts";
import { OP } from "../layout.ts";

/** The fields of a window, by their names and types. */
const FIELDS = {
  kernelHeight: "u16",
  kernelWidth: "u16",
  strideY: "u8",
  strideX: "u8",
  dilationY: "u16",
  dilationX: "u16",
  padTop: "u16",
  padLeft: "u16",
} as const;

/** Names of the fields of a window. */
export const WINDOW_FIELDS = Object.keys(FIELDS) as (keyof Window)[];

/** The window of the record at byte `at`. */
export function readWindow(view: DataView, at: number): Window {
  const read = (name: keyof Window) =>
    FIELDS[name] === "u8" ? view.getUint8(at + OP[name]) : view.getUint16(at + OP[name], true);
  return {
    kernelHeight: read("kernelHeight"),
    kernelWidth: read("kernelWidth"),
    strideY: read("strideY"),
    strideX: read("strideX"),
    dilationY: read("dilationY"),
    dilationX: read("dilationX"),
    padTop: read("padTop"),
    padLeft: read("padLeft"),
  };
}

export function putWindow(view: DataView, at: number, window: Window): void {
  for (const name of WINDOW_FIELDS) putField(view, at + OP[name], FIELDS[name], window[name], name);
}
