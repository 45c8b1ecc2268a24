// Put a .br and a .gz beside each built file, the same bytes on every machine.
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const ROOT = fileURLToPath(new URL("../../src/apilog/collector/static", import.meta.url));
/** Bytes that a page may weigh, as a browser is sent it over TLS or on the same machine. */
const LIMIT = 80 * 1024;
/** What is fetched when it is first shown, for pages of which none needs the other's. */
const LATER = /^assets\/(call|overviews)-.*\.js$/;

function gzipped(content) {
  const result = gzipSync(content, { level: 9, memLevel: 9 });
  result.fill(0, 4, 8); // no time
  result[9] = 255; // no operating system
  return result;
}

function brotlied(content) {
  return brotliCompressSync(content, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 11,
      [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
    },
  });
}

const files = readdirSync(ROOT, { recursive: true, encoding: "utf8" })
  .map((name) => join(ROOT, name))
  .filter((path) => statSync(path).isFile())
  .sort();

let shared = 0;
let later = 0;
let total = 0;
for (const path of files) {
  if (/\.(br|gz)$/.test(path)) {
    rmSync(path);
    continue;
  }
  const content = readFileSync(path);
  const gz = gzipped(content);
  const br = brotlied(content);
  writeFileSync(`${path}.gz`, gz);
  writeFileSync(`${path}.br`, br);
  const name = relative(ROOT, path).replaceAll("\\", "/");
  if (LATER.test(name)) later = Math.max(later, br.length);
  else shared += br.length;
  total += br.length;
  console.log(
    `${name.padEnd(44)} ${String(content.length).padStart(7)} B` +
      `  gzip ${String(gz.length).padStart(6)}  brotli ${String(br.length).padStart(6)}`,
  );
}
console.log(`the list: ${shared} bytes with brotli; all of it: ${total}`);
console.log(`the heaviest page: ${shared + later}; the limit is ${LIMIT}`);
if (shared + later > LIMIT) process.exit(1);
