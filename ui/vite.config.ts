import { defineConfig } from "vite";

// The policy of the server allows scripts, styles and images of its own address alone, and nothing inline.
export default defineConfig({
  base: "./",
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: {
    outDir: "../build/ui",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  // `npm run dev`: the pages from here, the data from a `parallelrun ui` or from tools/fixture_server.mjs.
  server: { host: "127.0.0.1", proxy: { "/api": { target: process.env.PARALLELRUN_UI ?? "http://127.0.0.1:8899", changeOrigin: true } } },
});
