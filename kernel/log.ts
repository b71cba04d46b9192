/** The kernel's log: standard error, which the Jupyter server shows. */
export const log = (message: string): void => void process.stderr.write(`[tensorcell] ${message}\n`);

/** Lines that only `TENSORCELL_LOG=debug` shows. */
export const debug = process.env['TENSORCELL_LOG'] === 'debug' ? log : (): void => undefined;
