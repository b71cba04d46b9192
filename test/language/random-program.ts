/** Random programs whose behaviour is defined: every statement may tell what it sees through `out`. */

export type Random = () => number;

/** A small generator with a seed, so that a failure can be repeated (mulberry32). */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

interface Names {
  /** May be read. */
  readable: string[];
  /** May be assigned. */
  writable: string[];
  /** Functions of one number that may be called. */
  callable: string[];
}

/** Statements of the top level, in order. Joined they are a module; cut anywhere they are cells. */
export function randomProgram(random: Random, length: number): string[] {
  let count = 0;
  const fresh = (letter: string): string => `${letter}${count++}`;
  const below = (n: number): number => Math.floor(random() * n);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;
  const chance = (p: number): boolean => random() < p;
  const top: Names = { readable: [], writable: [], callable: [] };

  const literal = (): string => pick(['0', '1', '2', '-1', '0.5', '7', '10']);

  const expression = (names: Names, depth: number): string => {
    const { readable, writable, callable } = names;
    if (depth <= 0 || chance(0.2)) return readable.length > 0 && chance(0.7) ? pick(readable) : literal();
    const sub = (): string => expression(names, depth - 1);
    const v = writable.length > 0 ? pick(writable) : undefined;
    const plain = readable.filter((name) => /^\w+$/.test(name));
    const r = plain.length > 0 ? pick(plain) : 'NaN';
    const forms: (() => string)[] = [
      () => `(${sub()} + ${sub()}) % 1000`,
      () => `(${sub()} - ${sub()})`,
      () => `(${sub()} * ${sub()}) % 100`,
      () => `(${sub()} < ${sub()} ? ${sub()} : ${sub()})`,
      () => `(${sub()}, ${sub()})`,
      () => `Number(\`\${${sub()}}1\`)`,
      () => `({ ${r} }).${r}`,
      () => `(typeof ${r} === 'number' ? 1 : 0)`,
      () => `[${sub()}, ${sub()}].reduce((a, b) => a + b, 0)`,
      () => `((x = ${sub()}) => x + ${sub()})()`,
      () => `(function (${r === 'NaN' ? 'z' : r}) { return ${r} + 1; })(${sub()})`,
      () => `((s, ...rest) => s.length + Number(rest[0]))\`a\${${sub()}}\``,
      () => `(() => { let ${r === 'NaN' ? 'z' : r} = ${literal()}; return ${r === 'NaN' ? 'z' : r}; })()`,
      () => `new (class { f = ${sub()}; static s = ${sub()}; g() { return this.f + ${sub()}; } })().g()`,
      () => `[...(function* () { yield ${sub()}; yield ${sub()}; })()].length`,
    ];
    if (v !== undefined)
      forms.push(
        () => `(${v} = ${sub()})`,
        () => `(${v} += ${sub()})`,
        () => `(${v} ||= ${sub()})`,
        () => `(${v} &&= ${sub()})`,
        () => `(${v} ??= ${sub()})`,
        () => `${v}++`,
        () => `++${v}`,
        () => `(${v}--)`,
        () => `([${v}] = [${sub()}])[0]`,
        () => `(({ x: ${v} = ${sub()} } = { x: ${pick(['undefined', sub()])} }).x ?? 0)`,
        () => `(() => (${v} = ${sub()}))()`,
        () => `(() => ${v}++)()`,
      );
    if (callable.length > 0) {
      const f = pick(callable);
      forms.push(
        () => `${f}(${sub()})`,
        () => `${f}?.(${sub()})`,
        () => `${f}.call(undefined, ${sub()})`,
      );
    }
    return pick(forms)();
  };

  const plainNames = (names: Names): string[] => names.writable.filter((name) => /^\w+$/.test(name));

  const statement = (names: Names, depth: number, awaits: boolean): string => {
    const e = (d = 2): string => expression(names, d);
    const block = (extra: Partial<Names> = {}): string => {
      const inner: Names = {
        readable: [...names.readable, ...(extra.readable ?? [])],
        writable: [...names.writable, ...(extra.writable ?? [])],
        callable: names.callable,
      };
      const lines = Array.from({ length: 1 + below(2) }, () => statement(inner, depth - 1, awaits));
      return `{ ${lines.join(' ')} }`;
    };
    const writable = plainNames(names);
    const v = writable.length > 0 ? pick(writable) : undefined;
    const w = writable.length > 0 ? pick(writable) : undefined;
    const forms: (() => string)[] = [() => `out(${e()});`, () => `${e()};`];
    if (v !== undefined && w !== undefined) {
      forms.push(
        () => `${v} = ${e()};`,
        () => `${v} ${pick(['+=', '-=', '*=', '||=', '&&=', '??='])} ${e(1)}; ${v} %= 1000;`,
        () => `${v}${pick(['++', '--'])};`,
        () => `[${v}, ${v === w ? '' : w}] = [${e()}, ${e()}];`,
        () => `({ a: ${v}, b: { c: ${w} = ${e()} } = {} } = { a: ${e()} });`,
        () => `for (${v} of [${e(1)}, ${e(1)}]) out(${v});`,
        () => `for (${v} in { 5: 1, 6: 2 }) ${v} = Number(${v}) + 1;`,
        () => `for ([${v} = 4] of [[${e(1)}], []]) ${w} = ${v} + 1;`,
        () => `for (${v} = 0; ${v} < 3; ${v}++, ${w === v ? '0' : `${w}++`}) out(${w});`,
        () => `if (${e()} > 2) ${v}++; else --${v};`,
      );
      if (awaits)
        forms.push(
          () => `${v} += await later(${e()});`,
          () => `${v} = (await later(${v}++)) + ${v};`,
          () => `for await (${v} of [later(${e(1)}), ${e(1)}]) out(${v});`,
          () => `out((await later(1)) + ${v}++);`,
        );
    }
    if (awaits)
      forms.push(
        () => `await later(0);`,
        () => `await (async () => { ${v === undefined ? '' : `${v} = ${e()}; await later(1); ${v}++;`} })();`,
      );
    if (depth > 0) {
      const i = fresh('i');
      forms.push(
        () => `if (${e()} > 1) ${block()} else ${block()}`,
        () => `for (let ${i} = 0; ${i} < 2; ${i}++) ${block({ readable: [i] })}`,
        () => `for (const ${i} of [1, ${e(1)}]) { fns.push(() => ${i} + ${e()}); }`,
        () =>
          `try { if (${e()} > 0) throw ${e()}; ${statement(names, depth - 1, awaits)} } catch (${i}) { out(${i}); }`,
        () =>
          `${i}l: for (let ${i} = 0; ; ${i}++) { for (;;) { if (${i} > 1) break ${i}l; out(${e()}); continue ${i}l; } }`,
        () =>
          `switch (${e(1)}) { case 1: let ${i} = 2; out(${i}); default: ${statement(names, depth - 1, awaits)} }`,
        () =>
          `{ let ${i} = ${e()}; const ${i}f = () => ${i}++; out(${i}f() + ${i}); ${v === undefined ? '' : `{ let ${v} = 1; ${v}++; out(${v}); }`} }`,
        () => `if (fns.length > 2) out(fns.pop()());`,
      );
    }
    return pick(forms)();
  };

  const declaration = (): string => {
    const e = (): string => expression(top, 2);
    const forms: (() => string)[] = [
      () => {
        const init = e();
        const name = fresh('v');
        top.readable.push(name);
        top.writable.push(name);
        return `let ${name} = ${init};`;
      },
      () => {
        const init = e();
        const name = fresh('w');
        top.readable.push(name);
        top.writable.push(name);
        return chance(0.5)
          ? `var ${name} = ${init};`
          : `for (var ${name} = 0; ${name} < 2; ${name}++) out(${init});`;
      },
      () => {
        const init = e();
        const name = fresh('c');
        top.readable.push(name);
        return `const ${name} = ${init};`;
      },
      () => {
        const [a, b, c] = [fresh('v'), fresh('v'), fresh('v')];
        const text = `let [${a}, { ${b} = ${e()}, ...${c}r }, ${c} = ${a}] = [${e()}, { p: 1 }];`;
        top.readable.push(a, b, c);
        top.writable.push(a, b, c);
        return text;
      },
      () => {
        const name = fresh('f');
        const p = fresh('p');
        const inner: Names = {
          readable: [...top.readable, p],
          writable: [...top.writable, p],
          callable: top.callable.slice(),
        };
        const body = Array.from({ length: 1 + below(2) }, () => statement(inner, 1, false)).join(' ');
        const result = expression(inner, 2);
        top.callable.push(name);
        return chance(0.6)
          ? `function ${name}(${p}) { ${body} return ${result}; }`
          : `const ${name} = (${p} = ${literal()}) => { ${body} return ${result}; };`;
      },
      () => {
        const name = fresh('K');
        const text = `class ${name} { static n = ${e()}; static { out(${name}.n); } #p = ${e()}; get value() { return this.#p + ${e()}; } [\`m\${1}\`](q) { return q + ${e()}; } }`;
        top.readable.push(`${name}.n`, `new ${name}().value`, `new ${name}().m1(2)`);
        return text;
      },
      () => {
        // Called before it is declared only through another function.
        const [later, caller] = [fresh('f'), fresh('f')];
        const body = e();
        top.callable.push(caller);
        return `const ${caller} = (n) => typeof ${later} === 'function' ? ${later}(n) : -1;\u0000function ${later}(n) { return n + ${body}; }`;
      },
    ];
    return pick(forms)();
  };

  const program: string[] = ['const fns = [];', 'let v = 1;'];
  top.readable.push('v');
  top.writable.push('v');
  while (program.length < length) {
    const text = chance(0.45) ? declaration() : statement(top, 2, chance(0.4));
    program.push(...text.split('\u0000'));
  }
  for (const name of top.readable) program.push(`out(${name});`);
  program.push('out(fns.map((f) => f()));');
  return program;
}
