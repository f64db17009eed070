// Lines to copy: how each language reads the table at the version and snapshot that is shown.
// `languages.json` has them; docs/catalogue.md is made of it as well.
import { h } from "./dom.js";
import languages from "./languages.json";
import { address } from "./place.js";

// The functions of the client whose name is not that of the table.
const FUNCTIONS = { quality_control: "qc" };
let chosen = "Python client";

const quoted = (text) => JSON.stringify(text);
// Of SQL.
const single = (text) => `'${text.replaceAll("'", "''")}'`;

/** Returns (language, lines) of each language; `url` is the file's, `value` the partition's, null of no value. */
export function lines(place, entry, url, value) {
  const snapshot = place.snapshot && `snapshot=${quoted(place.snapshot)}`;
  // Functions of tables by subject want a subject; SQL is of all rows.
  const call = entry.partition_key && value === undefined
    ? ["sql", quoted(`SELECT * FROM ${entry.name}`)]
    : [FUNCTIONS[entry.name] ?? entry.name, value === undefined ? "" : value === null ? "None" : quoted(value)];
  const words = {
    call: `${call[0]}(${[call[1], snapshot].filter(Boolean).join(", ")})`,
    store: quoted(place.location(entry)), version: quoted(place.version), url: quoted(url), "url:sql": single(url),
  };
  return languages.map(({ language, lines: templates }) => [language,
    templates.join("\n").replace(/\{([a-z:]+)\}/g, (_, word) => words[word])]);
}

/** Returns the lines of all languages, one of them in view. */
export function copyable(place, entry, key, value) {
  const url = address(key);
  const blocks = lines(place, entry, url, value).map(([language, text]) => {
    const code = h("code", {}, text);
    const done = h("span", { role: "status", class: "quiet" });
    const copy = async () => {
      try {
        await navigator.clipboard.writeText(text);
        done.textContent = " copied";
      } catch {
        // A page over plain HTTP may not write the clipboard.
        getSelection().selectAllChildren(code);
        done.textContent = " selected: copy it with the keyboard";
      }
    };
    return [language, h("div", { class: "lines" },
      h("pre", { tabindex: 0, "aria-label": `Lines for ${language}` }, code),
      h("p", {}, h("button", { type: "button", onclick: copy }, "Copy"), done))];
  });
  const draw = () => blocks.forEach(([language, block]) => { block.hidden = language !== chosen; });
  const choice = h("fieldset", { class: "languages" }, h("legend", {}, "Read it with"),
    blocks.map(([language]) => h("label", {}, h("input", {
      type: "radio", name: "language", checked: language === chosen,
      onchange: () => { chosen = language; draw(); },
    }), " ", language)));
  draw();
  return h("div", {}, choice, blocks.map(([, block]) => block));
}
