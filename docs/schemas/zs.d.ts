// The JSON of a store. Writers of other versions may add keys: ignore those.

/** The registry of a version, `squirrel.json`, and a snapshot of it, `_snapshots/<id>.json`. */
export interface Squirrel {
  /** The tables. */
  acorns: AcornEntry[];
  /** The number of the version folder. */
  version: string;
  /** The id of the contents of all tables. */
  snapshot: string;
  /** When it was published. */
  published_at: string;
  /** The state of each source. */
  source_state: Record<string, string>;
  /** The hours between two runs of the schedule. */
  expected_every_hours?: number;
  /** The database of views beside the registry. */
  duckdb?: Database;
  /** The page in a browser beside the registry. */
  catalogue?: Page;
  /** The folders that have copies of the tables' files, such as `bdc-v0.99`. */
  copies?: string[];
  /** That an earlier snapshot is published. */
  rolled_back?: Rollback;
  /** Of a snapshot: the digest of each partition by table and segment. */
  partitions?: Record<string, Record<string, string>>;
}

/** A table in the registry. */
export interface AcornEntry {
  /** The acorn's name. */
  name: string;
  /** What a row is and how to join it. */
  description: string;
  /** The file, or the folder with a slash at the end for a partitioned table. */
  location: string;
  /** Whether the table is split into files. */
  partitioned: boolean;
  /** The column that splits it; null for a table in one file. */
  partition_key: string | null;
  /** `metadata` (may be loaded whole), `asset` or `platform`. */
  type: string;
  /** The columns, in the file's order. */
  columns: Column[];
  /** The table's name in the store. */
  table: string;
  /** The columns whose values together identify a row. */
  key: string[];
  /** The number of files of a partitioned table, else 0. */
  partitions: number;
  /** The number of rows. */
  rows: number;
  /** The number of bytes of parquet. */
  bytes: number;
  /** The digest of the file, or of the names and digests of the partitions' files. */
  sha256: string;
  /** When the content last changed. */
  built_at: string;
  /** When a build last checked the table. */
  checked_at: string;
  /** The version of the code that made it. */
  code_version: string;
  /** The state of each source that it was made from. */
  source_state: Record<string, string>;
  /** What the table's code noted for the next build. */
  notes: Record<string, number | string>;
  /** `fresh`, or `stale` while the table stays on earlier content. */
  state: "fresh" | "stale";
  /** Why the table is stale. */
  reason: string | null;
  /** The one file of all rows. */
  one_file?: OneFileEntry;
}

/** The DuckDB database of views. */
export interface Database {
  /** The file's address. */
  location: string;
  /** A digest of the declarations that it shows. */
  made_of: string;
}

/** The page in a browser that shows the tables. */
export interface Page {
  /** Its address. */
  location: string;
  /** A digest of its files. */
  sha256: string;
}

/** What is published in place of what builds make. */
export interface Rollback {
  /** The id of the earlier snapshot. */
  snapshot: string;
  /** The name by which it was asked for; empty for its id. */
  name: string;
  /** When the rollback began. */
  since: string;
}

/** A column of a table. */
export interface Column {
  /** The column's name. */
  name: string;
  /** `string`, `bool`, `int32`, `int64`, `float64`, `time` (microseconds in UTC), `[string]` or `{string: string}`. */
  type: string;
  /** What the value means. */
  description: string;
  /** Whether the value may be null. */
  nullable: boolean;
}

/** The one file of all rows of a partitioned table. */
export interface OneFileEntry {
  /** The file's address. */
  location: string;
  /** Its number of rows. */
  rows: number;
  /** Its number of bytes. */
  bytes: number;
  /** Its digest. */
  sha256: string;
  /** The table's `sha256` of the partitions that it was made of. Where the table has another one, some partitions are newer. */
  state: string;
}

/** A table's facts: its declaration, its files, its sources and its state. */
export interface Facts {
  /** The acorn's name. */
  name: string;
  /** Its name in the store. */
  table: string;
  /** What a row is and how to join it. */
  description: string;
  /** `metadata` (may be loaded whole), `asset` or `platform`. */
  type: string;
  /** The columns whose values together identify a row. */
  key: string[];
  /** The columns, in the file's order. */
  columns: ColumnFacts[];
  /** The column that splits the table; null for a table in one file. */
  partition_key: string | null;
  /** The number of rows. */
  rows: number;
  /** The number of rows before the last change. */
  rows_before: number;
  /** The number of bytes of parquet, without the one file of all rows. */
  bytes: number;
  /** The digest of the file, or of the names and digests of the partitions' files. */
  sha256: string;
  /** A digest of what the table in one file was made of. */
  inputs: string;
  /** When the content last changed. */
  built_at: string;
  /** When the facts were last written. */
  checked_at: string;
  /** The version of the code that made the table. */
  code_version: string;
  /** The state of each source that it was made from; none before the first build has ended. */
  source_state: Record<string, string>;
  /** `fresh`, or `stale` while the table stays on earlier content. */
  state: string;
  /** Why the table is stale. */
  reason: string | null;
  /** The files that have rows, by segment, the partition's value percent-encoded. */
  partitions: Record<string, FileFacts>;
  /** What partitions without rows were made of, by segment. */
  empty: Record<string, string>;
  /** The segments that each writer is placing. */
  pending: Record<string, string[]>;
  /** The one file of all rows of a partitioned table. */
  one_file?: OneFile;
  /** The number of values in each column that identifies. */
  values?: Record<string, number>;
  /** Former sizes, the latest last. */
  sizes?: Size[];
  /** The segments whose new content was refused. */
  refused?: string[];
  /** The segments whose content the store lost. */
  lost?: string[];
  /** What the table's code noted for the next build. */
  notes?: Record<string, unknown>;
  /** Whether an earlier content is published, and builds go on elsewhere. */
  held?: boolean;
}

