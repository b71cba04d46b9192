import { PROTOCOL_VERSION } from '../wire/header.ts';
import type { KernelInfoReply } from '../wire/messages.ts';

/** https://jupyter-client.readthedocs.io/en/stable/messaging.html#kernel-info */
export function kernelInfo(versions: {
  tensorcell: string;
  typescript: string;
  node: string;
}): KernelInfoReply {
  return {
    status: 'ok',
    protocol_version: PROTOCOL_VERSION,
    implementation: 'tensorcell',
    implementation_version: versions.tensorcell,
    language_info: {
      name: 'typescript',
      version: versions.typescript,
      mimetype: 'text/typescript',
      file_extension: '.ts',
      pygments_lexer: 'typescript',
      codemirror_mode: 'typescript',
      nbconvert_exporter: 'script',
    },
    banner: `Tensorcell ${versions.tensorcell}: TypeScript ${versions.typescript} on Node.js ${versions.node}. %lsmagic lists more commands.`,
    debugger: false,
    help_links: [
      { text: 'TypeScript', url: 'https://www.typescriptlang.org/docs/' },
      { text: 'TensorFlow.js API', url: 'https://js.tensorflow.org/api/latest/' },
      { text: 'Node.js', url: 'https://nodejs.org/api/' },
    ],
    supported_features: ['kernel subshells'],
  };
}
