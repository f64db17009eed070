// What a website does with either layout, in DuckDB-WASM: index, listing, registry, tables, one
// partition by its exact path. `bench.readers` bundles it, and waits for what it puts at the end.

import * as duckdb from "@duckdb/duckdb-wasm";

const BUCKET = "allen-data-views";
const ROOT = `${location.origin}/${BUCKET}/data-asset-cache`;
const TYPES = ["metadata", "asset", "platform", "event", "realtime"];
const results = [];

async function json(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${answer.status} for ${url}`);
  return answer.json();
}

function check(condition, sentence) {
  if (!condition) throw new Error(sentence);
}

// One call: its answer in a few words, or why it failed.
async function call(name, work) {
  try {
    results.push([name, await work(), false]);
  } catch (error) {
    results.push([name, `${error}`.split("\n")[0].slice(0, 120), true]);
  }
}

// Folders such as bdc-v0.42, the numerically highest last.
function highest(folders) {
  check(Array.isArray(folders) && folders.length, "the index lists no folder");
  const numbers = (folder) => folder.replace(/^[a-z]+-v/, "").split(".").map(Number);
  return [...folders].sort((a, b) => {
    const [left, right] = [numbers(a), numbers(b)];
    for (let i = 0; i < Math.max(left.length, right.length); i++) {
      if ((left[i] ?? 0) !== (right[i] ?? 0)) return (left[i] ?? 0) - (right[i] ?? 0);
    }
    return 0;
  }).at(-1);
}

function checkEntry(entry) {
  for (const key of ["name", "location", "type"]) check(entry[key], `an entry without ${key}`);
  check(Array.isArray(entry.columns), `${entry.name} has no columns`);
  check(TYPES.includes(entry.type), `${entry.name} is of the type ${entry.type}`);
  check(entry.location.startsWith("s3://"), `${entry.name} lies at ${entry.location}`);
  return { ...entry, url: entry.location.replace(`s3://${BUCKET}`, `${location.origin}/${BUCKET}`) };
}

async function engine() {
  const worker = new Worker("duckdb-browser-eh.worker.js");
  const database = new duckdb.AsyncDuckDB(new duckdb.VoidLogger(), worker);
  await database.instantiate(new URL("duckdb-eh.wasm", location.href).href);
  return database.connect();
}

async function first(connection, query) {
  const table = await connection.query(query);
  return Object.values(table.toArray()[0].toJSON());
}

// Counts the rows of each table that is one file, and reads all columns of its first row.
async function readTables(connection, entries) {
  let files = 0, total = 0;
  for (const entry of entries.filter((entry) => !entry.partitioned)) {
    const [rows] = await first(connection, `SELECT count(*) FROM read_parquet('${entry.url}')`);
    await connection.query(`SELECT * FROM read_parquet('${entry.url}') LIMIT 1`);
    files += 1;
    total += Number(rows);
  }
  return `${files} tables, ${total} rows`;
}

async function readPartition(connection, url) {
  const [rows] = await first(connection, `SELECT count(*) FROM read_parquet('${url}')`);
  check(rows > 0, "no rows");
  return `${rows} rows`;
}

async function readAll() {
  const connection = await engine();
  let folder = "", keys = [], entries = [];
  await call("`cache_versions.json`", async () => {
    folder = highest(await json(`${ROOT}/cache_versions.json`));
    return folder;
  });
  await call("listing of `cache_registry/`", async () => {
    const prefix = `data-asset-cache/${folder}/cache_registry/`;
    const answer = await fetch(`${location.origin}/${BUCKET}?list-type=2&prefix=${prefix}`);
    const page = new DOMParser().parseFromString(await answer.text(), "application/xml");
    keys = [...page.querySelectorAll("Contents > Key")].map((key) => key.textContent);
    check(keys.length, "nothing is listed");
    return `${keys.length} keys`;
  });
  await call("each of `cache_registry/<table>.json`", async () => {
    const urls = keys.map((key) => `${location.origin}/${BUCKET}/${key}`);
    entries = (await Promise.all(urls.map(json))).map(checkEntry);
    return `${entries.length} tables`;
  });
  await call("tables by `location`", () => readTables(connection, entries));
  for (const entry of entries.filter((entry) => entry.partitioned)) {
    const value = { platform: "fib", subject_id: "901001" }[entry.partition_key]
      ?? "901001_2024-09-03_17-12-31";
    const path = `${entry.name}/${entry.partition_key}=${value}/data.pqt`;
    await call(`\`${path}\` by \`location\``, () =>
      readPartition(connection, `${entry.url}${entry.partition_key}=${value}/data.pqt`));
  }
  await call("`zombie-squirrels.json`", async () => {
    // The copy for zombie-squirrel's own package is not in the index.
    folder = highest(await json(`${ROOT}/zombie-squirrels.json`));
    return folder;
  });
  await call("`squirrel.json`", async () => {
    entries = (await json(`${ROOT}/${folder}/squirrel.json`)).acorns.map(checkEntry);
    return `${entries.length} tables`;
  });
  await call("tables by `location`, of `squirrel.json`", () => readTables(connection, entries));
  await call("`qc/subject_id=901001/data.pqt`", () =>
    readPartition(connection, `${ROOT}/${folder}/qc/subject_id=901001/data.pqt`));
  await call("`asset_basics` joined with `source_data`", async () => {
    const [rows] = await first(connection,
      `SELECT count(*) FROM read_parquet('${ROOT}/${folder}/asset_basics.pqt') a
       JOIN read_parquet('${ROOT}/${folder}/source_data.pqt') s ON s.name = a.name
       WHERE list_contains(a.modalities, 'fib')
       AND CAST(a.acquisition_start_time AS TIMESTAMPTZ) > TIMESTAMPTZ '2020-01-01'`);
    return `${rows} rows`;
  });
}

readAll()
  .catch((error) => results.push(["the page", `${error}`.slice(0, 120), true]))
  .then(() => fetch("result.json", { method: "PUT", body: JSON.stringify(results) }));
