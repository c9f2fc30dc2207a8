interface Waiter {
  readonly after: number;
  resolve(): void;
  reject(error: unknown): void;
}

/** Calls that wait for a dump. */
export class Waiters {
  #waiters: Waiter[] = [];

  get waiting(): boolean {
    return this.#waiters.length > 0;
  }

  /** @param after only a dump with a higher number is what is waited for */
  wait(after: number): Promise<void> {
    return new Promise((resolve, reject) => this.#waiters.push({ after, resolve, reject }));
  }

  /** The dump with this number is what they wait for. */
  resolve(number: number): void {
    const waiters = this.#waiters;
    this.#waiters = waiters.filter(({ after }) => after >= number);
    for (const { after, resolve } of waiters) if (after < number) resolve();
  }

  reject(error: unknown): void {
    for (const { reject } of this.#waiters.splice(0)) reject(error);
  }
}
