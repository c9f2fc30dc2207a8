/** Events one a line, in an array of JSON or a document of XML where -o says so. */
import type { OverrunEvent } from '../../conntrack/events.ts';
import { XML_BEGIN, XML_END } from '../../format/elements.ts';
import type { Settings } from '../options/settings.ts';
import type { Output } from '../output.ts';

/** Every line is whole when it is added: a reader need not wait for the next one. */
export class EventDocument {
  readonly #output: Output;
  readonly #begin: string;
  readonly #between: string;
  readonly #end: string;
  /** Overruns are objects among the events. */
  readonly #objects: boolean;
  readonly #array: boolean;
  #begun = false;

  constructor({ table, output: shown }: Settings, output: Output) {
    const noun = table === 'expect' ? 'expect' : 'conntrack';
    const xml = shown.has('xml');
    this.#output = output;
    this.#array = shown.has('json');
    this.#objects = this.#array || shown.has('ndjson');
    this.#begin = this.#array ? '[\n' : xml && !this.#objects ? XML_BEGIN[noun] : '';
    this.#between = this.#array ? ',' : '';
    this.#end = this.#array ? ']\n' : xml && !this.#objects ? XML_END[noun] : '';
  }

  add(text: string): void {
    this.#output.add(this.#begun ? this.#between : this.#begin);
    this.#output.add(text);
    this.#output.add('\n');
    this.#begun = true;
  }

  addOverrun({ type, lost }: OverrunEvent): void {
    if (this.#objects) this.add(JSON.stringify({ type, lost }));
  }

  /** The listing that an overrun made necessary is whole: what was not in it is no more. */
  addResynced(entries: number): void {
    if (this.#objects) this.add(JSON.stringify({ type: 'synced', entries }));
  }

  /** conntrack(8) prints no document without an event. */
  end(): void {
    if (this.#begun) this.#output.add(this.#end);
    else if (this.#array) this.#output.add('[]\n');
  }
}
