/** A transport that hands everything to another one: the base of those that change one thing. */
import type { NetnsInfo } from './netns.ts';
import type { Datagram, Transport, TransportListener } from './transport.ts';

export class ForwardingTransport implements Transport {
  protected readonly inner: Transport;

  constructor(inner: Transport) {
    this.inner = inner;
  }

  get name(): string {
    return this.inner.name;
  }

  get portid(): number {
    return this.inner.portid;
  }

  get release(): string | undefined {
    return this.inner.release;
  }

  get netns(): NetnsInfo | undefined {
    return this.inner.netns;
  }

  get allNamespaces(): boolean | undefined {
    return this.inner.allNamespaces;
  }

  get ended(): boolean {
    return this.inner.ended;
  }

  get drained(): boolean | undefined {
    return this.inner.drained;
  }

  get window(): number | undefined {
    return this.inner.window;
  }

  get queueLimit(): number | undefined {
    return this.inner.queueLimit;
  }

  start(listener: TransportListener): void {
    this.inner.start(listener);
  }

  send(bytes: Uint8Array, takesLong?: boolean): ReturnType<Transport['send']> {
    return this.inner.send(bytes, takesLong);
  }

  receive(): Datagram | undefined {
    return this.inner.receive();
  }

  joinGroup(group: number): void {
    this.inner.joinGroup(group);
  }

  leaveGroup(group: number): void {
    this.inner.leaveGroup(group);
  }

  get attachFilter(): Transport['attachFilter'] {
    const { inner } = this;
    return inner.attachFilter === undefined ? undefined : (program) => inner.attachFilter!(program);
  }

  get setting(): Transport['setting'] {
    const { inner } = this;
    return inner.setting === undefined ? undefined : (name) => inner.setting!(name);
  }

  get check(): Transport['check'] {
    const { inner } = this;
    return inner.check === undefined ? undefined : () => inner.check!();
  }

  ref(): void {
    this.inner.ref();
  }

  unref(): void {
    this.inner.unref();
  }

  close(): void {
    this.inner.close();
  }
}
