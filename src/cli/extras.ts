/** What few commands need. scripts/bundle.mjs makes a file of it, which others do not load. */
export { openCapture, openRecorder } from './captures.ts';
export { completionScript } from './completion.ts';
export { helpText } from './help.ts';
export { runTool } from './tool.ts';
