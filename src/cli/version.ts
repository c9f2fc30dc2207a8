import { fileURLToPath } from 'node:url';
import { files } from '../netlink/platform.ts';
import { denoAllows } from '../transport/permissions.ts';

/** The same distance from src/cli and from dist/cli. */
const MANIFEST = fileURLToPath(new URL('../../package.json', import.meta.url));

/** The version of the package; undefined where a permission model does not let its file be read. */
function version(): string | undefined {
  if (!denoAllows({ name: 'read', path: MANIFEST })) return undefined;
  try {
    return (JSON.parse(files().readFileSync(MANIFEST, 'utf8')) as { version: string }).version;
  } catch {
    return undefined;
  }
}

const VERSION = version();

/** The prefix of every message, such as 'ctnetlink v0.1.0'. */
export const NAME = VERSION === undefined ? 'ctnetlink' : `ctnetlink v${VERSION}`;
