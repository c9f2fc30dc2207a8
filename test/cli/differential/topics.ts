import { CHANGES } from './change.ts';
import { CREATE } from './create.ts';
import { GET } from './get.ts';
import { LISTS } from './list.ts';
import { PORTS } from './ports.ts';
import { SYNTAX } from './syntax.ts';
import type { Topic } from './topic.ts';
import { VALUES } from './values.ts';

export const TOPICS: readonly Topic[] = [...SYNTAX, ...VALUES, ...LISTS, ...CREATE, ...GET, ...CHANGES, ...PORTS];
