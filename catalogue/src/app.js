// Decides which page an address is, and draws it.
import { ago, failure, fill, h, moment } from "./dom.js";
import { dataAsset } from "./pages/data_asset.js";
import { search } from "./pages/search.js";
import { comparison, snapshots } from "./pages/snapshots.js";
import { subject } from "./pages/subject.js";
import { tablePage, tables } from "./pages/tables.js";
import { resolve } from "./place.js";
import { parse, to } from "./route.js";

const main = document.getElementById("main");
const query = document.getElementById("q");
let turn = 0;

async function content(place, names, parameters) {
  const [page, ...rest] = names;
  if (!page) return ["Tables", tables(place)];
  if (page === "table" && rest.length === 1) return [rest[0], tablePage(place, rest[0], parameters)];
  if (page === "search") return ["Search", search(place, parameters.get("q") ?? "")];
  if (page === "snapshots" && rest.length === 2) return ["What changed", await comparison(...rest)];
  if (page === "snapshots") return ["Snapshots", await snapshots(place)];
  if (page === "data-asset" && rest.length) return [rest.join("/"), dataAsset(place, rest.join("/"))];
  if (page === "subject" && rest.length) return [`Subject ${rest.join("/")}`, subject(place, rest.join("/"))];
  return ["No such page", [h("h1", {}, "No such page"), h("p", {}, h("a", { href: to([]) }, "All tables"))]];
}

function drawHead(place, page) {
  document.getElementById("home").href = to([]);
  const link = (label, names) => h("a", { href: to(names), "aria-current": page === names[0] ? "page" : undefined }, label);
  fill(document.getElementById("pages"), link("Tables", []), link("Snapshots", ["snapshots"]));
  const at = place.snapshot || place.registry.snapshot;
  fill(document.getElementById("where"),
    `Version ${place.version}, `,
    place.snapshot
      ? [h("strong", {}, `snapshot ${place.name ?? place.snapshot}`), ` of ${moment(place.registry.published_at)}. `, h("a", { href: to(parse(location.hash)[0], { at: "" }) }, "Show it as it is now")]
      : [`as published ${ago(place.registry.published_at)}, snapshot `, h("code", {}, at)]);
}

async function draw({ move = true } = {}) {
  const mine = ++turn;
  const [names, parameters] = parse(location.hash);
  main.setAttribute("aria-busy", "true");
  try {
    const place = await resolve(parameters.get("at"));
    const [title, nodes] = await content(place, names, parameters);
    if (mine !== turn) return;
    document.title = `${title} – catalogue`;
    drawHead(place, names[0]);
    fill(main, nodes);
    if (names[0] !== "search" && document.activeElement !== query) query.value = "";
    else if (document.activeElement !== query) query.value = parameters.get("q") ?? "";
  } catch (error) {
    if (mine !== turn) return;
    document.title = "Not shown – catalogue";
    fill(main, h("h1", {}, "This cannot be shown"), failure(error),
      h("p", {}, h("button", { type: "button", onclick: () => draw() }, "Try again"), " ", h("a", { href: "#/" }, "All tables")));
  }
  main.removeAttribute("aria-busy");
  if (move) {
    scrollTo(0, 0);
    main.focus({ preventScroll: true });
  }
}

document.getElementById("search").addEventListener("submit", (event) => {
  event.preventDefault();
  location.hash = to(["search"], { q: query.value.trim() });
  query.blur();
});
query.addEventListener("input", () => {
  const words = query.value.trim();
  const address = to(["search"], { q: words });
  // While somebody types, the way back leads to the page before the search.
  if (parse(location.hash)[0][0] === "search") history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  draw({ move: false });
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement?.tagName ?? "")) {
    event.preventDefault();
    query.focus();
  }
});
addEventListener("popstate", () => draw());
draw({ move: false });
