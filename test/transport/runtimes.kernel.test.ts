/**
 * Every transport in every runtime, and in worker threads. To run a part of it:
 *
 *   CTNETLINK_CASES='part of a name' npx mocha test/transport/runtimes.kernel.test.ts -g 'node26, node:ffi, worker'
 *
 * A combination has all of its cases with CTNETLINK_TIER=soak: runtime/matrix.ts says which it has otherwise.
 */
import { TIER } from '../support/tier.ts';
import { matrixOf } from './runtime/matrix.ts';
import { describeMatrix } from './runtime/suite.ts';

const allowed = matrixOf(TIER).filter(({ refused }) => refused.length === 0);

describeMatrix('transports in their runtimes', 'build', allowed);
