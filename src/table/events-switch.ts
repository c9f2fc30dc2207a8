/** nf_conntrack_events is 0 for so many looks: events are off. */
const OFF_AFTER = 2;

/** nf_conntrack_events, looked at once a second: while it is 0, new flows get no events, and never will. */
export class EventsSwitch {
  #zeros = 0;

  get off(): boolean {
    return this.#zeros >= OFF_AFTER;
  }

  /**
   * @param value undefined where it cannot be read
   * @returns whether events are missing that were not missing before
   */
  look(value: number | undefined): boolean {
    const zeros = this.#zeros;
    this.#zeros = value === 0 ? zeros + 1 : 0;
    return value === 0 ? this.#zeros === OFF_AFTER : zeros > 0;
  }
}
