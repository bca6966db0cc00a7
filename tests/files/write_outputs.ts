// node write_outputs.js path bytes [in-folder]: writes a file of so many bytes, or a folder with one, and says how that ended.
import { writeFileAtomic, writeFolderAtomic } from "../../tools/files/outputs.ts";

const [, , path, bytes, inFolder] = process.argv;
try {
  const content = new Uint8Array(Number(bytes));
  if (inFolder) await writeFolderAtomic(path!, { "a/b": "small", "c/d": content });
  else await writeFileAtomic(path!, content);
  console.log("written");
} catch (error) {
  console.log(String(error));
}
