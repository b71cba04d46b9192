import type { Tensor } from '@tensorflow/tfjs';
import { engineOf, type TapeNode } from '../../tfjs/engine.ts';
import type { Tf } from '../../tfjs/instance.ts';

/** The targets of each gradient under way. */
const targets: (readonly Tensor[])[] = [];

/** Lets `dependsOn` know what gradients are taken with respect to. */
export function watchGradients(tf: Tf): void {
  const engine = engineOf(tf);
  const original = engine.gradients.bind(engine);
  engine.gradients = (f, xs, dy, allowNoGradients) => {
    const depth = targets.push(xs);
    try {
      return original(f, xs, dy, allowNoGradients);
    } finally {
      // Also what was left behind by JavaScript that was terminated.
      targets.length = depth - 1;
    }
  };
}

/** Tells of tensors whether the gradients under way need a gradient with respect to them. */
export function dependsOnTargets(tf: Tf): (tensor: Tensor) => boolean {
  const ids = new Set(targets.flat().map(({ id }) => id));
  for (const { inputs, outputs } of engineOf(tf).state.activeTape ?? []) {
    if (Object.values(inputs).some(({ id }) => ids.has(id))) for (const { id } of outputs) ids.add(id);
  }
  return ({ id }) => ids.has(id);
}

/** Whether kernels that run now go onto the tape. */
export function isTaping(tf: Tf): boolean {
  const { gradientDepth, kernelDepth } = engineOf(tf).state;
  return gradientDepth > 0 && kernelDepth === 0;
}

/** Runs `action` on a separate tape, and gives the tensors from elsewhere that it computes with. */
export function tensorsFromElsewhere(tf: Tf, action: () => void): Tensor[] {
  const { state } = engineOf(tf);
  const outside = state.activeTape;
  const own: TapeNode[] = [];
  state.activeTape = own;
  try {
    action();
  } finally {
    state.activeTape = outside;
    for (const { saved } of own) for (const tensor of saved ?? []) tensor.dispose();
  }
  const made = new Set(own.flatMap(({ outputs }) => outputs.map(({ id }) => id)));
  const found = new Map<number, Tensor>();
  for (const { inputs } of own) {
    for (const tensor of Object.values(inputs)) if (!made.has(tensor.id)) found.set(tensor.id, tensor);
  }
  return [...found.values()];
}

/** Runs a gradient as if no other one were under way: its own ops are not watched. */
export function gradientsApart(tf: Tf, f: () => Tensor, xs: Tensor[]): { grads: (Tensor | undefined)[] } {
  const engine = engineOf(tf);
  const { activeTape, gradientDepth } = engine.state;
  engine.state.gradientDepth = 0;
  try {
    return engine.gradients(f, xs, undefined, true);
  } finally {
    engine.state.activeTape = activeTape;
    engine.state.gradientDepth = gradientDepth;
  }
}
