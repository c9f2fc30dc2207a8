/**
 * As in runtimes.kernel.test.ts, where the kernel refuses io_uring or its use: the combinations end with what is
 * refused, as in -g 'main, io_uring=EPERM'.
 */
import { TIER } from '../support/tier.ts';
import { matrixOf } from './runtime/matrix.ts';
import { describeMatrix } from './runtime/suite.ts';

const refusing = matrixOf(TIER).filter(({ refused }) => refused.length > 0);

describeMatrix('transports in their runtimes where io_uring is refused', 'build-refused', refusing);
