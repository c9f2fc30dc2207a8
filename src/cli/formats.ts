/** What -o means to the formatters. */
import { readFileSync } from 'node:fs';
import { CONNLABEL_CONF, LabelMap } from '../format/labelmap.ts';
import type { PlainOptions } from '../format/plain.ts';
import type { Settings } from './options.ts';
import { complain } from './output.ts';

/** The options of formatFlow. Without names, labels are not shown, and that is said once. */
export function plainOptions({ output }: Settings): PlainOptions {
  return {
    layer3: output.has('extended'),
    id: output.has('id'),
    timestamp: output.has('ktimestamp'),
    labels: output.has('labels') ? readLabels() : undefined,
  };
}

function readLabels(): LabelMap | undefined {
  let problem: string;
  try {
    const labels = LabelMap.parse(readFileSync(CONNLABEL_CONF, 'utf8'));
    if (!labels.empty) return labels;
    problem = `${CONNLABEL_CONF} names none`;
  } catch (error) {
    problem = (error as Error).message;
  }
  complain(`labels are not shown: ${problem}`);
  return undefined;
}
