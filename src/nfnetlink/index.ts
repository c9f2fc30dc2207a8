export * from './nfgenmsg.ts';
