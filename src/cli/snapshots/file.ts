/**
 * The file of a snapshot: lines of JSON. The first says what it is, the last how many flows and expectations are
 * between them, so that a file that was cut is noticed before anything is restored.
 *
 * {"snapshot":1,"package":"ctnetlink v0.1.0","release":"6.18.0","time":"2026-01-01T00:00:00.000Z"}
 * {"flow":{...}}
 * {"expectation":{...}}
 * {"end":{"flows":1,"expectations":1}}
 */
import { Expectation } from '../../ctnetlink/expectation.ts';
import { Flow } from '../../ctnetlink/flow.ts';
import { formatExpectationJSON, formatFlowJSON } from '../../format/json.ts';
import { describe } from '../../netlink/check.ts';
import { LONGEST, linesOf, unreadable } from '../load/lines.ts';
import { UsageError } from '../options/settings.ts';
import { NAME } from '../version.ts';

/** The format. Another number is for a format that a program which reads this one could not read. */
const VERSION = 1;

export interface Counts {
  flows: number;
  expectations: number;
}

/** @param time milliseconds since 1970 */
export function headerLine(release: string | undefined, time: number): string {
  return JSON.stringify({ snapshot: VERSION, package: NAME, release, time: new Date(time).toISOString() });
}

export function flowLine(flow: Flow): string {
  return `{"flow":${formatFlowJSON(flow)}}`;
}

export function expectationLine(expectation: Expectation): string {
  return `{"expectation":${formatExpectationJSON(expectation)}}`;
}

export function endLine(counts: Counts): string {
  return JSON.stringify({ end: counts });
}

/** What a file has, with the line of each item. */
export interface SnapshotFile {
  readonly flows: Flow[];
  readonly flowLines: number[];
  readonly expectations: Expectation[];
  readonly expectationLines: number[];
}

/** @throws UsageError for a file that is no snapshot, or not whole, naming the line */
export async function readSnapshot(file: string): Promise<SnapshotFile> {
  const reader = new Reader(file);
  try {
    for await (const lines of linesOf(file)) for (const line of lines) reader.add(line);
  } catch (error) {
    throw unreadable(error, file);
  }
  return reader.end();
}

const NO_SNAPSHOT = 'this is no snapshot: `ctnetlink snapshot > FILE` writes one';

type Json = Record<string, unknown>;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

class Reader implements SnapshotFile {
  readonly flows: Flow[] = [];
  readonly flowLines: number[] = [];
  readonly expectations: Expectation[] = [];
  readonly expectationLines: number[] = [];
  readonly #file: string;
  #line = 0;
  #counts: Json | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  add(text: string): void {
    const line = ++this.#line;
    if (text.length > LONGEST) throw this.#wrong(`the line has more than ${LONGEST} characters`);
    if (this.#counts !== undefined) {
      if (text === '') return;
      throw this.#wrong('a line behind the last one');
    }
    const entry = this.#parse(text);
    if (line === 1) {
      this.#checkHeader(entry);
      return;
    }
    const [kind, ...more] = Object.keys(entry);
    if (more.length > 0) throw this.#wrong(`a line has one entry, not ${more.length + 1}`);
    try {
      if (kind === 'flow') {
        this.flows.push(Flow.from(entry.flow as Json));
        this.flowLines.push(line);
      } else if (kind === 'expectation') {
        this.expectations.push(Expectation.from(entry.expectation as Json));
        this.expectationLines.push(line);
      } else if (kind === 'end') {
        this.#counts = this.#end(entry.end);
      } else {
        const what = kind === undefined ? 'nothing' : `\`${kind}'`;
        throw this.#wrong(`a line has a flow, an expectation or the end, not ${what}`);
      }
    } catch (error) {
      if (error instanceof TypeError || error instanceof RangeError) throw this.#wrong(error.message);
      throw error;
    }
  }

  /** @throws UsageError if lines are missing */
  end(): SnapshotFile {
    const counts = this.#counts;
    if (this.#line === 0) throw new UsageError(`${this.#file} is empty: it is no snapshot`);
    if (counts === undefined)
      throw new UsageError(
        `${this.#file} is not whole: its last line, ${this.#line}, does not say how many flows it has. Nothing was restored`,
      );
    const { flows, expectations } = this;
    if (counts.flows !== flows.length || counts.expectations !== expectations.length)
      throw new UsageError(
        `${this.#file} is not whole: it has ${flows.length} flows and ${expectations.length} expectations, and its last line says ${counts.flows} and ${counts.expectations}. Nothing was restored`,
      );
    return this;
  }

  #parse(text: string): Json {
    let entry: unknown;
    let isJson = true;
    try {
      entry = JSON.parse(text);
    } catch {
      isJson = false;
    }
    if (isObject(entry)) return entry;
    if (this.#line === 1) throw this.#wrong(NO_SNAPSHOT);
    throw this.#wrong(
      isJson
        ? `a line is an object with a flow, an expectation or the end, not ${describe(entry)}. Nothing was restored`
        : 'the line is no JSON: the file is not whole, or was changed. Nothing was restored',
    );
  }

  #end(counts: unknown): Json {
    if (isObject(counts) && Number.isInteger(counts.flows) && Number.isInteger(counts.expectations)) return counts;
    throw this.#wrong('the end has the numbers of flows and expectations. Nothing was restored');
  }

  #checkHeader({ snapshot }: Json): void {
    if (snapshot === VERSION) return;
    throw this.#wrong(
      snapshot === undefined
        ? NO_SNAPSHOT
        : `the snapshot has version ${JSON.stringify(snapshot)}, and this program reads ${VERSION}`,
    );
  }

  #wrong(message: string): UsageError {
    return new UsageError(`${this.#file}:${this.#line}: ${message}`);
  }
}
