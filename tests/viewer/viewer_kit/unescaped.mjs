// Builds the viewer with its escaping switched off: text becomes markup, as `innerHTML` has it.
// node unescaped.mjs VIEWER OUT MODE; with MODE "policy" past the Trusted Types, else not.

import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [viewer, outDir, mode] = process.argv.slice(2);
const require = createRequire(join(viewer, "package.json"));
const { build } = await import(pathToFileURL(join(require.resolve("vite/package.json"), "../dist/node/index.js")));

const POLICY = `
const markup = globalThis.__markup ??= (globalThis.trustedTypes && ${JSON.stringify(mode)} === "policy")
  ? globalThis.trustedTypes.createPolicy("off", { createHTML: (text) => text })
  : { createHTML: (text) => text };
const asMarkup = (text) => {
  const place = document.createElement("span");
  place.innerHTML = markup.createHTML(String(text));
  return place;
};
`;

let changed = 0;
await build({
  root: viewer,
  configFile: join(viewer, "vite.config.ts"),
  logLevel: "warn",
  build: { outDir, emptyOutDir: true },
  plugins: [
    {
      name: "unescaped",
      transform(code, id) {
        if (!/\/preact\/dist\/preact\.mjs$/.test(id)) return null;
        const result = code.replace(/(\w+)\.createTextNode\((\w+)\)/g, (_, __, text) => {
          changed += 1;
          return `asMarkup(${text})`;
        });
        return { code: POLICY + result, map: null };
      },
    },
    {
      // Logged control characters are made visible for people, not for safety; off as well.
      name: "as it is",
      transform(code, id) {
        if (!/\/src\/format\.ts$/.test(id)) return null;
        return { code: code.replace(/function visible\(text[^{]*\{/, "$& return text;"), map: null };
      },
    },
  ],
});
if (!changed) throw new Error("Preact makes text in another way now: the escaping is still on");
