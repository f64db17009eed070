// The snapshots, and what changed between two of them.
import { amount, count, h, number, size, table, time } from "../dom.js";
import { json, valueOf } from "../place.js";
import { to } from "../route.js";
import { partitionLink } from "./tables.js";

/** Returns the tables of which two snapshots have other contents: [name, what]. */
export function changes(before, after) {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return names.map((name) => [name, !(name in before) ? "new" : !(name in after) ? "gone" : before[name] === after[name] ? "same" : "changed"]);
}

const changedOf = (before, after) => changes(before, after).filter(([, what]) => what !== "same");

/** Returns the page of all snapshots. */
export async function snapshots(place) {
  const index = await json("_snapshots.json", { optional: true });
  if (!index?.snapshots?.length) return [h("h1", {}, "Snapshots"), h("p", {}, "There is no list of snapshots in this version.")];
  const all = index.snapshots;
  // One alone is compared with nothing.
  const several = all.length > 1;
  const choice = { before: all[1]?.id ?? all[0].id, after: all[0].id };
  const pick = (side, entry) => h("input", {
    type: "radio", name: side, value: entry.id, checked: choice[side] === entry.id,
    "aria-label": `${side === "before" ? "Compare from" : "Compare to"} ${entry.id}`, onchange: () => { choice[side] = entry.id; },
  });
  const rows = all.map((entry, at) => {
    const former = all[at + 1];
    const changed = former && changedOf(former.tables, entry.tables);
    return [
      h("span", {}, time(entry.date), entry.name && h("strong", {}, ` ${entry.name}`)),
      h("code", {}, entry.id),
      changed ? h("a", { href: to(["snapshots", former.id, entry.id]) }, changed.length ? changed.map(([name]) => name).slice(0, 3).join(", ") + (changed.length > 3 ? ` and ${changed.length - 3} more` : "") : "nothing") : "the first in this list",
      h("a", { href: to([], { at: entry.name ?? entry.id }) }, "show"),
      ...(several ? [pick("before", entry), pick("after", entry)] : []),
    ];
  });
  const gone = Object.entries(index.pruned ?? {});
  return [
    h("h1", {}, "Snapshots"),
    h("p", {}, `${count(all.length, "snapshot")}, the newest first. A snapshot's tables stay as they were.`),
    h("form", { onsubmit: (event) => {
      event.preventDefault();
      location.hash = to(["snapshots", choice.before, choice.after]);
    } },
    table("Snapshots", ["Published", "Id", "Changed since the one before", "Catalogue", ...(several ? ["From", "To"] : [])], rows, { class: "scroll list" }),
    several && h("p", {}, h("button", {}, "Compare From with To"))),
    gone.length > 0 && h("p", { class: "quiet" }, `${count(gone.length, "snapshot")} more were pruned.`),
  ];
}

/** Returns the page of the differences of two snapshots. */
export async function comparison(before, after) {
  const [old, now] = await Promise.all([before, after].map((id) => json(`_snapshots/${id}.json`)));
  const entries = [old, now].map((registry) => new Map(registry.acorns.map((entry) => [entry.name, entry])));
  const digests = entries.map((tables) => Object.fromEntries([...tables].map(([name, entry]) => [name, entry.sha256])));
  const all = changes(...digests);
  const changed = all.filter(([, what]) => what !== "same");
  const sign = (difference) => (difference > 0 ? `+${number(difference)}` : number(difference));
  const rows = changed.map(([name, what]) => {
    const [was, is] = entries.map((tables) => tables.get(name));
    const parts = was && is && is.partition_key
      ? changes(old.partitions[name] ?? {}, now.partitions[name] ?? {}).filter(([, state]) => state !== "same") : [];
    return [
      h("a", { href: to(["table", name], { at: after }) }, name), what,
      [number(was?.rows), " → ", number(is?.rows), was && is && was.rows !== is.rows && h("span", { class: "quiet" }, ` (${sign(is.rows - was.rows)})`)],
      [size(was?.bytes), " → ", size(is?.bytes)],
      parts.length > 0 && h("details", {}, h("summary", {}, count(parts.length, "partition")), h("ul", { class: "flow" },
        parts.slice(0, 200).map(([segment, state]) => h("li", {}, h("a", { href: partitionLink(is, valueOf(segment), { at: after }) }, valueOf(segment) ?? "none"), ` ${state}`)),
        parts.length > 200 && h("li", {}, `and ${number(parts.length - 200)} more`))),
    ];
  });
  return [
    h("h1", {}, "What changed"),
    h("p", {}, "From ", h("code", {}, before), ", published ", time(old.published_at), ", to ", h("code", {}, after), ", published ", time(now.published_at), "."),
    changed.length
      ? table("Tables that changed", ["Table", "Change", amount("Rows"), amount("Size"), "Partitions that changed"], rows, { class: "scroll list" })
      : h("p", {}, "No table has another content."),
    h("p", {}, `${count(all.length - changed.length, "table")} the same. `, h("a", { href: to(["snapshots", after, before]) }, "The other way round"), " · ", h("a", { href: to(["snapshots"]) }, "All snapshots")),
  ];
}
