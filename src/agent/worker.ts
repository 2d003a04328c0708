/**
 * The child process in which models run. ONNX Runtime blocks its thread and cannot be cancelled, so the parent kills this
 * process when a run is late; it holds nothing that matters.
 */
import { InferenceSession, type OnnxValue, Tensor } from 'onnxruntime-node';
import type { Feeds, Reply, Request, TensorData, TensorMessage } from './protocol.ts';

const sessions = new Map<string, InferenceSession>();

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

const send = (reply: Reply): void => {
  process.send?.(reply);
};

/** Element types that are passed on; others (string, float16, maps) are an error of the caller's choice of outputs. */
function messageOf(value: OnnxValue, name: string): TensorMessage {
  if (!(value instanceof Tensor)) throw new Error(`the output ${name} is not a tensor`);
  const known = ['float32', 'float64', 'int32', 'int64', 'uint8', 'int8'].includes(value.type);
  if (!known) throw new Error(`the output ${name} is of type ${value.type}`);
  return { type: value.type, dims: value.dims, data: value.data as TensorData };
}

async function run(session: InferenceSession, feeds: Feeds, outputs: readonly string[]): Promise<Feeds> {
  const tensors = Object.entries(feeds).map(
    ([name, { type, data, dims }]) => [name, new Tensor(type as 'float32', data as Float32Array, dims)] as const,
  );
  const results = await session.run(Object.fromEntries(tensors), [...outputs]);
  return Object.fromEntries(outputs.map((name) => [name, messageOf(results[name] as OnnxValue, name)]));
}

async function answer(request: Request): Promise<readonly Feeds[]> {
  switch (request.op) {
    case 'load':
      sessions.set(request.model, await InferenceSession.create(request.bytes, SESSION_OPTIONS));
      return [];
    case 'unload':
      await sessions.get(request.model)?.release();
      sessions.delete(request.model);
      return [];
    case 'run': {
      const session = sessions.get(request.model);
      if (session === undefined) throw new Error(`no model ${request.model} is loaded`);
      const results: Feeds[] = [];
      for (const feeds of request.batches) results.push(await run(session, feeds, request.outputs));
      return results;
    }
  }
}

/** Requests are answered one after another, in the order they came. */
let tail: Promise<void> = Promise.resolve();

process.on('message', (request: Request) => {
  tail = tail
    .then(() => answer(request))
    .then(
      (results) => send({ op: 'done', id: request.id, cpuMs: cpuMs(), results }),
      (error: unknown) =>
        send({
          op: 'failed',
          id: request.id,
          cpuMs: cpuMs(),
          message: error instanceof Error ? error.message : String(error),
        }),
    );
});
// The parent is gone: there is nobody to answer.
process.on('disconnect', () => process.exit(0));
send({ op: 'ready', cpuMs: cpuMs() });
