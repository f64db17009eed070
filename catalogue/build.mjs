// Bundles src/ into a folder, by default ../zs_pipeline/catalogue_page: the same bytes each time.
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const to = process.argv[2] ?? join(here, "../zs_pipeline/catalogue_page");
const read = (name) => readFileSync(join(here, name), "utf8");
const digest = (text) => createHash("sha256").update(text).digest("hex").slice(0, 12);

// Of the decompressors one is used, and the package does not say that the others can be left out.
const lean = {
  name: "lean",
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^hyparquet-compressors$/ }, async ({ path, pluginData, ...from }) => {
      if (pluginData === "again") return undefined;
      return { ...await resolve(path, { ...from, pluginData: "again" }), sideEffects: false };
    });
    onResolve({ filter: /^\.\// }, async ({ path, pluginData, ...from }) => {
      if (pluginData === "again" || !from.importer.includes("hyparquet-compressors")) return undefined;
      return { ...await resolve(path, { ...from, pluginData: "again" }), sideEffects: false };
    });
  },
};

async function bundled(entry, external = []) {
  const { outputFiles, metafile } = await build({
    absWorkingDir: here,
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    external,
    plugins: [lean],
    write: false,
    metafile: true,
  });
  const packages = Object.entries(metafile.outputs)
    .flatMap(([, output]) => Object.entries(output.inputs))
    .filter(([name, { bytesInOutput }]) => bytesInOutput > 0 && name.startsWith("node_modules/"))
    .map(([name]) => name.split("/")[1]);
  return [outputFiles[0].text, packages];
}

const [parquet, packages] = await bundled("src/parquet.js");
const [app, inApp] = await bundled("src/app.js", ["./parquet.js"]);
const style = read("src/style.css");
// A browser that keeps one file for a minute never mixes it with a newer one.
const appText = app.replaceAll("./parquet.js", `./parquet.js?${digest(parquet)}`);
const page = read("src/index.html")
  .replace("style.css", `style.css?${digest(style)}`)
  .replace("app.js", `app.js?${digest(appText)}`);
const licenses = [...new Set([...packages, ...inApp])].sort().map((name) => {
  const { version } = JSON.parse(read(`node_modules/${name}/package.json`));
  return `${name} ${version}\n\n${read(`node_modules/${name}/LICENSE`).trim()}\n`;
});
mkdirSync(to, { recursive: true });
const written = {
  "index.html": page,
  "style.css": style,
  "app.js": appText,
  "parquet.js": parquet,
  "licenses.txt": `parquet.js contains these packages.\n\n${licenses.join(`\n${"-".repeat(72)}\n\n`)}`,
};
for (const [name, text] of Object.entries(written)) writeFileSync(join(to, name), text);
