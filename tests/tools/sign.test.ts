import { existsSync, readFileSync, statSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { makeKeys } from "../../host/flash/signature.ts";
import { slotImage } from "../../host/flash/slot.ts";
import { digitsBlob, forgedDigits, scratch, ternHere } from "./tern.ts";

const { path, put } = scratch();
const blob = await digitsBlob();
const forged = await forgedDigits();
const model = put("m.tern", blob);
const key = path("k");
const { keyId } = JSON.parse((await ternHere("keygen", "-o", key, "--json")).stdout) as { keyId: string };
const signed = path("s.tern");
const report = await ternHere("sign", model, "--key", key, "--counter", "3", "--board", "microbit", "-o", signed);
const bytes = new Uint8Array(readFileSync(signed));
const strangers = makeKeys();
put("stranger", strangers.privatePem);
put("stranger.pub", strangers.publicPem);

const SLOT = ["--address", "0", "--slot-size", "0x10000", "--erase-unit", "4096"];
const statement = `key      ${keyId}\ncounter  3\nboard    microbit\nABI      2\n`;

describe("tern keygen", () => {
  it("makes a private key that nobody else reads, and a public one", async () => {
    expect(readFileSync(key, "latin1")).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
    expect(readFileSync(`${key}.pub`, "latin1")).toMatch(/^-----BEGIN PUBLIC KEY-----\n/);
    if (process.platform !== "win32") expect(statSync(key).mode & 0o077).toBe(0);
    const { code, stdout } = await ternHere("keygen", "-o", path("k2"));
    expect(code).toBe(0);
    expect(stdout).toMatch(/^[^\n]*k2: private key [0-9a-f]{16}; keep it\n[^\n]*k2\.pub: public key/);
  });

  it("never writes over a key", async () => {
    const before = readFileSync(key);
    for (const [out, there] of [
      [key, key],
      [path("only"), put("only.pub", "")],
    ] as const) {
      const { code, stderr } = await ternHere("keygen", "-o", out);
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: `tern: ${there}: is there already, and no key is written over\n`,
      });
    }
    expect(readFileSync(key)).toEqual(before);
    expect(existsSync(path("only"))).toBe(false);
    expect((await ternHere("keygen", "-o", "-")).code).toBe(2);
  });
});

describe("tern sign", () => {
  it("writes the blob as it is, and a trailer behind it", () => {
    expect(report).toEqual({
      code: 0,
      stderr: "",
      stdout: `${model} → ${signed}: ${blob.length.toLocaleString("en")} bytes and 128 of signature\n\n${statement}`,
    });
    expect(bytes.subarray(0, blob.length)).toEqual(blob);
    expect(bytes.length).toBe(blob.length + 128);
  });

  it("replaces a signature", async () => {
    const again = path("again.tern");
    const { stdout } = await ternHere("sign", signed, "--key", path("stranger"), "-o", again, "--json");
    const expected = {
      out: again,
      blobBytes: blob.length,
      trailerBytes: 128,
      keyId: strangers.keyId,
      counter: 0,
      abiVersion: 2,
    };
    expect(JSON.parse(stdout)).toEqual({ ...expected, board: "" });
    expect((await ternHere("verify-signature", again, "--key", path("stranger.pub"))).code).toBe(0);
  });

  it.each<[string[], number, string]>([
    [[model, "--key", key, "-o", model], 2, "--out is the model itself"],
    [[model, "--key", key, "-o", key], 2, "--out is the key itself"],
    [[model, "--key", key, "-o", path("x"), "--board", "a b"], 2, '--board: board: "a b", expected up to 31 letters'],
    [[model, "--key", key, "-o", path("x"), "--counter", "4294967296"], 2, "--counter"],
    [[model, "--key", `${key}.pub`, "-o", path("x")], 1, `${key}.pub: key: PUBLIC KEY, expected a private key`],
    [[model, "--key", path("nothing"), "-o", path("x")], 1, "nothing: cannot be read: no such file or folder"],
    [[put("cut.tern", blob.subarray(0, -16)), "--key", key, "-o", path("x")], 1, "cut.tern: blob, byte 12: size"],
  ])("refuses %j", async (args, expected, message) => {
    const before = readFileSync(key);
    const { code, stdout, stderr } = await ternHere("sign", ...args);
    expect(stderr).toContain(message);
    expect({ code, stdout, isThere: existsSync(path("x")) }).toEqual({ code: expected, stdout: "", isThere: false });
    expect(readFileSync(key)).toEqual(before);
  });
});

