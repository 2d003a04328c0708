import type { Agent } from '../agent/agent.ts';
import { toHex } from '../core/bytes.ts';
import type { Committee } from '../core/committee.ts';
import type { CoreStatus } from '../core/options.ts';
import type { AuthorIndex } from '../core/types.ts';
import type { TransportStats } from '../qzmq/counters.ts';
import type { NodeStatus } from './client-protocol.ts';
import type { NodeStats } from './events.ts';
import type { Counters } from './reporter.ts';
import { packageVersion } from './version.ts';

/** Where the figures of a node come from. */
export interface StatsSources {
  /** Of the epoch. */
  readonly committee: Committee;
  readonly startedMs: number;
  readonly nowMs: number;
  readonly core: CoreStatus;
  readonly counters: Counters;
  readonly agent: ReturnType<Agent['stats']>;
  readonly transport: Pick<TransportStats, 'bytesIn' | 'bytesOut'>;
  /** Members of the committee that are connected. */
  readonly peers: readonly AuthorIndex[];
  /** Of the process when the node started: one process may have done other things before. */
  readonly cpuAtStart: NodeJS.CpuUsage;
}

/** What a node counts about itself. Decisions of replayed commits count too, those before the snapshot that it went on from do not. */
export function statsOf(sources: StatsSources): NodeStats {
  const { core, counters, agent, transport } = sources;
  const cpu = process.cpuUsage(sources.cpuAtStart);
  return {
    validator: core.self,
    validators: sources.committee.size,
    epoch: core.epoch,
    uptimeMs: sources.nowMs - sources.startedMs,
    round: core.round,
    commitIndex: core.commitIndex,
    certifiedIndex: core.certifiedIndex,
    blocksAccepted: counters.blocksAccepted,
    blocksEmitted: counters.blocksEmitted,
    proposalsDecided: { ...counters.decided },
    equivocations: counters.equivocations,
    opinions: { scored: agent.scored, late: agent.late, restarts: agent.restarts },
    cpuMs: Math.round((cpu.user + cpu.system) / 1000),
    aiCpuMs: Math.round(agent.cpuMs),
    rssBytes: process.memoryUsage.rss(),
    bytesIn: transport.bytesIn,
    bytesOut: transport.bytesOut,
    peers: sources.peers,
    mempool: core.mempool,
  };
}

/** Where a node stands. `running`: it takes inputs. */
export function statusOf(sources: StatsSources, running: boolean): NodeStatus {
  const { committee, peers, core } = sources;
  const own = core.self === null ? [] : [core.self];
  const connected = [...own, ...peers].reduce((sum, index) => sum + committee.stakes[index]!, 0);
  return {
    chainId: toHex(committee.chainId),
    version: packageVersion(),
    validator: core.self,
    validators: committee.size,
    epoch: core.epoch,
    round: core.round,
    commitIndex: core.commitIndex,
    certifiedIndex: core.certifiedIndex,
    peers,
    ready: connected >= committee.quorum && !core.halted && running,
  };
}
