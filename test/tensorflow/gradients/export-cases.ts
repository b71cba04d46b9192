import { writeFileSync } from 'node:fs';
import { loadTf } from '../../../src/api/tensorflow.ts';
import { factors, title, valuesOf } from './case.ts';
import { cases } from './cases.ts';
import { resultShape } from './judge.ts';

/** Writes what goldens.py computes to the file that is named. */
const tf = loadTf();
const known = cases.filter(({ python, jax }) => python !== undefined || jax !== undefined);
writeFileSync(
  process.argv[2] as string,
  JSON.stringify(
    known.map((one) => {
      const values = valuesOf(one);
      const shapes = one.inputs.map(({ shape }) => shape);
      const shape = resultShape(tf, one, values);
      return {
        title: title(one),
        python: one.python,
        jax: one.jax,
        values,
        shapes,
        shape,
        factors: factors(shape, 0),
        gradientFactors: shapes.map((of, i) => factors(of, i + 1)),
      };
    }),
  ),
);
