// The preview of a table: a page of rows, with conditions and an order.
import { count, failure, fill, h, number, table, text } from "./dom.js";
import { address } from "./place.js";
import { keep, to } from "./route.js";

const PAGE = 25;
// Columns that a preview has at first: each costs bytes.
const FIRST = 8;
// What tells rows apart comes first.
const FOREMOST = ["name", "asset_name", "raw_name", "raw_asset_name", "subject_id"];
const AMOUNT = /^(u?int|float|double|decimal)/;

/** Loads the parquet reader, once. */
export const parquet = () => import("./parquet.js");

/** Returns the rows of a file that fit hyparquet's filter; none where nothing lies there. */
export async function select(key, filter, columns) {
  if (!key) return [];
  const { reading } = await parquet();
  try {
    return await reading(address(key), (file) => file.select(filter, columns));
  } catch (error) {
    if (error?.name === "NotThere") return [];
    throw error;
  }
}

const OPERATORS = {
  has: ["contains", (value, given) => lower(value).includes(lower(given))],
  is: ["is", (value, given) => lower(value) === lower(given)],
  not: ["is not", (value, given) => lower(value) !== lower(given)],
  ge: ["is at least", (value, given) => order(value, given) >= 0],
  le: ["is at most", (value, given) => order(value, given) <= 0],
  none: ["has no value", null],
  some: ["has a value", null],
};
const lower = (value) => text(value).toLowerCase();
const isNone = (value) => value === null || value === undefined;

function order(value, given) {
  if (typeof value === "number" || typeof value === "bigint") return Number(value) - Number(given);
  return text(value) < given ? -1 : text(value).startsWith(given) ? 0 : 1;
}

/** Returns whether a value fits a condition; of a list, whether any of its values does. */
export function fits(value, operator, given) {
  if (operator === "none") return isNone(value);
  if (isNone(value)) return operator === "not";
  if (operator === "some") return true;
  const test = OPERATORS[operator][1];
  if (Array.isArray(value)) return operator === "not" ? value.every((one) => test(one, given)) : value.some((one) => test(one, given));
  return test(value, given);
}

/** Compares two values; those without one come last. */
function compare(a, b) {
  if (isNone(a) || isNone(b)) return isNone(a) - isNone(b);
  const [x, y] = [a, b].map((value) => (typeof value === "object" && !(value instanceof Date) ? text(value) : value));
  return x < y ? -1 : x > y ? 1 : 0;
}

/** Returns the positions of the rows that fit, in order. */
async function positions(file, conditions, sort) {
  const columns = new Map();
  for (const [name] of conditions) columns.set(name, await file.column(name));
  let chosen = [...Array(file.rows).keys()];
  for (const [name, operator, given] of conditions) {
    const values = columns.get(name);
    chosen = chosen.filter((at) => fits(values[at], operator, given));
  }
  if (!sort) return chosen;
  const name = sort.replace(/^-/, "");
  const values = columns.get(name) ?? await file.column(name);
  const sign = sort.startsWith("-") ? -1 : 1;
  return chosen.sort((a, b) => (isNone(values[a]) || isNone(values[b])
    ? compare(values[a], values[b])
    : sign * compare(values[a], values[b])) || a - b);
}

/** Returns whether a column's values are names of data assets: its description says so. */
export const namesDataAssets = ({ name, description }) =>
  /(^|_)(names?|assets)$|^source_data$/.test(name) && /\bdata assets?\b|\braw one/i.test(description ?? "");

/** Returns a cell: names of data assets and subjects lead to their pages. */
export function cell(column, value) {
  const content = text(value);
  if (!content) return h("span", { class: "none" }, isNone(value) ? "–" : "");
  const link = (page, one) => h("a", { href: to([page, text(one)]) }, text(one));
  if (column.name === "subject_id") return link("subject", value);
  if (namesDataAssets(column)) return [value].flat().map((one, at) => [at ? ", " : "", link("data-asset", one)]);
  if (content.length > 160) return h("details", { class: "long" }, h("summary", {}, `${content.slice(0, 160)}…`), content);
  return h("span", { class: content.length > 60 ? "long" : undefined }, content);
}

