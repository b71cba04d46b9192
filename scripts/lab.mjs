// npm run lab [-- JupyterLab's arguments]: sets up what is missing, then starts JupyterLab on notebooks/.
import { command, prepareCheckout } from './setup.mjs';

prepareCheckout();
// JupyterLab asks on Ctrl-C whether to stop: the answer is for it, so nothing here may end before it does.
process.on('SIGINT', () => {});
process.exit(command('lab', '--', ...process.argv.slice(2)));
