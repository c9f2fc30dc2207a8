/** What few commands need. scripts/bundle.mjs makes a file of it, which others do not load. */

export { completionScript } from './help/completion.ts';
export { helpText } from './help/help.ts';
export { restore } from './snapshots/restore.ts';
export { snapshot } from './snapshots/snapshot.ts';
export { openCapture, openRecorder } from './tools/captures.ts';
export { runTool } from './tools/tool.ts';
