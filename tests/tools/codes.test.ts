import { expect, it } from "vitest";
import { CODES } from "../../tools/codes.ts";
import { ABI, projectText, tableRows } from "../blob/spec.ts";
import { ternHere } from "./tern.ts";

const codesOf = (of: RegExp) => CODES.filter((entry) => of.test(entry.of)).map(({ code }) => code);

it("explains every status of ABI.md, by its name", () => {
  const listed = tableRows(ABI, "code", "name", "meaning").map(([code, name]) => [Number(code), name]);
  expect(CODES.filter(({ of }) => /module/.test(of)).map(({ code, name }) => [code, name])).toEqual(listed);
});

it("explains every status of PROTOCOL.md", () => {
  const [, , ...listed] = tableRows(projectText("host/firmware/link/PROTOCOL.md"), "code", "meaning", "payload");
  expect(codesOf(/^status of a device/)).toEqual(
    listed.filter(([code]) => code !== "80 … 92").map(([code]) => Number(code)),
  );
});

it("explains every status of slots, by its name", () => {
  const listed = tableRows(projectText("assembly/update/README.md"), "code", "name", "meaning").slice(1);
  const found = CODES.filter(({ of }) => /slots/.test(of)).map(({ code, name }) => [String(code), name]);
  expect(found).toEqual(listed.map(([code, name]) => [code, name]));
});

it("explains every exit code of tern-cli.wasm", () => {
  const listed = tableRows(projectText("assembly/wasi/README.md"), "code", "line");
  expect(codesOf(/tern-cli/)).toEqual(listed.map(([code]) => Number(code)));
});

it("explains every exit code of the command line", () => {
  const named = projectText("tools/command_line.ts").matchAll(/^(?:export )?const [A-Z_]+ = (\d+);$/gm);
  expect(codesOf(/of littletern/)).toEqual([0, ...Array.from(named, ([, code]) => Number(code))]);
});

it("says all meanings of a number, and what to do; or the one of a name", async () => {
  const { code, stdout } = await ternHere("explain", "9");
  expect(code).toBe(0);
  expect(stdout).toMatch(/^status of the module .* 9, Unsupported\n {2}The blob has an op/);
  expect(stdout).toContain("\n  To do: pack it for what runs it, `npx littletern repack --for any` fits");
  expect(stdout).toContain("\nexit code of tern-cli.wasm 9\n");
  const [named, ...more] = JSON.parse((await ternHere("explain", "badchecksum", "--json")).stdout);
  expect([named.code, named.name, more]).toEqual([4, "BadChecksum", []]);
});

it("says that there is no such code", async () => {
  const { code, stderr } = await ternHere("explain", "BadChecksun");
  expect(stderr).toContain('"BadChecksun" is no code of Little Tern, did you mean "BadChecksum"?');
  expect(code).toBe(1);
});
