// The WebAssembly core: every kernel that the host calls. Pointers and lengths are i32, 64-bit values go through memory.
export { heapBase } from './arena';
export { stakesAddress } from './stake';
export { sha3, sha3Absorb, sha3Each, sha3Final, sha3Init } from './sha3';
export { xof, xofAbsorb, xofFinal, xofInit, xofRead } from './xof';
export { merkleClimb, merkleFold, merkleFoldPath, merklePath, merkleRoot } from './merkle';
export {
  dagAnswersAddress, dagCollect, dagDecide, dagDigestAddress, dagInit, dagInsert, dagIsCommitted, dagKeepFrom,
  dagLeaders, dagLinearize, dagMarkCommitted, dagParentsAddress, dagQuorumAddress, dagReaches, dagSize,
} from './dag';
export {
  tallyApply, tallyBallots, tallyClose, tallyConfidence, tallyEvaluate, tallyInit, tallyOpen, tallyOpinion,
  tallySidesAddress, tallyStage, tallyStakes, tallyThresholdsAddress,
} from './tally';
export {
  conflictClaim, conflictExpire, conflictHas, conflictInit, conflictRelease, conflictSeedAddress, conflictSize,
  conflictStage,
} from './conflict';
export { mldsaAbsorb, mldsaStart, mldsaVerify } from './mldsa';
export { mldsaVerifyEach } from './mldsa-batch';
export { mldsaExpand, mldsaHolds, mldsaKeyAddress, mldsaMessage, mldsaSlot } from './mldsa-key';
export { mldsaSignatureAddress } from './mldsa-signature';
export { aggregate, aggregateInit, resultAddress, vectorAddress } from './aggregate';
export { gradientDecode, gradientEncode } from './gradient-code';
export { momentumStep } from './momentum';
export {
  networkBackward, networkForward, networkGradientAddress, networkImportancesAddress, networkInit, networkInputsAddress,
  networkLogitsAddress, networkLossAddress, networkTargetsAddress, networkWeightsAddress, networkWidthsAddress,
} from './network';
