// Addresses inside the page: `#/table/qc?at=<snapshot>&sort=-timestamp`.

/** Returns (names, parameters) of the address. */
export function parse(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const names = path.split("/").filter(Boolean).map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
  return [names, new URLSearchParams(query)];
}

/** Returns the address of a page, at the snapshot that is shown. */
export function to(names, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ at: parse(location.hash)[1].get("at"), ...parameters })) {
    for (const one of [value].flat()) if (one) query.append(name, one);
  }
  const text = query.toString();
  return `#/${names.map(encodeURIComponent).join("/")}${text ? `?${text}` : ""}`;
}

/** Writes parameters of the page into the address, without going anywhere. */
export function keep(parameters) {
  const [names] = parse(location.hash);
  history.replaceState(history.state, "", to(names, parameters));
}
