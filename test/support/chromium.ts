/** Chromium without a window, spoken to by its DevTools protocol over two pipes: no port, no WebSocket. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { until } from './kernel.ts';

interface Answer {
  id?: number;
  method?: string;
  params?: object;
  result?: Record<string, unknown>;
  error?: { message: string };
}

/** A page of 1280x800. */
export class Page {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #waiting = new Map<number, { resolve(result: Record<string, unknown>): void; reject(error: Error): void }>();
  #session: string | undefined;
  #id = 0;
  /** What the page wrote to its console, and exceptions that nobody caught. */
  readonly complaints: string[] = [];

  private constructor(child: ChildProcess, folder: string) {
    this.#child = child;
    this.#folder = folder;
    let text = '';
    const output = child.stdio[4] as Readable;
    output.setEncoding('utf8');
    output.on('data', (data: string) => {
      text += data;
      for (let end = text.indexOf('\0'); end >= 0; end = text.indexOf('\0')) {
        this.#take(JSON.parse(text.slice(0, end)) as Answer);
        text = text.slice(end + 1);
      }
    });
    child.once('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('chromium ended'));
    });
  }

  static async open(url: string): Promise<Page> {
    const folder = mkdtempSync(join(tmpdir(), 'ctnetlink-chromium-'));
    const child = spawn(
      'chromium',
      [
        '--headless=new',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-dev-shm-usage',
        '--no-first-run',
        '--hide-scrollbars',
        '--window-size=1280,800',
        `--user-data-dir=${folder}`,
        '--remote-debugging-pipe',
      ],
      { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] },
    );
    const page = new Page(child, folder);
    const { targetId } = await page.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await page.send('Target.attachToTarget', { targetId, flatten: true });
    page.#session = sessionId as string;
    for (const domain of ['Page', 'Runtime', 'DOM', 'Log']) await page.send(`${domain}.enable`);
    await page.send('Emulation.setDeviceMetricsOverride', {
      width: 1280,
      height: 800,
      deviceScaleFactor: 1,
      mobile: false,
    });
    await page.send('Page.navigate', { url });
    await until(() => page.evaluate<boolean>(`location.href !== 'about:blank' && document.readyState === 'complete'`), {
      what: 'the page is loaded',
    });
    return page;
  }

  #take({ id, method, params, result = {}, error }: Answer): void {
    if (method === 'Runtime.consoleAPICalled' || method === 'Runtime.exceptionThrown' || method === 'Log.entryAdded')
      this.complaints.push(JSON.stringify(params));
    const waiting = this.#waiting.get(id ?? 0);
    this.#waiting.delete(id ?? 0);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(error.message));
  }

  send(method: string, params: object = {}): Promise<Record<string, unknown>> {
    const id = ++this.#id;
    const session = this.#session === undefined ? {} : { sessionId: this.#session };
    (this.#child.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, ...session })}\0`);
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  /** What an expression of the page gives, promises awaited. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = (await this.send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    })) as { result: { value: T }; exceptionDetails?: { text: string; exception?: { description?: string } } };
    if (exceptionDetails !== undefined)
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** Chooses a file as its user does in the dialogue. */
  async choose(selector: string, file: string): Promise<void> {
    const { root } = (await this.send('DOM.getDocument')) as { root: { nodeId: number } };
    const { nodeId } = await this.send('DOM.querySelector', { nodeId: root.nodeId, selector });
    await this.send('DOM.setFileInputFiles', { nodeId, files: [file] });
  }

  /** A picture in PNG. */
  async screenshot(scheme: 'light' | 'dark'): Promise<Uint8Array> {
    await this.send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] });
    const { data } = await this.send('Page.captureScreenshot', { format: 'png' });
    return Buffer.from(data as string, 'base64');
  }

  async close(): Promise<void> {
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10 });
  }
}
