/** Random cells that declare the same few names over and over, held against a model in which a name is one variable. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seeded } from './random-program.ts';
import { NONE, TestSession } from './session.ts';

type Kind = 'const' | 'let' | 'var' | 'function';

/** The model: what each name is, and what a cell does to it. */
class Model {
  readonly names = new Map<string, { kind: Kind; value: unknown }>();
  told: string[] = [];

  read(name: string): number {
    const found = this.names.get(name)!.value;
    return typeof found === 'function' ? (found as () => number)() : (found as number);
  }

  assign(name: string, value: number): void {
    const found = this.names.get(name)!;
    if (found.kind === 'const') this.told.push('TypeError');
    else found.value = value;
  }
}

/** A statement as text and as what it does to the model. */
interface Step {
  text: string;
  run(model: Model): void;
  /** Functions are there from the cell's start. */
  hoisted?: boolean;
}

const NAMES = ['a', 'b', 'c', 'd'];

function randomCells(seed: number): Step[][] {
  const random = seeded(seed);
  const below = (n: number): number => Math.floor(random() * n);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;

  const expression = (): { text: string; value(model: Model): number } => {
    const constant = below(100);
    if (random() < 0.3) return { text: String(constant), value: () => constant };
    const [x, y] = [pick(NAMES), pick(NAMES)];
    return {
      text: `(num(${x}) * 3 + num(${y}) + ${constant}) % 1000`,
      value: (model) => (model.read(x) * 3 + model.read(y) + constant) % 1000,
    };
  };
  const declaration = (name: string): Step => {
    const value = expression();
    const kind = pick<Kind>(['const', 'let', 'var', 'function']);
    if (kind === 'function') {
      const result = below(1000);
      return {
        text: `function ${name}() { return ${result} }`,
        run: (model) => void model.names.set(name, { kind, value: () => result }),
        hoisted: true,
      };
    }
    const texts = [`${kind} ${name} = ${value.text}`, `${kind} { x: ${name} = ${value.text} } = {} as any`];
    return {
      text: pick(texts),
      run: (model) => void model.names.set(name, { kind, value: value.value(model) }),
    };
  };
  const assignment = (): Step => {
    const [name, value] = [pick(NAMES), expression()];
    const text = pick([
      `${name} = ${value.text}`,
      `[${name}] = [${value.text}]`,
      `for (${name} of [${value.text}]) ;`,
    ]);
    const top = pick([true, false]);
    const guarded = `try { ${text} } catch (e: any) { out(e.name) }`;
    return {
      text: top ? guarded : `(() => { ${guarded} })()`,
      run: (model) => model.assign(name, value.value(model)),
    };
  };
  const told = (): Step => {
    const value = expression();
    return { text: `out(${value.text})`, run: (model) => void model.told.push(String(value.value(model))) };
  };
  const helpers: Step[] = [];
  const helper = (): Step => {
    const inner = pick([assignment, told])();
    const name = `helper${helpers.length}`;
    const call: Step = { text: `${name}()`, run: (model) => inner.run(model) };
    helpers.push(call);
    return { text: `const ${name} = () => { ${inner.text} }`, run: () => {} };
  };

  const cells = [
    NAMES.map((name) => ({
      text: `let ${name} = 1`,
      run: (model: Model) => void model.names.set(name, { kind: 'let', value: 1 }),
    })),
  ] as Step[][];
  for (let count = 0; count < 12; count++) {
    const cell: Step[] = [];
    const declared = new Set<string>();
    for (let length = 1 + below(5); length > 0; length--) {
      const choice = random();
      const name = pick(NAMES);
      if (choice < 0.35 && !declared.has(name)) {
        declared.add(name);
        cell.push(declaration(name));
      } else if (choice < 0.5) cell.push(helper());
      else if (choice < 0.65 && helpers.length > 0) cell.push(pick(helpers));
      else if (choice < 0.8) cell.push(assignment());
      else if (choice < 0.9) cell.push({ text: 'await null', run: () => {} });
      else cell.push(told());
    }
    // A statement before a declaration of the same cell could read the name early, which the model does not know.
    const first = cell.filter(({ hoisted }) => hoisted);
    const declarations = cell.filter(
      ({ text, hoisted }) => !hoisted && /^(?:const|let|var) [abcd{]/.test(text),
    );
    cells.push([
      ...first,
      ...declarations,
      ...cell.filter((step) => !first.includes(step) && !declarations.includes(step)),
    ]);
  }
  return cells;
}

const first = Number(process.env['TENSORCELL_SEED'] ?? 1);
const runs = Number(process.env['TENSORCELL_RUNS'] ?? 120);

test('cells that declare names again do what a model with one variable for each name does', async () => {
  const shared = globalThis as Record<string, unknown>;
  for (let seed = first; seed < first + runs; seed++) {
    const told: string[] = [];
    shared['out'] = (value: unknown) => void told.push(String(value));
    shared['num'] = (value: unknown) => (typeof value === 'function' ? (value as () => number)() : value);
    const cells = randomCells(seed);
    const model = new Model();
    const session = new TestSession();
    const texts: string[] = [];
    for (const cell of cells) {
      for (const step of cell) step.run(model);
      texts.push(cell.map(({ text }) => text).join(';\n'));
      const { error, result } = await session.run(texts.at(-1)!);
      const what = `seed ${seed}:\n${texts.join('\n// ----\n')}`;
      assert.equal(error, undefined, what);
      assert.ok(
        result === NONE || result === undefined || typeof result === 'object' || typeof result === 'number',
        what,
      );
      assert.deepEqual(told, model.told, what);
      for (const name of NAMES) {
        const { result: value } = await session.run(`num(${name})`);
        assert.equal(value, model.read(name), `${name}, ${what}`);
      }
    }
  }
});
