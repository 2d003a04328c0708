/** Links between validators that are cut, silent, slow, or change what they carry. */
import { expectNothingFinal } from './nothing-final.ts';
import { expectCutOff, lastOf, meanwhile, measureRecovery, restOf } from './recovery.ts';
import type { Scenario, Stage } from './scenario.ts';
import { lasting } from './until.ts';

/** How long a link is out of order. */
const FAULT_MS = 4000;
const SLOW_MS = [50, 200] as const;
/** One piece in so many is changed. */
const CORRUPTED = 1 / 50;
/** Changed bytes that there must have been. */
const MIN_CORRUPTED = 10;

/** All can talk to all again. */
async function mend(stage: Stage, victims: readonly number[]): Promise<void> {
  const { cluster, note } = stage;
  cluster.links.mend();
  await measureRecovery(stage, victims);
  await cluster.connected(cluster.all);
  const { cut, refused, late, corrupted } = cluster.links.counts;
  note(`${cut} connections cut, ${refused} refused, ${late} pieces late, ${corrupted} bytes changed`);
}

export const NETWORKS: readonly Scenario[] = [
  {
    name: 'cut-one',
    what: 'one cut off from all others; mended',
    run: async (stage) => {
      const { links } = stage.cluster;
      const victims = lastOf(stage, 1);
      links.cut(victims, restOf(stage, victims));
      await Promise.all([expectCutOff(stage, victims, { lastingMs: FAULT_MS }), meanwhile(stage, victims)]);
      await mend(stage, victims);
    },
  },
  {
    name: 'cut-half',
    what: 'two sides, neither of them a quorum: nothing is final; mended, and it goes on by itself',
    run: async (stage) => {
      const { cluster } = stage;
      const side = lastOf(stage, cluster.faulty + 1);
      cluster.links.cut(side, restOf(stage, side));
      await expectNothingFinal(stage, []);
      await mend(stage, side);
    },
  },
  {
    name: 'cut-flapping',
    what: 'links cut and mended again and again',
    run: async (stage) => {
      const { links, all } = stage.cluster;
      for (let turn = 0; turn < 6; turn++) {
        const victim = all[turn % all.length]!;
        links.cut([victim], all);
        await lasting(300);
        links.mend();
        await lasting(300);
      }
      await mend(stage, all);
    },
  },
  {
    name: 'silent-from',
    what: 'nothing that one says reaches the others, though it hears them',
    run: async (stage) => {
      const { links } = stage.cluster;
      const victims = lastOf(stage, 1);
      links.set(victims, restOf(stage, victims), { held: true });
      await Promise.all([
        expectCutOff(stage, victims, { lastingMs: FAULT_MS, hears: true }),
        meanwhile(stage, victims),
      ]);
      await mend(stage, victims);
    },
  },
  {
    name: 'silent-to',
    what: 'nothing reaches one, though the others hear it',
    run: async (stage) => {
      const { links } = stage.cluster;
      const victims = lastOf(stage, 1);
      links.set(restOf(stage, victims), victims, { held: true });
      await Promise.all([
        expectCutOff(stage, victims, { lastingMs: FAULT_MS, heard: true }),
        meanwhile(stage, victims),
      ]);
      await mend(stage, victims);
    },
  },
  {
    name: 'slow',
    what: 'every link slower by 50 to 200 ms, with jitter',
    run: async (stage) => {
      const { cluster } = stage;
      cluster.links.setAll({ delayMs: SLOW_MS });
      await Promise.all([lasting(FAULT_MS), meanwhile(stage, [])]);
      await mend(stage, cluster.all);
    },
  },
  {
    name: 'slow-one',
    what: 'the links of one slower by 50 to 200 ms, with jitter',
    run: async (stage) => {
      const { links } = stage.cluster;
      const victims = lastOf(stage, 1);
      const rest = restOf(stage, victims);
      links.set(victims, rest, { delayMs: SLOW_MS });
      links.set(rest, victims, { delayMs: SLOW_MS });
      await Promise.all([lasting(FAULT_MS), meanwhile(stage, victims)]);
      await mend(stage, victims);
    },
  },
  {
    name: 'corrupt',
    what: 'bytes changed on every link',
    run: async (stage) => {
      const { cluster } = stage;
      const { links } = cluster;
      links.setAll({ corrupted: CORRUPTED });
      await lasting(FAULT_MS);
      await cluster.until('enough changed bytes', () => links.counts.corrupted >= MIN_CORRUPTED);
      await mend(stage, cluster.all);
    },
  },
];
