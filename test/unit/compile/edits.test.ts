import { decodedMappings, TraceMap } from '@jridgewell/trace-mapping';
import { Edits } from '../../../kernel/language/compile/edits.ts';

function render(source: string, change: (edits: Edits) => void): string {
  const edits = new Edits();
  change(edits);
  return edits.render(source, '', '').code;
}

describe('Edits', () => {
  it('puts outer texts around inner ones, in whatever order places come', () => {
    expect(
      render('f(x)', (edits) => {
        edits.before(0, '<');
        edits.after(4, '>');
        edits.before(0, '[');
        edits.after(4, ']');
        edits.before(2, '{');
        edits.after(3, '}');
      }),
    ).toBe('<[f({x})]>');
  });

  it('puts what follows a place behind what ends there', () => {
    expect(
      render('ab', (edits) => {
        edits.before(1, 'B');
        edits.after(1, 'A');
      }),
    ).toBe('aABb');
  });

  it('drops changes within a range that is replaced', () => {
    expect(
      render('a(b)c', (edits) => {
        edits.replace(1, 4, '-');
        edits.replace(2, 3, 'x');
        edits.before(0, '(');
      }),
    ).toBe('(a-c');
  });

  it('keeps a parenthesis from continuing the line above, once', () => {
    expect(
      render('a\nb\nc', (edits) => {
        edits.statementAt(2);
        edits.statementAt(4);
        edits.before(2, '(');
        edits.before(2, '(');
        edits.replace(2, 3, 'B))');
        edits.before(4, 'x');
        edits.before(4, '(');
      }),
    ).toBe('a\n;((B))\nx(c');
  });

  it('maps words to where they came from', () => {
    const edits = new Edits();
    edits.before(0, 'P ');
    edits.remove(3, 6);
    edits.replace(7, 8, '(0,f)');
    const { code, mappings } = edits.render('one\nxy f(1)', '>', '<');
    expect(code).toBe('>P one (0,f)(1)<');
    expect(decodedMappings(new TraceMap({ version: 3, sources: ['s'], names: [], mappings }))).toEqual([
      [
        [0, 0, 0, 0],
        [1, 0, 0, 0],
        [3, 0, 0, 0],
        [6, 0, 1, 2],
        [7, 0, 1, 3],
        [12, 0, 1, 4],
        [13, 0, 1, 5],
        [14, 0, 1, 6],
        [15, 0, 1, 7],
      ],
    ]);
  });

  it('reports a call where the name of what is called stood', () => {
    const edits = new Edits();
    edits.replaceCallee(0, 1, '(0,f)');
    const { mappings } = edits.render('f(1)', '', '');
    expect(decodedMappings(new TraceMap({ version: 3, sources: ['s'], names: [], mappings }))).toEqual([
      [
        [0, 0, 0, 0],
        [5, 0, 0, 0],
        [6, 0, 0, 2],
        [7, 0, 0, 3],
      ],
    ]);
  });
});
