// A subject's page: its data assets in time, and their QC.
import { count, h, later, opened, table, text } from "../dom.js";
import { segmentOf } from "../place.js";
import { to } from "../route.js";
import { cell, select } from "../rows.js";
import { tally, worst } from "./qc.js";

const COLUMNS = ["name", "subject_id", "project_name", "data_level", "modalities", "acquisition_start_time", "genotype", "acquisition_type"];

/** Returns the page of a subject. */
export function subject(place, id) {
  const source = place.table("asset_basics");
  const qc = place.table("qc_tag_status");
  const segment = segmentOf(id);
  const rows = source ? select(place.whole(source), { subject_id: { $eq: id } }, COLUMNS) : Promise.resolve([]);
  const statuses = qc ? select(place.key(qc, segment)) : Promise.resolve([]);
  return [
    h("h1", {}, `Subject ${id}`),
    later(async () => overview(await rows, await statuses)),
    h("h2", {}, "Quality control by tag"), later(async () => byTag(place, id, await statuses)),
    h("h2", {}, "Training"),
    opened("Curriculum and stage of each data asset", async () => curriculum(place, await rows)),
    opened("Foraging sessions", () => sessions(place, id)),
  ];
}

function overview(rows, statuses) {
  if (!rows.length) return h("p", {}, "asset_basics has no data asset of this subject.");
  const ofAsset = Map.groupBy(statuses, (row) => row.asset_name);
  const dated = rows.toSorted((a, b) => (a.acquisition_start_time ?? Infinity) - (b.acquisition_start_time ?? Infinity));
  const values = (column) => [...new Set(rows.flatMap((row) => row[column] ?? []))].join(", ");
  const times = dated.map((row) => row.acquisition_start_time).filter(Boolean);
  const qcOf = (row) => (ofAsset.get(row.name) ?? []).map((one) => one.status);
  return [
    h("dl", { class: "facts" }, [
      ["Data assets", count(rows.length, "data asset")],
      ["Acquired", times.length ? `${text(times[0]).slice(0, 10)} to ${text(times.at(-1)).slice(0, 10)}` : "no time"],
      ["Projects", values("project_name")], ["Genotype", values("genotype")], ["Modalities", values("modalities")],
    ].map(([term, content]) => h("div", {}, h("dt", {}, term), h("dd", {}, content)))),
    h("h2", {}, "Timeline"),
    times.length > 1 && drawing(dated.filter((row) => row.acquisition_start_time), qcOf),
    table("Data assets in time", ["Acquired", "Data asset", "Level", "Modalities", "QC tags"], dated.map((row) => [
      h("span", { class: "size" }, text(row.acquisition_start_time).slice(0, 16).replace("T", " ") || "no time"),
      h("a", { href: to(["data-asset", row.name]) }, row.name), row.data_level ?? "", text(row.modalities), tally(qcOf(row)),
    ]), { class: "scroll list" }),
  ];
}

const [LEFT, ROW] = [76, 26];

/** Draws a line for each level, with a mark for each data asset in time. */
function drawing(rows, qcOf) {
  // As wide as the page is now, so that its texts are as large as those around them.
  const WIDTH = Math.max(320, Math.min(1240, document.documentElement.clientWidth - 32));
  const levels = [...new Set(rows.map((row) => row.data_level ?? "no level"))].sort().reverse();
  const [from, to_] = [rows[0].acquisition_start_time, rows.at(-1).acquisition_start_time].map(Number);
  const x = (time) => LEFT + 12 + ((Number(time) - from) / Math.max(1, to_ - from)) * (WIDTH - LEFT - 24);
  const y = (level) => ROW * (levels.indexOf(level) + 0.75);
  const height = ROW * levels.length + 26;
  const date = (time) => text(new Date(time)).slice(0, 10);
  const svg = h("svg", { viewBox: `0 0 ${WIDTH} ${height}`, class: "timeline", role: "img", "aria-label": `${count(rows.length, "data asset")} from ${date(from)} to ${date(to_)}; the table below has them` },
    levels.map((level) => h("g", {},
      h("text", { x: 0, y: y(level) + 4 }, level),
      h("line", { x1: LEFT, x2: WIDTH, y1: y(level), y2: y(level) }))),
    rows.map((row) => {
      const [, sign, name] = worst(qcOf(row));
      return h("text", { x: x(row.acquisition_start_time), y: y(row.data_level ?? "no level") + 5, class: `mark ${name}`, "text-anchor": "middle" },
        sign, h("title", {}, `${row.name}`));
    }),
    h("text", { x: LEFT, y: height - 4 }, date(from)),
    h("text", { x: WIDTH, y: height - 4, "text-anchor": "end" }, date(to_)));
  return h("figure", { tabindex: 0, "aria-label": "Timeline" }, svg, h("figcaption", { class: "quiet" }, "The worst QC status of each: ✕ Fail, ◆ Pending, ● Pass, ○ none."));
}

/** Returns links to the rows of a subject in the tables that have a partition for it. */
function rowsOf(place, id) {
  const split = place.tables.filter((entry) => entry.partition_key === "subject_id");
  return h("ul", { class: "flow" }, split.map(({ name }) => h("li", {}, h("a", { href: to(["table", name], { partition: id }) }, `Rows of ${name}`))));
}

function byTag(place, id, statuses) {
  if (!statuses.length) return h("p", {}, "No QC.");
  const tags = [...Map.groupBy(statuses, (row) => row.tag)].sort(([a], [b]) => (text(a) < text(b) ? -1 : 1));
  return [
    table("QC by tag", ["Tag", "Data assets"], tags.map(([tag, rows]) => [tag ?? "no tag", tally(rows.map((row) => row.status))]), { class: "scroll list" }),
    rowsOf(place, id),
  ];
}

async function curriculum(place, rows) {
  const source = place.table("behavior_curriculum");
  if (!source) return h("p", {}, "behavior_curriculum is not in this version.");
  const times = new Map(rows.map((row) => [row.name, row.acquisition_start_time]));
  const stages = rows.length ? await select(place.whole(source), { asset_name: { $in: [...times.keys()] } }) : [];
  const known = stages.filter((row) => row.curriculum_name || row.stage_name);
  if (!known.length) return h("p", {}, "None of its data assets has a trainer state with a curriculum.");
  const sorted = known.toSorted((a, b) => (times.get(a.asset_name) ?? 0) - (times.get(b.asset_name) ?? 0));
  return table("Curriculum", ["Acquired", "Data asset", "Curriculum", "Stage"], sorted.map((row) => [
    h("span", { class: "size" }, text(times.get(row.asset_name)).slice(0, 10) || "no time"),
    h("a", { href: to(["data-asset", row.asset_name]) }, row.asset_name), row.curriculum_name ?? "", row.stage_name ?? "",
  ]), { class: "scroll list" });
}

async function sessions(place, id) {
  if (!place.table("foraging_sessions")) return h("p", {}, "foraging_sessions is not in this version.");
  const columns = ["subject_id", "session_date", "task", "curriculum_name", "current_stage_actual", "rig", "trainer_normalized", "finished_trials", "foraging_eff"];
  const rows = await select(place.whole(place.table("foraging_sessions")), { subject_id: { $eq: id } }, columns);
  if (!rows.length) return h("p", {}, "No sessions.");
  return table("Foraging sessions", columns.slice(1), rows.map((row) => columns.slice(1).map((name) => cell({ name }, row[name]))));
}
