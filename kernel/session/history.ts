/**
 * The code that was run, kept across sessions in SQLite with IPython's tables, so that `history_request` can reach back.
 * https://jupyter-client.readthedocs.io/en/stable/messaging.html#history
 */
import { chmodSync, closeSync, mkdirSync, openSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import type Libsql from 'libsql';
import type { HistoryRequest, HistoryRow } from '../wire/messages.ts';
import { withSpareDescriptors } from '../../src/base/spare-descriptors.ts';

type Database = Libsql.Database;

interface Line {
  line: number;
  source: string;
  output: string | undefined;
}

interface Found {
  session: number;
  line: number;
  source: string;
  output: string | null;
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS sessions (session integer primary key autoincrement, start timestamp, end timestamp,
    num_cmds integer, remark text);
  CREATE TABLE IF NOT EXISTS history (session integer, line integer, source text, source_raw text,
    PRIMARY KEY (session, line));
  CREATE TABLE IF NOT EXISTS output_history (session integer, line integer, output text,
    PRIMARY KEY (session, line));
`;

/** Another kernel that writes holds us up for at most this long; what could not be written is tried again later. */
const BUSY_TIMEOUT_MS = 250;
const WRITE_AFTER_MS = 1000;
/** A database that could not be opened is tried again with the first cell after this time. */
const RETRY_MS = 5000;
/** Cells that are kept until they can be written. */
const MAX_UNWRITTEN = 10_000;

/** Limits for one cell's text and its output, and for the whole file; a reply holds at most `replyCharacters`. */
export interface HistoryLimits {
  entryCharacters: number;
  fileBytes: number;
  replyCharacters: number;
}

const LIMITS: HistoryLimits = {
  entryCharacters: 1_000_000,
  fileBytes: 64 * 2 ** 20,
  replyCharacters: 16_000_000,
};

/** Longer than any mark of `shortened`. */
const MARK_CHARACTERS = 200;

/** The mark behind a text that was shortened: a comment, so that what is left can still be run or read. */
function shortened(text: string, most: number): string {
  if (text.length <= most) return text;
  // Never between the two halves of a character.
  const code = text.charCodeAt(most - 1);
  const end = code >= 0xd8_00 && code < 0xdc_00 ? most - 1 : most;
  return `${text.slice(0, end)}\n// … shortened for the history: ${end} of ${text.length} characters`;
}

/** libsql's own wrapper hides the error of a full disk: SQLite has rolled back already, and its ROLLBACK fails. */
function inTransaction(database: Database, action: () => void): void {
  database.exec('BEGIN');
  try {
    action();
    database.exec('COMMIT');
  } catch (error) {
    if (database.inTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

export class History {
  readonly #path: string;
  readonly #log: (message: string) => void;
  readonly #limits: HistoryLimits;
  #database: Promise<Database | undefined> | undefined;
  #session = 0;
  #unwritten: Line[] = [];
  #lines = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Opens nothing yet. A path of ':memory:' keeps nothing. */
  constructor(options: { path: string; log: (message: string) => void; limits?: Partial<HistoryLimits> }) {
    this.#path = options.path;
    this.#log = options.log;
    this.#limits = { ...LIMITS, ...options.limits };
  }

  add(line: number, source: string, output: string | undefined): void {
    const most = this.#limits.entryCharacters;
    this.#unwritten.push({
      line,
      source: shortened(source, most),
      output: output === undefined ? undefined : shortened(output, most),
    });
    if (this.#unwritten.length > MAX_UNWRITTEN) this.#unwritten.shift();
    this.#lines++;
    this.#timer ??= setTimeout(() => void this.write(), WRITE_AFTER_MS).unref();
  }

  async find(request: HistoryRequest): Promise<HistoryRow[]> {
    await this.write();
    const database = await this.#open();
    if (!database) return [];
    const rows = this.#newest(this.#select(database, request));
    return rows.map(({ session, line, source, output }) => [
      session,
      line,
      request.output ? [source, output] : source,
    ]);
  }

  /** Of rows that come newest first those that one message can hold, oldest first. Files of older versions have texts of any length. */
  #newest(rows: readonly unknown[]): Found[] {
    const { entryCharacters, replyCharacters } = this.#limits;
    // A shortened entry ends with its mark.
    const most = entryCharacters + MARK_CHARACTERS;
    const kept: Found[] = [];
    let characters = 0;
    for (const row of rows) {
      const { session, line, source, output } = row as Found;
      const found = {
        session,
        line,
        source: shortened(source, most),
        output: output === null ? null : shortened(output, most),
      };
      characters += found.source.length + (found.output?.length ?? 0);
      if (characters > replyCharacters && kept.length > 0) break;
      kept.push(found);
    }
    return kept.toReversed();
  }

  /** Writes what is new. Never fails: a locked or full disk is logged, and tried again with the next cell. */
  async write(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#unwritten.length === 0) return;
    const database = await this.#open();
    const lines = this.#unwritten;
    if (!database || lines.length === 0) return;
    this.#unwritten = [];
    try {
      const input = database.prepare('INSERT OR REPLACE INTO history VALUES (?, ?, ?, ?)');
      const output = database.prepare('INSERT OR REPLACE INTO output_history VALUES (?, ?, ?)');
      inTransaction(database, () => {
        for (const each of lines) {
          input.run(this.#session, each.line, each.source, each.source);
          if (each.output !== undefined) output.run(this.#session, each.line, each.output);
        }
      });
      this.#prune(database);
    } catch (error) {
      this.#unwritten = [...lines, ...this.#unwritten].slice(-MAX_UNWRITTEN);
      this.#log(`cannot write the history to ${this.#path}: ${String(error)}`);
    }
  }

  async close(): Promise<void> {
    await this.write();
    const database = await this.#database;
    this.#database = Promise.resolve(undefined);
    if (!database) return;
    try {
      database
        .prepare('UPDATE sessions SET end = ?, num_cmds = ? WHERE session = ?')
        .run(new Date().toISOString(), this.#lines, this.#session);
      database.close();
    } catch (error) {
      this.#log(`cannot close the history ${this.#path}: ${String(error)}`);
    }
  }

  #open(): Promise<Database | undefined> {
    if (this.#database) return this.#database;
    const database = withSpareDescriptors(() => this.#connect());
    this.#database = database;
    void this.#retry(database);
    return database;
  }

  /** A lack of file descriptors passes: what was run is kept, and written with a later cell. */
  async #retry(database: Promise<Database | undefined>): Promise<void> {
    if (await database) return;
    setTimeout(() => {
      if (this.#database === database) this.#database = undefined;
    }, RETRY_MS).unref();
  }

  async #connect(): Promise<Database | undefined> {
    try {
      // Loaded on first use: 10 to 30 ms that a start of the kernel does not have to pay.
      const { default: Sqlite } = await import('libsql');
      if (this.#path !== ':memory:') {
        mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
        // The history is private: SQLite would make a file that all users may read.
        closeSync(openSync(this.#path, 'a', 0o600));
        chmodSync(this.#path, 0o600);
      }
      try {
        return this.#begin(new Sqlite(this.#path));
      } catch (error) {
        if (!/not a database|malformed|corrupt/i.test(String(error))) throw error;
        const aside = `${this.#path}.damaged-${Date.now()}`;
        renameSync(this.#path, aside);
        this.#log(`the history was damaged and is now ${aside}: ${String(error)}`);
        return this.#begin(new Sqlite(this.#path));
      }
    } catch (error) {
      this.#log(`no history: ${String(error)}`);
      return undefined;
    }
  }

  #begin(database: Database): Database {
    database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}; PRAGMA synchronous = OFF;`);
    database.exec(SCHEMA);
    const { lastInsertRowid } = database
      .prepare('INSERT INTO sessions (start, num_cmds, remark) VALUES (?, 0, ?)')
      .run(new Date().toISOString(), '');
    this.#session = Number(lastInsertRowid);
    this.#prune(database);
    return database;
  }

  /**
   * Removes the oldest cells, a tenth of all at a time, until the file is at most three quarters of its limit. A file of
   * an older version may be much larger: what is freed is given back to the disk then.
   */
  #prune(database: Database): void {
    const pages = (name: string): number =>
      Number(Object.values(database.prepare(`PRAGMA ${name}`).get() as Record<string, unknown>)[0]);
    const { fileBytes, entryCharacters } = this.#limits;
    const pageBytes = pages('page_size');
    if (pages('page_count') * pageBytes <= fileBytes) return;
    const used = (): number => (pages('page_count') - pages('freelist_count')) * pageBytes;
    try {
      // Longer than any entry since there is a limit: removed whole, since to read them takes as long as to run them.
      for (const [table, column] of [
        ['history', 'source'],
        ['output_history', 'output'],
      ] as const) {
        database
          .prepare(`DELETE FROM ${table} WHERE length(${column}) > ?`)
          .run(entryCharacters + MARK_CHARACTERS);
      }
      while (used() > fileBytes * 0.75) {
        let removed = 0;
        for (const table of ['history', 'output_history']) {
          const { count } = database.prepare(`SELECT count(*) AS count FROM ${table}`).get() as {
            count: number;
          };
          removed += database
            .prepare(
              `DELETE FROM ${table} WHERE rowid IN (SELECT rowid FROM ${table} ORDER BY session, line LIMIT ?)`,
            )
            .run(Math.ceil(count / 10)).changes;
        }
        if (removed === 0) break;
      }
      database
        .prepare('DELETE FROM sessions WHERE session < ? AND session NOT IN (SELECT session FROM history)')
        .run(this.#session);
      if (pages('page_count') * pageBytes > fileBytes) database.exec('VACUUM');
      this.#log(
        `the history ${this.#path} was larger than ${fileBytes} bytes: its oldest cells were removed`,
      );
    } catch (error) {
      this.#log(`the history ${this.#path} could not be made smaller: ${String(error)}`);
    }
  }

  /** Newest first. */
  #select(database: Database, request: HistoryRequest): unknown[] {
    const from = `SELECT session, line, source, output FROM history LEFT JOIN output_history USING (session, line)`;
    switch (request.hist_access_type) {
      case 'range': {
        // 0 is this session, -1 the one before it, as in IPython.
        const session = request.session > 0 ? request.session : this.#session + request.session;
        return database
          .prepare(`${from} WHERE session = ? AND line >= ? AND line < ? ORDER BY line DESC`)
          .all(session, request.start, request.stop ?? Number.MAX_SAFE_INTEGER);
      }
      case 'tail': {
        // This session's cells are the newest, even if another session ran one since.
        return database
          .prepare(`${from} ORDER BY session = ? DESC, session DESC, line DESC LIMIT ?`)
          .all(this.#session, request.n ?? 10);
      }
      default: {
        const latest = request.unique
          ? `AND (session, line) IN (SELECT session, max(line) FROM history AS h WHERE session =
               (SELECT max(session) FROM history AS s WHERE s.source = h.source) GROUP BY source)`
          : '';
        return database
          .prepare(`${from} WHERE source GLOB ? ${latest} ORDER BY session DESC, line DESC LIMIT ?`)
          .all(request.pattern, request.n ?? -1);
      }
    }
  }
}
