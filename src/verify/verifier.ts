/**
 * Checking what a network says with nothing but its genesis document: no node, no network, no Node.js. What belongs here
 * runs in a browser as it is; it may import `src/core` and `src/wasm`, and a test keeps everything under it free of Node.
 */
import { toHex } from '../core/bytes.ts';
import { type Certified, decodeCertificate, type VerifySignature, verifyCertificate } from '../core/certificate.ts';
import { type Committee, committeeOf } from '../core/committee.ts';
import { decodeEpochChain, verifyEpochLink } from '../core/epoch-chain.ts';
import { decodeEvidence, verifyEvidence } from '../core/evidence.ts';
import { parseGenesis } from '../core/genesis.ts';
import { MAX_VALIDATORS } from '../core/limits.ts';
import { decodeProof, verifyProof } from '../core/proof.ts';
import type { Certificate, DecisionName, ReasonName } from '../core/types.ts';
import { PqError } from '../errors.ts';
import type { Kernels } from '../wasm/kernels.ts';

/** One member whose signature a certificate carries. */
export interface Signer {
  /** In the committee, from 0. */
  readonly index: number;
  /** As the genesis document, or the upgrade that brought it, spells it: any text of up to 64 bytes. */
  readonly name: string;
  readonly stake: number;
}

/** What a certificate shows: this commit, and with it everything before it, is final. Hashes are hex. */
export interface VerifiedCommit {
  readonly chainId: string;
  readonly chainName: string;
  /** In which the commit was made: who had to sign depends on it. */
  readonly epoch: number;
  readonly commit: {
    readonly index: number;
    readonly digest: string;
    /** Agreed time of the commit, milliseconds since 1970. */
    readonly timestampMs: number;
    readonly stateRoot: string;
    readonly decisionsRoot: string;
  };
  /** How many commits lead from that one to the one that was signed, both counted. */
  readonly commits: number;
  readonly signers: readonly Signer[];
  /** Of the signers together; at least `quorum`. */
  readonly stake: number;
  readonly quorum: number;
  readonly totalStake: number;
}

/** What a proof shows: this was decided on that proposal, for good, in that commit. */
export interface VerifiedDecision extends VerifiedCommit {
  readonly decision: {
    /** Of the proposal: SHA3-256 of its bytes with the domain tag, hex. Compare it with the one that you mean. */
    readonly id: string;
    readonly decision: DecisionName;
    readonly reason: ReasonName;
    /** 0 … 10000. */
    readonly confidence: number;
    /** Receipt code of the execution, 0 is success. */
    readonly receipt: number;
  };
}

/** What evidence shows: this validator signed two blocks where an honest one signs one. */
export interface VerifiedEquivocation {
  readonly epoch: number;
  readonly round: number;
  readonly signer: Signer;
}

/** Checks certificates and proofs of one network. Holds the expanded keys of its validators, 38 KiB each. */
export class Verifier {
  readonly #kernels: Kernels;
  /** By epoch, from 0 on. */
  readonly #committees: Committee[];
  readonly #chainName: string;
  readonly #check: VerifySignature;

  /** `genesis`: the parsed document, from a source that you trust: everything rests on it. Throws `GENESIS_…`, `JSON_…`. */
  constructor(kernels: Kernels, genesis: unknown) {
    const document = parseGenesis(genesis);
    this.#kernels = kernels;
    this.#committees = [committeeOf(kernels, document)];
    this.#chainName = document.chainName;
    const verifier = kernels.createVerifier({ maxKeys: MAX_VALIDATORS });
    this.#check = (...args) => verifier.verify(...args);
  }

