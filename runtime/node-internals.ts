/**
 * Parts of Node that no public module exports, found by V8's inspector in the scope of a public function. All of them are
 * optional: another version of Node may keep them elsewhere.
 */
import { Session } from 'node:inspector';

export interface NodeInternals {
  /** `internalBinding('async_wrap')`, as far as it is used here (lib/internal/async_hooks.js). */
  asyncWrap?: {
    /** Counts of hooks; index 5 (`kTotals`) is their sum. */
    async_hook_fields?: Uint32Array;
    clearAsyncIdStack?: () => void;
    setPromiseHooks?: (init: undefined, before: undefined, after: undefined, settled: undefined) => void;
  };
  /** `internalBinding('task_queue')`. */
  taskQueue?: { setPromiseRejectCallback?: (callback: unknown) => void };
  /** `require('internal/process/promises')`. */
  promises?: { listenForRejections?: () => void };
}

interface Properties {
  result: { name: string; value?: { objectId?: string } }[];
  internalProperties?: Properties['result'];
}

const HANDOVER = 'tensorcell.internals';

/** Takes milliseconds. Empty where this version of Node keeps its internals elsewhere. */
export function findNodeInternals(): NodeInternals {
  const session = new Session();
  session.connect();
  try {
    // A session of the own thread answers before `post` returns.
    const post = (method: string, parameters: object): unknown => {
      let answer: unknown;
      session.post(method, parameters, (error, result) => {
        if (!error) answer = result;
      });
      return answer;
    };
    const propertiesOf = (objectId: string | undefined): Properties =>
      post('Runtime.getProperties', { objectId, ownProperties: true }) as Properties;
    const binding = post('Runtime.evaluate', { expression: 'process.binding' }) as {
      result: { objectId?: string };
    };
    const scopes = propertiesOf(binding.result.objectId).internalProperties?.find(
      ({ name }) => name === '[[Scopes]]',
    );
    for (const scope of propertiesOf(scopes?.value?.objectId).result) {
      const { result } = propertiesOf(scope.value?.objectId);
      const idOf = (wanted: string): string | undefined =>
        result.find(({ name }) => name === wanted)?.value?.objectId;
      const [internalBinding, requireBuiltin] = [idOf('internalBinding'), idOf('requireBuiltin')];
      if (internalBinding === undefined || requireBuiltin === undefined) continue;
      post('Runtime.callFunctionOn', {
        objectId: internalBinding,
        arguments: [{ objectId: requireBuiltin }],
        functionDeclaration: `function (load) {
          process[Symbol.for('${HANDOVER}')] = {
            asyncWrap: this('async_wrap'),
            taskQueue: this('task_queue'),
            promises: load('internal/process/promises'),
          };
        }`,
      });
      break;
    }
    return (process as unknown as Record<symbol, NodeInternals | undefined>)[Symbol.for(HANDOVER)] ?? {};
  } catch {
    return {};
  } finally {
    Reflect.deleteProperty(process, Symbol.for(HANDOVER));
    session.disconnect();
  }
}
