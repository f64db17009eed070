// The list of tables, and one table's page.
import { amount, count, failure, h, later, moment, number, opened, size, table, text, time } from "../dom.js";
import { copyable } from "../lines.js";
import { json, segmentOf, valueOf } from "../place.js";
import { to } from "../route.js";
import { preview, select } from "../rows.js";

/** Returns whether a table is fresh, as a mark with words; the shape tells it without colors. */
export function freshness(entry) {
  return entry.state === "stale"
    ? h("span", { class: "mark stale" }, "▲ stale")
    : h("span", { class: "mark fresh" }, "● fresh");
}

const firstSentence = (description) => description.split(/(?<=\.)\s/)[0];

/** Returns the page of all tables. */
export function tables(place) {
  const { registry } = place;
  const stale = place.tables.filter((entry) => entry.state === "stale");
  const rows = place.tables.map((entry) => [
    h("a", { href: to(["table", entry.name]) }, entry.name),
    h("span", {}, firstSentence(entry.description),
      entry.state === "stale" && h("span", { class: "why" }, `▲ ${entry.reason ?? ""}`),
      Object.entries(entry.notes ?? {}).map(([note, value]) => h("span", { class: "why" }, `${note}${typeof value === "number" ? `: ${number(value)}` : ""}`))),
    number(entry.rows), h("span", { class: "size" }, size(entry.bytes)),
    entry.partition_key ? h("span", { class: "size" }, `${number(entry.partitions)} by ${entry.partition_key}`) : "",
    time(entry.built_at),
    freshness(entry),
  ]);
  return [
    h("h1", {}, "Tables"),
    h("p", {}, `${count(place.tables.length, "table")}, published ${moment(registry.published_at)}; `,
      stale.length ? [`${number(stale.length)} of them stale: `, stale.map(({ name }, at) => [at ? ", " : "", h("a", { href: to(["table", name]) }, name)]), "."] : "all of them fresh."),
    !place.snapshot && later(() => night(registry), ""),
    table("Tables", ["Table", "What a row is", amount("Rows"), amount("Size"), "Partitions", "Built", "State"], rows, { class: "scroll list" }),
  ];
}

async function night(registry) {
  const said = [];
  const every = registry.expected_every_hours;
  const hours = (Date.now() - Date.parse(registry.published_at)) / 3_600_000;
  if (every && hours > 1.5 * every) {
    said.push(h("p", { class: "banner" }, `A night is late: one comes every ${number(every)} hours, and the last was published ${number(Math.floor(hours))} hours ago.`));
  }
  if (registry.rolled_back) {
    const { snapshot, name, since } = registry.rolled_back;
    said.push(h("p", { class: "banner" }, `Rolled back to snapshot ${name || snapshot} since ${moment(since)}.`));
  }
  const last = await json("_night.json", { optional: true }).catch(() => null);
  const failures = Object.entries(last?.failures ?? {});
  if (last?.failed_at || failures.length) {
    said.push(h("div", { class: "banner" }, h("p", {}, `In the night that began ${moment(last.began_at)} something failed:`),
      h("ul", {}, failures.map(([name, { reason, since }]) => h("li", {}, `${name}, since ${moment(since)}: ${text(reason)}`)))));
  }
  return said;
}

/** Returns the page of one table. */
export function tablePage(place, name, parameters) {
  const entry = place.table(name);
  if (!entry) return [h("h1", {}, "No such table"), h("p", {}, `There is no table ${name} ${place.snapshot ? "in this snapshot" : "in this version"}.`)];
  const value = parameters.has("none") ? null : parameters.get("partition") ?? undefined;
  const segment = value === undefined ? null : segmentOf(value);
  const key = segment === null ? place.whole(entry) : place.key(entry, segment);
  const facts = () => h("dl", { class: "facts" }, [
    ["Rows", number(entry.rows)],
    ["Size", size(entry.bytes)],
    ["Built", time(entry.built_at)],
    ["Last checked", time(entry.checked_at)],
    ["State", [freshness(entry), entry.reason && ` ${entry.reason}`]],
    entry.key?.length > 0 && ["Key", entry.key.join(", ")],
    ["Kind", entry.type],
    entry.partition_key && ["Partitions", `${number(entry.partitions)} by ${entry.partition_key}`],
    ["Made from", Object.entries(entry.source_state ?? {}).map(([source, state]) => h("span", { class: "source" },
      place.table(source) ? h("a", { href: to(["table", source]) }, source) : source, " ", h("code", { title: state }, String(state).slice(0, 12))))],
    ["sha256", h("code", {}, entry.sha256)],
    ["Location", h("code", {}, place.snapshot && !entry.partition_key ? `${place.location(entry)}/data-asset-cache/zs-v${place.version}/${key}` : entry.location)],
  ].filter(Boolean).map(([term, content]) => h("div", {}, h("dt", {}, term), h("dd", {}, content))));
  return [
    h("h1", {}, entry.name, value !== undefined && h("small", {}, ` ${entry.partition_key} = ${value ?? "none"}`)),
    h("p", {}, entry.description),
    Object.entries(entry.notes ?? {}).map(([note, amount]) => h("p", { class: "banner" }, `${note}${typeof amount === "number" ? `: ${number(amount)}` : ""}`)),
    // Of a partition, what is said of the table is not what it has itself.
    value === undefined ? facts() : [
      entry.state === "stale" && h("p", { class: "banner" }, freshness(entry), entry.reason),
      opened("The whole table: rows, size, state", facts),
    ],
    entry.partition_key && [h("h2", {}, "Partitions"), partitions(place, entry, value)],
    key && [
      h("h2", {}, "Rows"), preview(entry, key, parameters),
      h("h2", {}, "Read it"), copyable(place, entry, key, value),
    ],
    !key && h("p", {}, value !== undefined ? "This snapshot has no such partition."
      : entry.partition_key ? "Choose a partition to see its rows." : "Its file has no object in this snapshot."),
    h("h2", {}, "Columns"),
    table(`Columns of ${entry.name}`, ["Column", "Type", "What it means"], entry.columns.map((column) => [
      column.name, h("code", {}, column.type ?? ""), [column.description, column.nullable === false && h("span", { class: "quiet" }, " Never without a value.")],
    ]), { class: "scroll list" }),
    !place.snapshot && opened("How values are made, with examples", () => rules(entry)),
    opened("Findings: what was wrong in documents", () => findings(place, entry)),
  ];
}

