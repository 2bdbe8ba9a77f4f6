/** node dev/serve.mjs [DATA FOLDER] [PORT]: the harness on http://127.0.0.1:PORT, with the built widgets. */

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const [data = join(tmpdir(), "cnnvis_dev"), port = "8123"] = process.argv.slice(2);
const types = { ".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".json": "application/json" };

async function harness() {
  const { outputFiles } = await esbuild.build({ entryPoints: [here("harness.ts")], bundle: true, format: "esm", write: false, target: "es2022" });
  return outputFiles[0].contents;
}

function read(path) {
  if (path === "/") return readFile(here("index.html"));
  if (path === "/harness.js") return harness();
  const [, folder, file] = path.split("/");
  const folders = { static: here("../../cnnvis_widgets/static"), data };
  return readFile(join(folders[folder], file));
}

createServer(async (request, response) => {
  const { pathname } = new URL(request.url, "http://localhost");
  try {
    const body = await read(pathname);
    response.writeHead(200, { "content-type": types[extname(pathname)] ?? "text/html", "cache-control": "no-store" }).end(body);
  } catch (error) {
    response.writeHead(404).end(String(error));
  }
}).listen(Number(port), "127.0.0.1", () => console.log(`http://127.0.0.1:${port}`));