  /** Hash of the genesis document, hex: what names the network. */
  get chainId(): string {
    return toHex(this.#committees[0]!.chainId);
  }

  /** The newest epoch whose committee is known: 0, or where {@link follow} has led to. */
  get epoch(): number {
    return this.#committees.length - 1;
  }

  /**
   * Follows a chain of closing certificates, in its canonical encoding, from the epochs that are known to later ones, whose
   * certificates can be checked from then on. Links to what is known already are passed over. Throws why it leads no
   * further, `CLOSING_…`, `CERTIFICATE_…`, `SSZ_…`; what it proved up to there stays.
   */
  async follow(bytes: Uint8Array): Promise<void> {
    for (const link of decodeEpochChain(bytes)) {
      const epoch = link.certificate.commits[0]?.epoch ?? this.epoch;
      if (epoch < this.epoch) continue;
      this.#committees.push(await verifyEpochLink(this.#kernels, this.#newest, link, this.#check));
    }
  }

  /**
   * Checks the evidence of an equivocation in its canonical encoding. Throws why it shows nothing: `SSZ_…` (no evidence),
   * `EVIDENCE_…`.
   */
  async verifyEvidence(bytes: Uint8Array): Promise<VerifiedEquivocation> {
    const evidence = decodeEvidence(bytes);
    const committee = this.#committees[evidence.first.fields.epoch] ?? this.#newest;
    const { epoch, round, author } = await verifyEvidence(this.#kernels, committee, evidence, this.#check);
    const { name, stake } = committee.validators[author]!;
    return { epoch, round, signer: { index: author, name, stake } };
  }

  get #newest(): Committee {
    return this.#committees[this.epoch]!;
  }

  /** Of the epoch that the certificate names. One that is not known is refused with `CERTIFICATE_EPOCH`. */
  #committeeFor({ commits }: Certificate): Committee {
    return this.#committees[commits[0]?.epoch ?? 0] ?? this.#newest;
  }

  /**
   * Checks a certificate in its canonical encoding, which must not change meanwhile. Throws why it proves nothing:
   * `SSZ_…` (no certificate), `CERTIFICATE_…`.
   */
  async verifyCertificate(bytes: Uint8Array): Promise<VerifiedCommit> {
    const certificate = decodeCertificate(bytes);
    const committee = this.#committeeFor(certificate);
    const certified = await verifyCertificate(this.#kernels, committee, certificate, this.#check);
    return this.#report(committee, certificate, certified);
  }

  /**
   * Checks the proof of a decision in its canonical encoding, which must not change meanwhile; with `id` (hex), that it is
   * about this proposal. Throws why it proves nothing: `SSZ_…`, `LEAF_…` (no proof), `PROOF_…`, `CERTIFICATE_…`.
   */
  async verifyProof(bytes: Uint8Array, id?: string): Promise<VerifiedDecision> {
    const proof = decodeProof(bytes);
    const { decision, reason, confidence, receipt } = proof.decided;
    const shown = toHex(proof.decided.id);
    if (id !== undefined && id.toLowerCase() !== shown) {
      throw new PqError('PROOF_ID', 'The proof is about another proposal.', { id, shown });
    }
    const committee = this.#committeeFor(proof.certificate);
    const certified = await verifyProof(this.#kernels, committee, proof, this.#check);
    return {
      decision: { id: shown, decision, reason, confidence, receipt },
      ...this.#report(committee, proof.certificate, certified),
    };
  }

  #report(committee: Committee, certificate: Certificate, certified: Certified): VerifiedCommit {
    const commit = certificate.commits[0]!;
    return {
      chainId: this.chainId,
      chainName: this.#chainName,
      epoch: committee.epoch,
      commit: {
        index: certified.index,
        digest: toHex(certified.digest),
        timestampMs: commit.timestampMs,
        stateRoot: toHex(commit.stateRoot),
        decisionsRoot: toHex(commit.decisionsRoot),
      },
      commits: certificate.commits.length,
      signers: certified.signers.map((index) => {
        const { name, stake } = committee.validators[index]!;
        return { index, name, stake };
      }),
      stake: certified.stake,
      quorum: committee.quorum,
      totalStake: committee.total,
    };
  }
}