async function rules(entry) {
  const facts = await json(`${entry.table}.json`);
  return table(`How values of ${entry.name} are made`, ["Column", "Rule", "Example", "Read of a document"], facts.columns.map((column) => [
    column.name, column.rule ?? "", column.example ?? "", (column.reads ?? []).join(", "),
  ]), { class: "scroll list" });
}

async function findings(place, entry) {
  const counts = new Map();
  for (const name of ["document_problems", "data_asset_problems"]) {
    const source = place.table(name);
    if (!source) continue;
    for (const row of await select(place.whole(source), undefined, ["column", "severity", "reason", "count"])) {
      const column = text(row.column);
      if (!column.startsWith(`${entry.name}.`)) continue;
      const key = JSON.stringify([column, text(row.severity), text(row.reason)]);
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  if (!counts.size) return h("p", {}, "None that names a column of this table.");
  const rows = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 200);
  return table(`Findings of ${entry.name}`, ["Column", "Severity", "Reason", amount("Findings")], rows.map(([key, times]) => [...JSON.parse(key), number(times)]), { class: "scroll list" });
}

/** Returns the address of a partition's rows; null is the rows without a value. */
export function partitionLink(entry, value, parameters = {}) {
  return to(["table", entry.name], { ...parameters, ...(value === null ? { none: "1" } : { partition: value }) });
}

function partitions(place, entry, value) {
  const inside = h("div", { class: "found" });
  const input = h("input", { type: "search", id: "partition", autocomplete: "off", placeholder: entry.partition_key });
  const form = h("form", { class: "partitions" }, h("label", { for: "partition" }, `Search by ${entry.partition_key} `), input);
  const [shown, few, many] = [60, 500, 20_000];
  let all;
  const list = async () => {
    all ??= (await place.partitions(entry)).map(([segment, facts]) => [valueOf(segment), facts]);
    const wanted = input.value.trim().toLowerCase();
    const fitting = all.filter(([one]) => (one ?? "none").toLowerCase().includes(wanted));
    const link = ([one, facts]) => h("li", {}, h("a", {
      href: partitionLink(entry, one), "aria-current": value === one ? "true" : undefined,
    }, one ?? "none"), facts.rows !== undefined && h("span", { class: "quiet" }, ` ${count(facts.rows, "row")}, ${size(facts.bytes)}`));
    inside.replaceChildren(
      h("p", { role: "status" }, fitting.length === all.length ? count(all.length, "partition") : `${number(fitting.length)} of ${count(all.length, "partition")}`,
        fitting.length > shown ? `; the first ${shown}` : ""),
      h("ul", { class: "flow" }, fitting.slice(0, shown).map(link)));
  };
  const update = () => list().catch((error) => inside.replaceChildren(failure(error)));
  // Of tens of thousands, 290 bytes each, the list comes when it is asked for: the very value is there without it.
  const exact = () => {
    const written = input.value.trim();
    inside.replaceChildren(h("p", {},
      written ? h("a", { href: partitionLink(entry, written) }, `${entry.partition_key} = ${written}`) : `Write a whole ${entry.partition_key}, or look for a part of one:`, " ",
      h("button", { type: "button", onclick: update }, `Load the list of ${number(entry.partitions)}`)));
  };
  const look = () => (all || entry.partitions <= many ? update() : exact());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    inside.querySelector("a")?.click();
  });
  input.addEventListener("input", look);
  // A list of thousands of partitions comes only when somebody looks for one.
  if (value === undefined && (entry.partitions <= few || entry.partitions > many)) look();
  else input.addEventListener("focus", look, { once: true });
  return [
    form, inside,
    value !== undefined && h("p", {}, h("a", { href: to(["table", entry.name]) }, place.whole(entry) ? "All partitions together" : "All partitions")),
  ];
}
