/** Bundle every widget into one ESM and one CSS file; `page` is what runs them in an exported page. */

import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const output = here("../cnnvis_widgets/static");
const names = readdirSync(here("src/widgets")).filter((name) => name.endsWith(".ts")).map((name) => name.slice(0, -3));

/** A style sheet per widget: the tokens, the kit, and what is its own. */
const styles = {
  name: "styles",
  setup(build) {
    build.onResolve({ filter: /^styles:/ }, ({ path }) => ({ path: path.slice(7), namespace: "styles" }));
    build.onLoad({ filter: /.*/, namespace: "styles" }, ({ path }) => ({
      contents: ["kit/tokens", "kit/kit", `widgets/${path}`].map((file) => `@import "./${file}.css";`).join("\n"),
      loader: "css", resolveDir: here("src"),
    }));
  },
};

const common = { bundle: true, minify: true, target: "es2022", outdir: output, charset: "utf8", legalComments: "none", logLevel: "warning" };
const builds = [
  { ...common, format: "esm", entryPoints: names.map((name) => ({ in: here(`src/widgets/${name}.ts`), out: name })) },
  { ...common, plugins: [styles], target: "esnext", entryPoints: names.map((name) => ({ in: `styles:${name}`, out: name })) },
  { ...common, format: "iife", entryPoints: [{ in: here("src/page.ts"), out: "page" }] },
];

if (process.argv.includes("--watch")) {
  for (const options of builds) await (await esbuild.context(options)).watch();
} else {
  const results = await Promise.all(builds.map((options) => esbuild.build({ ...options, metafile: true })));
  for (const { metafile } of results) {
    for (const [file, { bytes }] of Object.entries(metafile.outputs)) console.log(`${file.split("/").at(-1).padEnd(24)} ${(bytes / 1000).toFixed(1)} kB`);
  }
}