it("other commands read the blob of a signed file", async () => {
  const [own, others] = [await ternHere("inspect", model, "--json"), await ternHere("inspect", signed, "--json")];
  expect(others.code).toBe(0);
  expect({ ...JSON.parse(others.stdout), file: "" }).toEqual({ ...JSON.parse(own.stdout), file: "" });
  const long = put("long.tern", new Uint8Array(Buffer.concat([blob, Buffer.alloc(128)])));
  expect((await ternHere("inspect", long)).stderr).toContain("blob, byte 12: size");
});

describe("tern verify-signature", () => {
  const verified = (file: string, publicKey = `${key}.pub`, ...more: string[]) =>
    ternHere("verify-signature", file, "--key", publicKey, ...more);

  it("says what is signed", async () => {
    expect(await verified(signed)).toEqual({ code: 0, stderr: "", stdout: `${signed}: signed\n\n${statement}` });
    const { stdout } = await verified(signed, `${key}.pub`, "--json");
    expect(JSON.parse(stdout)).toEqual({ model: signed, keyId, counter: 3, abiVersion: 2, board: "microbit" });
  });

  const trailer = bytes.subarray(blob.length);
  const at = blob.length;
  it.each<[string, Uint8Array, string]>([
    ["a blob that is not signed", blob, "trailer: there is none: the model is not signed"],
    [
      "the signature of another blob",
      new Uint8Array(Buffer.concat([forged, trailer])),
      `trailer, byte 64: not what key ${keyId} signs`,
    ],
    ["a damaged blob", bytes.with(700, bytes[700]! ^ 1), "blob, byte 4: checksum of the blob"],
    ["another counter", bytes.with(at + 16, 4), `trailer, byte 64: not what key ${keyId} signs`],
    ["another board", bytes.with(at + 24, 0x4d), `trailer, byte 64: not what key ${keyId} signs`],
    ["another signature", bytes.with(at + 64, bytes[at + 64]! ^ 1), `trailer, byte 64: not what key ${keyId} signs`],
    ["a trailer cut short", bytes.subarray(0, -1), "trailer, byte 0: 127 bytes, expected 128"],
    [
      "what is no trailer",
      new Uint8Array(Buffer.concat([blob, new Uint8Array(128)])),
      "trailer, byte 0: magic 0x0, expected 0x47495354",
    ],
  ])("denies %s", async (_, file, message) => {
    const { code, stdout, stderr } = await verified(put("v.tern", file));
    expect(stderr).toContain(`tern: ${path("v.tern")}: ${message}`);
    expect({ code, stdout, lines: stderr.trim().split("\n").length }).toEqual({ code: 1, stdout: "", lines: 1 });
  });

  it("denies another key", async () => {
    const { code, stderr } = await verified(signed, path("stranger.pub"));
    expect(code).toBe(1);
    expect(stderr).toBe(`tern: ${signed}: trailer, byte 8: signed with key ${keyId}, expected ${strangers.keyId}\n`);
  });
});

describe("a signed model", () => {
  const flash = (file: string, ...more: string[]) =>
    ternHere("flash", file, "--to", `bin:${path("m.bin")}`, ...SLOT, ...more);

  it("is flashed with its trailer, under the counter that is signed", async () => {
    for (const more of [[], ["--counter", "3"]]) {
      const { code, stdout } = await flash(signed, ...more);
      expect(code).toBe(0);
      expect(stdout).toContain("stored, sequence 1, counter 3\n");
      expect(stdout).toContain(`${blob.length.toLocaleString("en")} bytes and 128 of signature;`);
      const slot = { address: 0, bytes: 0x10000, eraseBytes: 4096, erased: 0xff } as const;
      const { whole } = await slotImage(slot, blob, bytes.subarray(blob.length), { counter: 3 });
      expect(new Uint8Array(readFileSync(path("m.bin")))).toEqual(whole.bytes);
    }
    expect(await flash(signed, "--counter", "4")).toMatchObject({
      code: 2,
      stderr: "tern: --counter 4, expected 3, which is signed\n",
    });
  });

  it("is not flashed with anything else behind it", async () => {
    const { code, stderr } = await flash(put("tail.tern", bytes.subarray(0, -1)));
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `tern: ${path("tail.tern")}: trailer, byte 0: 127 bytes, expected 128\n`,
    });
  });
});
