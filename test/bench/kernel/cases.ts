import { textOf, type Message } from './client.ts';
import type { Peer, RunningKernel } from './kernels.ts';

/** One figure of one kernel; undefined when the kernel did not do what was asked, with the reason. */
export type Figure = number | { failed: string };

export interface Case {
  name: string;
  unit: 'ms' | 'MB' | 'ns';
  run(kernel: RunningKernel, language: 'typescript' | 'python', round: number): Promise<Figure>;
}

const CLASS_TYPESCRIPT = `
interface Shape$ { area(): number; name: string }
class Polygon$ implements Shape$ {
  name: string;
  private sides: number[];
  constructor(name: string, sides: number[]) {
    this.name = name;
    this.sides = sides;
  }
  get perimeter(): number {
    return this.sides.reduce((sum, side) => sum + side, 0);
  }
  area(): number {
    const half = this.perimeter / 2;
    let product = half;
    for (const side of this.sides) {
      product *= half - side;
    }
    return Math.sqrt(product);
  }
  scaled(factor: number): Polygon$ {
    return new Polygon$(this.name, this.sides.map((side) => side * factor));
  }
  describe(): string {
    return \`\${this.name}: \${this.area().toFixed(2)}\`;
  }
  static triangle(a: number, b: number, c: number): Polygon$ {
    return new Polygon$('triangle', [a, b, c]);
  }
}
`;

const CLASS_PYTHON = `
class Polygon$:
    name: str
    sides: list[float]

    def __init__(self, name: str, sides: list[float]) -> None:
        self.name = name
        self.sides = sides

    @property
    def perimeter(self) -> float:
        return sum(self.sides)

    def area(self) -> float:
        half = self.perimeter / 2
        product = half
        for side in self.sides:
            product *= half - side
        return product ** 0.5

    def scaled(self, factor: float) -> "Polygon$":
        return Polygon$(self.name, [side * factor for side in self.sides])

    def describe(self) -> str:
        return f"{self.name}: {self.area():.2f}"

    @staticmethod
    def triangle(a: float, b: float, c: float) -> "Polygon$":
        return Polygon$("triangle", [a, b, c])

`;

function printed(output: readonly Message[]): string {
  return output
    .filter((message) => message.type === 'stream')
    .map((message) => textOf(message.content['text']))
    .join('');
}

/** Runs a cell; from the request to idle and reply, or until `check` finds all of its output. Milliseconds. */
export async function timed(
  kernel: RunningKernel,
  code: string,
  check?: (text: string) => string | undefined,
  timeoutMs = 20_000,
): Promise<Figure> {
  const from = kernel.client.late.length;
  const started = performance.now();
  const exchange = await kernel.client.execute(code, timeoutMs);
  if (exchange === undefined) return { failed: 'no idle' };
  if (exchange.reply['status'] !== 'ok') return { failed: textOf(exchange.reply['ename']) || 'error' };
  if (check === undefined) return exchange.milliseconds;
  // Some kernels print after idle: what counts is when everything is there.
  for (let time = exchange.milliseconds; ; time = performance.now() - started) {
    const problem = check(printed(exchange.output) + printed(kernel.client.late.slice(from)));
    if (problem === undefined) return time;
    if (time > exchange.milliseconds + 5000) return { failed: problem };
    await new Promise((done) => setTimeout(done, 2));
  }
}

function plainRequest(
  type: string,
  content: Record<string, unknown>,
  hits: (reply: Record<string, unknown>) => string | undefined,
) {
  return async (kernel: RunningKernel): Promise<Figure> => {
    // The first answer may still wait for a compiler to start: that is another row.
    await kernel.client.request(type, content);
    const exchange = await kernel.client.request(type, content);
    if (exchange === undefined) return { failed: 'no answer' };
    const problem = hits(exchange.reply);
    return problem === undefined ? exchange.milliseconds : { failed: problem };
  };
}

