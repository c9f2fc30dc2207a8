/**
 * In a browser: everything but sockets. The bundle runs in a context that has what browsers have and nothing of
 * Node.js; where Chromium is installed, examples/browser/ runs in it.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createContext, runInContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { type BuildResult, build } from 'esbuild';
import { anonymize, readCapture, writeCapture } from '../src/replay.ts';
import { CAPTURES, captureBytes } from './support/captures.ts';
import { Page } from './support/chromium.ts';
import { describeUnless, onPath, until } from './support/kernel.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const FOLDER = join(ROOT, 'examples/browser');

/** What conntrack(8) printed. When it printed an event is in no capture. */
function printed(name: string): string[] {
  return readFileSync(`${CAPTURES}${name}.txt`, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('conntrack v'))
    .map((line) => line.replace(/ progname=\S+/, '').replace(/^\[\d+\.\d+\]\t/, ''));
}

/** Events of the page have no ids. */
function withoutIds(lines: string[]): string[] {
  return lines.map((line) => line.replace(/ id=\d+(?=$| \[USERSPACE\])/, ''));
}

/** Programs that import the package as its user does. */
async function bundle(contents: string): Promise<BuildResult<{ write: false; metafile: true }>> {
  return await build({
    stdin: { contents, resolveDir: FOLDER },
    bundle: true,
    platform: 'browser',
    format: 'iife',
    globalName: 'bundled',
    target: 'es2022',
    write: false,
    metafile: true,
    logLevel: 'silent',
  });
}

/** The globals of browsers that are no part of JavaScript. */
const WEB = [
  'AbortController',
  'AbortSignal',
  'TextDecoder',
  'TextEncoder',
  'URL',
  'clearInterval',
  'clearTimeout',
  'console',
  'crypto',
  'performance',
  'queueMicrotask',
  'setInterval',
  'setTimeout',
  'structuredClone',
] as const;

