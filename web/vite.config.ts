import { defineConfig } from "vitest/config";

const server = "http://127.0.0.1:8460";

export default defineConfig({
  base: "/",
  build: {
    outDir: "../citytwin/api/static",
    emptyOutDir: true,
    assetsDir: "app", // /assets/… are pages
    target: "es2022",
    license: { fileName: "licenses.md" }, // of everything that is bundled
    chunkSizeWarningLimit: 1400,
    assetsInlineLimit: 0,
    rolldownOptions: {
      // Some servers know no type for .mjs, and a worker of an unknown type does not start.
      output: { assetFileNames: (asset) => (asset.names.some((name) => name.endsWith(".mjs")) ? "app/[name]-[hash].js" : "app/[name]-[hash][extname]") },
    },
  },
  server: { proxy: { "/api": server } },
  test: { environment: "node", include: ["src/**/*.test.ts"], setupFiles: ["src/test-setup.ts"] },
});
