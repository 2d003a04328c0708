/**
 * The child process in which models run. ONNX Runtime blocks its thread and cannot be cancelled, so the parent kills this
 * process when a run does not end; it holds nothing that matters.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { InferenceSession, type OnnxValue, Tensor } from 'onnxruntime-node';
import { isPqError } from '../errors.ts';
import type { Answer, Feeds, Question, Reply, Request, TensorData, TensorMessage } from './protocol.ts';
import { Scorer } from './scorer.ts';

interface Loaded {
  readonly session: InferenceSession;
  readonly scorer: Scorer | null;
}
const models = new Map<string, Loaded>();

/** One thread each: the machine's other cores belong to consensus and to other nodes. Severity 3: errors only. */
const SESSION_OPTIONS: InferenceSession.SessionOptions = {
  executionProviders: ['cpu'],
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
  logSeverityLevel: 3,
};

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function send(id: number, answer: Answer): void {
  const reply: Reply = { id, cpuMs: cpuMs(), answer };
  // A channel that the parent closed is no error: `disconnect` ends this process.
  if (process.connected) process.send?.(reply);
}

/** Element types that are passed on; others (string, float16, maps) are an error of the caller's choice of outputs. */
function messageOf(value: OnnxValue, name: string): TensorMessage {
  if (!(value instanceof Tensor)) throw new Error(`the output ${name} is not a tensor`);
  const isPassed = ['float32', 'float64', 'int32', 'int64', 'uint8', 'int8'].includes(value.type);
  if (!isPassed) throw new Error(`the output ${name} is of type ${value.type}`);
  return { type: value.type, dims: value.dims, data: value.data as TensorData };
}

async function run(session: InferenceSession, batches: readonly Feeds[], outputs: readonly string[]): Promise<Feeds[]> {
  const results: Feeds[] = [];
  for (const feeds of batches) {
    // The constructor's overloads want the pair of type and data spelled out; both come from one message.
    const tensors = Object.entries(feeds).map(
      ([name, { type, data, dims }]) => [name, new Tensor(type as 'float32', data as Float32Array, dims)] as const,
    );
    const result = await session.run(Object.fromEntries(tensors), [...outputs]);
    results.push(Object.fromEntries(outputs.map((name) => [name, messageOf(result[name] as OnnxValue, name)])));
  }
  return results;
}

function modelNamed(name: string): Loaded {
  const loaded = models.get(name);
  if (loaded === undefined) throw new Error(`no model ${name} is loaded`);
  return loaded;
}

async function answer(question: Question): Promise<Answer> {
  switch (question.op) {
    case 'load': {
      const session = await InferenceSession.create(question.bytes, SESSION_OPTIONS);
      models.set(question.model, { session, scorer: question.plan && new Scorer(question.plan) });
      return { op: 'done' };
    }
    case 'unload':
      await models.get(question.model)?.session.release();
      models.delete(question.model);
      return { op: 'done' };
    case 'run':
      return { op: 'ran', results: await run(modelNamed(question.model).session, question.batches, question.outputs) };
    case 'score': {
      const { session, scorer } = modelNamed(question.model);
      if (scorer === null) throw new Error(`the model ${question.model} was loaded without a plan`);
      const p = await scorer.score(question.items, (batches, outputs) => run(session, batches, outputs));
      return { op: 'scored', p: p ?? new Float64Array(0) };
    }
  }
}

const failed = (error: unknown): Answer => ({
  op: 'failed',
  code: isPqError(error) ? error.code : 'MODEL_RUN',
  message: error instanceof Error ? error.message : String(error),
});

/** A model that eats the machine's memory must take this process with it, not the validator. Linux only. */
function volunteerForOutOfMemory(): void {
  if (process.platform === 'linux' && existsSync(OOM_SCORE)) writeFileSync(OOM_SCORE, '1000');
}
const OOM_SCORE = '/proc/self/oom_score_adj';

/** Requests are answered one after another, in the order they came. */
let tail: Promise<void> = Promise.resolve();

process.on('message', ({ id, question }: Request) => {
  tail = tail.then(async () => send(id, await answer(question).catch(failed)));
});
// Terminals and service managers signal the whole group; the parent decides when this process ends.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
// The parent is gone: there is nobody to answer.
process.on('disconnect', () => process.exit(0));
volunteerForOutOfMemory();
send(0, { op: 'done' });
