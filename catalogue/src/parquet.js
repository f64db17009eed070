// Parquet files over HTTP: the end of the file first, then only the parts that are needed.
// Loaded by `rows.js` when the first file is read.
import { parquetMetadataAsync, parquetReadObjects, parquetSchema, rowIndex } from "hyparquet";
import { decompressZstd } from "hyparquet-compressors";

// One request brings small files whole, and the footer of large ones.
const END = 65_536;
// How long an opened file is used, in milliseconds: its parts are only read while it is the same.
const KEPT = 60_000;
const compressors = { ZSTD: (input) => decompressZstd(input) };

/** Thrown when a file was replaced while it was read. */
class Replaced extends Error {}

/** Thrown when nothing lies at an address, or it may not be read. */
class NotThere extends Error {
  name = "NotThere";
}

async function buffer(url) {
  const answer = await fetch(url, { headers: { Range: `bytes=-${END}` }, cache: "no-store" });
  // A bucket whose folders may not be listed says 403 of what is not there.
  if (answer.status === 404 || answer.status === 403) throw new NotThere(`${url}: not there`);
  if (!answer.ok) throw new Error(`${url}: the server answered ${answer.status}`);
  const end = await answer.arrayBuffer();
  const range = /bytes (\d+)-\d+\/(\d+)/.exec(answer.headers.get("Content-Range") ?? "");
  const start = answer.status === 206 && range ? Number(range[1]) : 0;
  const byteLength = answer.status === 206 && range ? Number(range[2]) : end.byteLength;
  const etag = answer.headers.get("ETag");
  return {
    byteLength,
    async slice(from, to = byteLength) {
      if (from >= start) return end.slice(from - start, to - start);
      const headers = { Range: `bytes=${from}-${to - 1}` };
      if (etag && !etag.startsWith("W/")) headers["If-Match"] = etag;
      const part = await fetch(url, { headers, cache: "no-store" });
      if (part.status === 412) throw new Replaced();
      if (!part.ok) throw new Error(`${url}: the server answered ${part.status}`);
      const body = await part.arrayBuffer();
      if (part.status === 206) return body;
      if (body.byteLength !== byteLength) throw new Replaced();
      return body.slice(from, to);
    },
  };
}

/** A parquet file: its rows by position, by column, or by a condition. */
class File {
  constructor(url, file, metadata) {
    this.url = url;
    this.file = file;
    this.metadata = metadata;
    this.rows = Number(metadata.num_rows);
    this.columns = parquetSchema(metadata).children.map((child) => child.element.name);
    // Each column of each row group is read once.
    this.chunks = new Map();
    let start = 0;
    this.groups = metadata.row_groups.map((group) => {
      const from = start;
      start += Number(group.num_rows);
      return [from, start];
    });
  }

  /**
   * Returns rows as objects. `filter` is hyparquet's, of columns by their names: row groups that cannot
   * fit stay unread, and the other columns are read of the row groups alone that have a row.
   */
  async select(filter, columns = this.columns) {
    const wanted = columns.filter((name) => this.columns.includes(name));
    if (!filter) return this.at([...Array(this.rows).keys()], wanted);
    const { file, metadata } = this;
    const fitting = await parquetReadObjects({
      file, metadata, compressors, filter, columns: Object.keys(filter), filterStrict: false, includeRowIndex: true,
    });
    return this.at(fitting.map((row) => Number(row[rowIndex])), wanted);
  }

  /** Reads columns of a row group; returns the values of each, by its name. */
  async chunk(group, columns) {
    const missing = columns.filter((name) => !this.chunks.has(`${group} ${name}`));
    if (missing.length) {
      const [rowStart, rowEnd] = this.groups[group];
      const { file, metadata } = this;
      const reading = parquetReadObjects({ file, metadata, compressors, columns: missing, rowStart, rowEnd });
      for (const name of missing) {
        const key = `${group} ${name}`;
        const values = reading.then((rows) => rows.map((row) => row[name]));
        values.catch(() => this.chunks.delete(key));
        this.chunks.set(key, values);
      }
    }
    const values = await Promise.all(columns.map((name) => this.chunks.get(`${group} ${name}`)));
    return Object.fromEntries(columns.map((name, at) => [name, values[at]]));
  }

  /** Returns all values of a column. */
  async column(name) {
    const parts = await Promise.all(this.groups.map((_, group) => this.chunk(group, [name])));
    return parts.flatMap((part) => part[name]);
  }

  /** Returns the rows at some positions, in their order. */
  async at(positions, columns) {
    const groupOf = (position) => this.groups.findIndex(([, end]) => position < end);
    const chunks = new Map();
    for (const group of new Set(positions.map(groupOf))) chunks.set(group, await this.chunk(group, columns));
    return positions.map((position) => {
      const group = groupOf(position);
      const inside = position - this.groups[group][0];
      return Object.fromEntries(columns.map((name) => [name, chunks.get(group)[name][inside]]));
    });
  }
}

const files = new Map();

/** Opens a parquet file at an address; several readers share it. */
export function open(url, { anew = false } = {}) {
  const former = files.get(url);
  if (former && !anew && Date.now() - former.since < KEPT) return former.file;
  const file = buffer(url).then(async (end) => new File(url, end, await parquetMetadataAsync(end, { initialFetchSize: Math.min(END, end.byteLength) })));
  files.set(url, { file, since: Date.now() });
  file.catch(() => files.delete(url));
  return file;
}

/** Calls a function with a file; once more with the new one where it was replaced meanwhile. */
export async function reading(url, use) {
  try {
    return await use(await open(url));
  } catch (error) {
    if (!(error instanceof Replaced)) throw error;
    return use(await open(url, { anew: true }));
  }
}
