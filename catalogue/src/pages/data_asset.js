// A data asset's page: its basics, its lineage both ways, its QC by tag.
import { count, h, later, opened, table, text } from "../dom.js";
import { segmentOf } from "../place.js";
import { to } from "../route.js";
import { cell, namesDataAssets, select } from "../rows.js";
import { mark, tally } from "./qc.js";
import { partitionLink } from "./tables.js";

// A long name goes on in the next line after a mark.
const broken = (name) => name.split(/(?<=_)/).map((part, at) => [at > 0 && h("wbr"), part]);

const link = (name) => h("a", { href: to(["data-asset", name]) }, name);

// A third of the bytes of a row group, and read by few.
const RARE = ["_id", "_last_modified", "code_ocean", "created"];

/** Returns the rows of a data asset in asset_basics, first those of the subject in its name. */
async function basicsOf(place, name, columns) {
  const source = place.table("asset_basics");
  if (!source) throw new Error("asset_basics is not in this version");
  const key = place.whole(source);
  // Rows lie by subject, so that its rows are a small part of the file.
  const subject = /(?:^|_)([A-Za-z0-9-]+)_\d{4}-\d{2}-\d{2}/.exec(name)?.[1];
  if (subject) {
    const rows = await select(key, { subject_id: { $eq: subject }, name: { $eq: name } }, columns);
    if (rows.length) return rows;
  }
  return select(key, { name: { $eq: name } }, columns);
}

/** Returns the page of a data asset. */
export function dataAsset(place, name) {
  const all = place.table("asset_basics")?.columns ?? [];
  const names = all.map((column) => column.name);
  const basics = basicsOf(place, name, names.filter((column) => !RARE.includes(column)));
  const values = (row) => h("dl", { class: "facts" }, all
    .filter(({ name: column }) => column !== "name" && text(row[column]))
    .map(({ name: column, description }) => h("div", {}, h("dt", { title: description }, broken(column)), h("dd", {}, cell({ name: column, description }, row[column])))));
  return [
    h("h1", { class: "name" }, name),
    later(async () => {
      const rows = await basics;
      if (!rows.length) return h("p", {}, "asset_basics has no data asset of this name.");
      return [rows.length > 1 && h("p", { class: "banner" }, `${count(rows.length, "document")} have this name.`), rows.map(values)];
    }),
    opened("Ids and dates of the document", async () => (await basicsOf(place, name, RARE)).map(values)),
    h("h2", {}, "Lineage"), later(() => lineage(place, name)),
    h("h2", {}, "Quality control"), later(async () => quality(place, name, await basics)),
    split(place).length > 0 && opened("Of the acquisition, with all that was made from it", async () => ofAcquisition(place, name, await basics)),
    opened("Findings about its documents", () => problems(place, name)),
  ];
}

async function lineage(place, name) {
  const source = place.table("source_data");
  if (!source) return h("p", {}, "source_data is not in this version.");
  const key = place.whole(source);
  const [made, derived] = await Promise.all([
    select(key, { name: { $eq: name } }),
    select(key, { source_data: { $eq: name } }),
  ]);
  const rows = (title, of, column) => (of.length
    ? [h("h3", {}, title), table(title, ["Data asset", "Pipeline", "Processed"], of.map((row) => [link(text(row[column])), text(row.pipeline_name), text(row.processing_time)]), { class: "scroll list" })]
    : h("p", {}, `${title}: nothing.`));
  return [rows("Made from", made, "source_data"), rows("Derived from it", derived, "name")];
}

async function quality(place, name, basics) {
  const [metrics, tags] = [place.table("quality_control"), place.table("qc_tag_status")];
  if (!basics.length || !metrics) return h("p", {}, "Nothing.");
  const segments = [...new Set(basics.map((row) => segmentOf(row.subject_id ?? null)))];
  const filter = { asset_name: { $eq: name } };
  const of = async (entry, columns) => (entry
    ? (await Promise.all(segments.map((segment) => select(place.key(entry, segment), filter, columns)))).flat() : []);
  const [statuses, rows] = await Promise.all([
    of(tags), of(metrics, ["asset_name", "name", "stage", "modality", "value", "status", "tags", "timestamp", "evaluator"]),
  ]);
  if (!rows.length && !statuses.length) return h("p", {}, "No metrics.");
  // A status is of a tag, of a stage, or of a modality.
  const keysOf = (row) => [...new Set([...row.tags ?? [], row.stage, row.modality])].filter(Boolean);
  const names = [...new Set([...statuses.map((row) => row.tag), ...rows.flatMap((row) => row.tags ?? [])])].filter(Boolean).sort();
  return [
    h("p", {}, tally(rows.map((row) => row.status))),
    names.map((tag) => {
      const own = rows.filter((row) => keysOf(row).includes(tag));
      const status = statuses.find((row) => row.tag === tag)?.status;
      return h("details", {}, h("summary", {}, tag, " ", status && mark(status), " ", h("span", { class: "quiet" }, count(own.length, "metric"))),
        own.length > 0 && table(`Metrics with the tag ${tag}`, ["Metric", "Status", "Value", "Stage", "Modality", "Evaluator"],
          own.map((row) => [row.name ?? "", mark(row.status), cell({ name: "value" }, row.value), row.stage ?? "", row.modality ?? "", row.evaluator ?? ""]), { class: "scroll list" }));
    }),
  ];
}

/** Returns the tables that have a partition for each data asset. */
function split(place) {
  const described = ({ columns, partition_key: key }) => columns.find((column) => column.name === key) ?? { name: key, description: "a data asset" };
  return place.tables.filter((entry) => entry.partition_key && namesDataAssets(described(entry)));
}

/** Returns links to the partitions of the data assets that one was made from at first. */
async function ofAcquisition(place, name, basics) {
  const raw = basics.some((row) => row.data_level === "raw") ? [name] : await firstOf(place, name);
  return h("ul", { class: "flow" }, split(place).flatMap((entry) => raw.map((one) => h("li", {},
    h("a", { href: partitionLink(entry, one) }, `${entry.name} of ${one}`)))));
}

/** Returns the data assets at the beginning of a lineage, over any number of steps; circles end. */
async function firstOf(place, name) {
  const source = place.table("source_data");
  const [first, seen] = [[], new Set([name])];
  for (let names = [name]; source && names.length;) {
    const rows = await select(place.whole(source), { name: { $in: names } }, ["name", "source_data"]);
    const above = Map.groupBy(rows.filter((row) => row.source_data), (row) => row.name);
    first.push(...names.filter((one) => !above.has(one)));
    names = [...new Set([...above.values()].flat().map((row) => row.source_data))].filter((one) => !seen.has(one));
    for (const one of names) seen.add(one);
  }
  return first.length ? first : [name];
}

async function problems(place, name) {
  const rows = [];
  for (const table_ of ["document_problems", "data_asset_problems"]) {
    const entry = place.table(table_);
    if (entry) rows.push(...await select(place.whole(entry), { name: { $eq: name } }));
  }
  if (!rows.length) return h("p", {}, "None.");
  return table("Findings", ["Field", "Severity", "Reason", "Column", "Taken", "Other"],
    rows.map((row) => ["field", "severity", "reason", "column", "taken", "other"].map((column) => text(row[column]))), { class: "scroll list" });
}
