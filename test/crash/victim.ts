/**
 * The node that is killed: a whole validator in a process of its own, over real files and sockets, started by `life.ts`.
 * Usage: node victim.ts ORDER (as JSON)
 */
import { flushCompileCache } from 'node:module';
import { Edge } from './edge.ts';
import type { Order, Told } from './life.ts';

const order = JSON.parse(process.argv[2]!) as Order;
const edge = new Edge(order.plan, order.journal);
edge.install();
// Only now: what the node imports of Node is what the edge has put there.
const { runVictim } = await import('./victim-node.ts');
// The next life loads faster; this one will not get to do it at its end.
flushCompileCache();
process.send!({ loaded: true } satisfies Told);
await runVictim(order, edge);
