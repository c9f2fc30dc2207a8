/**
 * The API report of each entry point: `npm run api` renews api/, and `npm run check` fails where a report is not what
 * the sources say. A change of the public API is then a change of a file that a reviewer sees.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  Extractor,
  ExtractorConfig,
  type ExtractorMessage,
  ExtractorLogLevel as Level,
} from '@microsoft/api-extractor';

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
      docModel: { enabled: false },
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
          'ae-forgotten-export': { logLevel: Level.None, addToApiReportFile: true },
          'ae-undocumented': { logLevel: Level.None },
        },
        tsdocMessageReporting: { default: { logLevel: Level.None } },
      },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: `${ROOT}package.json`,
  });
}

/** Whether the report is as it was. @param renew writes it where it is not */
function report(entry: string, types: string, renew: boolean): boolean {
  const messages: ExtractorMessage[] = [];
  const { apiReportChanged, errorCount } = Extractor.invoke(configOf(entry, types), {
    localBuild: renew,
    messageCallback: (message) => {
      message.handled = true;
      // What its console says about files is said below.
      if (message.category !== 'console' && message.logLevel === Level.Error) messages.push(message);
    },
  });
  for (const message of messages) console.error(`${entry}: ${message.formatMessageWithLocation(ROOT)}`);
  const unnoticed = apiReportChanged && !renew;
  if (unnoticed)
    console.error(`api/${reportName(entry)}.api.md has changed: run \`npm run api\` and read the difference`);
  return errorCount === 0 && !unnoticed;
}

const renew = process.argv.includes('--renew');
mkdirSync(REPORTS, { recursive: true });
try {
  for (const [entry, target] of Object.entries(exports))
    if (typeof target !== 'string' && !report(entry, target.types, renew)) process.exitCode = 1;
} finally {
  rmSync(NOW, { recursive: true });
}