/** Returns the preview of a table's file. */
export function preview(entry, key, parameters) {
  const named = new Map(entry.columns.map((column) => [column.name, column]));
  const known = (name) => named.has(name);
  const state = {
    conditions: parameters.getAll("where").map((one) => one.split(/,([^,]*),(.*)/s))
      .filter(([name, operator]) => known(name) && operator in OPERATORS),
    sort: known(parameters.get("sort")?.replace(/^-/, "")) ? parameters.get("sort") : "",
    page: Math.max(1, Number.parseInt(parameters.get("page"), 10) || 1),
    columns: (parameters.get("columns") ?? "").split(",").filter(known),
  };
  const names = entry.columns.map((column) => column.name);
  // In one partition its key is the same in every row.
  const same = parameters.has("partition") || parameters.has("none") ? entry.partition_key : undefined;
  const first = [...new Set([...FOREMOST.filter(known), ...names])].filter((name) => !name.startsWith("_") && name !== same).slice(0, FIRST);
  // What rows are chosen or sorted by is in view.
  const used = () => [...state.conditions.map(([name]) => name), state.sort.replace(/^-/, "")].filter(Boolean);
  const shown = () => (state.columns.length ? state.columns : [...new Set([...first, ...used()])]);
  const conditions = h("div", { class: "conditions" });
  const choice = h("details", { class: "columns" });
  const body = h("div", { "aria-busy": "true" });
  let file;
  let failed = false;
  let turn = 0;

  function drawConditions() {
    const one = ([name, operator, given], at) => {
      const change = (part, value) => {
        state.conditions[at] = state.conditions[at].with(part, value);
        update();
      };
      const label = `Condition ${at + 1}`;
      return h("div", { class: "condition" },
        h("select", { "aria-label": `${label}: column`, onchange: (event) => change(0, event.target.value) },
          entry.columns.map((column) => h("option", { selected: column.name === name }, column.name))),
        h("select", { "aria-label": `${label}: comparison`, onchange: (event) => { change(1, event.target.value); drawConditions(); } },
          Object.entries(OPERATORS).map(([key_, [words]]) => h("option", { value: key_, selected: key_ === operator }, words))),
        OPERATORS[operator][1] && h("input", {
          "aria-label": `${label}: value`, value: given, autocomplete: "off",
          oninput: (event) => { state.conditions[at] = state.conditions[at].with(2, event.target.value); soon(); },
        }),
        h("button", { type: "button", "aria-label": `Remove condition ${at + 1}`, onclick: () => {
          state.conditions.splice(at, 1);
          drawConditions();
          update();
        } }, "Remove"));
    };
    fill(conditions, state.conditions.map(one),
      h("button", { type: "button", onclick: () => {
        state.conditions.push([first[0], "has", ""]);
        drawConditions();
        conditions.querySelector(".condition:last-of-type input")?.focus();
      } }, "Add a condition"));
  }

  function drawChoice() {
    const toggle = (name, on) => {
      const chosen = entry.columns.map((column) => column.name).filter((other) => (other === name ? on : shown().includes(other)));
      if (chosen.length) state.columns = chosen;
      update(false);
    };
    const all = entry.columns.length === shown().length;
    fill(choice, h("summary", {}, `Columns (${shown().length} of ${entry.columns.length})`),
      h("p", {}, h("button", { type: "button", onclick: () => {
        state.columns = all ? [] : entry.columns.map((column) => column.name);
        update(false);
      } }, all && entry.columns.length > FIRST ? "Only the first" : "All columns")),
      h("ul", {}, entry.columns.map(({ name, description }) => h("li", {}, h("label", { title: description },
        h("input", { type: "checkbox", checked: shown().includes(name), onchange: (event) => toggle(name, event.target.checked) }), " ", name)))));
  }

  let waiting;
  function soon() {
    clearTimeout(waiting);
    waiting = setTimeout(update, 250);
  }

  function update(fromFirst = true) {
    if (fromFirst) state.page = 1;
    drawChoice();
    keep({
      ...Object.fromEntries([...parameters].filter(([name]) => !["where", "sort", "page", "columns"].includes(name))),
      where: state.conditions.map((one) => one.join(",")),
      sort: state.sort, page: state.page > 1 ? String(state.page) : "", columns: state.columns.join(","),
    });
    draw();
  }

  async function draw() {
    const mine = ++turn;
    body.setAttribute("aria-busy", "true");
    try {
      const { open } = await parquet();
      file ??= await open(address(key), { anew: failed });
      failed = false;
      const active = state.conditions.filter(([, operator, given]) => !OPERATORS[operator][1] || given !== "");
      const every = active.length || state.sort ? await positions(file, active, state.sort) : null;
      const total = every ? every.length : file.rows;
      state.page = Math.min(state.page, Math.max(1, Math.ceil(total / PAGE)));
      const from = (state.page - 1) * PAGE;
      const here = every ? every.slice(from, from + PAGE)
        : [...Array(Math.max(0, Math.min(PAGE, total - from))).keys()].map((at) => from + at);
      const columns = shown().filter((name) => file.columns.includes(name));
      const rows = await file.at(here, columns);
      if (mine === turn) show(rows, columns, total, from);
    } catch (error) {
      // A file that was replaced meanwhile is opened anew.
      file = undefined;
      failed = true;
      if (mine === turn) {
        fill(body, error?.name === "NotThere" ? h("p", { role: "status" }, "There is no such file: no row has this value, or it was removed.") : failure(error),
          h("p", {}, h("button", { type: "button", onclick: draw }, "Try again")));
      }
    }
    if (mine === turn) body.removeAttribute("aria-busy");
  }

  function show(rows, columns, total, from) {
    const header = (name) => {
      const now = state.sort === name ? "ascending" : state.sort === `-${name}` ? "descending" : "none";
      const side = AMOUNT.test(named.get(name).type ?? "") ? "sort amount" : "sort";
      const button = h("button", { type: "button", class: side, title: named.get(name).description, onclick: () => {
        state.sort = { none: name, ascending: `-${name}`, descending: "" }[now];
        update();
      } }, name, h("span", { "aria-hidden": "true" }, { none: "", ascending: " ▲", descending: " ▼" }[now]));
      button.dataset.sorted = now;
      return button;
    };
    const last = Math.ceil(total / PAGE);
    const go = (label, page) => h("button", { type: "button", disabled: page < 1 || page > last, onclick: () => {
      state.page = page;
      update(false);
    } }, label);
    const focused = document.activeElement?.closest(".preview") && document.activeElement.textContent.replace(/ [▲▼]$/, "");
    const headers = columns.map(header);
    fill(body,
      h("p", { role: "status" }, total === file.rows ? count(total, "row") : `${number(total)} of ${count(file.rows, "row")}`,
        total > PAGE ? `, rows ${number(from + 1)} to ${number(Math.min(total, from + PAGE))}` : ""),
      table(`Rows of ${entry.name}`, headers, rows.map((row) => columns.map((name) => cell(named.get(name), row[name])))),
      total > PAGE && h("p", { class: "turn" }, go("First", state.page > 1 ? 1 : 0), go("Previous", state.page - 1),
        ` page ${number(state.page)} of ${number(last)} `, go("Next", state.page + 1), go("Last", state.page < last ? last : 0)));
    for (const button of headers) button.closest("th").setAttribute("aria-sort", button.dataset.sorted);
    if (focused) [...body.querySelectorAll("button")].find((one) => !one.disabled && one.textContent.replace(/ [▲▼]$/, "") === focused)?.focus();
  }

  drawConditions();
  drawChoice();
  draw();
  return h("div", { class: "preview" }, conditions, choice, body);
}
