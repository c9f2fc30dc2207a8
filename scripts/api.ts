/**
 * The API report of each entry point: `npm run api` renews api/, and `npm run check` fails where a report is not what
 * the sources say. A change of the public API is then a change of a file that a reviewer sees. Also a fault is a name
 * without a docstring, and a type that a program can see but not import.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Extractor, ExtractorConfig, ExtractorLogLevel as Level } from '@microsoft/api-extractor';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const REPORTS = join(ROOT, 'api');
const NOW = mkdtempSync(join(tmpdir(), 'ctnetlink-api-'));

const { exports } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')) as {
  exports: Record<string, string | { types: string }>;
};

/** The report of './nfct' is nfct.api.md, that of '.' ctnetlink.api.md. */
function reportName(entry: string): string {
  return entry === '.' ? 'ctnetlink' : entry.slice('./'.length);
}

/** Where its docstrings are, for a while. */
function docsOf(entry: string): string {
  return join(NOW, `${reportName(entry)}.api.json`);
}

function configOf(entry: string, types: string): ExtractorConfig {
  return ExtractorConfig.prepare({
    configObject: {
      projectFolder: ROOT,
      mainEntryPointFilePath: `${ROOT}${types}`,
      compiler: { tsconfigFilePath: `${ROOT}src/tsconfig.json` },
      apiReport: {
        enabled: true,
        reportFileName: reportName(entry),
        reportFolder: REPORTS,
        reportTempFolder: NOW,
      },
      docModel: { enabled: true, apiJsonFilePath: docsOf(entry) },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: 'lf' as never,
      enumMemberOrder: 'preserve' as never,
      messages: {
        compilerMessageReporting: { default: { logLevel: Level.Error } },
        extractorMessageReporting: {
          default: { logLevel: Level.Error },
          // Whatever an entry point exports is public.
          'ae-missing-release-tag': { logLevel: Level.None },
        },
        tsdocMessageReporting: { default: { logLevel: Level.None } },
      },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: `${ROOT}package.json`,
  });
}

/** Names in capitals are those of the kernel's and the C library's headers: those document them. */
const OF_A_HEADER = /Missing documentation for "[A-Z][A-Z0-9_]*"/;
const FORGOTTEN = /The symbol "(.+)" needs to be exported/;

/** A file of the sources, which a reader of a docstring does not have. */
const OF_A_SOURCE = /"docComment": "[^\n]*?\b([\w/-]+\.ts)\b/g;

/** What is wrong with an entry point, and the names that it uses without exporting them. */
interface Findings {
  readonly faults: string[];
  readonly used: { readonly name: string; readonly fault: string }[];
}

/** @param renew writes the report; otherwise one that has changed is a fault */
function report(entry: string, types: string, renew: boolean): Findings {
  const findings: Findings = { faults: [], used: [] };
  const { apiReportChanged } = Extractor.invoke(configOf(entry, types), {
    localBuild: renew,
    messageCallback: (message) => {
      message.handled = true;
      // What its console says about files is said below.
      if (message.category === 'console' || message.logLevel !== Level.Error) return;
      const fault = `${entry}: ${message.formatMessageWithLocation(ROOT)}`;
      const name = FORGOTTEN.exec(message.text)?.[1];
      if (name !== undefined) findings.used.push({ name, fault });
      else if (!OF_A_HEADER.test(message.text)) findings.faults.push(fault);
    },
  });
  for (const [, file] of readFileSync(docsOf(entry), 'utf8').matchAll(OF_A_SOURCE))
    findings.faults.push(`${entry}: a docstring points to ${file}, which is not public`);
  if (apiReportChanged && !renew)
    findings.faults.push(`api/${reportName(entry)}.api.md has changed: run \`npm run api\` and read the difference`);
  return findings;
}

/** The names that a report exports. */
function exportsOf(entry: string): string[] {
  const text = readFileSync(join(REPORTS, `${reportName(entry)}.api.md`), 'utf8');
  return [...text.matchAll(/^export (?:\w+ )*?(?:class|const|function|interface|let|type) (\w+)/gm)].map(
    ([, name]) => name,
  );
}

const renew = process.argv.includes('--renew');
mkdirSync(REPORTS, { recursive: true });
const faults: string[] = [];
const used: Findings['used'] = [];
const exported = new Set<string>();
try {
  for (const [entry, target] of Object.entries(exports)) {
    if (typeof target === 'string') continue;
    const findings = report(entry, target.types, renew);
    faults.push(...findings.faults);
    used.push(...findings.used);
    for (const name of exportsOf(entry)) exported.add(name);
  }
} finally {
  rmSync(NOW, { recursive: true });
}
// A type of another entry point has a page there.
for (const { name, fault } of used) if (!exported.has(name)) faults.push(fault);
for (const fault of faults) console.error(fault);
if (faults.length > 0) process.exitCode = 1;
