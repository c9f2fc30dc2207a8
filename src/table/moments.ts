/** Moments in the order of the messages: what happened after the number n was given has n or more. */
export class Moments {
  #last = 0;
  /** Of the last loss. */
  #lostAt = 0;
  /** Of the dump that is on its way, the moment that it was asked for; 0: there is none. */
  #dumpSince = 0;

  /** The number that was given last. */
  get last(): number {
    return this.#last;
  }

  get lostAt(): number {
    return this.#lostAt;
  }

  get dumpSince(): number {
    return this.#dumpSince;
  }

  get dumping(): boolean {
    return this.#dumpSince !== 0;
  }

  /** Events were lost after this moment: whatever a snapshot of an earlier one showed is in doubt. */
  lostSince(moment: number): boolean {
    return this.#lostAt > moment;
  }

  /** Events were lost just now, or nobody was listening. */
  lose(): void {
    this.#lostAt = ++this.#last;
  }

  /** A snapshot is about to be asked for. @returns its `since` */
  begin(): number {
    return ++this.#last;
  }

  beginDump(): number {
    this.#dumpSince = this.begin();
    return this.#dumpSince;
  }

  endDump(): void {
    this.#dumpSince = 0;
  }
}
