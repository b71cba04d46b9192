// node-fetch, as Node itself has it since version 18.
module.exports = Object.assign((...request) => globalThis.fetch(...request), {
  default: (...request) => globalThis.fetch(...request),
  Headers: globalThis.Headers,
  Request: globalThis.Request,
  Response: globalThis.Response,
});
