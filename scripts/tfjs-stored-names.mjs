// How a model was compiled, in the files of tfjs-layers. Each change checks that the text is as it was when the change was written.
import { between } from './tfjs-patcher.mjs';

/** What a file keeps of `compile`. */
export const stores = [
  [
    '        return {\n            loss: this.getLossIdentifiers(),',
    '        return {\n            ...(this.lossWeights == null ? {} : { loss_weights: this.lossWeights }),\n            loss: this.getLossIdentifiers(),',
  ],
  [
    `        if (trainingConfig.loss_weights != null) {
            throw new Error('Loading loss_weights is not supported yet.');
        }
`,
    '        const lossWeights = trainingConfig.loss_weights;\n',
  ],
  [
    '        this.compile({ loss, metrics, optimizer });',
    '        this.compile({ loss, metrics, optimizer, lossWeights });',
  ],
];

/** Lists of metrics in lists and objects, and outputs without a loss, go into files and back. */
export function storesNames(path, source) {
  let text = between(
    path,
    source,
    '        let metrics;\n        if (Array.isArray(trainingConfig.metrics)) {',
    '        this.compile({ loss, metrics, optimizer',
    '        const metrics = eachMetric(trainingConfig.metrics, toCamelCase);\n',
  );
  text = between(
    path,
    text,
    '        let loss;\n        if (typeof trainingConfig.loss',
    '        const metrics = eachMetric(',
    '        const loss = eachMetric(trainingConfig.loss, toCamelCase) ?? undefined;\n',
  );
  return between(
    path,
    text,
    '    getLossIdentifiers() {',
    '    getTrainingConfig() {',
    `    getLossIdentifiers() {
        return eachMetric(this.loss, name => {
            if (typeof name !== 'string') throw new Error('Serialization of non-string loss is not supported.');
            return toSnakeCase(name);
        });
    }
    getMetricIdentifiers() {
        const identifier = metric => toSnakeCase(Metrics.getLossOrMetricName(metric));
        return typeof this.metrics === 'string' || typeof this.metrics === 'function' ?
            [identifier(this.metrics)] : eachMetric(this.metrics, identifier) ?? {};
    }
`,
  );
}
