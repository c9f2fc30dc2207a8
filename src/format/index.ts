export * from './event.ts';
export * from './flags.ts';
export * from './json.ts';
export * from './labelmap.ts';
export * from './plain.ts';
