import { expect, it } from "vitest";
import wabt from "wabt";
import { UPDATE } from "../../host/base/builds.mjs";
import { type Layout, layoutWords } from "../../host/firmware/slots/layout.ts";
import { projectText, tableRows } from "../blob/spec.ts";
import { moduleNamed } from "../variants.ts";
import { Device, layoutOf, MODULE, STATES, STATUS } from "./device.ts";
import { NorFlash } from "./flash.ts";
import { HEADER_BYTES, headerOf, MARK, markOf, record } from "./image.ts";
import { expectOk, install, modelOf, transfer } from "./model.ts";

const FORMAT = projectText("assembly/update/FORMAT.md");
const README = projectText("assembly/update/README.md");

/** Members of an enum of the module. */
function members(file: string, name: string): [string, number][] {
  const body = projectText(`assembly/update/${file}.ts`).match(new RegExp(`enum ${name} \\{\n([^}]*)\\}`))![1]!;
  return [...body.matchAll(/^ {2}(\w+) = (\d+),$/gm)].map(([, member, value]) => [member!, Number(value)]);
}

it.each([
  ["Layout", "layout"],
  ["Slot", "layout"],
  ["Header", "slots"],
])("FORMAT.md and the module agree on the fields of %s", (name, file) => {
  const listed = tableRows(FORMAT, name, "offset", "type").map(([field, offset]) => [field, Number(offset)]);
  expect(members(file, name)).toEqual(listed);
});

it("FORMAT.md, the module and the definition agree on marks and states", () => {
  const listed = tableRows(FORMAT, "code", "mark").map(([code, mark]) => [mark!, Number(code)]);
  expect(Object.entries(MARK)).toEqual(listed);
  const states = members("slots", "State").map(([name, value]) => [name.toLowerCase(), value]);
  expect(states).toEqual(STATES.map((name, code) => [name, code]));
  expect(states.slice(2)).toEqual(listed);
});

it("README.md, the module and the tests agree on status codes", () => {
  const listed = tableRows(README, "code", "name", "meaning").map(([code, name]) => [name, Number(code)]);
  expect(members("status", "Status")).toEqual(listed);
  expect(Object.entries(STATUS)).toEqual(listed);
});

it("the module exports and imports what README.md lists", () => {
  const { exports } = new WebAssembly.Instance(MODULE, {
    board: { flash_read: () => 1, flash_program: () => 1, flash_erase: () => 1 },
  });
  const listed = tableRows(README, "export", "arguments", "returns");
  expect(Object.keys(exports).sort()).toEqual(listed.map(([name]) => name).sort());
  for (const [name, args] of listed) {
    if (name !== "memory")
      expect([name, (exports[name!] as () => number).length]).toEqual([
        name,
        args === "" ? 0 : args!.split(",").length,
      ]);
  }
  const imports = WebAssembly.Module.imports(MODULE).map(({ module, name, kind }) => `${kind} ${module}.${name}`);
  const rows = tableRows(README, "import", "arguments", "returns");
  expect(imports.sort()).toEqual(rows.map(([name]) => `function ${name}`).sort());
});

it("the module is plain: memory (0), no data, no table, the first version's instructions on integers", async () => {
  const wasm = moduleNamed("update");
  expect(wasm.length).toBeLessThanOrEqual(UPDATE.update.bytes);
  expect(UPDATE.update.bytes).toBe(4096);
  const { readWasm } = await wabt();
  const old = {
    mutable_globals: false,
    sat_float_to_int: false,
    sign_extension: false,
    simd: false,
    bulk_memory: false,
  };
  const parsed = readWasm(wasm, { ...old, multi_value: false, reference_types: false });
  const text = parsed.toText({ foldExprs: false, inlineExport: false });
  expect(text.match(/^ *\(memory .*$/gm)?.map((line) => line.trim())).toEqual(["(memory (;0;) 0)"]);
  expect(text).not.toMatch(/\((data|start|table|elem) |\bf(32|64)\./);
});

it.each([
  [1, 0xff],
  [8, 0x00],
  [32, 0xff],
])("flash holds what FORMAT.md says, byte by byte: units of %i bytes, erased as %i", (unitBytes, erased) => {
  const { layout, regions } = layoutOf({ unitBytes, erased, recordSectorBytes: 256, sectorBytes: 512, sectors: 2 });
  const device = new Device(new NorFlash(unitBytes, erased, regions), layout);
  expectOk("start", device.start());
  const [first, second, third] = [modelOf(1, 700, 5, 3), modelOf(2, 500, 7), modelOf(3, 1024, 8)];
  install(device, first);
  install(device, second);
  transfer(device, third);
  expectOk("start", device.start());

  const expected = new Uint8Array(device.flash.bytes.length).fill(erased);
  const put = (address: number, ...pieces: Uint8Array[]) => {
    for (const piece of pieces) {
      expected.set(piece, address - layout.counter[0]);
      address += piece.length === HEADER_BYTES ? HEADER_BYTES : 32;
    }
  };
  const [a, b] = layout.slots;
  const [header, other] = [headerOf(third, 3), headerOf(second, 2)];
  put(layout.counter[0], record(5), record(7));
  put(a!.log, header, markOf(header, "stored"), markOf(header, "trying"));
  put(a!.body, third.data);
  put(b!.log, other, markOf(other, "stored"), markOf(other, "trying"), markOf(other, "confirmed"));
  put(b!.body, second.data);
  expect(device.flash.bytes).toEqual(expected);
  expect(device.slot(0)).toEqual({ state: "trying", sequence: 3, ...third.statement });
});

it("a layout is what FORMAT.md says, word by word", () => {
  const slot = (log: number) => ({ log, body: log + 1, sectorBytes: log + 2, bodyBytes: log + 3 });
  const layout: Layout = { unitBytes: 1, erased: 2, logBytes: 3, counter: [4, 5], slots: [slot(6), slot(10)] };
  expect(layoutWords(layout)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
});

it("a header and a record are the bytes that FORMAT.md says", () => {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
  const statement = { counter: 2, bytes: 3, trailerBytes: 4, sha256: Uint8Array.from({ length: 32 }, (_, i) => i + 1) };
  const header = headerOf({ data: new Uint8Array(7), statement }, 0x01020304);
  expect(hex(header.subarray(0, 24))).toBe("534c4f54010000000403020102000000030000000400000" + "0");
  expect(hex(header.subarray(24, 56))).toBe(hex(statement.sha256));
  expect(hex(header.subarray(60))).toBe("00000000");
  expect(hex(record(5))).toBe("05000000faffffff");
});
