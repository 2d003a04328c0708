/** Proofs of single proposals, made from what the node holds when somebody asks. */
import { decodeDecisionLeaf } from '../core/commit.ts';
import { merklePath } from '../core/merkle-path.ts';
import type { ProposalProof } from '../core/proof.ts';
import type { Store } from '../store/store.ts';
import type { Kernels } from '../wasm/kernels.ts';
import type { Certificates } from './certificates.ts';

/** The proof of the decision on `id`; undefined while no commit with a certificate holds one. */
export function proofOf(
  kernels: Kernels,
  store: Pick<Store, 'decision' | 'commit'>,
  certificates: Pick<Certificates, 'of'>,
  id: Uint8Array,
): ProposalProof | undefined {
  const entry = store.decision(id);
  if (entry === undefined) return undefined;
  const certificate = certificates.of(entry.commitIndex);
  if (certificate === undefined) return undefined;
  const leaves = store.commit(entry.commitIndex)!.decisions.map(({ leaf }) => leaf);
  return {
    certificate,
    decided: decodeDecisionLeaf(entry.leaf),
    path: merklePath(kernels, leaves, entry.position),
  };
}
