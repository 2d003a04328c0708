/** Every bound of the consensus, by name. A queue, map or loop that grows with input has its bound here. */

/** Validators in a committee (author sets are bitsets of this many bits). */
export const MAX_VALIDATORS = 128;
/** A whole encoded block. One above 61 KiB travels in parts. */
export const MAX_BLOCK_BYTES = 320 * 1024;
/** One encoded proposal. */
export const MAX_PROPOSAL_BYTES = 16 * 1024;
/** Proposals in one payload. */
export const MAX_PROPOSALS = 1024;
/** Encoded payload bytes that an honest proposer puts into one block, leaving room for parents, votes and signature. */
export const MAX_PAYLOAD_BYTES = 256 * 1024;
/** The same of all blocks of a round: every validator takes its part of it, but MIN_PAYLOAD_BYTES in any case. */
export const MAX_ROUND_PAYLOAD_BYTES = 1024 * 1024;
export const MIN_PAYLOAD_BYTES = 64 * 1024;
export const MAX_SENDER_BYTES = 64;
export const MAX_BODY_BYTES = 8 * 1024;
export const MAX_PROPOSAL_SIGNATURE_BYTES = 5 * 1024;
/** Votes in one header. */
export const MAX_VOTES = 256;
/** Commit votes in one header. */
export const MAX_COMMIT_VOTES = 100;
/** Rounds below the last committed leader that stay in the DAG. */
export const GC_DEPTH_ROUNDS = 60;
/** A pushed block this many rounds above the highest accepted one is refused at the door. */
export const ROUND_WINDOW = 500;
/** Different pushed blocks of one (round, author) that are looked at; one needed as a parent is always accepted. */
export const MAX_BLOCKS_PER_SLOT = 2;
/** Suspended blocks held per author. */
export const MAX_SUSPENDED_PER_AUTHOR = 256;
/** The same, where other blocks wait for the block: an honest author has one per round, so this many rounds without a commit. */
export const MAX_SUSPENDED_NEEDED_PER_AUTHOR = 4096;
/** Refs in one block request, and blocks in one answer. */
export const MAX_FETCH_REFS = 64;
/** Peers asked at once for whole rounds, in turn: each may answer with many blocks. */
export const MAX_ROUND_ASKS = 4;
/** Missing blocks asked for at once, over all peers. */
export const MAX_FETCHES_IN_FLIGHT = 256;
/** Commits in one answer of commit sync. */
export const MAX_SYNC_COMMITS = 32;
/** A commit vote this far above the local index keeps only its author's highest. */
export const COMMIT_VOTE_WINDOW = 1000;
/** Commits that one certificate may chain from its first to the voted one. */
export const MAX_CERTIFICATE_COMMITS = 100;
/** Siblings in a Merkle path: the height of a tree whose leaves are counted by a u32. */
export const MAX_PATH_SIBLINGS = 32;
/** Blocks that one commit orders, as commit sync carries them: GC depth × validators, twice over. */
export const MAX_COMMIT_BLOCKS = 16_384;
/** One encoded message. The largest is an answer of commit sync with a certificate of 128 signers (≈ 1 MB). */
export const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
/** Rounds whose drawn leaders are remembered. */
export const MAX_MEMOISED_LEADER_ROUNDS = 1024;
/** Proposals waiting to be put into an own block. */
export const MAX_MEMPOOL_PROPOSALS = 20_000;
export const MAX_MEMPOOL_BYTES = 64 * 1024 * 1024;
/** Own proposals in blocks and undecided: at first, at least, at most; and after how many decisions that is judged anew. */
export const EMISSION_START = 1024;
export const MIN_EMISSION_WINDOW = 32;
export const MAX_EMISSION_WINDOW = 8192;
export const EMISSION_SAMPLE = 256;
/** Conflict keys of one proposal. */
export const MAX_KEYS_PER_PROPOSAL = 16;
/** Rounds that a proposal stays open at least (D in the rules of decisions). */
export const OPEN_ROUNDS_MIN = 8;
/** Confidence scale: 10000 is certain. */
export const CONFIDENCE_MAX = 10_000;
/** The ML-DSA-65 sizes of FIPS 204, table 2. */
export const PUBLIC_KEY_BYTES = 1952;
export const SIGNATURE_BYTES = 3309;
/** Blocks held in the DAG: (GC depth + uncommitted rounds) × validators, with room for equivocations. */
export const MAX_DAG_BLOCKS = 1 << 17;
/** Signature checks asked for and not answered, per peer. */
export const MAX_VERIFYING_PER_PEER = 512;
/** Encoded votes that an honest proposer puts into one header. */
export const MAX_VOTES_BYTES = 14 * 1024;
/** Proposals open at once: opened by a commit and not decided. */
export const MAX_OPEN_PROPOSALS = 1 << 17;
/** Decided ids remembered at once (an id is forgotten at its expiry). */
export const MAX_REMEMBERED_IDS = 1 << 21;
/** Conflict keys claimed at once (claims end with the claimer's expiry). */
export const MAX_CLAIMED_KEYS = 1 << 22;
/** Commits ordered and not executed above which nothing more is ordered, until some are. */
export const MAX_PENDING_COMMITS = 1024;
/** Commits ordered and not executed above which an honest proposer sends no payload. */
export const MAX_EXECUTION_LAG = 64;
/** Who is behind by the commits of this many rounds takes them over by commit sync; below it, by fetching blocks. */
export const SYNC_LAG_ROUNDS = 16;
/** How long a missing parent may still arrive by itself before it is asked for, in milliseconds, at least: half a round where rounds take longer. */
export const FETCH_DELAY_MS = 10;
/** The leader timeout grows at most by this factor while nothing commits. */
export const MAX_TIMEOUT_FACTOR = 10;
/** A leader that had no block in this many rounds is not waited for. */
export const LEADER_ACTIVE_ROUNDS = 8;
/** New validators and new keys together in one upgrade: each brings its keys and a signature, and a body holds one. */
export const MAX_NEW_KEYS = 1;
/** A peer is told what closed an earlier epoch, and one is asked what closed this one, at most this often, in milliseconds. */
export const EPOCH_ANSWER_MS = 100;
/** Epochs that one chain of closing certificates leads over. */
export const MAX_EPOCH_LINKS = 1 << 16;
/** An encoded committee: 128 validators with names of 64 bytes have 270 KB. */
export const MAX_COMMITTEE_BYTES = 512 * 1024;
