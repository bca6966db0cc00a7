import { expect, it } from "vitest";
import { readBoard } from "../../host/firmware/boards.ts";
import { UF2_FAMILIES } from "../../host/flash/uf2.ts";
import { projectText, tableRows } from "../blob/spec.ts";
import { missingFor } from "../firmware/boards.ts";
import { describeUnless } from "../skip.ts";
import { digitsBlob, scratch, ternHere } from "../tools/tern.ts";

const PAGE = projectText("docs/flash.md");
const { put, path } = scratch();

it("docs/flash.md lists the families as they are", () => {
  const rows = tableRows(PAGE, "`--family`", "id", "flash, as its addresses count", "erase unit");
  const known = Object.entries(UF2_FAMILIES).map(([name, { id, eraseBytes }]) => [
    name,
    `0x${id.toString(16)}`,
    eraseBytes,
  ]);
  expect(rows.map(([name, id, , erase]) => [name, id, Number(erase)])).toEqual(known);
  const flash = (text: string) => {
    const [, address, count, unit] = text.match(/^(0x\w+), (\d+) ([KM])iB$/)!;
    return { address: Number(address), bytes: Number(count) * (unit === "K" ? 1024 : 1024 * 1024) };
  };
  for (const [name, , text] of rows) {
    if (text!.startsWith("0x")) expect(flash(text!)).toEqual(UF2_FAMILIES[name as keyof typeof UF2_FAMILIES].flash);
  }
});

/** A board whose flash a file keeps. */
const board = readBoard("virt");
describeUnless(missingFor(board), "docs/flash.md", () => {
  it("shows what a device with slots makes of two models", { timeout: 120_000 }, async () => {
    const [digits, argmax] = [
      put("digits.tern", await digitsBlob()),
      put("argmax.tern", await digitsBlob({ argmax: true })),
    ];
    const here = async (...words: string[]) => {
      const { code, stdout } = await ternHere(...words);
      expect(code).toBe(0);
      return stdout.replace(digits, "digits.tern");
    };
    const target = `device:virt@${path("board.flash")}`;
    expect(PAGE).toContain(`\`\`\`\n${await here("flash", digits, "--to", target)}\`\`\``);
    await here("flash", argmax, "--to", target);
    expect(PAGE).toContain(`\`\`\`\n${await here("slots", target)}\`\`\``);
  });
});

it("docs/flash.md shows what the command prints", async () => {
  const model = put("digits.tern", await digitsBlob());
  const [line] = PAGE.match(/flash digits\.tern --to uf2.*/)!;
  const words = line!.replace("digits.tern", model).replace("digits.uf2", path("digits.uf2")).split(" ");
  const { code, stdout } = await ternHere(...words);
  expect(code).toBe(0);
  expect(PAGE).toContain(
    `\`\`\`\n${stdout.replace(model, "digits.tern").replace(path("digits.uf2"), "digits.uf2")}\`\`\``,
  );
});
