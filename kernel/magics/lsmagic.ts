import type { Magic, MagicRegistry } from '../contracts/magics.ts';

/** `%lsmagic`, over the registry that it is itself part of. */
export function lsmagic(registry: MagicRegistry): Magic {
  return {
    name: 'lsmagic',
    aliases: ['magic'],
    kinds: ['line'],
    summary: 'list all magics',
    usage: '%lsmagic',
    async run({ output }) {
      const rows = registry.all().map((magic) => {
        const forms = magic.kinds.map((kind) =>
          magic.name === '!' ? '!command' : `${kind === 'cell' ? '%%' : '%'}${magic.name}`,
        );
        const others = (magic.aliases ?? []).map((alias) => `%${alias}`);
        return { forms: [...forms, ...others].join(' '), magic };
      });
      const width = Math.max(...rows.map(({ forms }) => forms.length));
      await output.stdout(
        rows
          .map(({ forms, magic }) => `${forms.padEnd(width)}  ${magic.summary}  (${magic.usage})\n`)
          .join(''),
      );
    },
  };
}
