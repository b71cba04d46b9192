// Requirements of the installation. Each sentence says what is missing and what to do.

/** The oldest minor versions that package.json admits: what `require` of ES modules needs, as our parser is one. */
/** @type {Record<number, number>} */
const OLDEST_MINOR = { 20: 19, 22: 12 };
const OLDEST_MAJOR = 20;

/**
 * The sentence to end with on a machine that cannot work, or undefined.
 *
 * @param {{ node: string, platform: string, musl: boolean }} machine such as `{ node: '20.19.0', platform: 'linux', musl: false }`
 */
export function missingFromMachine(machine) {
  const [major = 0, minor = 0] = machine.node.split('.').map(Number);
  if (major < OLDEST_MAJOR || major === 21 || minor < (OLDEST_MINOR[major] ?? 0)) {
    return `this is Node ${machine.node}, and Tensorcell needs 20.19, 22.12 or newer: install a current one, for example with "nvm install 22"`;
  }
  if (machine.platform !== 'linux') {
    return machine.platform === 'win32'
      ? 'Tensorcell runs on Linux: on Windows open a WSL 2 terminal ("wsl --install" makes one), clone the repository there and run this again'
      : `Tensorcell runs on Linux, and this is ${machine.platform}: use a Linux machine or container`;
  }
  if (machine.musl) {
    return 'this Linux uses musl (Alpine, for example), and TensorFlow and ZeroMQ are built for glibc: use Debian, Ubuntu, Fedora or one of their containers';
  }
  return undefined;
}

/** The machine that this runs on. Node reports its glibc's version unless it was built for musl. */
export function thisMachine() {
  /** @type {{ header?: { glibcVersionRuntime?: string } }} */
  const { header } = process.report?.getReport?.() ?? {};
  return {
    node: process.versions.node,
    platform: process.platform,
    musl: process.platform === 'linux' && header !== undefined && !header.glibcVersionRuntime,
  };
}

/** Prints the sentence and ends the process when something is missing. */
export function requireMachine() {
  const sentence = missingFromMachine(thisMachine());
  if (!sentence) return;
  console.error(`tensorcell: ${sentence}`);
  process.exit(1);
}
