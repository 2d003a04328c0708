/** Which process is at the other end of a connection of the loopback: as Linux tells it under /proc. */
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Both: a socket that may speak IPv6 is in the second, whatever it speaks. */
const TABLES = ['/proc/net/tcp', '/proc/net/tcp6'] as const;

/** False where links cannot be told apart: the scenarios that cut them cannot run there. */
export const callersAreKnown = existsSync(TABLES[0]);

/**
 * The one of `pids` whose connection from `localPort` to `remotePort` this is; undefined when it is none of them, or has
 * gone already.
 */
export function callerOf(localPort: number, remotePort: number, pids: readonly number[]): number | undefined {
  const inode = inodeOf(localPort, remotePort);
  return inode === undefined ? undefined : pids.find((pid) => holds(pid, `socket:[${inode}]`));
}

/** Each line: number, local address, remote address, state, queues, timer, retransmits, user, timeout, inode, … */
function inodeOf(localPort: number, remotePort: number): string | undefined {
  for (const table of TABLES) {
    for (const line of readFileSync(table, 'utf8').split('\n')) {
      const fields = line.trim().split(/\s+/);
      if (portOf(fields[1]) === localPort && portOf(fields[2]) === remotePort) return fields[9];
    }
  }
  return undefined;
}

/** Of `0100007F:1F90`. */
function portOf(address: string | undefined): number {
  return Number.parseInt(address?.slice(address.lastIndexOf(':') + 1) ?? '', 16);
}

function holds(pid: number, socket: string): boolean {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).some((fd) => targetOf(`${folder}/${fd}`) === socket);
  } catch {
    // The process has ended.
    return false;
  }
}

function targetOf(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    // Closed since the folder was read.
    return '';
  }
}
