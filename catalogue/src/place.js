// What is read: the published registry or a snapshot's, and where its files lie.
// All addresses are relative to this page, so that a bucket, a folder and a CDN serve it alike.

const root = new URL("../", document.baseURI);
const loaded = new Map();

/** Returns the address of a key in the version folder. */
export const address = (key) =>
  new URL(key.split("/").map((part) => encodeURIComponent(part).replaceAll("%3D", "=")).join("/"), root).href;

/** Returns the JSON under a key of the version folder; null where there is none and that may be. */
export function json(key, { optional = false } = {}) {
  if (!loaded.has(key)) {
    const coming = fetchJson(key, optional);
    coming.catch(() => loaded.delete(key));
    loaded.set(key, coming);
  }
  return loaded.get(key);
}

async function fetchJson(key, optional) {
  const answer = await fetch(address(key), { cache: "no-cache" }).catch(() => {
    throw new Error(`${address(key)}: no answer; is the network there?`);
  });
  if (optional && (answer.status === 404 || answer.status === 403)) return null;
  if (!answer.ok) throw new Error(`${address(key)}: the server answered ${answer.status}`);
  try {
    return await answer.json();
  } catch {
    throw new Error(`${address(key)} is no JSON`);
  }
}

/** What is read: the tables now, or those of a snapshot. */
export class Place {
  constructor(registry, snapshot, index) {
    this.registry = registry;
    /** The snapshot's id; empty for now. */
    this.snapshot = snapshot;
    this.name = index?.snapshots.find((entry) => entry.id === snapshot)?.name ?? null;
    this.version = registry.version;
    this.tables = registry.acorns;
  }

  /** Returns a table's entry, by the name of the table or of its folder. */
  table(name) {
    return this.tables.find((entry) => entry.name === name) ?? this.tables.find((entry) => entry.table === name);
  }

  /** Returns the key of a file: of a table, or of one of its partitions. */
  key(entry, segment = null) {
    if (this.snapshot) {
      const sha256 = segment === null ? entry.sha256 : this.registry.partitions[entry.name]?.[segment];
      return sha256 ? `_objects/${entry.table}/${sha256}.pqt` : null;
    }
    if (segment === null) return `${entry.table}.pqt`;
    return `${entry.table}/${entry.partition_key}=${segment}/data.pqt`;
  }

  /** Returns the key of the file with all rows; null where there is none. */
  whole(entry) {
    if (!entry.partition_key) return this.key(entry);
    return entry.one_file && !this.snapshot ? `${entry.table}.pqt` : null;
  }

  /** Returns the rows of each partition that there is, by segment: [segment, {rows, bytes}]. */
  async partitions(entry) {
    if (this.snapshot) {
      return Object.entries(this.registry.partitions[entry.name] ?? {}).map(([segment]) => [segment, {}]);
    }
    return Object.entries((await json(`${entry.table}.json`)).partitions);
  }

  /** Returns a store's key or address as other programs write it. */
  location(entry) {
    return entry.location.replace(/\/data-asset-cache\/.*$/, "");
  }
}

/** Returns what is read, by a snapshot's id or name; now for none. */
export async function resolve(wanted) {
  if (!wanted) return new Place(await registryOf("squirrel.json"), "", null);
  const index = await json("_snapshots.json", { optional: true });
  const id = index?.names?.[wanted]?.snapshot ?? wanted;
  if (!/^[0-9a-f]{16}$/.test(id)) throw new Error(`there is no snapshot ${wanted}`);
  return new Place(await registryOf(`_snapshots/${id}.json`), id, index);
}

async function registryOf(key) {
  const registry = await json(key);
  const fits = Array.isArray(registry?.acorns)
    && registry.acorns.every((entry) => typeof entry?.name === "string" && Array.isArray(entry.columns));
  if (!fits) {
    // Whoever tries again reads it again.
    loaded.delete(key);
    throw new Error(`${address(key)} is not a registry`);
  }
  return registry;
}

/** Returns the segment of a partition's value, percent-encoded as Hive does. */
export function segmentOf(value) {
  if (value === null) return NULL;
  const bytes = (char) => [...new TextEncoder().encode(char)];
  const escaped = (char) => bytes(char).map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
  const encoded = [...value].map((char) => (/^[A-Za-z0-9_.-]$/.test(char) ? char : escaped(char))).join("");
  if (encoded === NULL) return `%5F${encoded.slice(1)}`;
  return encoded.replace(/^\.|\.{2,}|\.$/g, (dots) => "%2E".repeat(dots.length));
}

/** Returns the value of a segment; null for the rows without one. */
export function valueOf(segment) {
  if (segment === NULL) return null;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

const NULL = "__HIVE_DEFAULT_PARTITION__";
