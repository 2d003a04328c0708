/** Endpoints: `host:port`, an IPv6 host in brackets. */
import { isIPv6 } from 'node:net';
import { PqError } from '../errors.ts';
import { ENDPOINT_BYTES_MAX } from './constants.ts';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

const HOST_PORT = /^(?:\[([0-9a-fA-F:.]+)\]|([a-zA-Z0-9._-]+)):([0-9]{1,5})$/;

/** Undefined unless the text is a host and a port of 1 … 65535. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const match = text.length <= ENDPOINT_BYTES_MAX ? HOST_PORT.exec(text) : null;
  if (match === null) return undefined;
  const [, bracketed, name, digits] = match;
  const port = Number(digits);
  if (port < 1 || port > 65_535 || (bracketed !== undefined && !isIPv6(bracketed))) return undefined;
  return { host: bracketed ?? name ?? '', port };
}

/** As {@link parseEndpoint}; throws `QZMQ_BAD_ADDRESS`. */
export function requireEndpoint(text: string): Endpoint {
  const endpoint = parseEndpoint(text);
  if (endpoint === undefined) {
    throw new PqError('QZMQ_BAD_ADDRESS', `"${text.slice(0, 80)}" is not HOST:PORT, for example 127.0.0.1:5001`, {
      endpoint: text,
    });
  }
  return endpoint;
}

export function formatEndpoint({ host, port }: Endpoint): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** True for addresses that mean "every interface" and so lead nobody anywhere. */
export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}