/** A column in the facts, which also say how its values are made. */
export interface ColumnFacts {
  /** The column's name. */
  name: string;
  /** As in the registry. */
  type: string;
  /** What the value means. */
  description: string;
  /** Whether the value may be null. */
  nullable: boolean;
  /** The paths in a document from which the value comes. */
  reads: string[];
  /** The rule by which the value is made; empty where it is taken as it is. */
  rule: string;
  /** An example of the rule; may be empty. */
  example: string;
}

/** Facts of one file: of a partition, or of a table that is one file. */
export interface FileFacts {
  /** Its number of rows. */
  rows: number;
  /** Its number of bytes. */
  bytes: number;
  /** Its digest, by which it lies in `_objects/`. */
  sha256: string;
  /** A digest of what it was made of. */
  inputs: string;
  /** When its content last changed. */
  built_at: string;
  /** The number of values in each column that identifies. */
  values?: Record<string, number>;
}

/** Facts of the one file of all rows of a partitioned table. */
export interface OneFile {
  /** Its number of rows. */
  rows: number;
  /** Its number of bytes. */
  bytes: number;
  /** Its digest. */
  sha256: string;
  /** The table's digest, `sha256` of the facts, of the partitions that it was made of. */
  state: string;
  /** The segments whose content changed since. */
  behind: string[];
  /** The table's digest for which `behind` is right. A writer that knows no one file changes partitions without it. */
  behind_of: string;
}

/** A table's size, with which later sizes are compared. */
export interface Size {
  /** The number of rows. */
  rows: number;
  /** The number of values in each column that identifies. */
  values?: Record<string, number>;
  /** The number of rows of each partition, of a fixed list of partitions. */
  partitions?: Record<string, number>;
}

/** A table in the layout of biodata-cache, `bdc-v…/cache_registry/<table>.json`. */
export interface RegistryFragment {
  /** The table's name in that layout. */
  name: string;
  /** What a row is and how to join it. */
  description: string;
  /** The file, or the folder with a slash at the end for a partitioned table. */
  location: string;
  /** Whether the table is split into files. */
  partitioned: boolean;
  /** The column that splits it; null for a table in one file. */
  partition_key: string | null;
  /** `metadata` (may be loaded whole), `asset` or `platform`. */
  type: string;
  /** The columns, the partition's among them. */
  columns: FragmentColumn[];
}

/** A column of a table in the layout of biodata-cache. */
export interface FragmentColumn {
  /** The column's name. */
  name: string;
  /** What the value means. */
  description: string;
}

/** The newest snapshots of a version, `_snapshots.json`. */
export interface SnapshotList {
  /** The snapshots that there are, the latest first. */
  snapshots: SnapshotEntry[];
  /** The names, each never used again. */
  names: Record<string, SnapshotName>;
  /** When each snapshot that is gone was removed, by its id. */
  pruned: Record<string, string>;
}

/** A snapshot in the list. */
export interface SnapshotEntry {
  /** The snapshot's id. */
  id: string;
  /** When it was last published. */
  date: string;
  /** The first name that it was given. */
  name: string | null;
  /** The digest of each table, by the acorn's name. */
  tables: Record<string, string>;
}

/** A name that a snapshot was given. */
export interface SnapshotName {
  /** The snapshot's id. */
  snapshot: string;
  /** When it was named. */
  named_at: string;
}

/** The content of `_night.json`; of another version's writer it may have more keys. */
export interface NightFacts {
  /** When the night that began last began. */
  began_at: string | null;
  /** Its run in Dagster. */
  run_id: string | null;
  /** When it ended well; null before. */
  ended_at: string | null;
  /** When it failed; null where it did not. */
  failed_at: string | null;
  /** By what failed: a table, the documents, or a run. */
  failures: Record<string, NightFailure>;
  /** Of the last night that ended: seconds, bytes_written, files_written, documents_… */
  counts: Record<string, number>;
  /** Whether those are of the night that began last. */
  counted?: boolean;
  /** Since when parts fail that have not failed again in the night under way. */
  earlier?: Record<string, string>;
  /** When people were first told of a failure that still lasts. */
  alerted_at?: string | null;
  /** Of which runs of this night they were told. */
  alerted_runs?: string[];
}

/** Why a part of a night failed, and since when it does. */
export interface NightFailure {
  /** Why it failed. */
  reason: string;
  /** Since when it fails. */
  since: string;
}