describe('in a browser', () => {
  const ENTRIES = ['', '/replay', '/format', '/nfct', '/netlink', '/uapi', '/testing', '/table'];

  it('every entry point is bundled without an error, a warning or an import that is left', async () => {
    const names = ENTRIES.map((entry, index) => `export * as e${index} from 'ctnetlink${entry}';`);
    const { errors, warnings, metafile, outputFiles } = await bundle(names.join('\n'));
    expect(errors).to.deep.equal([]);
    expect(warnings).to.deep.equal([]);
    expect(Object.values(metafile.outputs).flatMap(({ imports }) => imports)).to.deep.equal([]);
    expect(outputFiles[0].text).not.to.match(/\brequire\(['"]|\bfrom ['"]node:/);
  });

  describe('with nothing of Node.js', () => {
    const channels: InstanceType<typeof MessageChannel>[] = [];
    let context: object = {};

    before(async () => {
      const { outputFiles } = await bundle(`
        export { readAll } from './read.js';
        ${ENTRIES.map((entry, index) => `export * as e${index} from 'ctnetlink${entry}';`).join('\n')}
      `);
      // An open port keeps a process of Node.js alive.
      class Channel extends MessageChannel {
        constructor() {
          super();
          channels.push(this);
        }
      }
      const globals = Object.fromEntries(WEB.map((name) => [name, globalThis[name]]));
      context = createContext({ ...globals, MessageChannel: Channel });
      runInContext(outputFiles[0].text, context);
    });
    after(() => {
      for (const { port1 } of channels) port1.close();
    });

    /** The expression may use `bytes`, which are of the context's own Uint8Array. */
    async function inContext<T>(expression: string, bytes: Uint8Array): Promise<T> {
      Object.assign(context, { numbers: [...bytes] });
      const text = await runInContext(
        `(async () => { const bytes = Uint8Array.from(numbers); return JSON.stringify(await (${expression})); })()`,
        context,
      );
      return JSON.parse(text) as T;
    }

    it('there is neither process nor Buffer nor require', () => {
      expect(
        runInContext('[typeof process, typeof Buffer, typeof require, typeof setImmediate]', context),
      ).to.have.members(['undefined', 'undefined', 'undefined', 'undefined']);
    });

    it('a dump of a capture has the lines of conntrack(8)', async () => {
      const program = `(async () => {
        const { e0: { Conntrack }, e1: { replay }, e2: { formatFlow } } = bundled;
        const ct = await Conntrack.open({ transport: replay(bytes) });
        const lines = [];
        for await (const flow of ct.dump()) lines.push(formatFlow(flow, { now: ct.time }));
        await ct.close();
        return lines;
      })()`;
      expect(await inContext<string[]>(program, captureBytes('L.pcap'))).to.deep.equal(printed('L'));
    });

    it('a fake kernel makes flows and announces them', async () => {
      const program = `(async () => {
        const { e0: { Conntrack }, e6: { fakeKernel, exchange } } = bundled;
        const kernel = fakeKernel();
        const ct = await Conntrack.open({ transport: kernel.transport });
        const events = await ct.events();
        kernel.traffic(exchange({ src: '192.0.2.1', dst: '192.0.2.2', proto: 'udp', sport: 1, dport: 53 }));
        const types = [(await events.next()).value.type, (await events.next()).value.type];
        const { entries } = await ct.stats();
        await ct.close();
        return [...types, entries, kernel.sockets];
      })()`;
      expect(await inContext<unknown[]>(program, new Uint8Array())).to.deep.equal(['new', 'update', 1, 0]);
    });

    it('events of a capture have the lines of conntrack(8)', async () => {
      const program = `(async () => {
        const { e0: { Conntrack }, e1: { replay }, e2: { formatEvent } } = bundled;
        const ct = await Conntrack.open({ transport: replay(bytes, { events: 'recorded' }) });
        const lines = [];
        for await (const event of await ct.events()) lines.push(formatEvent(event, { id: true }));
        await ct.close();
        return lines;
      })()`;
      expect(await inContext<string[]>(program, captureBytes('E.pcapng'))).to.deep.equal(printed('E'));
    });

    it('a capture is anonymized as elsewhere, also with a key of its own', async () => {
      const bytes = captureBytes('L.pcapng');
      const keyed = await inContext<number[]>("[...bundled.e1.anonymize(bytes, { key: 'a key' })]", bytes);
      expect(keyed).to.deep.equal([...anonymize(bytes, { key: 'a key' })]);
      const other = await inContext<number[]>('[...bundled.e1.anonymize(bytes)]', bytes);
      expect(other).to.have.lengthOf(keyed.length).and.not.deep.equal(keyed);
    });

    it('the C names set and get', async () => {
      const program = `(() => {
        const { nfct_new, nfct_set_attr_u32, nfct_get_attr_u32, ATTR_MARK } = bundled.e3;
        const ct = nfct_new();
        nfct_set_attr_u32(ct, ATTR_MARK, 7);
        return nfct_get_attr_u32(ct, ATTR_MARK);
      })()`;
      expect(await inContext<number>(program, new Uint8Array())).to.equal(7);
    });

    it('without a capture there is no kernel, which is said with what works', async () => {
      const program = 'bundled.e0.Conntrack.open().then(String, (error) => error.message)';
      expect(await inContext<string>(program, new Uint8Array())).to.include('captures are replayed anywhere');
    });

    it('a file and gzip are refused with what to do instead', async () => {
      const refusal = (call: string): string => `new Promise((resolve) => {
        try { resolve(String(bundled.e1.${call})); } catch (error) { resolve(error.message); }
      })`;
      expect(await inContext<string>(refusal("replay('a.pcap')"), new Uint8Array())).to.equal(
        'there are no files in this runtime; pass the bytes of the capture',
      );
      const gzip = gzipSync(captureBytes('L.pcap'));
      expect(await inContext<string>(refusal('readCapture(bytes)'), gzip)).to.include('DecompressionStream');
    });

    interface Section {
      kind: string;
      remarks: string[];
      rows: { text: string; time?: number }[];
    }

    async function sectionsOf(name: string): Promise<Section[]> {
      return (await inContext<{ sections: Section[] }>('bundled.readAll(bytes)', captureBytes(name))).sections;
    }

    it('the example lists each dump of a capture, whatever its program asked for', async () => {
      const sections = await sectionsOf('two.pcap');
      expect(sections.map(({ kind }) => kind)).to.deep.equal(['flows', 'flows', 'flows']);
      const texts = sections.map(({ rows }) => rows.map(({ text }) => text));
      expect(texts).to.have.deep.members([printed('two.a'), printed('two.b'), printed('two.c')]);
      const parts = sections.filter(({ remarks }) => remarks.length > 0).map(({ rows }) => rows.length);
      expect(parts).to.deep.equal([printed('two.b').length]);
    });

    it('the example lists the events of a capture with their times', async () => {
      const events = (await sectionsOf('E.pcapng')).find(({ kind }) => kind === 'events')!;
      expect(events.rows.map(({ text }) => text)).to.deep.equal(withoutIds(printed('E')));
      expect(events.rows.at(-1)!.time).to.equal(1_795_719_127_524.821);
    });

    it('the example reads what strace logged', async () => {
      const [{ rows }] = await sectionsOf('strace-L.log');
      expect(rows.map(({ text }) => text)).to.deep.equal(printed('strace-L'));
    });
  });
});

const NO_CHROMIUM = onPath('chromium') ? undefined : 'needs chromium on PATH';

/**
 * To install it takes 45 s, too long for each run in CI: there, without it, the page is looked at by hand
 * (CONTRIBUTING.md).
 */
const suite: typeof describeUnless =
  process.env.CI && NO_CHROMIUM !== undefined ? (_reason, title, body) => describe.skip(title, body) : describeUnless;

suite(NO_CHROMIUM, 'in Chromium', () => {
  let folder = '';
  let page: Page;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'ctnetlink-browser-'));
    for (const name of ['index.html', 'page.css']) writeFileSync(join(folder, name), readFileSync(join(FOLDER, name)));
    execFileSync(process.execPath, [join(FOLDER, 'build.mjs'), join(folder, 'bundle.js')]);
    page = await Page.open(pathToFileURL(join(folder, 'index.html')).href);
  });
  after(async () => {
    await page?.close();
    rmSync(folder, { recursive: true, force: true });
  });
  afterEach(() => expect(page.complaints).to.deep.equal([]));

  const lines = (title: string): Promise<string[]> =>
    page.evaluate(`[...document.querySelectorAll('section')]
      .filter((section) => section.querySelector('h2').textContent.startsWith(${JSON.stringify(title)}))
      .flatMap((section) => [...section.querySelectorAll('code')].map((code) => code.textContent))`);

  async function shown(): Promise<void> {
    await until(() => page.evaluate(`document.body.ariaBusy === 'false'`), { what: 'the capture is shown' });
  }

  async function choose(name: string, bytes: Uint8Array = captureBytes(name)): Promise<void> {
    const file = join(folder, name);
    writeFileSync(file, bytes);
    await page.evaluate(`document.body.ariaBusy = 'true'`);
    await page.choose('#file', file);
    await shown();
  }

  async function drop(name: string, bytes: Uint8Array): Promise<void> {
    await page.evaluate(`{
      document.body.ariaBusy = 'true';
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([Uint8Array.from(${JSON.stringify([...bytes])})], ${JSON.stringify(name)}));
      document.querySelector('.drop').dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer }));
    }`);
    await shown();
  }

  const text = (selector: string): Promise<string> =>
    page.evaluate(
      `[...document.querySelectorAll('${selector}')].filter((each) => !each.hidden).map((each) => each.innerText).join()`,
    );

  const pictures = process.env.CTNETLINK_PICTURES;

  /** Kept in $CTNETLINK_PICTURES, for somebody to look at. */
  async function picture(name: string, scheme: 'light' | 'dark'): Promise<void> {
    const png = await page.screenshot(scheme);
    expect([...png.subarray(0, 4)]).to.deep.equal([0x89, 0x50, 0x4e, 0x47]);
    if (pictures !== undefined) writeFileSync(join(pictures, `${name}.png`), png);
  }

  it('the page asks for a capture', async () => {
    expect(await text('.big')).to.equal('Drop a capture here, or choose a file');
    await picture('browser-empty', 'light');
  });

  it('a capture that is chosen is listed', async () => {
    await choose('L.pcap');
    expect(await lines('Dump 1: flows')).to.deep.equal(printed('L'));
    expect(await text('#status')).to.equal('L.pcap · pcap · 2.3 KiB · 1 request');
  });

  it('a capture that is dropped is listed, also compressed', async () => {
    await drop('E.pcapng', captureBytes('E.pcapng'));
    expect(await lines('Events')).to.deep.equal(withoutIds(printed('E')));
    await drop('L.pcapng.gz', gzipSync(captureBytes('L.pcapng')));
    expect(await lines('Dump 1: flows')).to.deep.equal(printed('L'));
  });

  it('only lines with a text are listed when it is typed', async () => {
    await choose('L.pcap');
    const filter = (value: string): Promise<void> =>
      page.evaluate(`{ const input = document.getElementById('filter');
        input.value = '${value}'; input.dispatchEvent(new Event('input')); }`);
    await filter('mark=5 ');
    expect(await lines('Dump 1: flows')).to.deep.equal(printed('L').filter((line) => line.includes('mark=5 ')));
    await filter('');
  });

  it('a long list is shown piece by piece', async () => {
    const { datagrams } = readCapture(captureBytes('L.pcap'));
    const at = datagrams.findIndex(({ fromKernel }) => fromKernel);
    const flows = printed('L').length;
    const times = Math.ceil(2500 / flows);
    await choose('long.pcap', writeCapture(datagrams.toSpliced(at, 1, ...Array(times).fill(datagrams[at]))));
    expect(await lines('Dump 1: flows')).to.have.lengthOf(2000);
    expect(await text('.more')).to.equal(`Show more: ${times * flows - 2000} lines left`);
    await page.evaluate(`document.querySelector('.more').click()`);
    expect(await lines('Dump 1: flows')).to.have.lengthOf(times * flows);
    expect(await text('.more')).to.equal('');
  });

  it('what cannot be read is said in words, and what was left out', async () => {
    await choose('empty.pcap', new Uint8Array());
    expect(await text('#alert')).to.equal('empty.pcap cannot be read: an empty file is no capture');
    await choose('cut.gz', gzipSync(captureBytes('L.pcap')).subarray(0, 400));
    expect(await text('.left')).to.include('the rest of the gzip file, which is broken or ends early');
    await choose('rtcut.pcap');
    expect(await text('.left')).to.equal('Left out: 23 of other netlink families or sockets.');
    expect(await text('#alert')).to.equal('');
  });

  it('markup in a name is text', async () => {
    const name = '<img src=x onerror=document.title=1>.pcap';
    await drop(name, captureBytes('L.pcap'));
    expect(await text('#status')).to.include(name);
    await drop(name, new Uint8Array(40));
    expect(await text('#alert')).to.include(name);
    expect(await page.evaluate(`document.querySelectorAll('img').length`)).to.equal(0);
  });

  it('it can be pictured, light and dark', async () => {
    await choose('rtcut.pcap');
    await picture('browser', 'light');
    await picture('browser-dark', 'dark');
    await choose('none.pcap', new Uint8Array(40));
    await picture('browser-error', 'dark');
  });
});
