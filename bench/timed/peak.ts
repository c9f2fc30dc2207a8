import { readFileSync } from 'node:fs';

/**
 * The peak of the resident memory. Not getrusage's: exec(2) hands that on from the program before, here another Node.
 */
export function peakKib(): number {
  return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
}
