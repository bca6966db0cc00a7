import { readFileSync } from "node:fs";
import { join } from "node:path";

const PROJECT = join(import.meta.dirname, "..", "..");

export function projectText(path: string): string {
  return readFileSync(join(PROJECT, path), "utf8");
}

export const FORMAT = projectText("host/blob/FORMAT.md");
export const ABI = projectText("assembly/ABI.md");

/** Rows of the Markdown table in `text` whose header begins with these cells; cells without backticks. */
export function tableRows(text: string, ...header: string[]): string[][] {
  const lines = text.split("\n");
  const at = lines.findIndex((line) => line.startsWith(`| ${header.join(" | ")} |`));
  if (at < 0) throw new Error(`no table ${header.join(" | ")}`);
  const end = lines.findIndex((line, i) => i > at && !line.startsWith("|"));
  return lines.slice(at + 2, end).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll("`", "")),
  );
}

/** Codes of a table of FORMAT.md by name: its first two columns are code and name. */
export function codes(...header: string[]): Record<string, number> {
  return Object.fromEntries(tableRows(FORMAT, ...header).map(([code, name]) => [name!, Number(code)]));
}

export interface Field {
  name: string;
  offset: number;
  bytes: number;
}

const BYTES: Record<string, number> = { u8: 1, u16: 2, i16: 2, u32: 4, i32: 4, f32: 4, u64: 8 };

const fields = new Map<string, Field[]>();

/** Fields of a record of the head, as FORMAT.md has them: Header, Part, Tensor or Op. */
export function fieldsOf(record: "Header" | "Part" | "Tensor" | "Op"): Field[] {
  const found = fields.get(record) ?? readFields(record);
  fields.set(record, found);
  return found;
}

function readFields(record: string): Field[] {
  return tableRows(FORMAT, record, "offset", "type").map(([name, offset, type]) => {
    const bytes = BYTES[type!];
    if (bytes === undefined) throw new Error(`${record}.${name}: type ${type}`);
    return { name: name!, offset: Number(offset), bytes };
  });
}
