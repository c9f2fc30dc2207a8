export * from './nfgenmsg.ts';
export { writeNfgenmsg } from './request.ts';
