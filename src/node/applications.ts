import type { Genesis } from '../core/genesis.ts';
import { PqError } from '../errors.ts';
import type { NodeApplication } from './application.ts';

export function createApplication(genesis: Genesis): NodeApplication {
  throw new PqError('APPLICATION_MISSING', 'not yet', { name: genesis.application.name });
}
