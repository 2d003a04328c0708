import type { Application, ApplicationParts } from './application.ts';
import { KeyValue } from './kv.ts';
import { Payments } from './payments.ts';

/** The application that a genesis document names, without its genesis state: see {@link Application.initChain}. */
export function createApplication(name: 'payments' | 'kv', parts: ApplicationParts): Application {
  return name === 'payments' ? new Payments(parts) : new KeyValue(parts);
}
