// The search over names and descriptions of tables and columns, and over subjects.
import { count, h, later, table, text } from "../dom.js";
import { to } from "../route.js";
import { select } from "../rows.js";

/** Returns a text with the searched words marked. */
function marked(content, words) {
  if (!words.length) return content;
  const escaped = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return content.split(new RegExp(`(${escaped.join("|")})`, "gi")).map((part, at) => (at % 2 ? h("mark", {}, part) : part));
}

/** Returns the page of a search. */
export function search(place, query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (...texts) => words.every((word) => texts.some((one) => (one ?? "").toLowerCase().includes(word)));
  const found = place.tables.flatMap((entry) => entry.columns
    .filter((column) => fits(column.name, column.description, entry.name))
    .map((column) => ({ entry, column, weight: words.filter((word) => column.name.toLowerCase().includes(word)).length })))
    .sort((a, b) => b.weight - a.weight);
  const named = place.tables.filter((entry) => fits(entry.name, entry.description));
  return [
    h("h1", {}, query ? `Search: ${query}` : "Search"),
    query && h("p", {}, "Look up ", h("a", { href: to(["data-asset", query]) }, `data asset “${query}”`), " or ", h("a", { href: to(["subject", query]) }, `subject “${query}”`), "."),
    query.length >= 2 && later(() => subjects(place, query), ""),
    named.length > 0 && [h("h2", {}, count(named.length, "table")), table("Tables", ["Table", "What a row is"],
      named.map((entry) => [h("a", { href: to(["table", entry.name]) }, marked(entry.name, words)), marked(entry.description, words)]), { class: "scroll list" })],
    h("h2", {}, count(found.length, "column")),
    found.length > 0 && table("Columns", ["Column", "Table", "Type", "What it means"], found.map(({ entry, column }) => [
      marked(column.name, words), h("a", { href: to(["table", entry.name]) }, entry.name), h("code", {}, column.type ?? ""), marked(column.description, words),
    ]), { class: "scroll list" }),
  ];
}

async function subjects(place, query) {
  const source = place.table("unique_subject_ids");
  if (!source) return null;
  const rows = await select(place.whole(source));
  const found = rows.map((row) => text(row.subject_id)).filter((one) => one.toLowerCase().includes(query.toLowerCase()));
  return found.length > 0 && [h("h2", {}, count(found.length, "subject")), h("ul", { class: "flow" },
    found.slice(0, 60).map((one) => h("li", {}, h("a", { href: to(["subject", one]) }, one))))];
}
