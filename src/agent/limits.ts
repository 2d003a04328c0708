/** Every bound of the agent, by name. */

/** A model file. Checked before it is read. */
export const MAX_MODEL_BYTES = 64 * 1024 * 1024;
/** A card, or a SimpleModel's file. */
export const MAX_CARD_BYTES = 4 * 1024 * 1024;
/** Nodes of a model's graph, subgraphs included. */
export const MAX_MODEL_NODES = 20_000;
/** Subgraphs within subgraphs; only reached where the operator allows control flow. */
export const MAX_SUBGRAPHS = 64;
/** Inputs and outputs of a graph. */
export const MAX_MODEL_TENSORS = 256;
/** Numbers in one row of one input or output. */
export const MAX_ROW_ELEMENTS = 1 << 20;
/** Newest formats that are understood: ONNX IR version, default operator set, ai.onnx.ml operator set. */
export const MAX_IR_VERSION = 13;
export const MAX_OPSET = 26;
export const MAX_ML_OPSET = 5;
/** Runs waiting for a child; beyond it a run is late at once. */
export const MAX_QUEUED_RUNS = 256;
/** Child processes of one pool. */
export const MAX_POOL_CHILDREN = 16;
/** Time that a child may take to start, milliseconds. */
export const CHILD_START_MS = 20_000;
/** Time that a child may take to load one model: the runtime optimises graphs, and a graph can be made so that this takes for ever. */
export const MODEL_LOAD_MS = 20_000;
/** Pause before a child that failed to start is started again: doubled from the first to the second, milliseconds. */
export const CHILD_BACKOFF_MS_MIN = 100;
export const CHILD_BACKOFF_MS_MAX = 10_000;
/** A run that is late by so much more is killed with its child, milliseconds. */
export const LATE_RUN_KILL_MS = 2000;
/** Time that a freshly loaded model may take for its probe, milliseconds. */
export const PROBE_MS = 10_000;
/** Modules of one agent. */
export const MAX_MODULES = 32;
/** Part of an opinion's time that modules have, so that a slow one costs itself and not the opinion. */
export const MODULE_TIME_SHARE = 0.8;
/** Weight of one module against the model's weight of 1. */
export const MAX_MODULE_WEIGHT = 10;
/** Tail of a child's error output that is kept for messages, characters. */
export const MAX_CHILD_STDERR = 4096;
