// Elements and texts. Values of documents only ever become text nodes: no markup is made of text.

/** Returns an element with attributes and children; null children are left out. */
export function h(name, attributes = {}, ...children) {
  const element = name === "svg" || svgNames.has(name)
    ? document.createElementNS("http://www.w3.org/2000/svg", name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "value" && "value" in element) element.value = value;
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

const svgNames = new Set(["g", "circle", "rect", "line", "text", "title", "path", "polygon"]);

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

/** Puts children in the place of what an element has. */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

/** Returns the header of a column of numbers, which stand below each other digit by digit. */
export const amount = (header) => h("span", { class: "amount" }, header);

/** Returns a table of rows in a box that scrolls sideways; a header is text or an element. */
export function table(caption, headers, rows, attributes = {}) {
  const side = headers.map((header) => (header.classList?.contains("amount") ? "amount" : undefined));
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption, ...attributes },
    h("table", {},
      h("caption", { class: "hidden" }, caption),
      h("thead", {}, h("tr", {}, headers.map((header, at) => h("th", { scope: "col", class: side[at] }, header)))),
      h("tbody", {}, rows.map((cells) => h("tr", {}, cells.map((cell, at) => (at === 0
        ? h("th", { scope: "row" }, cell)
        : h("td", { "data-label": headers[at].textContent ?? headers[at], class: side[at] }, cell))))))));
}

/** Returns a section that is filled when it is opened. */
export function opened(summary, content, attributes = {}) {
  const inside = h("div", {}, h("p", { class: "quiet" }, "Loading…"));
  const details = h("details", attributes, h("summary", {}, summary), inside);
  let begun = false;
  const load = async () => {
    if (begun || !details.open) return;
    begun = true;
    inside.setAttribute("aria-busy", "true");
    try {
      fill(inside, await content());
    } catch (error) {
      begun = false;
      fill(inside, failure(error));
    }
    inside.removeAttribute("aria-busy");
  };
  details.addEventListener("toggle", load);
  return details;
}

/** Returns a part of the page that appears when its content has come. */
export function later(content, waiting = "Loading…") {
  const inside = h("div", { "aria-busy": "true" }, h("p", { class: "quiet" }, waiting));
  Promise.resolve().then(content).then(
    (nodes) => fill(inside, nodes),
    (error) => fill(inside, failure(error)),
  ).then(() => inside.removeAttribute("aria-busy"));
  return inside;
}

/** Returns what is said of an error. */
export function failure(error) {
  return h("p", { class: "error", role: "alert" }, `This could not be read: ${error?.message ?? error}`);
}

const numbers = new Intl.NumberFormat("en-US");
export const number = (value) => (value === undefined || value === null ? "" : numbers.format(value));

/** Returns a size as people read it. */
export function size(bytes) {
  if (bytes === undefined || bytes === null) return "";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  let value = bytes;
  while (value >= 1000 && at < units.length - 1) {
    value /= 1000;
    at += 1;
  }
  return `${at === 0 ? value : value.toPrecision(3)} ${units[at]}`;
}

/** Returns a moment in UTC, to the minute. */
export const moment = (text) => (text ? `${String(text).slice(0, 16).replace("T", " ")} UTC` : "");

/** Returns a moment as an element with its age as title. */
export function time(text) {
  if (!text) return "";
  return h("time", { datetime: text, title: ago(text) }, moment(text));
}

/** Returns how long ago a moment was. */
export function ago(text) {
  const hours = (Date.now() - Date.parse(text)) / 3_600_000;
  if (hours < 1) return "less than an hour ago";
  if (hours < 48) return `${count(Math.floor(hours), "hour")} ago`;
  return `${count(Math.floor(hours / 24), "day")} ago`;
}

/** Returns a value of a table as text. */
export function text(value) {
  if (value === null || value === undefined) return "";
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "" : value.toISOString().replace(/(\.000)?Z$/, "Z");
  if (Array.isArray(value)) return value.map(text).join(", ");
  if (typeof value === "object") return JSON.stringify(value, (_, inner) => (typeof inner === "bigint" ? String(inner) : inner));
  return String(value);
}

/** Returns the number of some things, in words. */
export const count = (value, one, many = `${one}s`) => `${number(value)} ${value === 1 ? one : many}`;
