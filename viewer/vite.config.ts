import { defineConfig } from "vitest/config";

// Where `npm run dev` sends what is not a page: a running `apilog serve`, or `npm run fixtures`.
const collector = process.env.APILOG_SERVE ?? "http://127.0.0.1:8090";

/** The path of a module below this directory; other directories may have any name. */
const here = (id: string) => id.slice(import.meta.dirname.length);
const isPlot = (id: string) => /^\/node_modules\/uplot\/|\/plots?\.ts$/.test(here(id));
/** One call, or two. */
const isCall = (id: string) =>
  /^\/src\/(call\/(?!json\.ts)|snippets\/|views\/(event|compare)\/)/.test(here(id));
/** What the list of calls needs: the page that is opened first. */
const isBase = (id: string) =>
  !isPlot(id) &&
  !isCall(id) &&
  /^\/(node_modules|src\/(?!views\/)|src\/views\/(list|login)\/)/.test(here(id));
const isView = (id: string) => here(id).startsWith("/src/");

export default defineConfig({
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "../src/apilog/collector/static",
    emptyOutDir: true,
    target: "es2022",
    // The page allows no `data:` address, so nothing may be inlined as one.
    assetsInlineLimit: 0,
    // Few files: together they compress better, and nothing has to say which belongs to which.
    modulePreload: false,
    cssCodeSplit: false,
    rolldownOptions: {
      output: {
        advancedChunks: {
          groups: [
            { name: "base", test: isBase, priority: 3 },
            // What draws is fetched once the first rows are there.
            { name: "plot", test: isPlot, priority: 2 },
            { name: "call", test: isCall, priority: 1 },
            { name: "overviews", test: isView, priority: 0 },
          ],
        },
      },
    },
    reportCompressedSize: false,
  },
  server: {
    host: "127.0.0.1",
    // The collector takes changes from pages of its own origin only: here it is the proxy's.
    proxy: { "/view": { target: collector, changeOrigin: true, headers: { origin: collector } } },
  },
  test: { include: ["tests/**/*.test.ts", "src/**/*.test.ts"], environment: "node" },
});
