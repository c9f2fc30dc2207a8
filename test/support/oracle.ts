import { describeKernel, describeUnless } from './kernel.ts';
import { oracleAvailable } from './oracle/oracle.ts';

/** A `describe` that asks the C library: only where it can be built, skipped as describeKernel says. */
export function describeOracle(title: string, body: (this: Mocha.Suite) => void): void {
  describeUnless(oracleAvailable(), title, body);
}

/** The same for what needs the kernel too. */
export function describeOracleAndKernel(title: string, body: (this: Mocha.Suite) => void): void {
  const reason = oracleAvailable();
  if (reason === undefined) describeKernel(title, body);
  else describeUnless(reason, title, body);
}