/** The text of a cell that several rows run; `$` in the class stands for what makes its name new. */
export function cellOf(what: 'class' | 'string', language: Peer['language']): string {
  if (what === 'class') return language === 'typescript' ? CLASS_TYPESCRIPT : CLASS_PYTHON;
  return language === 'typescript' ? "console.log('x'.repeat(20_000_000));" : "print('x' * 20_000_000)";
}

/** In the order in which they run on one kernel; the two rows of starting up are measured before. */
export const cases: readonly Case[] = [
  {
    name: '1+1 (median of 40)',
    unit: 'ms',
    async run(kernel) {
      const times: number[] = [];
      for (let i = 0; i < 50; i++) {
        const figure = await timed(kernel, '1+1');
        if (typeof figure !== 'number') return figure;
        if (i >= 10) times.push(figure);
      }
      return times.sort((a, b) => a - b)[20] ?? Number.NaN;
    },
  },
  {
    name: '30-line class (median of 9)',
    unit: 'ms',
    async run(kernel, language) {
      const text = cellOf('class', language);
      const times: number[] = [];
      for (let i = 0; i < 12; i++) {
        const figure = await timed(kernel, text.replaceAll('$', String(i)));
        if (typeof figure !== 'number') return figure;
        if (i >= 3) times.push(figure);
      }
      return times.sort((a, b) => a - b)[4] ?? Number.NaN;
    },
  },
  {
    name: '10,000 lines',
    unit: 'ms',
    run: (kernel, language) =>
      timed(
        kernel,
        language === 'typescript'
          ? "for (let i = 0; i < 10000; i++) console.log('line ' + i);"
          : "for i in range(10000): print('line', i)",
        (text) => {
          const lines = text.split('\n').length - 1;
          return lines === 10_000 ? undefined : `${lines} lines`;
        },
      ),
  },
  {
    name: 'a 20 MB string',
    unit: 'ms',
    run: (kernel, language) =>
      timed(kernel, cellOf('string', language), (text) =>
        text.length === 20_000_001 ? undefined : `${text.length} characters`,
      ),
  },
  {
    name: '200 cells',
    unit: 'ms',
    async run(kernel, language) {
      const started = performance.now();
      for (let i = 0; i < 200; i++) {
        const code =
          language === 'typescript'
            ? `const value${i} = ${i};\nvalue${i} * 2`
            : `value${i} = ${i}\nvalue${i} * 2`;
        const figure = await timed(kernel, code);
        if (typeof figure !== 'number') return figure;
      }
      return performance.now() - started;
    },
  },
  {
    name: 'complete [1,2,3].',
    unit: 'ms',
    run: plainRequest('complete_request', { code: '[1,2,3].', cursor_pos: 8 }, (reply) => {
      const matches = reply['matches'];
      // Python lists have 11 public members; an array in TypeScript has more than 30.
      return Array.isArray(matches) && matches.length >= 11
        ? undefined
        : `${Array.isArray(matches) ? matches.length : 'no'} hits`;
    }),
  },
  {
    name: 'inspect value7',
    unit: 'ms',
    run: plainRequest('inspect_request', { code: 'value7', cursor_pos: 6, detail_level: 0 }, (reply) =>
      reply['found'] === true ? undefined : 'not found',
    ),
  },
  {
    name: 'memory, kernel and children',
    unit: 'MB',
    run: async (kernel) => kernel.residentMegabytes(),
  },
];

/** From the request until the type error of a cell is on the screen; only for kernels that check types. */
export async function firstDiagnostic(kernel: RunningKernel, code: string): Promise<Figure> {
  const from = kernel.client.late.length;
  const started = performance.now();
  const exchange = await kernel.client.execute(code, 20_000);
  if (exchange === undefined) return { failed: 'no idle' };
  const shows = (text: string): boolean => /not assignable/.test(text);
  if (shows(JSON.stringify(exchange.output))) return exchange.milliseconds;
  for (let waited = 0; waited < 10_000; waited += 1) {
    if (shows(JSON.stringify(kernel.client.late.slice(from)))) return performance.now() - started;
    await new Promise((done) => setTimeout(done, 1));
  }
  return { failed: 'none shown' };
}
